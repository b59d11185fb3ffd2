"""Make the bytes of converted NIfTI files: labels with their image's header, channels of a 4-D image.

A label copy has all geometry fields of the image (both affines, their codes, the unit), so nibabel and SimpleITK see
both on one grid. Free text of the image's header is left out.
"""

import gzip
import io
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Shaped

from auvseg.errors import ReadError

ENDINGS = (".nii.gz", ".nii")

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_LEVEL = 6
_SPATIAL = 3
_TEXT_FIELDS = ("descrip", "aux_file", "intent_name")
_DISPLAY_FIELDS = ("cal_min", "cal_max")


def ending_of(path: Path) -> str | None:
    """`.nii.gz` or `.nii`, or None for another format."""
    return next((ending for ending in ENDINGS if path.name.endswith(ending)), None)


def axes_on_disk(path: Path) -> int:
    """How many axes the header states, trailing ones of length 1 included."""
    return len(nib.load(path, mmap=False).shape)


def label_bytes(label: Shaped[np.ndarray, "X Y Z"], image: Path, ending: str) -> bytes:
    """A label file on the grid of an image.

    Args:
        label: (X, Y, Z) label values in the image's order on disk, of an integer type.
        image: the image file; only its header is read.
        ending: `.nii` or `.nii.gz`.
    """
    like = nib.load(image, mmap=False)
    header = like.header.copy()
    header.extensions.clear()
    header.set_data_dtype(label.dtype)
    for field in _TEXT_FIELDS:
        header[field] = b""
    for field in _DISPLAY_FIELDS:
        header[field] = 0
    kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    return _packed(kind(label, like.affine, header).to_bytes(), ending)


def channel_bytes(image: Path, channel: int, ending: str) -> bytes:
    """One channel of a 4-D image as a file of its own; header and voxels are the image's bytes.

    Raises:
        ReadError: the file is truncated or damaged.
    """
    proxy = nib.load(image, mmap=False).dataobj
    content = _unpacked(image)
    size = int(np.prod(proxy.shape[:_SPATIAL])) * proxy.dtype.itemsize
    start = proxy.offset + channel * size
    if len(content) < start + size:
        raise ReadError(f"{image.name}: the file is truncated")
    header: Any = (nib.Nifti2Header if _is_nifti2(content) else nib.Nifti1Header).from_fileobj(io.BytesIO(content))
    header.set_data_shape(proxy.shape[:_SPATIAL])
    # Extensions lie between the header and the voxels, and stay.
    between = content[header.sizeof_hdr : proxy.offset]
    return _packed(header.binaryblock + between + content[start : start + size], ending)


def repacked(path: Path, ending: str) -> bytes:
    """A file's bytes, compressed or not, as `ending` says."""
    return _packed(_unpacked(path), ending)


def _is_nifti2(content: bytes) -> bool:
    return content[4:7] in (b"n+2", b"ni2")


def _packed(content: bytes, ending: str) -> bytes:
    return gzip.compress(content, _GZIP_LEVEL, mtime=0) if ending.endswith(".gz") else content


def _unpacked(path: Path) -> bytes:
    stored = path.read_bytes()
    if not stored.startswith(_GZIP_MAGIC):
        return stored
    try:
        return gzip.decompress(stored)
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError(f"{path.name}: the file is truncated or damaged ({error})") from None
