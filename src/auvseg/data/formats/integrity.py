"""Check before decoding whether a file can be what its name and header say.

A file that fails gets a one-line message with advice; `reasons` has them all.
"""

import os
import zlib
from pathlib import Path

from auvseg.data.formats.reasons import Reason, broken_link, what_it_is
from auvseg.errors import ReadError

MAX_DEFLATED = 1032
"""Deflate (gzip, zip, PNG) cannot shrink by more than this, so a header that promises more is lying."""

_BLOCK = 1 << 16
_ZLIB_OR_GZIP = zlib.MAX_WBITS + 32
_GZIP_MAGIC = b"\x1f\x8b"


def require_file(path: Path) -> None:
    """Refuse what cannot be opened as a file.

    Raises:
        ReadError: it is missing, a folder, empty, or not readable.
    """
    try:
        if path.is_dir():
            raise Reason.FOLDER.of(path, part="image")
        size = path.stat().st_size if path.is_file() else None
    except (OSError, ValueError) as error:
        raise _unopenable(path, error) from None
    if size is None and path.is_symlink():
        raise broken_link(path)
    if size is None:
        raise Reason.MISSING.of(path)
    if size == 0:
        raise Reason.EMPTY.of(path)
    if not os.access(path, os.R_OK):
        raise Reason.NO_PERMISSION.of(path)


def is_below(folder: Path, path: Path) -> bool:
    """Whether a path stays in a folder by its text; links inside the folder are the user's own."""
    outer, inner = os.path.abspath(folder), os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
    return Path(inner).is_relative_to(outer)


def unreadable(path: Path, error: Exception) -> ReadError:
    """The error for a file that its reader refused: what the file is instead, or else the reader's own reason."""
    if isinstance(error, MemoryError):
        return Reason.MEMORY.of(path)
    if isinstance(error, PermissionError):
        return _unopenable(path, error)
    recognised = what_it_is(path)
    if recognised is not None:
        return recognised
    if isinstance(error, EOFError | zlib.error) or "CRC" in str(error):
        return Reason.TRUNCATED.of(path)
    reason = str(error).replace(str(path), path.name).replace(f"{path.parent.absolute()}{os.sep}", "")
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    what = lines[0] if lines else type(error).__name__
    return Reason.DAMAGED.of(path, reason=what)


def check_promise(path: Path, promised_bytes: int, held_bytes: int, most_compression: int = 1) -> None:
    """Refuse before anything is allocated what the file cannot hold.

    Args:
        path: the file that promises.
        promised_bytes: the size of its voxels, uncompressed, and of what stands before them.
        held_bytes: the size of the file, or files, that hold them.
        most_compression: the largest factor by which the format can have shrunk them.

    Raises:
        ReadError: the promise cannot be kept.
    """
    if promised_bytes > held_bytes * most_compression:
        shown = f"{held_bytes} bytes" + (", compressed" if most_compression > 1 else "")
        raise Reason.TOO_SHORT.of(path, promised=promised_bytes, held=shown)


def check_deflated(path: Path, held_in: Path, offset: int, promised_bytes: int) -> None:
    """Decompress once and forget the result, for readers that do not look at the checksum themselves.

    Args:
        path: the file whose header promises.
        held_in: the file that holds a zlib or gzip stream.
        offset: where the stream starts.
        promised_bytes: what must come out, at the least.

    Raises:
        ReadError: the stream ends early, breaks off, holds less than promised or contradicts its checksum.
    """
    try:
        found_bytes = _inflated_bytes(held_in, offset)
    except (zlib.error, EOFError) as error:
        raise Reason.TRUNCATED_STREAM.of(path, reason=error) from None
    if found_bytes < promised_bytes:
        raise Reason.TOO_LITTLE_COMES_OUT.of(path, promised=promised_bytes, found=found_bytes)


def _inflated_bytes(held_in: Path, offset: int) -> int:
    """How many bytes come out of a zlib stream, or of gzip streams one after the other, checksums compared."""
    found_bytes = 0
    with held_in.open("rb") as handle:
        handle.seek(offset)
        inflater = zlib.decompressobj(wbits=_ZLIB_OR_GZIP)
        block = handle.read(_BLOCK)
        while block:
            found_bytes += len(inflater.decompress(block))
            if inflater.eof:
                block = inflater.unused_data or handle.read(_BLOCK)
                if not block.startswith(_GZIP_MAGIC):
                    return found_bytes
                inflater = zlib.decompressobj(wbits=_ZLIB_OR_GZIP)
            else:
                block = handle.read(_BLOCK)
    raise EOFError("the compressed data end early")


def _unopenable(path: Path, error: Exception) -> ReadError:
    # The error's own text may name the whole path.
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Reason.UNOPENABLE.of(path, reason=reason or type(error).__name__)
