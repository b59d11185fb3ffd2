"""A weights file that is still being written."""

import io
import shutil
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path
from typing import Any

from auvseg.errors import WeightsError
from auvseg.weights.cache import unwritable

OnBytes = Callable[[int, int], None]
"""Called with (bytes done, total bytes)."""

_SPARE_BYTES = 64 << 20


class PartFile(io.BufferedWriter):
    """A file to append to, which reports its size and never outgrows the whole file.

    Args:
        path: the file; what it holds already stays, unless that is more than the whole.
        size_bytes: size of the whole file.
        on_bytes: told of every write.

    Raises:
        WeightsError: the disk cannot hold the rest.
    """

    def __init__(self, path: Path, size_bytes: int, on_bytes: OnBytes) -> None:
        if (held := part_size(path)) > size_bytes:
            path.unlink()
            held = 0
        _require_space(path.parent, size_bytes - held)
        super().__init__(io.FileIO(path, "ab"))
        self._size_bytes, self._on_bytes = size_bytes, on_bytes
        on_bytes(held, size_bytes)

    def write(self, chunk: Any) -> int:
        """Append, as any file does.

        Raises:
            OSError: the disk is full, or this is more than the whole file.
        """
        if self.tell() + len(chunk) > self._size_bytes:
            raise OSError(f"more than the {self._size_bytes} bytes that were announced")
        written = super().write(chunk)
        self._on_bytes(self.tell(), self._size_bytes)
        return written


def part_path(path: Path, sha256: str) -> Path:
    """Where a file stays until all of it is there: one place for each content that it may get."""
    return path.with_name(f"{path.name}.{sha256[:12]}.part")


def part_size(path: Path) -> int:
    """Bytes that are there."""
    return path.stat().st_size if path.exists() else 0


def storage_error(folder: Path, error: OSError) -> WeightsError:
    """What to do about a part that could not be written."""
    if error.errno == ENOSPC:
        return WeightsError(
            f"{folder}: the disk is full; free some space and run the same command again, it goes on where it stopped"
        )
    return unwritable(folder, error)


def _require_space(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _SPARE_BYTES:
        raise WeightsError(
            f"{folder}: {free / 1e6:.0f} MB free, {(needed_bytes + _SPARE_BYTES) / 1e6:.0f} MB needed; free some space "
            "or set AUVSEG_WEIGHTS to another folder"
        )
