"""NRRD, MetaImage and flat images (PNG, TIFF, BMP, JPEG) through SimpleITK.

The reader is chosen by the ending and never by the content, so that no file reaches ITK's NIfTI reader, which corrupts
the heap on some 5-D files. What ITK fills in silently where bytes are missing or damaged is refused.
"""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auvseg.data.formats.header import Header, Part, RawArray, itk_affine, make_header
from auvseg.data.formats.integrity import check_deflated, check_promise, unreadable
from auvseg.data.formats.numbers import kept
from auvseg.data.formats.reasons import Reason
from auvseg.data.formats.text_headers import MOST_PACKED, VoxelSource, voxel_source
from auvseg.data.formats.tiff_directories import check_pages

_READERS = {
    ".nrrd": "NrrdImageIO",
    ".nhdr": "NrrdImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
    ".png": "PNGImageIO",
    ".tif": "TIFFImageIO",
    ".tiff": "TIFFImageIO",
    ".bmp": "BMPImageIO",
    ".jpg": "JPEGImageIO",
    ".jpeg": "JPEGImageIO",
}
ENDINGS = tuple(_READERS)
_TEXT_HEADERS = (".nrrd", ".nhdr", ".mha", ".mhd")

_DTYPES = {
    f"{bits}-bit {sign} integer": np.dtype(f"{letter}{bits // 8}")
    for bits in (8, 16, 32, 64)
    for sign, letter in (("signed", "i"), ("unsigned", "u"))
} | {"32-bit float": np.dtype("f4"), "64-bit float": np.dtype("f8")}
"""NumPy's type for ITK's name of it."""

_END_OF_JPEG = b"\xff\xd9"
_RAISED = (RuntimeError, UnicodeError)
"""What SimpleITK raises; the second where ITK's words quote bytes of the file."""


def read_header(path: Path) -> Header:
    """Read what a file promises."""
    source = _source(path)
    return _header(path, _open(path), source)


def read_array(path: Path, part: Part) -> RawArray:
    """Read a file's voxels; the checksum of a compressed file must fit."""
    # First of all where the voxels are: ITK opens whatever file a header names.
    source = _source(path)
    reader = _open(path)
    header = _header(path, reader, source)
    if source.compressed:
        promised = math.prod(header.shape) * np.dtype(header.dtype).itemsize
        # Over several files the promise cannot be shared out, but every stream must be whole.
        for file in source.files:
            check_deflated(path, file, source.offset, promised if len(source.files) == 1 else 0)
    try:
        array = _voxels(reader)
    except _RAISED as error:
        raise unreadable(path, _reason(error)) from None
    except MemoryError as error:
        raise unreadable(path, error) from None
    # SimpleITK gives (z, y, x).
    return RawArray(header, kept(array.transpose().reshape(header.shape), part))


def _voxels(reader: Any) -> NDArray[Any]:
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(reader.Execute())


def _open(path: Path) -> Any:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetImageIO(_READERS[path.suffix.lower()])
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except _RAISED as error:
        raise unreadable(path, _reason(error)) from None
    return reader


def _reason(error: Exception) -> Exception:
    """ITK's last line says what happened; the lines before it name source files of its own."""
    if isinstance(error, UnicodeError):
        return RuntimeError("its header is no text")
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # "Reason" is the system's last error, of whatever call; addresses of objects differ from run to run.
    lines = [re.sub(r"\(0x[0-9a-f]+\)", "", line) for line in lines if not line.startswith("Reason: ")]
    return RuntimeError(lines[-1].removeprefix("sitk::ERROR: ").removeprefix("ITK ERROR: ") if lines else "unreadable")


def _header(path: Path, reader: Any, source: VoxelSource) -> Header:
    import SimpleITK as sitk

    if reader.GetNumberOfComponents() != 1:
        count = reader.GetNumberOfComponents()
        raise Reason.COLOURS.of(path, count=count)
    pixel = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    dtype = _DTYPES.get(pixel)
    if dtype is None:
        raise Reason.NO_INTENSITIES.of(path, kind=pixel)
    shape = tuple(int(size) for size in reader.GetSize())
    if 0 in shape:
        # What ITK's PNG reader makes of a file that is none.
        raise unreadable(path, RuntimeError("no voxels found"))
    direction = np.asarray(reader.GetDirection(), dtype=np.float64).reshape(len(shape), len(shape))
    spacing = np.asarray(reader.GetSpacing(), dtype=np.float64)
    affine = itk_affine(direction, spacing, np.asarray(reader.GetOrigin(), dtype=np.float64))
    header = make_header(path, shape, affine, dtype)
    held = sum(file.stat().st_size for file in source.files)
    check_promise(path, math.prod(shape) * dtype.itemsize, held, source.most_compression)
    return header


def files_of_volume(path: Path) -> tuple[Path, ...]:
    """The files that hold the voxels: those that a text header names, else the file itself."""
    return voxel_source(path).files if path.name.lower().endswith(_TEXT_HEADERS) else (path,)


def _source(path: Path) -> VoxelSource:
    name = path.name.lower()
    if name.endswith(_TEXT_HEADERS):
        return voxel_source(path)
    if name.endswith((".jpg", ".jpeg")) and not path.read_bytes().rstrip(b"\0\r\n").endswith(_END_OF_JPEG):
        # ITK fills what is missing with grey; only the end marker tells.
        raise Reason.JPEG_WITHOUT_END.of(path)
    if name.endswith((".tif", ".tiff")):
        check_pages(path)
    return VoxelSource((path,), 0, False, MOST_PACKED)
