"""Read NRRD, MetaImage and flat images (PNG, TIFF, BMP, JPEG) with SimpleITK.

The reader is chosen by the ending, never by the content, so no file reaches ITK's NIfTI reader, which corrupts the heap
on some 5-D files. Files in which ITK would silently fill missing or damaged bytes are refused. Voxel sizes that ITK
ignores are handled by `text_geometry` and `picture_geometry`.
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
from auvseg.data.formats.picture_geometry import picture_geometry, sidecar_of
from auvseg.data.formats.reasons import Reason
from auvseg.data.formats.text_geometry import meta_geometry, nrrd_geometry, require_meta_sizes, require_nrrd_sizes
from auvseg.data.formats.text_headers import MAX_PACKED, VoxelSource, voxel_source
from auvseg.data.formats.tiff_directories import check_pages
from auvseg.errors import ReadError

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
_NRRD = (".nrrd", ".nhdr")
_META = (".mha", ".mhd")
_TIFF = (".tif", ".tiff")

_DTYPES = {
    f"{bits}-bit {sign} integer": np.dtype(f"{letter}{bits // 8}")
    for bits in (8, 16, 32, 64)
    for sign, letter in (("signed", "i"), ("unsigned", "u"))
} | {"32-bit float": np.dtype("f4"), "64-bit float": np.dtype("f8")}
"""NumPy's type for ITK's name of it."""

_COLOURS = 3
_BMP_BEGINNING = 1 << 11
_PNG_COLOUR_TYPE_AT, _PNG_GREY_AND_ALPHA = 25, 4
_END_OF_JPEG = b"\xff\xd9"
_RAISED = (RuntimeError, UnicodeError)
"""What SimpleITK raises; the second where ITK's words quote bytes of the file."""


def read_header(path: Path, part: Part, *, layered: bool = False) -> Header:
    """Read what a file promises; several numbers a voxel are a fourth axis where they are layers."""
    source = _source(path)
    return _header(path, _open(path), source, part, layered)


def read_array(path: Path, part: Part, *, layered: bool = False) -> RawArray:
    """Read a file's voxels, layers along the fourth axis; the checksum of a compressed file must fit."""
    # First of all where the voxels are: ITK opens whatever file a header names.
    source = _source(path)
    reader = _open(path)
    header = _header(path, reader, source, part, layered)
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
    if array.ndim > reader.GetDimension():
        # SimpleITK gives (y, x, colour); a grey BMP comes as three equal colours.
        if part == "label" and len(header.shape) > 3 and not layered:
            raise _colour_label(path, array)
        array = np.moveaxis(array, -1, 0) if len(header.shape) > 3 else array[..., 0]
    # SimpleITK gives (z, y, x), and now the colour before them.
    return RawArray(header, kept(array.transpose().reshape(header.shape), part))


def _colour_label(path: Path, array: NDArray[Any]) -> ReadError:
    count = array.shape[-1]
    grey = bool((array[..., :_COLOURS] == array[..., :1]).all())
    return (Reason.GREY_LABEL_IN_COLOURS if grey else Reason.COLOUR_LABEL).of(path, count=count)


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


def _header(path: Path, reader: Any, source: VoxelSource, part: Part, layered: bool) -> Header:
    import SimpleITK as sitk

    colours = reader.GetNumberOfComponents()
    textual = path.name.lower().endswith((*_NRRD, *_META))
    if colours > 1 and not layered and (reader.GetDimension() > 2 or textual):
        raise Reason.VECTORS.of(path, count=colours)
    pixel = sitk.GetPixelIDValueAsString(reader.GetPixelID()).removeprefix("vector of ")
    dtype = _DTYPES.get(pixel)
    if dtype is None:
        raise Reason.NO_INTENSITIES.of(path, kind=pixel)
    shape = tuple(int(size) for size in reader.GetSize())
    if 0 in (*shape, colours):
        # What ITK's PNG reader makes of a file that is none, and its NRRD reader of 2^32 layers.
        raise unreadable(path, RuntimeError("no voxels found"))
    direction = np.asarray(reader.GetDirection(), dtype=np.float64).reshape(len(shape), len(shape))
    spacing = np.asarray(reader.GetSpacing(), dtype=np.float64)
    affine, notes = itk_affine(direction, spacing, np.asarray(reader.GetOrigin(), dtype=np.float64))
    if path.name.lower().endswith(_NRRD):
        geometry = nrrd_geometry(path, source.fields, affine, shape)
    elif path.name.lower().endswith(_META):
        geometry = meta_geometry(path, source.fields, affine, shape)
    else:
        geometry = picture_geometry(path, part, math.prod(shape[2:]))
    if colours > 1 and not _is_grey_bmp(path):
        # The channels of a picture are where those of any image in one file are: along the fourth axis.
        shape = (*shape, *[1] * (3 - len(shape)), colours)
    notes = (*notes, *geometry.notes)
    header = make_header(path, shape, geometry.affine, dtype, notes, geometry.nnunet_spacing)
    held = sum(file.stat().st_size for file in source.files)
    check_promise(path, math.prod(shape) * dtype.itemsize, held, source.most_compression)
    return header


def _is_grey_bmp(path: Path) -> bool:
    """Whether a BMP of 8 bits is grey: ITK makes three colours of it by its palette, and nobody else does."""
    with path.open("rb") as handle:
        start = handle.read(_BMP_BEGINNING)
    bits, size = int.from_bytes(start[28:30], "little"), int.from_bytes(start[14:18], "little")
    palette = start[14 + size : 14 + size + 4 * 256]
    ramp = all(palette[4 * index : 4 * index + 3] == bytes([index] * 3) for index in range(len(palette) // 4))
    return start.startswith(b"BM") and bits == 8 and bool(palette) and ramp


def files_of_volume(path: Path, part: Part) -> tuple[Path, ...]:
    """The files that hold the voxels, and those that hold their size: what a text header names, a TIFF's sidecar."""
    name = path.name.lower()
    if name.endswith((*_NRRD, *_META)):
        return voxel_source(path).files
    sidecar = sidecar_of(path, part) if name.endswith(_TIFF) else None
    return (path,) if sidecar is None else (path, sidecar)


def _source(path: Path) -> VoxelSource:
    name = path.name.lower()
    if name.endswith(_NRRD):
        source = voxel_source(path)
        require_nrrd_sizes(path, source.fields)
        return source
    if name.endswith(_META):
        source = voxel_source(path)
        require_meta_sizes(path, source.fields)
        return source
    if name.endswith((".jpg", ".jpeg")) and not path.read_bytes().rstrip(b"\0\r\n").endswith(_END_OF_JPEG):
        # ITK fills what is missing with grey; only the end marker tells.
        raise Reason.JPEG_WITHOUT_END.of(path)
    if name.endswith(_TIFF):
        check_pages(path)
    if name.endswith(".png"):
        _refuse_grey_and_alpha(path)
    return VoxelSource((path,), 0, False, MAX_PACKED)


def _refuse_grey_and_alpha(path: Path) -> None:
    """ITK has no such pixel, and says so in words that name neither file nor cause."""
    with path.open("rb") as handle:
        start = handle.read(_PNG_COLOUR_TYPE_AT + 1)
    if start.startswith(b"\x89PNG") and start[_PNG_COLOUR_TYPE_AT:] == bytes([_PNG_GREY_AND_ALPHA]):
        raise Reason.GREY_AND_ALPHA.of(path)
