"""A weights file from the network into a part file that survives interruption.

A part goes on where it stopped if the server says that the file is still the same (a strong ETag, sent back as
If-Range); a server that cannot, or whose file changed, sends it from the start. Every byte is hashed as it is written.
"""

import errno
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import requests

from auvseg.errors import WeightsError
from auvseg.files import atomic
from auvseg.weights.cache import by_hand, unwritable
from auvseg.weights.catalogue import Model
from auvseg.weights.hashing import CHUNK_BYTES
from auvseg.weights.transport import BrokenOffError, NoConnectionError, Patience, RefusedError, chunks, open_response

OnBytes = Callable[[int, int], None]
"""Told how many bytes of how many are there."""

_SPARE_BYTES = 64 << 20
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Part:
    """What of a file is there, its sha256 so far, and the ETag of the file that it is a part of.

    Args:
        path: the part file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._etag_path = path.with_name(f"{path.name}.etag")
        self.size = 0
        self.sha256 = hashlib.sha256()

    def etag(self) -> str | None:
        """The ETag of the file that this is a part of; None where going on is not possible."""
        try:
            return self._etag_path.read_text(encoding="ascii") or None
        except (OSError, UnicodeDecodeError):
            return None

    def read(self) -> None:
        """Hash what is there already.

        Raises:
            OSError: it cannot be read.
        """
        self.size, self.sha256 = 0, hashlib.sha256()
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self.sha256.update(chunk)
                self.size += len(chunk)

    def restart(self, etag: str | None) -> None:
        """Forget what is there, and begin a part of the file with this ETag.

        Raises:
            OSError: the folder cannot be written.
        """
        self.discard()
        self.size, self.sha256 = 0, hashlib.sha256()
        if etag:
            atomic.write_text(self._etag_path, etag)

    def distrust(self) -> None:
        """Let the next attempt begin at the start."""
        self._etag_path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the part."""
        self.path.unlink(missing_ok=True)
        self.distrust()

    def finish(self, target: Path) -> None:
        """Make the part the file itself, in one step.

        Raises:
            OSError: the folder cannot be written.
        """
        self.path.replace(target)
        self.distrust()


def download(model: Model, part: Part, on_bytes: OnBytes, patience: Patience) -> None:
    """Fill a part with the whole file.

    Args:
        model: whose file.
        part: where it goes; what is there already is used if the server still has the same file.
        on_bytes: told of every piece.
        patience: limits on waiting, and attempts.

    Raises:
        WeightsError: no connection, no space, a server that refuses, another size than published; the part stays where
            the same command can go on.
    """
    problem = ""
    for attempt in range(patience.attempts):
        if attempt:
            time.sleep(patience.pause_s * 2 ** (attempt - 1))
        try:
            return _attempt(model, part, on_bytes, patience)
        except BrokenOffError as error:
            problem = f"{error}; run the same command again, it goes on where it stopped"
        except NoConnectionError as error:
            problem = str(error)
            if not attempt:  # There was none from the start: a person should not wait to be told.
                break
        except RefusedError as error:
            problem = str(error)
            break
        except OSError as error:
            raise _storage_error(part, error) from None
    raise WeightsError(f"{model.title} was not downloaded: {problem}; {by_hand(model)}")


def require_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        WeightsError: there is less free space than needed.
    """
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _SPARE_BYTES:
        raise WeightsError(
            f"{folder}: {free / 1e6:.0f} MB free, {(needed_bytes + _SPARE_BYTES) / 1e6:.0f} MB needed; free some space "
            "or set AUVSEG_WEIGHTS to another folder"
        )


def _attempt(model: Model, part: Part, on_bytes: OnBytes, patience: Patience) -> None:
    part.read()
    if part.size == model.size_bytes:
        return
    etag = part.etag()
    going_on = bool(part.size and etag)
    asked = {"Range": f"bytes={part.size}-", "If-Range": str(etag)} if going_on else {}
    with open_response(model.url, model.hosts, asked, patience) as response:
        total = _begin(model, part, response)
        require_space(part.path.parent, total - part.size)
        _fill(part, response, total, on_bytes)
    if part.size != total:
        raise BrokenOffError(f"the connection broke after {part.size} of {total} bytes")


def _begin(model: Model, part: Part, response: requests.Response) -> int:
    """Bring the part to where the server begins; the size of the whole file in bytes."""
    etag = _strong_etag(response)
    if response.status_code == 416:
        part.distrust()
        raise BrokenOffError("the server has another file than the one begun")
    if response.status_code == 206:
        start, total = _content_range(response)
        if start != part.size or (etag is not None and etag != part.etag()):
            part.distrust()
            raise BrokenOffError("the file changed on the server")
    else:
        total = _content_length(model, response)
        part.restart(etag)
    if model.size_bytes is not None and total != model.size_bytes:
        part.discard()
        raise WeightsError(
            f"{model.host}: offers {total} bytes for {model.file_name}, but the published file has {model.size_bytes}; "
            "it was not downloaded"
        )
    return total


def _fill(part: Part, response: requests.Response, total: int, on_bytes: OnBytes) -> None:
    on_bytes(part.size, total)
    with part.path.open("ab") as file:
        for chunk in chunks(response):
            if part.size + len(chunk) > total:
                part.distrust()
                raise BrokenOffError(f"the server sends more than the {total} bytes it announced")
            file.write(chunk)
            part.sha256.update(chunk)
            part.size += len(chunk)
            on_bytes(part.size, total)
        file.flush()
        os.fsync(file.fileno())


def _strong_etag(response: requests.Response) -> str | None:
    """The ETag that proves bytes to be the same; a weak one proves less, and one with odd characters is none."""
    etag = response.headers.get("ETag", "")
    return etag if re.fullmatch(r'"[!#-~]{1,200}"', etag) else None


def _content_range(response: requests.Response) -> tuple[int, int]:
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2])) if found else (-1, 0)


def _content_length(model: Model, response: requests.Response) -> int:
    length = response.headers.get("Content-Length", "")
    if re.fullmatch(r"\d{1,15}", length):
        return int(length)
    if model.size_bytes is not None:
        return model.size_bytes
    raise WeightsError(f"{model.host}: does not say how large {model.file_name} is; it was not downloaded")


def _storage_error(part: Part, error: OSError) -> WeightsError:
    if error.errno == errno.ENOSPC:
        return WeightsError(
            f"{part.path.parent}: the disk is full; free some space and run the same command again, it goes on where "
            "it stopped"
        )
    return unwritable(part.path.parent, error)
