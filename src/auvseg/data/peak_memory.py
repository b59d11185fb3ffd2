"""The most memory that this process held since a moment, as the system's kernel counted it.

`ru_maxrss` never falls, so it says nothing of the second case of a run, and sampling misses what comes and goes between
two looks. Linux keeps a high-water mark that can be set back; other systems have none, and the answer is None.
"""

from pathlib import Path

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
