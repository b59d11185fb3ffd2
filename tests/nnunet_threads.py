"""nnU-Net's worker processes as threads, for tests in which they do next to nothing.

Each of its pools spawns processes that import nnU-Net and PyTorch, which takes longer than what a test has them do.
"""

import multiprocessing
from contextlib import contextmanager
from multiprocessing.pool import ThreadPool
from types import SimpleNamespace

import pytest


@contextmanager
def threads_for_processes():
    """Pools of `multiprocessing.get_context(...)` are of threads within the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "get_context", lambda method=None: SimpleNamespace(Pool=ThreadPool))
        yield
