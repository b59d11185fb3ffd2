"""Several devices of this machine: a worker process for each, with its own extractor and its own reader.

Processes and not threads: Python runs one thread at a time, and what kills a network's process costs one worker.
"""

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from auvseg.data.workers.process import DEATH_S, end_with_parent, exit_in_words, interrupts_blocked
from auvseg.errors import AuvsegError, UsageError
from auvseg.scoring.case_worker import IN_FLIGHT, CaseWorker, TaskDone, WorkerPlan, answered
from auvseg.scoring.scheduler import Message, WorkerLost
from auvseg.scoring.scorer import CaseTask, Job

_PATIENCE_S = 5.0


class _Process:
    """A worker process and the pipe to it."""

    def __init__(self, plan: bytes) -> None:
        # Not fork: torch's threads do not survive it. Not a daemon: it has a reader, a child of its own.
        context = multiprocessing.get_context("spawn")
        self.connection, child = context.Pipe()
        self._process = context.Process(target=_work, args=(child, plan), daemon=False)
        with interrupts_blocked():
            self._process.start()
        child.close()

    def stop(self) -> None:
        """End the process, whatever it is doing; its reader ends with it."""
        self.connection.close()
        self._process.kill()
        self._process.join(timeout=_PATIENCE_S)

    def cause_of_death(self) -> str:
        """How a process whose pipe has ended did."""
        self._process.join(timeout=DEATH_S)
        cause = exit_in_words(self._process.exitcode)
        self.stop()
        return cause


class ProcessFleet:
    """A worker process for each plan.

    Args:
        plans: of the workers, by slot.

    Raises:
        UsageError: a plan cannot be sent to another process.
    """

    def __init__(self, plans: Sequence[WorkerPlan]) -> None:
        self._names = [f"worker {number} on {plan.device}" for number, plan in enumerate(plans, start=1)]
        try:
            self._plans = [pickle.dumps(plan) for plan in plans]
        except (pickle.PicklingError, TypeError, AttributeError) as problem:
            raise UsageError(
                f"--extractor {plans[0].config.extractor} cannot be sent to other processes ({problem}); put its "
                "factory into a module and name it package.file:name"
            ) from None
        self._processes: dict[int, _Process] = {}

    @property
    def names(self) -> Sequence[str]:
        """Numbers and devices."""
        return self._names

    def start(self, slot: int) -> None:
        """See `Fleet`."""
        self._processes[slot] = _Process(self._plans[slot])

    def begin(self, slot: int, job: Job) -> None:
        """See `Fleet`."""
        self._send(slot, job)

    def give(self, slot: int, task: CaseTask) -> None:
        """See `Fleet`."""
        self._send(slot, task)

    def wait(self) -> Sequence[tuple[int, Message]]:
        """See `Fleet`."""
        by_connection = {process.connection: slot for slot, process in self._processes.items()}
        ready = multiprocessing.connection.wait(by_connection)
        return [(slot, self._hear(slot)) for connection, slot in by_connection.items() if connection in ready]

    def stop(self) -> None:
        """See `Fleet`."""
        for process in self._processes.values():
            process.stop()
        self._processes = {}

    def _send(self, slot: int, message: Job | CaseTask) -> None:
        try:
            self._processes[slot].connection.send(message)
        except OSError:
            # It has died; `wait` finds that out too, and what was sent is among what it had.
            return

    def _hear(self, slot: int) -> Message:
        process = self._processes[slot]
        try:
            message: Message = process.connection.recv()
        except (EOFError, OSError):
            del self._processes[slot]
            return WorkerLost(process.cause_of_death())
        return message


class _Voice:
    """What a worker says to its parent, from whichever thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._speaking = threading.Lock()

    def say(self, message: Any) -> None:
        with self._speaking:
            self._connection.send(message)

    def answer(self, done: "Future[TaskDone | AuvsegError]") -> None:
        self.say(done.result())


def _work(connection: Connection, plan: bytes) -> None:
    """A worker's life: ends with the pipe, which ends with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, daemon=True).start()
    voice = _Voice(connection)
    read = answered(pickle.loads, plan)
    if isinstance(read, AuvsegError):
        voice.say(read)
        return
    worker = CaseWorker(read)
    voice.say(worker.open())
    cases = ThreadPoolExecutor(max_workers=IN_FLIGHT)
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            # Not exit(): that waits for the threads, which may be in the middle of a case that nobody waits for.
            os._exit(0)
        if isinstance(message, CaseTask):
            cases.submit(worker.score, message).add_done_callback(voice.answer)
        elif (problem := worker.begin(message)) is not None:
            voice.say(problem)
