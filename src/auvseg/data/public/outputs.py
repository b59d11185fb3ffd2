"""Files of a conversion: written in one step, never over a file that is not the conversion's own, never outside it."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from auvseg.errors import CaseError
from auvseg.files import atomic


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
