"""The output folder of a conversion: ownership, finished cases, report and records."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from auvseg._version import __version__
from auvseg.errors import CaseError, RunError, UsageError
from auvseg.files import atomic
from auvseg.files.owned_folder import is_ours
from auvseg.files.safe_csv import rows_as_csv
from auvseg.files.schema import Int64, convert
from auvseg.files.text import read_json

REPORT_NAME = "conversion.csv"

Event = Literal["converted", "failed", "left out", "mended", "overlap", "known bad", "warning"]
"""`converted`, `failed` and `left out` say how a case ended; the others what else there is to know of it."""

_COLUMNS = ("case", "subset", "event", "detail", "files")


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        case: the case id.
        subset: training, validation or test.
        event: what kind of line it is.
        detail: what was done, or why not, in a sentence.
        files: the source files, from the source's folder.
    """

    case: str
    subset: str
    event: Event
    detail: str
    files: str


@dataclass(frozen=True)
class Conversion:
    """How a conversion ended.

    Attributes:
        folder: the converted data set.
        rows: the report, the cases in order.
        kept: cases that an earlier run had converted and that are as they were; among the converted.
        notes: what a person should know of the whole data set, one sentence each.
    """

    folder: Path
    rows: tuple[Row, ...]
    kept: int
    notes: tuple[str, ...]

    def of(self, *events: Event) -> tuple[Row, ...]:
        """The rows of some kinds, in order."""
        return tuple(row for row in self.rows if row.event in events)


def as_csv(rows: Sequence[Row]) -> str:
    """The report as CSV; the same rows give the same text."""
    return rows_as_csv([_COLUMNS, *([_safe(getattr(row, column)) for column in _COLUMNS] for row in rows)])


def _safe(text: str) -> str:
    """One line of text that can be written as UTF-8."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode("utf-8").split())


def files_in_words(files: Sequence[Path], root: Path) -> str:
    """File names from the source's folder; many of one folder and kind as a pattern with their number."""
    names = [path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name for path in files]
    if len(names) <= 2:
        return "; ".join(names)
    folder = Path(names[1]).parent.as_posix()
    return f"{names[0]}; {folder}/* ({len(names) - 1} files)"


FOLDER = "conversion"


@dataclass(frozen=True)
class CaseRecord:
    """One case of the converted data set.

    Attributes:
        sources: size in bytes and time of the last change in ns, by file name below the source's folder.
        outputs: every fingerprint that a file was given, newest last, by path below the converted data set.
        rows: of the report.
        images: image files as `dataset.json` names them, but those that stay where they are: None.
        label: path of the label below the converted data set.
        axcodes: orientation of the image on disk.
    """

    sources: Mapping[str, Sequence[Int64]]
    outputs: Mapping[str, Sequence[str]]
    rows: tuple[Row, ...]
    images: tuple[str | None, ...]
    label: str
    axcodes: str
    version: int = field(default=1)


def record_path(folder: Path, case_id: str) -> Path:
    """Where the record of a case lies."""
    return folder / FOLDER / f"{case_id}.json"


def read_record(folder: Path, case_id: str) -> CaseRecord | None:
    """The record of a case; None where there is none or it is damaged, so that the case is converted again."""
    try:
        return convert(read_json(record_path(folder, case_id)), CaseRecord)
    except (OSError, ValueError):
        return None


def write_record(folder: Path, case_id: str, record: CaseRecord) -> None:
    """Write the record of a case; before its files, so that an interruption leaves none that nobody knows."""
    text = json.dumps(asdict(record), indent=1, ensure_ascii=True)
    atomic.write_text(record_path(folder, case_id), text + "\n")


def state_of(files: Sequence[Path], root: Path) -> dict[str, list[int]]:
    """Size and time of the last change of source files, by their name below the source's folder."""
    found = {}
    for path in files:
        stat = path.stat()
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        found[name] = [stat.st_size, stat.st_mtime_ns]
    return found


@dataclass(frozen=True)
class Output:
    """One file to write.

    Attributes:
        relative: its path below the converted data set, with forward slashes.
        kind: `bytes` writes `content`; `copy` copies `source`; `link` links to it.
        content: for `bytes`.
        source: for `copy` and `link`.
    """

    relative: str
    kind: Literal["bytes", "copy", "link"]
    content: bytes = b""
    source: Path | None = None

    def fingerprint(self) -> str:
        """What tells this file from one that somebody else put in its place."""
        if self.source is not None:
            return _of_stat(self.source)
        return sha256_of(self.content)


def sha256_of(content: bytes) -> str:
    """Sha256 of bytes, with its name before it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def is_known(path: Path, fingerprints: Collection[str]) -> bool:
    """Whether a file is one that the conversion wrote, by any fingerprint that it noted."""
    if not path.is_file():
        return False
    if any(known.startswith("stat:") for known in fingerprints) and _of_stat(path) in fingerprints:
        return True
    hashed = any(known.startswith("sha256:") for known in fingerprints)
    return hashed and sha256_of(path.read_bytes()) in fingerprints


def check_free(folder: Path, output: Output, fingerprints: Collection[str]) -> None:
    """Make sure that a file may be written.

    Args:
        folder: the converted data set.
        output: what is to be written.
        fingerprints: of every content that an earlier run gave the file.

    Raises:
        CaseError: its folder leads out of the data set, or something stands there that the conversion did not write.
    """
    relative = output.relative
    path = folder / relative
    if not path.parent.resolve().is_relative_to(folder.resolve()):
        raise CaseError(f"{relative}: its folder is a link that leads out of the data set; remove the link")
    if path.is_symlink() and not path.exists():
        if not fingerprints:
            raise CaseError(f"{relative}: a broken link stands there that no conversion made; move it away")
        return
    is_link_to_it = output.source is not None and path.exists() and path.samefile(output.source)
    if path.exists() and not is_link_to_it and not is_known(path, fingerprints):
        raise CaseError(f"{relative}: is not as the conversion wrote it; move it away, then run the command again")


def write(folder: Path, output: Output) -> None:
    """Write one file in one step; `check_free` comes first.

    Raises:
        OSError: the folder cannot be written, the disk is full, or no link can be made.
    """
    path = folder / output.relative
    path.parent.mkdir(parents=True, exist_ok=True)
    if output.source is None:
        atomic.write_bytes(path, output.content)
    elif output.kind == "copy":
        _copy(output.source, path)
    else:
        _link(output.source, path)


def _of_stat(path: Path) -> str:
    stat = path.stat()
    return f"stat:{stat.st_size}:{stat.st_mtime_ns}"


def _copy(source: Path, path: Path) -> None:
    descriptor, name = tempfile.mkstemp(prefix=atomic.TEMPORARY_PREFIX, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        # With the time of the last change, which the fingerprint holds.
        shutil.copy2(source, temporary)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _link(source: Path, path: Path) -> None:
    """A relative symbolic link; a hard link where the system allows no symbolic ones."""
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(os.path.relpath(source, path.parent.resolve()))
    except (OSError, ValueError):
        os.link(source, path)


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
