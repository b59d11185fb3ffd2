"""Read one file: header first, voxels only if the file is large enough to hold them.

The reader is chosen by the file's ending: nibabel for NIfTI, Analyze and FreeSurfer, SimpleITK for NRRD, MetaImage and
flat images, NumPy for the `.npz` of MedSAM; folders and files with other endings are read as DICOM, with pydicom.
Nothing is reoriented, normalised or checked here.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from auvseg.data.formats import itk, nifti, npz, slicer
from auvseg.data.formats.dicom import image as dicom
from auvseg.data.formats.dicom.instance import is_dicom
from auvseg.data.formats.dicom.label import read_label as read_dicom_label
from auvseg.data.formats.dicom.series import files_of
from auvseg.data.formats.header import Header, Part, RawArray, make_header
from auvseg.data.formats.integrity import require_file, unreadable
from auvseg.data.formats.reasons import Reason, what_it_is

__all__ = [
    "SUPPORTED_ENDINGS",
    "Header",
    "Part",
    "RawArray",
    "file_sha256",
    "files_of_volume",
    "image_sha256",
    "is_dicom_source",
    "is_supported",
    "label_sha256",
    "make_header",
    "names_structures",
    "needed_export",
    "own_values",
    "read_array",
    "read_header",
    "read_label",
]

SUPPORTED_ENDINGS = (*nifti.ENDINGS, *itk.ENDINGS, *npz.ENDINGS)


def is_supported(path: Path) -> bool:
    """Whether the name's ending is one that `read_array` knows; DICOM files may have any."""
    return path.name.lower().endswith(SUPPORTED_ENDINGS)


def is_dicom_source(path: Path) -> bool:
    """Whether a path is read as DICOM: a folder, or a DICOM file whose ending says nothing else."""
    return _is_folder(path) or (not is_supported(path) and is_dicom(path))


def names_structures(path: Path) -> bool:
    """Whether a label names its structures: a DICOM object, or a segmentation of 3D Slicer."""
    return is_dicom_source(path) or slicer.names_segments(path)


def needed_export(path: Path, values: Mapping[str, int], image: Path) -> str:
    """Say why a program that ignores structure names would read a label differently from `read_label`; empty if not.

    Args:
        path: the label; no DICOM.
        values: label value by structure, as `Case.label_values`.
        image: the image that it belongs to.

    Raises:
        ReadError: a header cannot be read.
    """
    return slicer.needed_export(path, values, read_header(image)) if values else ""


def own_values(path: Path) -> dict[str, int]:
    """Return label values by structure as numbered in the file; empty if its names have no numbers (DICOM).

    Raises:
        ReadError: a segmentation of 3D Slicer whose names or values do not tell its segments apart.
    """
    return {segment.name: segment.value for segment in slicer.segments_of(path)} if not is_dicom_source(path) else {}


def files_of_volume(path: Path, part: Part) -> tuple[Path, ...]:
    """Return the file and those beside it that hold its voxels or their size.

    These are a NIfTI pair's other half, what a text header names, and a TIFF's sidecar.

    Args:
        path: the file.
        part: what it is read as; images and labels have sidecars of other names.

    Raises:
        ReadError: the file is missing, or its header names no data, or data that do not exist.
    """
    require_file(path)
    files = itk.files_of_volume(path, part) if path.name.lower().endswith(itk.ENDINGS) else nifti.files_of_volume(path)
    return tuple(dict.fromkeys((path, *files)))


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


def image_sha256(path: Path) -> str:
    """Sha256 of an image's bytes; of one in several files that of their hashes, in DICOM whatever the files are called.

    Raises:
        ReadError: a file is missing or cannot be opened, or the path names no series.
    """
    if not is_dicom_source(path):
        return _volume_sha256(path, "image")
    return _of_all(sorted(map(file_sha256, files_of(path))))


def label_sha256(path: Path, values: Mapping[str, int]) -> str:
    """Sha256 of a label's bytes, and where it names its structures of the values that they are given.

    Raises:
        ReadError: the file is missing or cannot be opened.
    """
    own = _volume_sha256(path, "label")
    return own if not values else hashlib.sha256(json.dumps([own, sorted(values.items())]).encode()).hexdigest()


def _volume_sha256(path: Path, part: Part) -> str:
    hashes = [file_sha256(file) for file in files_of_volume(path, part)]
    return hashes[0] if len(hashes) == 1 else _of_all(hashes)


def _of_all(hashes: Sequence[str]) -> str:
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def read_label(path: Path, values: Mapping[str, int], image: Header | None) -> RawArray:
    """Read a label; one that names its structures is put onto the grid of its image.

    Args:
        path: the file.
        values: label value by structure, as `Case.label_values`; other labels need none.
        image: what the image promises; None where it could not be read.

    Raises:
        ReadError: as `read_array`; or a DICOM label does not fit the image's grid, or there is no image.
    """
    if image is not None and is_dicom_source(path):
        return read_dicom_label(path, values, image)
    if slicer.names_segments(path):
        return slicer.read_label(path, values, image)
    return read_array(path, part="label")


def read_header(path: Path, *, part: Part = "image") -> Header:
    """Read the header of a file, without its voxels.

    Args:
        path: the file.
        part: which array of a file that holds both (`.npz`).

    Raises:
        ReadError: the file is missing, of an unknown format, damaged, or promises more than it can hold.
        SeriesError: the files of a DICOM series are not one volume.
    """
    if is_dicom_source(path):
        _require_image(path, part)
        return dicom.read_header(path)
    ending = _ending(path)
    if ending in nifti.ENDINGS:
        return nifti.read_header(path)
    if ending in npz.ENDINGS:
        return npz.read_header(path, part)
    return itk.read_header(path, part, layered=part == "label" and slicer.names_segments(path))


def read_array(path: Path, *, part: Part = "image", max_bytes: int | None = None) -> RawArray:
    """Read a file's voxels.

    Args:
        path: the file.
        part: whether the numbers are intensities or label values, which are kept exactly; and which array of a file
            that holds both (`.npz`).
        max_bytes: refuse, before reading it, an array that would take more memory than this.

    Raises:
        ReadError: the file is missing, truncated, damaged, of an unknown format, promises more voxels than it can
            hold, or holds colours, vectors or complex numbers instead of intensities.
        SeriesError: the files of a DICOM series are not one volume.
    """
    if max_bytes is not None:
        _check_size(path, read_header(path, part=part), max_bytes)
    if is_dicom_source(path):
        _require_image(path, part)
        return dicom.read_array(path)
    ending = _ending(path)
    reader = npz if ending in npz.ENDINGS else nifti if ending in nifti.ENDINGS else itk
    return reader.read_array(path, part)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        # A name that is too long, or holds a zero byte, is refused with its reason when it is opened.
        return False


def _require_image(path: Path, part: Part) -> None:
    """A folder is an image; a file may be a label, which has no grid of its own."""
    if part == "label" and path.is_dir():
        raise Reason.FOLDER.of(path, part="label")
    if part == "label":
        raise Reason.NEEDS_IMAGE.of(path)


def _ending(path: Path) -> str:
    require_file(path)
    name = path.name.lower()
    ending = next((ending for ending in SUPPORTED_ENDINGS if name.endswith(ending)), None)
    if ending is None:
        raise what_it_is(path) or Reason.UNKNOWN_FORMAT.of(path)
    return ending


def _check_size(path: Path, header: Header, max_bytes: int) -> None:
    # Floating and scaled files become float32 whatever they are on disk.
    size = math.prod(header.shape) * max(np.dtype(header.dtype).itemsize, np.dtype(np.float32).itemsize)
    if size > max_bytes:
        raise Reason.OVER_LIMIT.of(path, size=size, allowed=max_bytes)
