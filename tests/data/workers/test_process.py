import os
import signal
import subprocess
import sys
import time

import pytest

import isolation_tasks as tasks
from auvseg.data.workers.pool import IsolatedPool
from processes import wait_until_gone


@pytest.fixture(scope="module")
def pool():
    """Two workers for the tests that leave them whole."""
    with IsolatedPool(2) as pool:
        yield pool


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


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals name the cause of death on POSIX alone")
def test_a_crash_costs_only_its_own_task():
    with IsolatedPool(2) as pool:
        outcomes = list(pool.map(tasks.die, ["a", "segfault", "b", "exit", "killed", "c"]))
    assert [outcome.result for outcome in outcomes] == ["a", None, "b", None, None, "c"]
    assert [outcome.crashed for outcome in outcomes] == [False, True, False, True, True, False]
    assert outcomes[1].error == "the reader crashed (SIGSEGV); the file is damaged"
    assert outcomes[3].error == "the reader crashed (exit status 3); the file is damaged"
    assert "memory" in outcomes[4].error


def test_a_task_that_takes_too_long_is_stopped_and_the_others_are_not():
    with IsolatedPool(2, timeout_s=3) as pool:
        outcomes = list(pool.map(tasks.die, ["a", "sleep", "b", "c"]))
    assert [outcome.result for outcome in outcomes] == ["a", None, "b", "c"]
    assert outcomes[1].crashed
    assert outcomes[1].error.startswith("gave up after 3 s")


def test_starting_and_importing_do_not_count_against_a_tasks_time():
    with IsolatedPool(1, timeout_s=3) as pool:
        (outcome,) = pool.map(tasks.identity, [tasks.SlowToArrive(3.5)])
    assert (outcome.result, outcome.error) == (3.5, None)


def test_a_caller_that_takes_its_time_does_not_make_tasks_late():
    with IsolatedPool(1, timeout_s=3) as pool:
        outcomes = pool.map(tasks.double, range(3))
        results = [next(outcomes).result]
        time.sleep(3.5)
        results += [outcome.result for outcome in outcomes]
    assert results == [0, 2, 4]


def test_an_argument_that_cannot_be_taken_over_costs_only_its_own_task(pool):
    outcomes = list(pool.map(tasks.identity, [1, tasks.NeverArrives(), 3]))
    assert [outcome.result for outcome in outcomes] == [1, None, 3]
    assert outcomes[1].error == "ImportError: no module of that name"
    assert not outcomes[1].crashed


def test_workers_do_not_import_torch(pool):
    assert [outcome.result for outcome in pool.map(tasks.is_imported, ["torch", "auvseg.data.workers.process"])] == [
        False,
        True,
    ]


def test_libraries_do_not_write_to_the_terminal_from_a_worker(pool, capfd):
    (outcome,) = pool.map(tasks.write_to_stderr, ["libpng warning: tIME: invalid value\n"])
    assert outcome.result == 36
    assert capfd.readouterr() == ("", "")


def test_no_worker_outlives_the_with_block_though_it_is_busy():
    workers = set()
    with pytest.raises(RuntimeError, match="enough"):
        leave_while_workers_sleep(workers)
    assert len(workers) == 2
    assert wait_until_gone(workers) == set()


def leave_while_workers_sleep(workers):
    with IsolatedPool(2) as pool:
        while len(workers) < 2:
            workers.update(outcome.result for outcome in pool.map(tasks.process_id, range(4)))
        outcomes = pool.map(tasks.die, ["quick", "sleep", "sleep"], ahead=1)
        assert next(outcomes).result == "quick"
        raise RuntimeError("enough")


SCRIPT = """
import signal
from auvseg.data.workers.pool import IsolatedPool
import isolation_tasks as tasks
# A shell that starts tests in the background lets them ignore Ctrl-C; a terminal does not.
signal.signal(signal.SIGINT, signal.default_int_handler)
{guard}
    with IsolatedPool(2) as pool:
        for outcome in pool.map(tasks.process_id, range(4)):
            print(outcome.result, flush=True)
        print("sleeping", flush=True)
        list(pool.map(tasks.die, ["sleep"] * 3))
"""


@pytest.fixture
def script(tmp_path):
    """Start a script of its own process group whose two workers sleep; gives the process and the workers."""
    running = []

    def start(guard='if __name__ == "__main__":'):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(guard=guard))
        process = subprocess.Popen(
            [sys.executable, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        running.append(process)
        workers = set()
        for line in process.stdout:
            if line.strip() == "sleeping":
                break
            workers.add(int(line))
        return process, workers

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="process groups are POSIX's")
def test_ctrl_c_ends_everything_at_once_and_workers_keep_silent(script):
    process, workers = script()
    # The terminal sends it to every process of the group.
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert workers
    assert wait_until_gone(workers) == set()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills the parent by a POSIX signal")
def test_workers_end_with_a_parent_that_is_killed_even_while_they_are_busy(script):
    process, workers = script()
    process.kill()
    process.wait()
    assert workers
    assert wait_until_gone(workers) == set()


def test_a_script_without_a_main_guard_runs_once(script):
    _, workers = script(guard="if True:")
    assert len(workers) in (1, 2)


def test_workers_import_nothing_of_the_caller_and_no_pydicom_with_nibabel(pool):
    (outcome,) = pool.map(tasks.imported_with_nibabel, [("nibabel", "pydicom", "pytest", "typer")])
    assert outcome.result == ("nibabel",)


def test_pydicom_can_be_imported_after_nibabel(pool):
    assert [outcome.result for outcome in pool.map(tasks.imported_with_nibabel, [(), ()])] == [(), ()]
    (outcome,) = pool.map(tasks.version_of_pydicom, [0])
    assert outcome.error is None
    assert outcome.result
