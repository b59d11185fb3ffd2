"""Files that are either the old ones or the new ones, whatever happens in between.

A file is written under a temporary name in its own folder, flushed to the disk and renamed over the target. A process
that is killed leaves at most a `.auvseg-tmp-*` file, which nothing reads.
"""

import contextlib
import os
import tempfile
from pathlib import Path

TEMPORARY_PREFIX = ".auvseg-tmp-"


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step; parent folders are made.

    Raises:
        OSError: the folder cannot be written, or the disk is full; the old file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        Path(temporary).chmod(_default_mode())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
    _sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """Replace `path` by `content` in UTF-8, line ends as given; see `write_bytes`."""
    write_bytes(path, content.encode("utf-8"))


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
