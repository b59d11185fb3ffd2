"""Read one file: its header's promise first, its voxels only if the file can hold them.

Chooses the reader by the file's ending: nibabel for NIfTI, Analyze and FreeSurfer, SimpleITK for NRRD, MetaImage and
flat images, NumPy for the `.npz` of MedSAM. Nothing is reoriented, normalised or judged here.
"""

import hashlib
import math
from pathlib import Path

import numpy as np

from auvseg.data.formats import itk, nifti, npz
from auvseg.data.formats.header import Header, Part, RawArray, make_header
from auvseg.data.formats.integrity import require_file, unreadable
from auvseg.errors import ReadError

__all__ = [
    "SUPPORTED_ENDINGS",
    "Header",
    "Part",
    "RawArray",
    "file_sha256",
    "is_supported",
    "make_header",
    "read_array",
    "read_header",
]

SUPPORTED_ENDINGS = (*nifti.ENDINGS, *itk.ENDINGS, *npz.ENDINGS)


def is_supported(path: Path) -> bool:
    """Whether the name's ending is one that `read_array` knows."""
    return path.name.lower().endswith(SUPPORTED_ENDINGS)


def file_sha256(path: Path) -> str:
    """Sha256 of a file's bytes, in hexadecimal.

    Raises:
        ReadError: the file is missing or cannot be opened.
    """
    require_file(path)
    try:
        with path.open("rb") as handle:
            digest = hashlib.sha256()
            while block := handle.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError as error:
        raise unreadable(path, error) from None


def read_header(path: Path, *, part: Part = "image") -> Header:
    """Read what a file promises, without its voxels.

    Args:
        path: the file.
        part: which array of a file that holds both (`.npz`).

    Raises:
        ReadError: the file is missing, of an unknown format, damaged, or promises more than it can hold.
    """
    ending = _ending(path)
    if ending in npz.ENDINGS:
        return npz.read_header(path, part)
    return (nifti if ending in nifti.ENDINGS else itk).read_header(path)


def read_array(path: Path, *, part: Part = "image", max_bytes: int | None = None) -> RawArray:
    """Read a file's voxels.

    Args:
        path: the file.
        part: which array of a file that holds both (`.npz`).
        max_bytes: refuse, before reading it, an array that would take more memory than this.

    Raises:
        ReadError: the file is missing, truncated, damaged, of an unknown format, promises more voxels than it can
            hold, or holds colours, vectors or complex numbers instead of intensities.
    """
    if max_bytes is not None:
        _check_size(path, read_header(path, part=part), max_bytes)
    ending = _ending(path)
    if ending in npz.ENDINGS:
        return npz.read_array(path, part)
    return (nifti if ending in nifti.ENDINGS else itk).read_array(path)


def _ending(path: Path) -> str:
    require_file(path)
    name = path.name.lower()
    ending = next((ending for ending in SUPPORTED_ENDINGS if name.endswith(ending)), None)
    if ending is None:
        advice = "; convert a DICOM series with dcm2niix" if name.endswith((".dcm", ".ima")) else ""
        raise ReadError(
            f"{path.name}: unknown format; auvseg reads NIfTI, MGZ, NRRD, MetaImage, PNG, TIFF and .npz{advice}"
        )
    return ending


def _check_size(path: Path, header: Header, max_bytes: int) -> None:
    # Floating and scaled files become float32 whatever they are on disk.
    size = math.prod(header.shape) * max(np.dtype(header.dtype).itemsize, np.dtype(np.float32).itemsize)
    if size > max_bytes:
        raise ReadError(f"{path.name}: needs {size} bytes of memory, {max_bytes} are allowed; crop or resample it")
