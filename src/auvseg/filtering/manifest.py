"""Record what the exports wrote, so that it can be undone: `manifest.json` in the run's filter folder.

All exports write through `write_files`. It refuses to replace files that auvseg did not write, backs up files that it
may replace, and records each file's SHA-256 before writing it. If the process is killed at any moment,
`auvseg.filtering.undo` finds either the old file or a known one.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auvseg._version import __version__
from auvseg.cohort.selection import Selection
from auvseg.data.case import Dataset
from auvseg.errors import DatasetError, RunError, UsageError
from auvseg.files import atomic
from auvseg.files.schema import convert
from auvseg.files.text import parse_json, read_json, what_is_wrong

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1
_FILES_AT_ONCE = 32


@dataclass(frozen=True)
class PlannedFile:
    """A file that an export wants to write.

    Attributes:
        path: absolute path.
        content: makes the bytes; called once, shortly before they are written.
        original: if a user's file is replaced, its content before auvseg first replaced it; it is kept beside it.
    """

    path: Path
    content: Callable[[], bytes]
    original: bytes | None = None


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written, or with `dry_run` would have been.

    Attributes:
        path: absolute path.
        sha256: hash of the content.
        backup: new name of the user's file that was there before; None if there was none.
    """

    path: Path
    sha256: str
    backup: Path | None = None


@dataclass
class Entry:
    """One file of the manifest: hashes of all contents that auvseg wrote, newest last, and of the original, if any."""

    sha256: list[str]
    made_by: str
    original_sha256: str | None


@dataclass
class _Stored:
    files: dict[str, Entry]
    made_folders: list[str]


@dataclass
class Manifest:
    """The manifest of one filter folder, as on disk.

    Attributes:
        folder: absolute path of the filter folder.
        files: entries by absolute path.
        made_folders: folders that did not exist before, outermost first.
    """

    folder: Path
    files: dict[str, Entry] = field(default_factory=dict)
    made_folders: list[str] = field(default_factory=list)

    def wrote(self, path: Path, content: bytes) -> bool:
        """Whether auvseg wrote this content of this file."""
        entry = self.files.get(str(path))
        return entry is not None and sha256_of(content) in entry.sha256

    def note_folders(self, path: Path) -> None:
        """Record the folders that writing `path` will create."""
        missing = [str(parent) for parent in path.parents if not parent.exists()]
        self.made_folders += [name for name in reversed(missing) if name not in self.made_folders]

    def save(self) -> None:
        """Write `manifest.json`.

        Raises:
            RunError: the folder cannot be written.
        """
        self.note_folders(self.folder / MANIFEST_NAME)
        content = {
            "manifest_version": MANIFEST_VERSION,
            "auvseg": __version__,
            "files": {path: vars(entry) for path, entry in self.files.items()},
            "made_folders": self.made_folders,
        }
        try:
            atomic.write_text(self.folder / MANIFEST_NAME, json.dumps(content, indent=1) + "\n")
        except OSError as error:
            raise RunError(f"cannot write {self.folder / MANIFEST_NAME}: {error.strerror}") from error


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a filter folder; empty if there is none.

    Raises:
        RunError: the file is damaged or of another version.
    """
    folder = folder.resolve()
    path = folder / MANIFEST_NAME
    if not path.exists():
        return Manifest(folder)
    try:
        content = read_json(path)
        if content["manifest_version"] != MANIFEST_VERSION:
            raise RunError(f"{path} was written by another version of auvseg")
        stored = convert(content, _Stored)
        if not all(map(_is_file_name, [*stored.files, *stored.made_folders])):
            raise ValueError("a path that is none")
        return Manifest(folder, stored.files, stored.made_folders)
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(f"{path} is damaged, so auvseg cannot tell its files from yours; move it away") from None


def _is_file_name(text: str) -> bool:
    """Whether a string is an absolute path as `write_files` records it."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    path = Path(text)
    return "\0" not in text and path.is_absolute() and path.name not in ("", "..")


def sha256_of(content: bytes) -> str:
    """Return the SHA-256 hash in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def backup_path(path: Path) -> Path:
    """Return where the user's `path` is kept while auvseg's file replaces it; computed, so it cannot be redirected."""
    return path.with_name(f"{path.stem}.auvseg-original{path.suffix}")


def write_files(folder: Path, plan: Sequence[PlannedFile], made_by: str, dry_run: bool) -> tuple[WrittenFile, ...]:
    """Write all files of a plan, in order; if one of them may not be written, none is.

    Args:
        folder: the run's filter folder.
        plan: the files.
        made_by: the rule in words, for the manifest.
        dry_run: make every content, but write nothing.

    Raises:
        UsageError: a file exists that auvseg did not write and the export did not declare to replace.
        RunError: the disk is full or the folder cannot be written; what was written before is in the manifest.
    """
    manifest = read_manifest(folder)
    for planned in plan:
        _check_replaceable(manifest, planned)
    written: list[WrittenFile] = []
    for start in range(0, len(plan), _FILES_AT_ONCE):
        batch = [(planned, planned.content()) for planned in plan[start : start + _FILES_AT_ONCE]]
        if not dry_run:
            try:
                _write_batch(manifest, batch, made_by)
            except OSError as error:
                raise RunError(f"cannot write {error.filename or batch[0][0].path}: {error.strerror}") from error
        for planned, content in batch:
            backup = None if planned.original is None else backup_path(planned.path)
            written.append(WrittenFile(planned.path, sha256_of(content), backup))
    if not dry_run:
        for home in {manifest.folder, *(planned.path.parent for planned in plan)}:
            atomic.clear_left_overs(home, below=False)
    return tuple(written)


def _check_replaceable(manifest: Manifest, planned: PlannedFile) -> None:
    if not planned.path.exists():
        return
    if planned.path.is_dir():
        raise UsageError(f"{planned.path} is a folder; choose another place")
    content = planned.path.read_bytes()
    if content != planned.original and not manifest.wrote(planned.path, content):
        raise UsageError(f"{planned.path} exists and was not written by this run; choose another place or move it")


def _write_batch(manifest: Manifest, batch: Sequence[tuple[PlannedFile, bytes]], made_by: str) -> None:
    """Record first, then write: an interruption leaves at worst a record of a file that was not written."""
    for planned, content in batch:
        digest = sha256_of(content)
        original = None if planned.original is None else sha256_of(planned.original)
        if original is not None and not backup_path(planned.path).exists():
            manifest.files.pop(str(planned.path), None)
        entry = manifest.files.setdefault(str(planned.path), Entry([], made_by, original))
        entry.sha256 = [known for known in entry.sha256 if known != digest] + [digest]
        entry.made_by = made_by
        manifest.note_folders(planned.path)
    manifest.save()
    for planned, content in batch:
        backup = backup_path(planned.path)
        if planned.original is not None and not backup.exists():
            atomic.write_bytes(backup, planned.original)
            with contextlib.suppress(OSError):
                shutil.copystat(planned.path, backup)
        atomic.write_bytes(planned.path, content)


_SHOWN = 5


@dataclass(frozen=True)
class Export:
    """What an export wrote, or with `dry_run` would have written.

    Attributes:
        files: files in the order of writing.
        warnings: what a person should know, one sentence each.
    """

    files: tuple[WrittenFile, ...]
    warnings: tuple[str, ...] = ()


def check_belongs(selection: Selection, dataset: Dataset) -> list[str]:
    """Return warnings about training cases that are missing from the selection.

    Raises:
        UsageError: the selection removes cases that the data set does not have; the scores belong to another data set.
    """
    training = {case.case_id for case in dataset.cases if case.subset == "training"}
    foreign = [case for case in selection.removed if case not in training]
    if foreign:
        raise UsageError(
            f"the selection removes {some_of(foreign)}, but {dataset.name} has no such training cases; "
            "the scores belong to another data set"
        )
    unjudged = sorted(training - set(selection.kept) - set(selection.removed))
    if unjudged:
        return [f"{len(unjudged)} training cases are not in the scores table and are kept: {some_of(unjudged)}"]
    return []


def some_of(names: list[str]) -> str:
    """Format the first few names and the number of the others."""
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def read_user_json(path: Path) -> object:
    """Read a JSON file of the user.

    Raises:
        DatasetError: it cannot be read, or is not JSON.
    """
    try:
        return parse_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DatasetError(f"{path} is not a JSON file ({what_is_wrong(error)})") from None
