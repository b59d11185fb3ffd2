"""Memory limits and usage of a process, and the memory of an extractor's maps."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from auvseg.errors import UsageError


@dataclass(frozen=True)
class MapMemory:
    """Memory of the maps of a case, known before the case is read.

    Attributes:
        plane_bytes: of one plane of one map; None: float32 on the volume's grid.
        open_maps: whole maps that are held at a time at most, finished or not, however many classes there are.
        fixed_bytes: what the network takes beside its weights and the maps.
        max_planes: of a map; None: as many as the volume has.
    """

    plane_bytes: int | None = None
    open_maps: int = 3
    fixed_bytes: int = 1 << 30
    max_planes: int | None = None


UNKNOWN = MapMemory()
"""Of an extractor that does not say."""


_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_RESET_HIGH_WATER_MARK = "5"


def forget_peak() -> bool:
    """Begin anew; False where the system cannot, or does not allow it."""
    try:
        _RESET.write_text(_RESET_HIGH_WATER_MARK, encoding="ascii")
    except OSError:
        return False
    return True


def peak_bytes() -> int | None:
    """The most bytes in memory at a time since `forget_peak`, shared ones among them; None where nobody counts."""
    return _status("VmHWM")


def held_bytes() -> int | None:
    """The bytes in memory now, shared ones among them; None where nobody counts."""
    return _status("VmRSS")


def _status(name: str) -> int | None:
    try:
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(I?)B?\s*", re.IGNORECASE)

_NO_LIMIT = 1 << 60
"""Version 1 says with a number of about 2⁶³ that a group has no limit."""


def parse_size(text: str) -> int:
    """A size that a person writes, in bytes: `6GB`, `6.5 GiB`, `800M`, `1000000`; without an I, powers of 1000.

    Raises:
        UsageError: it is no size, or is 0.
    """
    found = _SIZE.fullmatch(text)
    unit = found[2].upper() if found else ""
    if found is None or (found[3] and not unit):
        raise UsageError(f"{text!r} is not an amount of memory; write it like 6GB, 6.5GiB or 800M")
    size = int(float(found[1]) * (_BINARY_UNITS if found[3] else _UNITS)[unit])
    if size < 1:
        raise UsageError(f"{text!r} leaves no memory at all; write it like 6GB, 6.5GiB or 800M")
    return size


def gigabytes(size: float) -> str:
    """Bytes in words, as the user writes them: `14.2 GB`."""
    return f"{size / 10**9:.1f} GB" if size >= 10**8 else f"{size / 10**6:.1f} MB"


def memory_limit(root: Path = Path("/")) -> int | None:
    """Bytes that this process may at most use: the machine's memory, or less where a control group holds it to less.

    Control groups are those of Linux, version 1 and 2, with which containers and SLURM limit jobs; of nested groups the
    tightest counts.

    Args:
        root: the file system's root, for tests.

    Returns:
        None where the system does not say.
    """
    known = [size for size in (_machine(), *_groups(root)) if size is not None]
    return min(known, default=None)


def _machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _groups(root: Path) -> Iterator[int | None]:
    """The limits of all groups that hold this process."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _upwards(root / "sys/fs/cgroup", path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _upwards(root / "sys/fs/cgroup/memory", path, "memory.limit_in_bytes")


def _upwards(mount: Path, path: str, name: str) -> Iterator[int | None]:
    """A group's limit and those of the groups around it; inside a container the mount is the container's own group."""
    own = PurePosixPath(path.lstrip("/"))
    for part in (own, *own.parents):
        if ".." not in part.parts:
            yield _limit(mount / part / name)


def _limit(file: Path) -> int | None:
    try:
        size = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        # `max` in version 2.
        return None
    return size if 0 < size < _NO_LIMIT else None
