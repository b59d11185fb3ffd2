"""Tasks for the pool's workers, which import them by name: spawned processes inherit pytest's `pythonpath`."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from auvseg.data.reading import read_array
from auvseg.errors import ReadError


class Summary(NamedTuple):
    shape: tuple[int, ...]
    spacing_mm: tuple[float, float, float]
    axcodes: str
    total: float


def double(number: int) -> int:
    return 2 * number


def double_after_a_wait(job: tuple[int, float]) -> int:
    number, wait_s = job
    time.sleep(wait_s)
    return 2 * number


def die(how: str) -> str:
    """Do to the process what the name says; any other name is returned."""
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        os._exit(3)
    if how == "sleep":
        time.sleep(600)
    return how


def fail(how: str) -> str:
    """Raise what the name says; any other name is returned."""
    if how == "read error":
        raise ReadError("case_7.nii: truncated; copy it again")
    if how == "two lines":
        raise KeyError("first line\nsecond line")
    if how == "silent":
        raise ValueError
    if how == "memory":
        raise MemoryError
    return how


def process_id(_: int) -> int:
    return os.getpid()


def process_and_double(number: int) -> tuple[int, int]:
    return os.getpid(), 2 * number


def fill(value: int) -> np.ndarray:
    """Eight megabytes, far above what a pipe buffers."""
    return np.full((128, 128, 128), value, np.float32)


def unsendable(wanted: bool) -> object:
    """A result that no pipe can carry, or None."""
    return (lambda: None) if wanted else None


def summary(path: Path) -> Summary:
    """Read a file; voxels are summed, since some files are large."""
    raw = read_array(path)
    return Summary(raw.array.shape, raw.header.spacing_mm, raw.header.axcodes, float(raw.array.sum(dtype=np.float64)))


def is_imported(module: str) -> bool:
    return module in sys.modules


def write_to_stderr(text: str) -> int:
    """As a C library does, past Python's own stream."""
    return os.write(2, text.encode())


class SlowToArrive:
    """An argument that takes its time to be unpickled, as one does whose module has to be imported."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s

    def __reduce__(self) -> tuple:
        return _wait, (self.wait_s,)


def _wait(wait_s: float) -> float:
    time.sleep(wait_s)
    return wait_s


class NeverArrives:
    def __reduce__(self) -> tuple:
        return _refuse, ()


def _refuse() -> None:
    raise ImportError("no module of that name")


def identity(item: object) -> object:
    return item


def imported_with_nibabel(names):
    """Which of these modules are there once nibabel is."""
    import nibabel  # noqa: F401

    return tuple(name for name in names if name in sys.modules)


def version_of_pydicom(_):
    """Imports it."""
    import pydicom

    return pydicom.__version__
