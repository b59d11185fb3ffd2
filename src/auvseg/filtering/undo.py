"""Undo the exports of a run.

A file is deleted or replaced by its original only if it still holds what auvseg wrote. Files that have changed since
are left alone and reported.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.filtering.manifest import MANIFEST_NAME, Entry, backup_path, read_manifest, sha256_of


@dataclass(frozen=True)
class Undone:
    """What `undo` did.

    Attributes:
        removed: auvseg's files that were deleted.
        restored: the user's files that were restored.
        left: files that were left alone, and why.
    """

    removed: tuple[Path, ...]
    restored: tuple[Path, ...]
    left: tuple[tuple[Path, str], ...]


def undo(folder: Path) -> Undone:
    """Undo every export of a run: delete what auvseg wrote, restore what it replaced, leave what has changed.

    Args:
        folder: the run's filter folder.

    Raises:
        RunError: there is no manifest, or it is damaged.
    """
    manifest = read_manifest(folder)
    if not manifest.files:
        raise RunError(f"{folder}: nothing to undo; this run has no exports")
    removed: list[Path] = []
    restored: list[Path] = []
    left: list[tuple[Path, str]] = []
    for name, entry in reversed(list(manifest.files.items())):
        path = Path(name)
        try:
            problem = _take_back(path, entry)
        except OSError as error:
            problem = f"it cannot be changed: {error.strerror}"
        if problem:
            left.append((path, problem))
            continue
        (removed if entry.original_sha256 is None else restored).append(path)
        del manifest.files[name]
    if manifest.files:
        manifest.save()
    else:
        (folder / MANIFEST_NAME).unlink()
    for home in {manifest.folder, *(path.parent for path in (*removed, *restored))}:
        atomic.clear_left_overs(home, below=False)
    for made in reversed(manifest.made_folders):
        with contextlib.suppress(OSError):
            Path(made).rmdir()
    return Undone(tuple(removed), tuple(restored), tuple(left))


def _take_back(path: Path, entry: Entry) -> str:
    """Delete or restore one file; return why it was left alone, or nothing."""
    backup = backup_path(path)
    current = sha256_of(path.read_bytes()) if path.is_file() else None
    if entry.original_sha256 is None:
        if current is not None and current not in entry.sha256:
            return "it has changed since auvseg wrote it"
        path.unlink(missing_ok=True)
        return ""
    kept = sha256_of(backup.read_bytes()) if backup.is_file() else None
    if current == entry.original_sha256:
        if kept == current:
            backup.unlink()
        return ""
    if current is not None and current not in entry.sha256:
        return f"it has changed since auvseg wrote it; the original is in {backup.name}"
    if kept != entry.original_sha256:
        return f"its original, {backup.name}, is missing or has changed"
    backup.replace(path)
    return ""
