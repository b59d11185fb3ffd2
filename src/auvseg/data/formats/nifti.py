"""Read NIfTI-1 and -2, their pairs, Analyze and FreeSurfer volumes with nibabel.

In addition to nibabel: a header that promises more than the file holds is refused before allocation, checksums of
compressed files are verified, positions are converted to millimetres, and silent repairs or guesses of nibabel become
notes. `nifti_geometry` interprets the positions of a NIfTI header.
"""

import gzip
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from nibabel import imageglobals
from nibabel.arrayproxy import ArrayProxy
from nibabel.openers import ImageOpener
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.header import Geometry, Header, Notes, Part, RawArray, make_header
from auvseg.data.formats.integrity import MAX_DEFLATED, check_promise, unreadable
from auvseg.data.formats.nifti_geometry import geometry_of, require_usable
from auvseg.data.formats.numbers import kept, scaled_label
from auvseg.data.formats.reasons import Reason
from auvseg.errors import ReadError

ENDINGS = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz", ".mgz", ".mgh")

_COMPRESSED = (".gz", ".mgz")
_MAX_BYTES_AFTER_VOXELS = 1 << 26
_MAX_BYTES_OF_EXTENSIONS = 1 << 26
_LEAST_EXTENSION = 16
_HEADERS = (".hdr", ".hdr.gz")
_SAID_OF_NIFTI = ("pixdim", "form_code")
"""Repairs of nibabel's of which `nifti_geometry` says more."""
_NO_GEOMETRY_OF_MGH = b"\0\0"
_MGH_FLAG_AT = 28
_DEFAULT_OF_FREESURFER = ((-1, 0, 0), (0, 0, 1), (0, -1, 0))


def read_header(path: Path) -> Header:
    """Read what a file promises."""
    return _header(path, *_open(path))


def read_array(path: Path, part: Part) -> RawArray:
    """Read a file's voxels; the checksum of a compressed file must fit."""
    image, raw, repairs = _open(path)
    header = _header(path, image, raw, repairs)
    try:
        array = _voxels(image, part).reshape(header.shape)
    except Exception as error:  # noqa: BLE001 - nibabel raises whatever damaged voxels make its parsers raise
        raise unreadable(path, error) from None
    return RawArray(header, array)


def files_of_volume(path: Path) -> tuple[Path, ...]:
    """The file, and where header and voxels are two files the other half, and SPM's affine."""
    name = path.name.lower()
    for own, other in ((".hdr", ".img"), (".img", ".hdr")):
        for packed in ("", ".gz"):
            if name.endswith(own + packed):
                stem = path.name[: -len(own + packed)]
                beside = [path.with_name(f"{stem}{ending}{packed}") for ending in (other, ".mat")]
                return (path, *(file for file in beside if file.is_file()))
    return (path,)


def _open(path: Path) -> tuple[Any, Any, Notes]:
    """Nibabel's image, the NIfTI header as it is in the file (None for other formats), and what nibabel repaired."""
    with _repairs_noted() as repairs:
        try:
            raw = _checked_header(path)
            # Not memory-mapped: a file that shrinks while it is mapped takes the process with it.
            with np.errstate(all="ignore"):
                image = nib.load(path, mmap=False)
        except ReadError:
            raise
        except Exception as error:  # noqa: BLE001 - nibabel raises whatever a damaged header makes its parsers raise
            raise unreadable(path, error) from None
    if raw is not None:
        repairs = [repair for repair in repairs if not any(word in repair for word in _SAID_OF_NIFTI)]
    said = (f"the header was repaired while reading: {repair}" for repair in repairs)
    return image, raw, tuple(Problem(Kind.REPAIRED_HEADER, sentence) for sentence in said)


def _checked_header(path: Path) -> Any:
    """The NIfTI header as it is in the file, nothing repaired; None for other formats.

    Raises:
        ReadError: its extensions claim more than there is, or than any does: nibabel would ask for all of it. Or its
            numbers are such that nibabel stops at them.
    """
    header_file = next((file for file in files_of_volume(path) if file.name.lower().endswith(_HEADERS)), path)
    with ImageOpener(header_file) as stream:
        start = stream.read(nib.Nifti2Header.sizeof_hdr + 1)
        for kind, magic_at in ((nib.Nifti1Header, 344), (nib.Nifti2Header, 4)):
            size, magic = kind.sizeof_hdr, start[magic_at : magic_at + 2]
            if magic not in (b"n+", b"ni") or len(start) < size:
                continue
            header = kind(start[:size], check=False)
            if start[size : size + 1] not in (b"", b"\0"):
                end = float(header["vox_offset"])
                # In a header of its own they go on to its end; nibabel takes voxels before it for that, too.
                if magic == b"ni" or not end >= size + 4:
                    end = math.inf
                stream.seek(size + 4)
                _walk_extensions(path, stream, header.endianness, end)
            require_usable(path, header)
            return header
    return None


def _walk_extensions(path: Path, stream: ImageOpener, endianness: str, end: float) -> None:
    order: Literal["little", "big"] = "little" if endianness == "<" else "big"
    left = _MAX_BYTES_OF_EXTENSIONS
    # Where one goes on beyond the end, nibabel reads all that follows for more of them.
    while not 0 <= end - stream.tell() < _LEAST_EXTENSION and len(stated := stream.read(8)) == 8:
        length = int.from_bytes(stated[:4], order, signed=True)
        left -= length
        if length < 8 or left < 0 or not _skipped(stream, length - 8):
            raise Reason.LONG_EXTENSION.of(path, length=length)


def _skipped(stream: ImageOpener, count: int) -> bool:
    """Go on by so many bytes, if they are there."""
    if count == 0:
        return True
    stream.seek(count - 1, os.SEEK_CUR)
    return len(stream.read(1)) == 1


@contextmanager
def _repairs_noted() -> Iterator[list[str]]:
    """Collect what nibabel says of repaired headers, which it would print."""
    handler = _Repairs()
    logger = imageglobals.logger
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    try:
        yield handler.messages
    finally:
        logger.handlers, logger.propagate = before


class _Repairs(logging.Handler):
    """Keeps messages instead of printing them."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message; an unset qfac is as common as it is harmless: the standard says what it then is."""
        if "qfac" not in record.getMessage():
            self.messages.append(record.getMessage())


def _header(path: Path, image: Any, raw: Any, repairs: Notes) -> Header:
    try:
        dtype = np.dtype(image.get_data_dtype())
        shape = tuple(int(size) for size in image.shape)
        geometry = _geometry(path, image, raw, shape)
        data = Path(image.file_map["image"].filename)
        offset = int(getattr(image.dataobj, "offset", 0))
    except ReadError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise unreadable(path, error) from None
    if dtype.fields is not None or dtype.kind not in "biuf":
        kind = "colours" if dtype.fields is not None else "complex numbers" if dtype.kind == "c" else str(dtype)
        raise Reason.NO_INTENSITIES.of(path, kind=kind)
    if any(size < 0 for size in shape):
        raise Reason.NEGATIVE_AXIS.of(path, shape=shape)
    if not data.is_file():
        raise Reason.NO_DATA_FILE.of(path, data=data.name)
    compression = MAX_DEFLATED if data.name.lower().endswith(_COMPRESSED) else 1
    check_promise(path, offset + math.prod(shape) * dtype.itemsize, data.stat().st_size, compression)
    notes = (*geometry.notes, *repairs)
    return make_header(path, shape, geometry.affine, dtype, notes, geometry.nnunet_spacing)


def _geometry(path: Path, image: Any, raw: Any, shape: tuple[int, ...]) -> Geometry:
    if raw is not None:
        geometry = geometry_of(path, raw, shape)
        return replace(geometry, notes=(*geometry.notes, *_notes_on_scaling(raw)))
    affine = np.asarray(image.affine, dtype=np.float64).copy()
    if isinstance(image.header, nib.AnalyzeHeader):
        # SPM states it in a file of its own.
        stated = "mat" in image.file_map and Path(image.file_map["mat"].filename).is_file()
        message = "the Analyze format states no orientation: LAS is assumed"
        return Geometry(affine, () if stated else (Problem(Kind.UNSTATED_ORIENTATION, message),))
    with ImageOpener(path) as stream:
        flag = stream.read(_MGH_FLAG_AT + 2)[_MGH_FLAG_AT:]
    if flag == _NO_GEOMETRY_OF_MGH:
        # Not nibabel's default, which is that of FreeSurfer transposed.
        affine[:3, :3] = _DEFAULT_OF_FREESURFER
        affine[:3, 3] = -affine[:3, :3] @ np.divide([*shape, 1, 1, 1][:3], 2)
        message = "the header states no geometry (goodRASFlag 0): 1 mm and LIA are assumed, as FreeSurfer does"
        return Geometry(affine, (Problem(Kind.UNSTATED_SPACING, message),))
    return Geometry(affine)


def _notes_on_scaling(raw: Any) -> Notes:
    # Every NIfTI that is not scaled may have NaN or 0 here.
    if not np.isinf(slope := float(raw["scl_slope"])):
        return ()
    message = f"the slope of its intensities (scl_slope) is {slope:g}: they are taken as they are stored, as ITK does"
    return (Problem(Kind.REPAIRED_HEADER, message),)


def _voxels(image: Any, part: Part) -> NDArray[Any]:
    path, proxy = image.file_map["image"].filename, image.dataobj
    if not path.lower().endswith(_COMPRESSED):
        return _numbers(proxy, part)
    # nibabel stops at the last voxel, before the checksum that follows it. Given a stream, it would map the compressed
    # bytes themselves if it might map.
    layout = (proxy.shape, proxy.dtype, proxy.offset, proxy.slope, proxy.inter)
    with ImageOpener(path) as stream:
        array = _numbers(ArrayProxy(stream, layout, mmap=False), part)
        _check_tail(stream)
    return array


def _numbers(proxy: ArrayProxy, part: Part) -> NDArray[Any]:
    slope, intercept = float(proxy.slope), float(proxy.inter)
    if part == "image" and (proxy.dtype.kind == "f" or (slope, intercept) != (1.0, 0.0)):
        # What float32 cannot hold becomes infinite, which is found and reported with the case.
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(proxy, dtype=np.float32)
    stored = np.asarray(proxy.get_unscaled(), dtype=proxy.dtype.newbyteorder("="))
    return kept(stored, part) if (slope, intercept) == (1.0, 0.0) else scaled_label(stored, slope, intercept)


def _check_tail(stream: ImageOpener) -> None:
    """Read what follows the voxels, so that gzip compares its checksum."""
    try:
        for _ in range(_MAX_BYTES_AFTER_VOXELS >> 20):
            if not stream.read(1 << 20):
                return
    except gzip.BadGzipFile as error:
        # Bytes behind the end of the stream are nobody's voxels.
        if not str(error).startswith("Not a gzipped file"):
            raise
