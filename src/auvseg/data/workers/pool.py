"""Pool of worker processes in which a crash only fails its own task.

Readers of medical formats are C++; a damaged file can crash the whole process. A worker does one task at a time; one
that dies or times out is reported and replaced. Results come in the order of the items, and the number in flight is
limited, since each may be a whole volume.
"""

import multiprocessing.connection
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Generic

from auvseg.data.workers.process import Item, NotBegunError, Outcome, Result, Worker, call
from auvseg.errors import RunError

_MAX_STARTS = 3
"""As often as processes may end before they begin a task; then it is no chance."""


@dataclass
class _Task(Generic[Item, Result]):
    """An item on its way: with a worker until it has an outcome."""

    item: Item
    content: bytes
    starts: int = 0
    worker: Worker[Item, Result] | None = None
    outcome: Outcome[Item, Result] | None = None


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
        self._idle: list[Worker[Any, Any]] = []
        self._busy: list[Worker[Any, Any]] = []

    def __enter__(self) -> "IsolatedPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in [*self._idle, *self._busy]:
            worker.stop()
        self._idle, self._busy = [], []

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        ahead: int | None = None,
        meanwhile: Callable[[Outcome[Item, Result]], bool] | None = None,
    ) -> Iterator[Outcome[Item, Result]]:
        """Run `function` on every item and yield the outcomes in the items' order.

        Args:
            function: a function that can be pickled, of a module that workers can import quickly.
            items: pulled one by one, as there is room.
            ahead: outcomes that may wait to be taken, beside the tasks that run; as many as workers by default.
            meanwhile: asked of every outcome whether further tasks may begin while the caller looks at it; None: they
                may.

        Raises:
            RunError: worker processes end before they begin anything.
        """
        if self._num_workers == 0:
            yield from (Outcome(item, *call(function, item)) for item in items)
            return
        room = self._num_workers + (self._num_workers if ahead is None else ahead)
        source = iter(items)
        tasks: deque[_Task[Item, Result]] = deque()
        try:
            while True:
                self._hand_out(function, source, tasks, room)
                if not tasks:
                    return
                self._collect(tasks)
                outcome = tasks[0].outcome
                # Workers that became free go on while the caller looks at the outcome.
                if outcome is None or meanwhile is None or meanwhile(outcome):
                    self._hand_out(function, source, tasks, room)
                if outcome is not None:
                    tasks.popleft()
                    yield outcome
                    # It may hold a volume, and the next task needs room for its own.
                    outcome = None
        finally:
            for task in tasks:
                self._release(task, keep=False)

    def _hand_out(
        self,
        function: Callable[[Item], Result],
        source: Iterator[Item],
        tasks: deque[_Task[Item, Result]],
        room: int,
    ) -> None:
        """Give every free worker a task, as long as there are items and room for their outcomes."""
        free = self._num_workers - sum(task.worker is not None for task in tasks)
        for item in islice(source, min(free, room - len(tasks))):
            task = _Task[Item, Result](item, pickle.dumps((function, item)))
            tasks.append(task)
            self._start(task)

    def _start(self, task: _Task[Any, Any]) -> None:
        # A task that comes back gets a new process: those that waited may all have been killed for memory.
        worker = self._idle.pop() if self._idle and task.starts == 0 else Worker(self._timeout_s)
        self._busy.append(worker)
        task.worker = worker
        task.starts += 1
        try:
            worker.start(task.item, task.content)
        except NotBegunError as error:
            self._start_again(task, error)

    def _start_again(self, task: _Task[Any, Any], error: NotBegunError) -> None:
        self._release(task, keep=False)
        if task.starts == _MAX_STARTS:
            raise RunError(
                f"worker processes end before they begin ({error}): is this Python whole, and is there memory left? "
                "Files are read without them with num_workers=0"
            )
        self._start(task)

    def _collect(self, tasks: Sequence[_Task[Any, Any]]) -> None:
        """Note which tasks have ended; wait for one where the first still runs."""
        running = {task.worker.connection: task for task in tasks if task.worker is not None}
        if not running:
            return
        limit_s: float | None = 0.0
        if tasks[0].outcome is None:
            limit_s = min(task.worker.remaining_s() for task in running.values() if task.worker is not None)
            limit_s = None if limit_s == float("inf") else max(0.0, limit_s)
        ready = multiprocessing.connection.wait(running, limit_s)
        for connection, task in running.items():
            self._note(task, has_news=connection in ready)

    def _note(self, task: _Task[Any, Any], *, has_news: bool) -> None:
        """Note whether a task ended, by itself, by its process's death or by the clock."""
        worker = task.worker
        if worker is None:
            return
        try:
            outcome = worker.hear() if has_news else None
        except NotBegunError as error:
            self._start_again(task, error)
            return
        if outcome is None and worker.remaining_s() <= 0:
            outcome = worker.late()
        if outcome is not None:
            task.outcome = outcome
            self._release(task, keep=not outcome.crashed)

    def _release(self, task: _Task[Any, Any], *, keep: bool) -> None:
        """Take the worker from a task, to use it again or to end it."""
        worker, task.worker = task.worker, None
        if worker is None or worker not in self._busy:
            return
        self._busy.remove(worker)
        if keep:
            self._idle.append(worker)
        else:
            worker.stop()
