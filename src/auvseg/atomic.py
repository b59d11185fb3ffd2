"""Files that are either the old ones or the new ones, whatever happens in between.

A file is written under a temporary name in its own folder, flushed to the disk and renamed over the target. A process
that is killed leaves at most a `.auvseg-tmp-*` file, which nothing reads.
"""

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from auvseg.errors import WriteError

TEMPORARY_PREFIX = ".auvseg-tmp-"


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step; parent folders are made.

    Raises:
        WriteError: the folder cannot be written, or the disk is full; the old file is then untouched.
    """
    try:
        _replace(path, content)
    except OSError as problem:
        raise _in_words(path, problem) from None
    _sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """Replace `path` by `content` in UTF-8, line ends as given; see `write_bytes`."""
    write_bytes(path, content.encode("utf-8"))


def create_text(path: Path, content: str) -> bool:
    """Write `path` unless it is there; whether this call wrote it. Of several processes one alone does.

    Raises:
        WriteError: as `write_bytes`.
    """
    try:
        return _replace(path, content.encode("utf-8"), first=True)
    except OSError as problem:
        raise _in_words(path, problem) from None


def is_left_over(path: Path) -> bool:
    """Whether a file is what a killed process left of one that it wrote."""
    return path.name.startswith(TEMPORARY_PREFIX)


def _replace(path: Path, content: bytes, *, first: bool = False) -> bool:
    """Put a whole file in its place; with `first` only where there is none. Whether it is there now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        Path(temporary).chmod(_default_mode())
        if first and _exists_after_linking(Path(temporary), path):
            Path(temporary).unlink()
            return False
        Path(temporary).replace(path)
        return True
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _exists_after_linking(temporary: Path, path: Path) -> bool:
    """Give a file a second name, which only one process can; whether the name was taken.

    Where the file system knows no second names, the last process that renames wins: one after the other as ever.
    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        return True
    except OSError:
        return path.exists()
    return False


def _in_words(path: Path, problem: OSError) -> WriteError:
    """What was wrong, where, and what to do."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = "make room there and give the same command again"
    elif problem.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        advice = "choose a folder that you may write to"
    else:
        advice = "look after that disk and give the same command again"
    error = WriteError(f"{path.parent}: cannot write {path.name} ({problem.strerror or problem}); {advice}")
    error.errno, error.strerror = problem.errno, problem.strerror
    return error


def _default_mode() -> int:
    """What `open` would have given a new file: `mkstemp` makes private files, which a colleague could not read."""
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; file systems that cannot open a folder are left as they are."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
