"""Replace some values of a label file without changing anything else.

NIfTI files are edited bytewise, so header, extensions and all other voxels stay identical; other formats go through
SimpleITK, which keeps the grid, the voxel type and the metadata. The user's file is only read.
"""

import gzip
import tempfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nibabel
import numpy as np
from jaxtyping import Shaped
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from auvseg.data.formats.slicer import segments_of
from auvseg.data.label_values import INTEGER_TOLERANCE
from auvseg.errors import ReadError

if TYPE_CHECKING:
    import SimpleITK

NIFTI_ENDINGS = (".nii.gz", ".nii")
SIMPLEITK_ENDINGS = (".nrrd", ".mha", ".gipl", ".png")
"""Formats whose label is a single file for nnU-Net. TIFF is not one: its spacing is in a second file."""

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_LEVEL = 6
_NIFTI_SPATIAL = 3


@dataclass(frozen=True)
class _Scaling:
    """Scaling of stored values: value = slope * stored + intercept."""

    slope: float = 1.0
    intercept: float = 0.0

    @property
    def tolerance(self) -> float:
        """Tolerance within which a stored float equals a label value."""
        return INTEGER_TOLERANCE / abs(self.slope)

    def stored(self, value: int, dtype: np.dtype) -> float | int | None:
        """Return the stored number of a label value; None if the voxel type cannot hold it."""
        exact = (value - self.intercept) / self.slope
        if dtype.kind == "f":
            return exact
        limits, nearest = np.iinfo(dtype), round(exact)
        fits = abs(nearest - exact) < self.tolerance and limits.min <= nearest <= limits.max
        return nearest if fits else None


def replace_values(path: Path, values: Collection[int], new_value: int) -> bytes:
    """Return the bytes of a copy of `path` in which every voxel with one of `values` has `new_value`.

    Args:
        path: a label file with one of the endings of this module.
        values: label values to replace.
        new_value: what they become.

    Raises:
        ReadError: the file cannot be read, has more than three axes or several components, holds none of the values, or
            its voxel type cannot hold `new_value`.
    """
    ending = path.name.lower()
    if ending.endswith(NIFTI_ENDINGS):
        return _nifti(path, values, new_value)
    if ending.endswith(SIMPLEITK_ENDINGS):
        return _simpleitk(path, values, new_value)
    raise ReadError(f"{path}: labels of this format cannot be rewritten; nnU-Net reads {', '.join(NIFTI_ENDINGS)}")


def _nifti(path: Path, values: Collection[int], new_value: int) -> bytes:
    try:
        image = nibabel.load(path)
        stored = path.read_bytes()
        packed = stored.startswith(_GZIP_MAGIC)
        content = gzip.decompress(stored) if packed else stored
    except (OSError, EOFError, ValueError, zlib.error, ImageFileError, HeaderDataError) as error:
        raise ReadError(f"{path}: the label cannot be read ({error})") from None
    proxy = image.dataobj
    if any(length != 1 for length in proxy.shape[_NIFTI_SPATIAL:]):
        raise ReadError(f"{path}: a label of shape {proxy.shape} has more than three axes; split it first")
    count = int(np.prod(proxy.shape))
    end = proxy.offset + count * proxy.dtype.itemsize
    if proxy.dtype.kind not in "iuf" or len(content) < end:
        raise ReadError(f"{path}: the label is truncated or holds no plain numbers")
    voxels = np.frombuffer(content, proxy.dtype, count, proxy.offset).copy()
    _replace(voxels, values, new_value, _Scaling(float(proxy.slope), float(proxy.inter)), path)
    edited = content[: proxy.offset] + voxels.tobytes() + content[end:]
    return gzip.compress(edited, _GZIP_LEVEL, mtime=0) if packed else edited


def _simpleitk(path: Path, values: Collection[int], new_value: int) -> bytes:
    import SimpleITK

    try:
        image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise ReadError(f"{path}: the label cannot be read ({str(error).strip().splitlines()[-1]})") from None
    if image.GetDimension() > _NIFTI_SPATIAL or image.GetNumberOfComponentsPerPixel() != 1:
        raise ReadError(f"{path}: a label has two or three axes and one component; this one is a colour or 4-D image")
    voxels = SimpleITK.GetArrayFromImage(image)
    _replace(voxels, values, new_value, _Scaling(), path)
    _name_segment(image, path, new_value)
    return simpleitk_copy(image, voxels, "".join(path.suffixes[-1:]))


def _name_segment(image: "SimpleITK.Image", path: Path, value: int) -> None:
    """Name the ignored voxels as 3D Slicer names those of the other values."""
    segments = segments_of(path)
    if segments and all(segment.value != value for segment in segments):
        fields = {"ID": "ignore", "Name": "ignore", "LabelValue": str(value), "Layer": "0"}
        for key, stated in fields.items():
            image.SetMetaData(f"Segment{len(segments)}_{key}", stated)


def simpleitk_copy(image: "SimpleITK.Image", voxels: Shaped[np.ndarray, "..."], suffix: str) -> bytes:
    """Return the bytes of a file with the grid and metadata of an image but other voxels.

    Args:
        image: image that gives grid and metadata.
        voxels: voxels in SimpleITK's order, last axis first.
        suffix: ending of the format, such as `.nrrd`.
    """
    import SimpleITK

    edited = SimpleITK.GetImageFromArray(voxels)
    edited.CopyInformation(image)
    for key in image.GetMetaDataKeys():
        edited.SetMetaData(key, image.GetMetaData(key))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"copy{suffix}"
        SimpleITK.WriteImage(edited, str(copy), useCompression=True)
        return copy.read_bytes()


def _replace(
    voxels: Shaped[np.ndarray, "..."], values: Collection[int], new_value: int, scaling: _Scaling, path: Path
) -> None:
    """Replace stored numbers in place, which avoids a scaled copy of a large volume."""
    found = np.zeros(voxels.shape, dtype=bool)
    for value in values:
        stored = scaling.stored(value, voxels.dtype)
        if stored is not None and voxels.dtype.kind == "f":
            found |= np.abs(voxels - stored) < scaling.tolerance
        elif stored is not None:
            found |= voxels == stored
    if not found.any():
        raise ReadError(f"{path}: has none of the label values {sorted(values)}; it has changed since it was scored")
    replacement = scaling.stored(new_value, voxels.dtype)
    if replacement is None:
        raise ReadError(
            f"{path}: its {voxels.dtype} voxels cannot hold the ignore value {new_value}; convert the labels"
        )
    voxels[found] = replacement
