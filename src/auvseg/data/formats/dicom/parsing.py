"""Parse untrusted files with pydicom: never read or unpack more than there is."""

import contextlib
import io
import os
import zlib
from pathlib import Path
from typing import Any

from auvseg.data.formats.reasons import Reason

MAX_INFLATED = 1 << 30
"""Bytes to which a deflated data set may unpack; pydicom unpacks all of it at once."""

_SMALL = 1 << 16
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_AFTER_PREAMBLE = 132
_META_GROUP = b"\x02\x00"
_LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")
"""Value representations whose length takes four bytes, after two that are empty."""


def parse(path: Path, **options: Any) -> Any:
    """`pydicom.dcmread` of a file.

    Args:
        path: the file.
        options: as `dcmread` takes them.

    Raises:
        ReadError: it unpacks to more than `MAX_INFLATED`.
        Exception: whatever pydicom raises on a damaged file.
    """
    import pydicom

    with _File(path) as file:
        start = file.read(_SMALL)
        if _DEFLATED in start:
            _check_inflated(path, _end_of_meta(start))
        file.seek(0)
        return pydicom.dcmread(file, **options)


class _File(io.BufferedReader):
    """A file that never reads more than it has: Python allocates whatever size is requested, and headers may lie."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _SMALL:
            size = min(size, max(self._size - self.tell(), 0))
        return super().read(size)


def _end_of_meta(start: bytes) -> int:
    """Where the group of elements ends that says how the others are stored; it is never packed itself."""
    at = _AFTER_PREAMBLE
    while start[at : at + 2] == _META_GROUP:
        if start[at + 4 : at + 6] in _LONG:
            at += 12 + int.from_bytes(start[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(start[at + 6 : at + 8], "little")
    return at


def _check_inflated(path: Path, offset: int) -> None:
    found, inflater = 0, zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    with path.open("rb") as file, contextlib.suppress(zlib.error):  # what is not deflated at all is not unpacked
        file.seek(offset)
        block = file.read(_SMALL)
        while block and not inflater.eof:
            found += len(inflater.decompress(block, _SMALL))
            if found > MAX_INFLATED:
                raise Reason.DEFLATED_DICOM.of(path, most=MAX_INFLATED >> 20)
            block = inflater.unconsumed_tail or file.read(_SMALL)
