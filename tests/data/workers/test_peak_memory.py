import numpy as np
import pytest

from auvseg.data.workers import memory as peak_memory
from auvseg.data.workers.memory import forget_peak, held_bytes, peak_bytes

MB = 1 << 20


@pytest.fixture
def counted():
    if not forget_peak():
        pytest.skip("this system keeps no high-water mark that can be set back")


def hold(megabytes):
    return np.ones(megabytes * MB, dtype=np.uint8)


def test_what_came_and_went_counts_until_it_is_forgotten(counted):
    before = held_bytes()
    hold(200)
    assert peak_bytes() >= before + 190 * MB
    forget_peak()
    assert peak_bytes() < before + 100 * MB


def test_where_nobody_counts_there_is_no_number(monkeypatch, tmp_path):
    monkeypatch.setattr(peak_memory, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(peak_memory, "_RESET", tmp_path / "no" / "clear_refs")
    assert (forget_peak(), peak_bytes(), held_bytes()) == (False, None, None)
    (tmp_path / "status").write_text("VmHWM:\tmany kB\n")
    assert peak_bytes() is None
