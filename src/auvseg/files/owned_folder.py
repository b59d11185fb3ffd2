"""Folders that auvseg may write into: new, empty, or its own, as shown by a marker file. Others are refused."""

import contextlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auvseg._version import __version__
from auvseg.errors import AuvsegError, RunError
from auvseg.files import atomic
from auvseg.files.schema import convert
from auvseg.files.text import read_json


def is_ours(folder: Path, marker: str, foreign: str, error: type[AuvsegError] = RunError) -> bool:
    """Whether a folder holds the marker; False for a new or empty folder, which may become ours.

    Args:
        folder: to write into.
        marker: name of the marker file. What it says is not looked at.
        foreign: what to say of a folder that holds something else, and what to do.
        error: raised for such a folder.

    Raises:
        AuvsegError: `error`: it is a file, or holds something and no marker.
    """
    if folder.exists() and not folder.is_dir():
        raise error(f"{folder} is a file; choose a folder with -o")
    # In this order: another process may be making the same folder.
    if _holds_something(folder) and not (folder / marker).exists():
        raise error(f"{folder} {foreign}")
    return (folder / marker).exists()


def _holds_something(folder: Path) -> bool:
    """Whether it holds more than what a killed process, or a file manager, left in it."""
    return folder.is_dir() and any(
        not path.name.startswith(atomic.TEMPORARY_PREFIX) and path.name != ".DS_Store" for path in folder.iterdir()
    )


@dataclass(frozen=True)
class _Listed:
    files: list[str]


class OwnedFiles:
    """A folder whose marker lists the files that auvseg wrote: they are replaced or removed, and no others.

    Args:
        folder: new, empty, or of an earlier call.
        marker: name of the marker file.
        version: the key in it, and the number, of its format.
        endings: of the files that may be listed.
        foreign: as of `is_ours`.

    Raises:
        RunError: there is something else, or the marker is damaged or of another version.
    """

    def __init__(
        self, folder: Path, marker: str, version: tuple[str, int], endings: tuple[str, ...], foreign: str
    ) -> None:
        self._folder, self._marker, self._version = folder, marker, version
        self._before: frozenset[str] = frozenset()
        self._about: Mapping[str, Any] = {}
        if not is_ours(folder, marker, foreign):
            return
        key, number = version
        try:
            content = read_json(folder / marker)
            if content[key] != number:
                raise RunError(f"{folder} was written by another version of auvseg; choose another folder with -o")
            listed = convert(content, _Listed).files
        except (OSError, ValueError, KeyError, TypeError):
            raise RunError(f"{folder} {foreign}") from None
        # Names with a path in them are none of ours.
        self._before = frozenset(name for name in listed if Path(name).name == name and name.endswith(endings))

    def begin(self, names: Collection[str], about: Mapping[str, Any] | None = None) -> None:
        """List what is about to be written beside what is there, so that an interruption leaves nothing unlisted.

        Args:
            names: of the files.
            about: what else the marker says.

        Raises:
            RunError: a file of somebody else's has one of the names.
        """
        foreign = [name for name in names if (self._folder / name).exists() and name not in self._before]
        if foreign:
            raise RunError(
                f"{self._folder / foreign[0]} was not written by auvseg; move it, or choose another folder with -o"
            )
        self._about = about or {}
        self._mark({*self._before, *names})

    def finish(self, names: Collection[str]) -> None:
        """List what was written, and remove what an earlier call wrote and this one did not."""
        for name in self._before - set(names):
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()
        self._mark(set(names))
        atomic.clear_left_overs(self._folder)

    def _mark(self, names: set[str]) -> None:
        key, number = self._version
        content = {"auvseg": __version__, key: number, "files": sorted(names), **self._about}
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
        atomic.write_text(self._folder / self._marker, text + "\n")
