"""Read MedSAM's `.npz`: image, label and grid as arrays of one zip archive, with NumPy and without unpickling.

Arrays are ITK's (z, y, x) in LPS: `imgs` and `gts`, with `spacing` (x, y, z) and perhaps `origin` and `direction`.
"""

import io
import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float64
from numpy.lib import format as npy
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.header import Header, Part, RawArray, itk_affine, make_header
from auvseg.data.formats.integrity import MAX_DEFLATED, check_promise, unreadable
from auvseg.data.formats.numbers import kept
from auvseg.data.formats.reasons import Reason
from auvseg.errors import ReadError

ENDINGS = (".npz",)

_KEYS: dict[Part, tuple[str, ...]] = {"image": ("imgs", "img", "image"), "label": ("gts", "gt", "label")}
_MAX_HEADER = 1 << 16
_MAX_LISTED = 10
_GRID = {"spacing": np.ones(3), "origin": np.zeros(3), "direction": np.eye(3)}


def read_header(path: Path, part: Part) -> Header:
    """Read what a file promises of its image or label."""
    with _opened(path) as archive:
        return _header(path, archive, _member(path, archive, part))


def read_array(path: Path, part: Part) -> RawArray:
    """Read a file's image or label."""
    with _opened(path) as archive:
        name = _member(path, archive, part)
        header = _header(path, archive, name)
        try:
            array = _load(archive, name)
        except Exception as error:  # noqa: BLE001 - zipfile and NumPy raise whatever damaged bytes make them raise
            raise unreadable(path, error) from None
    # (z, y, x) or (y, x) as stored, spatial axes first.
    return RawArray(header, kept(array.transpose().reshape(header.shape), part))


def read_members(path: Path, most_bytes: int) -> dict[str, NDArray[Any]]:
    """Every array of an archive by name, as stored.

    Args:
        path: the archive.
        most_bytes: refuse, before any of it is read, an archive whose arrays take more than this.

    Raises:
        ReadError: it is missing, damaged, larger, or holds what is no plain array.
    """
    try:
        with _opened(path) as archive:
            names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
            if sum(_promised_bytes(path, archive, name) for name in names) > most_bytes:
                raise Reason.TOO_LARGE.of(path, most=most_bytes >> 20)
            return {name: _load(archive, name) for name in names}
    except ReadError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise unreadable(path, error) from None


def _promised_bytes(path: Path, archive: zipfile.ZipFile, name: str) -> int:
    """What an array takes, if the archive can hold it."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as member:
        shape, dtype, offset = _promise(member)
    # The archive's own statements of the sizes may lie as well.
    check_promise(path, info.compress_size, path.stat().st_size)
    check_promise(path, info.file_size, info.compress_size, MAX_DEFLATED)
    size = math.prod(shape) * dtype.itemsize
    check_promise(path, offset + size, info.file_size)
    return size


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except Exception as error:  # noqa: BLE001 - as above
        raise unreadable(path, error) from None


def _member(path: Path, archive: zipfile.ZipFile, part: Part) -> str:
    there = [name.removesuffix(".npy") for name in archive.namelist()]
    for key in _KEYS[part]:
        if key in there:
            return key
    raise Reason.NO_SUCH_ARRAY.of(
        path, part=part, keys=", ".join(_KEYS[part]), there=_listed(there), key=_KEYS[part][0]
    )


def _listed(names: list[str]) -> str:
    """Some names in one line, whatever they are made of."""
    shown = [name if name.isprintable() else ascii(name) for name in names[:_MAX_LISTED]]
    return ", ".join(shown + ["…"] * (len(names) > _MAX_LISTED)) or "nothing"


def _header(path: Path, archive: zipfile.ZipFile, name: str) -> Header:
    try:
        with archive.open(f"{name}.npy") as member:
            shape, dtype, _ = _promise(member)
        _promised_bytes(path, archive, name)
    except ReadError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise unreadable(path, error) from None
    if dtype.kind not in "biuf" or len(shape) not in (2, 3):
        raise Reason.ODD_ARRAY.of(path, array=name, dtype=dtype, shape=shape, expected="numbers of shape (D, H, W)")
    grid = {key: _grid_values(path, archive, key) for key in _GRID}
    affine, notes = itk_affine(grid["direction"].reshape(3, 3), grid["spacing"], grid["origin"])
    if not (grid["spacing"] > 0).all():
        raise Reason.ODD_SPACING.of(path, stated=", ".join(f"{size:g}" for size in grid["spacing"]))
    if "spacing.npy" not in archive.namelist():
        notes = (*notes, Problem(Kind.UNSTATED_SPACING, "the file states no spacing: 1 mm is assumed"))
    return make_header(path, shape[::-1], affine, dtype, notes)


def _promise(member: IO[bytes] | zipfile.ZipExtFile) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, type and offset of the voxels, from the text at the array's start."""
    # A header that unpacks to gigabytes is not read to its end.
    start = io.BytesIO(member.read(_MAX_HEADER))
    version = npy.read_magic(start)
    read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
    shape, _, dtype = read(start)
    return shape, dtype, start.tell()


def _grid_values(path: Path, archive: zipfile.ZipFile, key: str) -> Float64[np.ndarray, " n"]:
    default = _GRID[key]
    if f"{key}.npy" not in archive.namelist():
        return default.ravel()
    try:
        with archive.open(f"{key}.npy") as member:
            shape, dtype, _ = _promise(member)
        if dtype.kind in "iuf" and math.prod(shape) == default.size:
            return _load(archive, key).astype(np.float64).ravel()
    except Exception as error:  # noqa: BLE001 - as above
        raise unreadable(path, error) from None
    raise Reason.ODD_ARRAY.of(path, array=key, dtype=dtype, shape=shape, expected=f"{default.size} numbers")


def _load(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as member:
        array = npy.read_array(member, allow_pickle=False)
        # zipfile compares the checksum when it comes to the end.
        member.read(1)
    return array
