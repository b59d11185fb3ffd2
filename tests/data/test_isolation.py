import os
import signal
import time

import numpy as np
import pytest

import isolation_tasks as tasks
from auvseg.data.isolation import IsolatedPool


def wait_until_gone(process_ids, patience_s=5.0):
    """The processes that still run after some patience."""
    until = time.monotonic() + patience_s
    alive = set(process_ids)
    while alive and time.monotonic() < until:
        alive = {number for number in alive if is_alive(number)}
        time.sleep(0.01)
    return alive


def is_alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


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
    outcomes = pool.map(tasks.double, range(20))
    assert next(outcomes).result == 0
    outcomes.close()
    assert [outcome.result for outcome in pool.map(tasks.double, range(100, 104))] == [200, 202, 204, 206]


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


def test_an_error_of_auvseg_is_passed_on_word_by_word(pool):
    (outcome,) = pool.map(tasks.fail, ["read error"])
    assert (outcome.result, outcome.error, outcome.crashed) == (None, "case_7.nii: truncated; copy it again", False)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_any_other_exception_becomes_one_line(pool, num_workers):
    with IsolatedPool(0) as inline:
        chosen = pool if num_workers else inline
        outcomes = list(chosen.map(tasks.fail, ["two lines", "silent", "memory", "well"]))
    assert [outcome.result for outcome in outcomes] == [None, None, None, "well"]
    two, silent, memory, well = (outcome.error for outcome in outcomes)
    assert two.startswith("KeyError: ")
    assert "\n" not in two
    assert silent == "ValueError: no message"
    assert memory == "not enough memory to read this file"
    assert well is None
    assert not any(outcome.crashed for outcome in outcomes)


def test_a_result_that_cannot_be_sent_back_costs_only_its_own_task(pool):
    outcomes = list(pool.map(tasks.unsendable, [True, False]))
    assert outcomes[0].result is None
    assert outcomes[0].error
    assert outcomes[1].result is None
    assert outcomes[1].error is None


def test_without_workers_tasks_run_in_this_process():
    with IsolatedPool(0) as pool:
        assert [outcome.result for outcome in pool.map(tasks.process_id, range(3))] == [os.getpid()] * 3


def test_a_negative_number_of_workers_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        IsolatedPool(-1)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals name the cause of death on POSIX alone")
def test_a_crash_costs_only_its_own_task():
    with IsolatedPool(2) as pool:
        outcomes = list(pool.map(tasks.die, ["a", "segfault", "b", "exit", "c"]))
    assert [outcome.result for outcome in outcomes] == ["a", None, "b", None, "c"]
    assert [outcome.crashed for outcome in outcomes] == [False, True, False, True, False]
    assert "SIGSEGV" in outcomes[1].error
    assert "exit status 3" in outcomes[3].error


def test_a_task_that_takes_too_long_is_stopped_and_the_others_are_not():
    with IsolatedPool(2, timeout_s=3) as pool:
        started = time.monotonic()
        outcomes = list(pool.map(tasks.die, ["a", "sleep", "b", "c"]))
        assert time.monotonic() - started < 30
    assert [outcome.result for outcome in outcomes] == ["a", None, "b", "c"]
    assert outcomes[1].crashed
    assert outcomes[1].error.startswith("gave up after 3 s")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills a worker by a POSIX signal")
def test_a_worker_that_died_while_idle_is_replaced():
    with IsolatedPool(1) as pool:
        (first,) = pool.map(tasks.process_id, [0])
        os.kill(first.result, signal.SIGKILL)
        time.sleep(0.2)
        (second,) = pool.map(tasks.process_id, [0])
    assert second.error is None
    assert second.result != first.result


def test_no_worker_outlives_the_with_block():
    with IsolatedPool(2) as pool:
        workers = {outcome.result for outcome in pool.map(tasks.process_id, range(4))}
        left = pool.map(tasks.die, ["sleep", "sleep", "sleep"], ahead=0)
        with pytest.raises(RuntimeError, match="enough"):
            fail_while_tasks_run(left)
    assert wait_until_gone(workers) == set()


def fail_while_tasks_run(outcomes):
    raise RuntimeError("enough")
