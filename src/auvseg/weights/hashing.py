"""Sha256 of weights files."""

import hashlib
import logging
from pathlib import Path
from typing import BinaryIO

from auvseg.errors import WeightsError

CHUNK_BYTES = 1 << 20

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


def _digest(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
