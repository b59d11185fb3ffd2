"""A pool of worker processes in which a task that kills its process costs only itself.

Readers of medical formats are C++; a damaged file can take the whole process with it. A worker does one task at a time;
one that dies or takes too long is reported and replaced. Results come in the order of the items, and no more of them
are in flight than asked for, since each may be a whole volume.
"""

import multiprocessing
import multiprocessing.connection
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, TypeVar

from auvseg.errors import AuvsegError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """How one task ended.

    Attributes:
        item: what the task was about.
        result: what the function returned; None where it failed.
        error: one line that says why it failed; None where it did not.
        crashed: whether the process died or was stopped rather than the function raising.
    """

    item: Item
    result: Result | None
    error: str | None
    crashed: bool = False


class IsolatedPool:
    """Worker processes, started when first needed, ended with the `with` block or with their parent.

    Args:
        num_workers: processes; 0 runs every task in this process, without protection, which is for debugging.
        timeout_s: a task that takes longer is stopped; None waits for ever.
    """

    def __init__(self, num_workers: int, timeout_s: float | None = None) -> None:
        if num_workers < 0:
            raise ValueError(f"num_workers must not be negative, not {num_workers}")
        self._num_workers = num_workers
        self._timeout_s = timeout_s
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []

    def __enter__(self) -> "IsolatedPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in [*self._idle, *self._busy]:
            worker.stop()
        self._idle, self._busy = [], []

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int | None = None
    ) -> Iterator[Outcome[Item, Result]]:
        """Run `function` on every item and yield the outcomes in the items' order.

        Args:
            function: a function that can be pickled, of a module that workers can import quickly.
            items: pulled one by one, as there is room.
            ahead: outcomes that may wait to be taken, beside the tasks that run; as many as workers by default.
        """
        if self._num_workers == 0:
            yield from (Outcome(item, *_call(function, item)) for item in items)
            return
        most = self._num_workers + (self._num_workers if ahead is None else ahead)
        source = iter(enumerate(items))
        waiting: deque[int] = deque()
        done: dict[int, Outcome[Item, Result]] = {}
        running: dict[int, tuple[_Worker, Item]] = {}
        exhausted = False
        while True:
            while not exhausted and len(waiting) < most and len(running) < self._num_workers:
                number_item = next(source, None)
                if number_item is None:
                    exhausted = True
                    break
                number, item = number_item
                worker = self._take_worker()
                worker.start(function, item)
                running[number] = (worker, item)
                waiting.append(number)
            if not waiting:
                return
            if waiting[0] in done:
                yield done.pop(waiting.popleft())
                continue
            self._collect(running, done)

    def _take_worker(self) -> "_Worker":
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive():
                break
            # The system may have killed it for memory while it waited.
            worker.stop()
        else:
            worker = _Worker()
        self._busy.append(worker)
        return worker

    def _collect(self, running: dict[int, tuple["_Worker", Any]], done: dict[int, Outcome[Any, Any]]) -> None:
        """Wait until a running task ends, by itself, by its process's death or by the clock."""
        patience = None
        if self._timeout_s is not None:
            patience = max(0.0, min(w.started_s for w, _ in running.values()) + self._timeout_s - time.monotonic())
        ready = multiprocessing.connection.wait([worker.connection for worker, _ in running.values()], patience)
        finished = [number for number, (worker, _) in running.items() if worker.connection in ready]
        late = [] if ready else [n for n, (worker, _) in running.items() if worker.age_s() >= (self._timeout_s or 0)]
        for number in [*finished, *late]:
            worker, item = running.pop(number)
            self._busy.remove(worker)
            result, error, crashed = worker.receive() if number in finished else worker.give_up(self._timeout_s)
            done[number] = Outcome(item, result, error, crashed)
            if crashed:
                worker.stop()
            else:
                self._idle.append(worker)


class _Worker:
    """One process and the pipe to it."""

    def __init__(self) -> None:
        # Not fork: torch's threads do not survive it.
        context = multiprocessing.get_context("spawn")
        self.connection, child = context.Pipe()
        self._process = context.Process(target=_work, args=(child,), daemon=True)
        self._process.start()
        child.close()
        self.started_s = time.monotonic()

    def age_s(self) -> float:
        """Seconds since the task began."""
        return time.monotonic() - self.started_s

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    def start(self, function: Callable[[Any], Any], item: Any) -> None:
        """Hand over a task."""
        self.started_s = time.monotonic()
        self.connection.send((function, item))

    def receive(self) -> tuple[Any, str | None, bool]:
        """Result, error and whether the process died."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            self._process.join(timeout=5)
            return None, f"the reader crashed ({_cause_of_death(self._process.exitcode)}); the file is damaged", True

    def give_up(self, timeout_s: float | None) -> tuple[None, str, bool]:
        """Stop a task that takes too long."""
        return None, f"gave up after {timeout_s:g} s; the file is damaged, or its disk is very slow", True

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.connection.close()
        self._process.kill()
        self._process.join(timeout=5)


def _cause_of_death(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit status {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"


def _call(function: Callable[[Item], Result], item: Item) -> tuple[Result | None, str | None, bool]:
    try:
        return function(item), None, False
    except AuvsegError as error:
        return None, str(error), False
    except MemoryError:
        return None, "not enough memory to read this file", False
    except Exception as error:  # noqa: BLE001 - whatever a reader raises is a row of the report, not the end of the run
        lines = str(error).splitlines()
        return None, f"{type(error).__name__}: {lines[0] if lines else 'no message'}", False


def _work(connection: Connection) -> None:
    """A worker's life: ends with the pipe, which ends with the parent."""
    # Ctrl-C goes to the whole process group; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            function, item = connection.recv()
        except (EOFError, OSError):
            return
        try:
            connection.send((*_call(function, item),))
        except (BrokenPipeError, OSError):
            return
