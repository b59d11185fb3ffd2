"""Whether a file can be what its name and its header say, found out before its voxels are decoded.

A file that fails gets one line that names it and says what to do: most such files are no images at all but pointers to
one, web pages that a download left behind, or images under the ending of another format.
"""

import os
import zlib
from pathlib import Path

from auvseg.errors import ReadError

MOST_DEFLATED = 1032
"""Deflate (gzip, zip, PNG) cannot shrink by more than this, so a header that promises more is lying."""

_BEGINNING = 1 << 12
_BLOCK = 1 << 16
_ZLIB_OR_GZIP = zlib.MAX_WBITS + 32
_GZIP_MAGIC = b"\x1f\x8b"
_COPY_AGAIN = "copy it again from its source"
_NIFTI_MAGIC_AT = 344
_DICOM_MAGIC_AT = 128


def require_file(path: Path) -> None:
    """Refuse what cannot be opened as a file.

    Raises:
        ReadError: it is missing, a folder, empty, or not readable.
    """
    try:
        if path.is_dir():
            raise ReadError(f"{path.name}: is a folder; name the image file inside it")
        size = path.stat().st_size if path.is_file() else None
    except (OSError, ValueError) as error:
        raise _unopenable(path, error) from None
    if size is None and path.is_symlink():
        raise ReadError(f"{path.name}: is a link to a file that does not exist; fetch or restore that file")
    if size is None:
        raise ReadError(f"{path.name}: the file does not exist")
    if size == 0:
        raise ReadError(f"{path.name}: the file is empty; {_COPY_AGAIN}")
    if not os.access(path, os.R_OK):
        raise ReadError(f"{path.name}: no permission to read it")


def is_below(folder: Path, path: Path) -> bool:
    """Whether a path stays in a folder by its text; links inside the folder are the user's own."""
    outer, inner = os.path.abspath(folder), os.path.abspath(path)  # noqa: PTH100 - resolve() would follow links
    return Path(inner).is_relative_to(outer)


def unreadable(path: Path, error: Exception) -> ReadError:
    """The error for a file that its reader refused: what the file is instead, or else the reader's own reason."""
    if isinstance(error, MemoryError):
        return ReadError(f"{path.name}: not enough memory to read it")
    if isinstance(error, PermissionError):
        return _unopenable(path, error)
    guess = _what_it_is(path)
    if guess is not None:
        return ReadError(f"{path.name}: {guess}")
    if isinstance(error, EOFError | zlib.error) or "CRC" in str(error):
        return ReadError(f"{path.name}: truncated or damaged; {_COPY_AGAIN}")
    reason = str(error).replace(str(path), path.name).replace(f"{path.parent.absolute()}{os.sep}", "")
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    what = lines[0] if lines else type(error).__name__
    return ReadError(f"{path.name}: damaged or not the format its name says ({what})")


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
        raise ReadError(f"{path.name}: truncated: the header promises {promised_bytes} bytes, there are {shown}")


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
        raise ReadError(f"{path.name}: truncated or damaged ({error}); {_COPY_AGAIN}") from None
    if found_bytes < promised_bytes:
        raise ReadError(
            f"{path.name}: truncated: the header promises {promised_bytes} bytes, {found_bytes} come out; {_COPY_AGAIN}"
        )


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
    return ReadError(f"{path.name}: cannot be opened ({reason or type(error).__name__})")


def _what_it_is(path: Path) -> str | None:
    """What a file is instead of an image of its ending, with advice; None where nothing is recognised."""
    try:
        with path.open("rb") as handle:
            start = handle.read(_BEGINNING)
    except OSError:
        return None
    name = path.name.lower()
    if start.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the file itself; run `git lfs pull`"
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page, not an image; download it again"
    if start[_DICOM_MAGIC_AT:].startswith(b"DICM"):
        return "is a DICOM file; rename it so that it ends in .dcm"
    if start.startswith(_GZIP_MAGIC) and not name.endswith((".gz", ".mgz")):
        return f"is gzip-compressed; rename it to {path.name}.gz"
    if start[_NIFTI_MAGIC_AT:].startswith((b"n+1\0", b"ni1\0")) and not name.endswith((".nii", ".hdr")):
        return "is an uncompressed NIfTI file; rename it so that it ends in .nii"
    if not start.strip(b"\0") and not name.endswith((".img", ".raw")):
        return f"begins with nothing but zeros, as after an interrupted copy; {_COPY_AGAIN}"
    return None
