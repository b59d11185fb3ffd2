"""The folder of a conversion: new, empty or an earlier one of the same settings; `conversion.json` says which."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from auvseg._version import __version__
from auvseg.data.public.outputs import Output, check_free, sha256_of
from auvseg.errors import CaseError, RunError, UsageError
from auvseg.files import atomic
from auvseg.files.owned_folder import is_ours
from auvseg.files.schema import convert
from auvseg.files.text import read_json

NAME = "conversion.json"
_VERSION = 1


@dataclass(frozen=True)
class _Stored:
    version: int
    settings: dict[str, Any]
    files: dict[str, list[str]]


@dataclass
class TargetFolder:
    """The folder that is written to.

    Attributes:
        path: absolute.
        settings: what the labels depend on, beside their sources.
        files: sha256 of every content that a file beside the cases was given, newest last, by name.
    """

    path: Path
    settings: Mapping[str, Any]
    files: dict[str, list[str]] = field(default_factory=dict)

    def write(self, name: str, content: bytes) -> None:
        """Write a file beside the cases; noted first, so that an interruption leaves none that nobody knows.

        Raises:
            UsageError: something stands there that no conversion wrote.
            RunError: the folder cannot be written.
        """
        self.check(name)
        try:
            known = [known for known in self.files.get(name, []) if known != sha256_of(content)]
            self.files[name] = [*known, sha256_of(content)]
            self.save()
            atomic.write_bytes(self.path / name, content)
        except OSError as error:
            raise RunError(f"cannot write {self.path / name}: {error.strerror or error}") from None

    def remove(self, name: str) -> None:
        """Remove a file that the conversion wrote, where there is one."""
        self.check(name)
        (self.path / name).unlink(missing_ok=True)

    def check(self, name: str) -> None:
        """Make sure that a file is the conversion's own, or absent.

        Raises:
            UsageError: it is not.
        """
        try:
            check_free(self.path, Output(name, "bytes"), self.files.get(name, []))
        except CaseError as error:
            raise UsageError(f"{self.path.name}: {error}") from None

    def save(self) -> None:
        """Write `conversion.json`."""
        content = {"version": _VERSION, "auvseg": __version__, "settings": self.settings, "files": self.files}
        atomic.write_text(self.path / NAME, json.dumps(content, indent=1) + "\n")


def open_target(folder: Path, source: Path, settings: Mapping[str, Any]) -> TargetFolder:
    """Make the folder, or go on in an earlier conversion.

    Args:
        folder: the converted data set; absolute.
        source: the public data set; resolved.
        settings: as JSON gives them back.

    Raises:
        UsageError: it holds something else, an earlier conversion of other settings, or overlaps with the source.
        RunError: it cannot be written, or its `conversion.json` is damaged.
    """
    place = folder.resolve()
    if place.is_relative_to(source) or source.is_relative_to(place):
        raise UsageError(f"{folder}: the converted data set must lie beside {source.name}, not in it or around it")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; name a folder")
    target = TargetFolder(folder, settings)
    try:
        if is_ours(folder, NAME, "holds files, but no conversion by auvseg; name a new or empty folder", UsageError):
            target.files = _earlier(folder, settings)
        folder.mkdir(parents=True, exist_ok=True)
        target.save()
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror or error}") from None
    return target


def _earlier(folder: Path, settings: Mapping[str, Any]) -> dict[str, list[str]]:
    try:
        known = convert(read_json(folder / NAME), _Stored)
    except ValueError:
        raise RunError(f"{folder / NAME}: is damaged; name a new folder") from None
    if known.version != _VERSION:
        raise RunError(f"{folder / NAME}: was written by another version of auvseg; name a new folder")
    other = [name for name in settings if known.settings.get(name) != settings[name]]
    if other:
        raise UsageError(f"{folder}: was converted with other settings ({', '.join(other)}); name a new folder")
    return known.files
