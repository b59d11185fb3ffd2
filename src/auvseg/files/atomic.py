"""Write files atomically: after an interruption a file is the old one or the new one, never half.

A file is written under a temporary name in its own folder, flushed to the disk and renamed over the target. A killed
process leaves at most a `.auvseg-tmp-*` file, which nothing reads; the command that goes on deletes it at its end
(`clear_left_overs`).
"""

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from auvseg.errors import WriteError

TEMPORARY_PREFIX = ".auvseg-tmp-"
_ATTEMPTS = 5


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
    """Write `path` unless it exists; whether this call wrote it. Of several processes exactly one does.

    Raises:
        WriteError: as `write_bytes`.
    """
    try:
        return _replace(path, content.encode("utf-8"), first=True)
    except OSError as problem:
        raise _in_words(path, problem) from None


def clear_left_overs(folder: Path, *, below: bool = True) -> None:
    """Delete the temporary files of killed processes in and below a folder; a process that still writes starts over.

    Args:
        folder: one that auvseg writes into; nothing is done where it is missing.
        below: whether to look in its folders too; links are not followed.
    """
    for parent, folders, names in os.walk(folder):
        for name in names:
            if name.startswith(TEMPORARY_PREFIX):
                with contextlib.suppress(OSError):
                    Path(parent, name).unlink()
        if not below:
            folders.clear()


def _replace(path: Path, content: bytes, *, first: bool = False) -> bool:
    """Put a whole file in its place; with `first` only where there is none. Whether this call did."""
    for _ in range(_ATTEMPTS - 1):
        with contextlib.suppress(FileNotFoundError):  # another process cleared the folder
            return _replaced(path, content, first=first)
    return _replaced(path, content, first=first)


def _replaced(path: Path, content: bytes, *, first: bool) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        Path(temporary).chmod(_default_mode())
        if first:
            return _claimed(Path(temporary), path)
        Path(temporary).replace(path)
        return True
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _claimed(temporary: Path, path: Path) -> bool:
    """Rename a file to a name that only one process can take; whether this one did. The temporary name is gone then.

    By a second name for the file, which is refused where the name is taken. Where the file system knows no second
    names, the last process that renames wins: one after the other as ever.
    """
    try:
        os.link(temporary, path)
        won = True
    except FileNotFoundError:
        raise
    except FileExistsError:
        won = False
    except OSError:
        won = not path.exists()
        if won:
            temporary.replace(path)
    # After a link: a rename between two names of one file would do nothing, and leave both.
    temporary.unlink(missing_ok=True)
    return won


def _in_words(path: Path, problem: OSError) -> WriteError:
    """What was wrong, where, and what to do."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        advice = "make room there and give the same command again"
    elif problem.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        advice = "choose a folder that you may write to"
    elif problem.errno in (errno.EEXIST, errno.ENOTDIR):
        advice = "a file is where that folder would be; choose another"
    elif problem.errno == errno.EISDIR:
        advice = "that is a folder; name a file"
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
