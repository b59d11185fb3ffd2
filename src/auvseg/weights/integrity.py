"""Verify that a weights file is the published one, and that it is a weights file at all."""

import hashlib
import logging
import zipfile
from pathlib import Path
from typing import BinaryIO

from auvseg.errors import WeightsError

CHUNK_BYTES = 1 << 20
_PICKLE = b"\x80"
_MAX_HEADER_BYTES = 100_000_000

_log = logging.getLogger(__name__)


def sha256_of(path: Path) -> str:
    """Sha256 of a file, 64 hexadecimal digits.

    Raises:
        WeightsError: the file is missing or cannot be read.
    """
    with open_weights(path) as file:
        return _digest(file)


def verify_sha256(path: Path, expected: str) -> None:
    """Check that a weights file is the published one.

    Args:
        path: the file.
        expected: sha256 of the published file, 64 hexadecimal digits.

    Raises:
        WeightsError: the file is missing, cannot be read, or is another one.
    """
    with open_weights(path) as file:
        require_sha256(file, path, expected)


def open_weights(path: Path) -> BinaryIO:
    """Open a weights file for reading.

    Raises:
        WeightsError: the file is missing or cannot be read.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise WeightsError(f"{path}: there is no weights file here; install it again") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); check what it is and who may read it") from None


def require_sha256(file: BinaryIO, path: Path, expected: str) -> None:
    """Read an open file to its end, and refuse it if its sha256 is not `expected`.

    Raises:
        WeightsError: it is another file.
    """
    found = _digest(file)
    if found != expected.lower():
        raise WeightsError(f"{path}: its sha256 is {found}, but the published file's is {expected}; install it again")
    _log.debug("weights: %s, sha256 %s as published", path, found)


def require_weights_format(path: Path) -> None:
    """Refuse a file that neither `torch.load` nor safetensors could read, such as an error page.

    Nothing is unpickled. What is inside is checked when the file is loaded.

    Raises:
        WeightsError: it is something else.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
        known = start[:1] == _PICKLE or _is_torch_archive(path) or _is_safetensors(start, path.stat().st_size)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from None
    if not known:
        raise WeightsError(
            f"{path.name}: is no file of torch.save or safetensors, but perhaps a page that says why not; it was not "
            "kept"
        )


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


def _is_torch_archive(path: Path) -> bool:
    """A zip with one `*/data.pkl`, as `torch.save` writes it; `torch.jit`'s, which holds code, has more."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    return any(name.endswith("data.pkl") for name in names) and not any("/code/" in name for name in names)


def _is_safetensors(start: bytes, size: int) -> bool:
    """Eight bytes of header length, then the header as JSON."""
    length = int.from_bytes(start[:8], "little")
    return start[8:9] == b"{" and 2 <= length <= min(size - 8, _MAX_HEADER_BYTES)
