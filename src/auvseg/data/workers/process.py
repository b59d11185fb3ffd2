"""One worker process of `pool.IsolatedPool`, and the parent's handle on it.

A worker does one task at a time and reports its start. So starting Python and importing a reader do not count as task
time, and a process that cannot start is distinguished from a file that crashes it.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any, Generic, TypeVar

from auvseg.data.lean_nibabel import hide_pydicom_from_nibabel
from auvseg.data.workers import transfer
from auvseg.errors import AuvsegError

Item = TypeVar("Item")
Result = TypeVar("Result")

_START_S = 120.0
"""A process that has not begun its task after this long, beyond the task's own time, is given up."""
DEATH_S = 60.0
"""A process whose pipe has ended is dying, which takes time on a busy machine, or while its memory goes to disk."""
_BEGUN = "begun"
_STDERR = 2


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """How a task ended.

    Attributes:
        item: what the task was about.
        result: what the function returned; None where it failed.
        error: one line that says why it failed; None where it did not.
        crashed: whether the process died or was stopped, rather than the function raising.
    """

    item: Item
    result: Result | None
    error: str | None
    crashed: bool = False


class NotBegunError(Exception):
    """The process ended before it began the task, so the task is not to blame."""


class Worker(Generic[Item, Result]):
    """A process and the pipe to it.

    Args:
        timeout_s: a task that takes longer counts as late; None never.
    """

    def __init__(self, timeout_s: float | None) -> None:
        # Not fork: torch's threads do not survive it.
        context = multiprocessing.get_context("spawn")
        self.connection, child = context.Pipe()
        self._process = context.Process(target=_work, args=(child,), daemon=True)
        with interrupts_blocked(), _without_main():
            self._process.start()
        child.close()
        self._timeout_s = float("inf") if timeout_s is None else timeout_s
        self._deadline_s = float("inf")
        self._begun = False
        self._item: Item

    def start(self, item: Item, task: bytes) -> None:
        """Hand over a task.

        Args:
            item: what the task is about.
            task: the pickled pair of function and item.

        Raises:
            NotBegunError: the process has died since its last task.
        """
        self._item = item
        self._begun = False
        self._deadline_s = time.monotonic() + _START_S + self._timeout_s
        try:
            self.connection.send_bytes(task)
        except OSError:
            raise NotBegunError(self._cause_of_death()) from None

    def hear(self) -> Outcome[Item, Result] | None:
        """Take the message that has arrived: None for the news that the task has begun, else how it ended.

        Raises:
            NotBegunError: the process died before it began the task.
        """
        try:
            message = transfer.receive(self.connection)
        except (EOFError, OSError):
            if not self._begun:
                raise NotBegunError(self._cause_of_death()) from None
            return Outcome(self._item, None, self._death(), crashed=True)
        except Exception as error:  # noqa: BLE001 - a result that does not fit in this process is a row, not the end
            return Outcome(self._item, None, f"its result could not be taken over: {one_line(error)}", crashed=True)
        if message == _BEGUN:
            self._begun = True
            self._deadline_s = time.monotonic() + self._timeout_s
            return None
        return Outcome(self._item, *message)

    def remaining_s(self) -> float:
        """Seconds until the task is late; infinite where it may take for ever."""
        return self._deadline_s - time.monotonic()

    def late(self) -> Outcome[Item, Result]:
        """The outcome of a task that takes too long."""
        error = f"gave up after {self._timeout_s:g} s; the file is damaged, or its disk is very slow"
        return Outcome(self._item, None, error, crashed=True)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.connection.close()
        self._process.kill()
        self._process.join(timeout=5)

    def _death(self) -> str:
        cause = self._cause_of_death()
        if cause == "SIGKILL":
            return "the reader was killed (SIGKILL), as happens when memory runs out; use fewer workers"
        return f"the reader crashed ({cause}); the file is damaged"

    def _cause_of_death(self) -> str:
        self._process.join(timeout=DEATH_S)
        return exit_in_words(self._process.exitcode)


def call(function: Callable[[Item], Result], item: Item) -> tuple[Result | None, str | None]:
    """Result of a function, or why it failed, in one line."""
    try:
        return function(item), None
    except Exception as error:  # noqa: BLE001 - whatever a reader raises is a row of the report, not the end of the run
        return None, one_line(error)


def one_line(error: Exception) -> str:
    """An error in one line: its own words where auvseg raised it on purpose, else its type before them."""
    if isinstance(error, AuvsegError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory to read this file"
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"


def exit_in_words(code: int | None) -> str:
    """What a process's exit code says: the signal's name, or the status."""
    if code is None or code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Have a child start with Ctrl-C blocked, which the parent alone answers; it would die of it while importing."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # The tracker that multiprocessing starts beside the first child unblocks interrupts when it does.
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_main() -> Iterator[None]:
    """Have a child start without the caller's script, which it would import: long, unguarded, or all of the commands.

    A task's function is imported from its own module.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _work(connection: Connection) -> None:
    """A worker's life: ends with the pipe, which ends with the parent."""
    hide_pydicom_from_nibabel()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    # libpng, libtiff and ITK talk to the terminal; what matters of it comes back as an error.
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), _STDERR)
    while True:
        try:
            _do(connection, connection.recv_bytes())
        except (EOFError, OSError):
            return


def end_with_parent() -> None:
    """A worker that hangs in a reader does not look at its pipe."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _do(connection: Connection, task: bytes) -> None:
    answer: tuple[Any, str | None]
    try:
        function, item = pickle.loads(task)
    except Exception as error:  # noqa: BLE001 - importing the function's module may raise anything
        transfer.send(connection, _BEGUN)
        answer = None, one_line(error)
    else:
        transfer.send(connection, _BEGUN)
        answer = call(function, item)
    try:
        transfer.send(connection, answer)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - a result that cannot be pickled costs its own task alone
        transfer.send(connection, (None, one_line(error)))
