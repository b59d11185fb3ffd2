import contextlib
import multiprocessing
import os
import signal
import sys
import time

import numpy as np
import pytest

import isolation_tasks as tasks
from auvseg.data.workers.pool import IsolatedPool
from auvseg.errors import RunError
from processes import wait_until_gone


@pytest.fixture(scope="module")
def pool():
    """Two workers for the tests that leave them whole; starting them costs most of a test's time."""
    with IsolatedPool(2) as pool:
        yield pool


def test_outcomes_keep_the_items_order_though_later_ones_end_first(pool):
    jobs = [(0, 0.3), *((number, 0.0) for number in range(1, 8))]
    outcomes = list(pool.map(tasks.double_after_a_wait, jobs, ahead=8))
    assert [outcome.item for outcome in outcomes] == jobs
    assert [outcome.result for outcome in outcomes] == [0, 2, 4, 6, 8, 10, 12, 14]
    assert all(outcome.error is None and not outcome.crashed for outcome in outcomes)


def test_no_items_give_no_outcomes(pool):
    assert list(pool.map(tasks.double, [])) == []


def test_workers_serve_one_map_after_the_other(pool):
    first = {outcome.result for outcome in pool.map(tasks.process_id, range(6))}
    second = {outcome.result for outcome in pool.map(tasks.process_id, range(6))}
    assert second <= first
    assert os.getpid() not in first


def test_a_map_that_is_left_half_way_does_not_disturb_the_next(pool):
    outcomes = pool.map(tasks.process_and_double, range(20))
    first, _ = next(outcomes).result
    outcomes.close()
    workers = set()
    for number, outcome in enumerate(pool.map(tasks.process_and_double, range(100, 104)), start=100):
        worker, result = outcome.result
        workers.add(worker)
        assert result == 2 * number
    # Those that were still at work were ended, not kept beside new ones.
    assert len(workers) <= 2
    assert wait_until_gone({first} - workers) == set()


def test_large_results_arrive_whole(pool):
    for outcome in pool.map(tasks.fill, range(4)):
        np.testing.assert_array_equal(outcome.result, np.full((128, 128, 128), outcome.item, np.float32))


@pytest.mark.parametrize("ahead", [None, 0, 3])
def test_no_more_items_are_pulled_than_workers_and_outcomes_ahead(pool, ahead):
    pulled = 0

    def items():
        nonlocal pulled
        for number in range(12):
            pulled += 1
            yield number

    room = 2 + (2 if ahead is None else ahead)
    for taken, outcome in enumerate(pool.map(tasks.double, items(), ahead=ahead)):
        assert outcome.result == 2 * taken
        assert pulled <= taken + room
    assert pulled == 12


def test_without_workers_tasks_run_in_this_process():
    with IsolatedPool(0) as pool:
        assert [outcome.result for outcome in pool.map(tasks.process_id, range(3))] == [os.getpid()] * 3


def test_a_negative_number_of_workers_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        IsolatedPool(-1)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a worker by a POSIX signal")
def test_a_worker_that_died_while_idle_is_replaced():
    with IsolatedPool(1) as pool:
        (first,) = pool.map(tasks.process_id, [0])
        os.kill(first.result, signal.SIGKILL)
        time.sleep(0.2)
        (second,) = pool.map(tasks.process_id, [0])
    assert second.error is None
    assert second.result != first.result


def test_workers_that_all_died_while_idle_are_replaced():
    with IsolatedPool(2) as pool:
        for outcome in [*pool.map(tasks.process_id, range(4))]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(outcome.result, signal.SIGKILL)
        assert [outcome.error for outcome in pool.map(tasks.double, range(4))] == [None] * 4


@pytest.mark.skipif(os.name != "posix", reason="needs a program that ends at once")
def test_workers_that_cannot_start_are_told_apart_from_a_file_that_kills_them():
    multiprocessing.set_executable("/bin/false")
    try:
        with IsolatedPool(1) as pool, pytest.raises(RunError, match="before they begin"):
            list(pool.map(tasks.double, [1]))
    finally:
        multiprocessing.set_executable(sys.executable)
