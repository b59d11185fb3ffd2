"""Cases to workers, one by one as there is room, and again where a worker was lost with them.

A worker that dies costs the cases that it had one attempt. Since two were under way, only one of them can be to blame:
they are tried again alone, so that a case is given up only after workers died of it and of nothing else.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, TypeAlias, runtime_checkable

from auvseg.errors import AuvsegError, RunError
from auvseg.scoring.case_worker import IN_FLIGHT, TaskDone
from auvseg.scoring.extractor import ExtractorFacts
from auvseg.scoring.scorer import CaseDone, CaseTask, Job, write_failure
from auvseg.scoring.setups import extractors_differing, in_words

MAX_ATTEMPTS = 3
"""A case with which so many workers were lost, with the last ones alone, gets a record that says so."""

_MAX_STARTS = 3
"""A worker that ends so often before it is ready is given up."""

_MAX_LOSSES = 12
"""So many lost workers without one scored case between them are not the cases' fault."""


@dataclass(frozen=True)
class WorkerLost:
    """A worker is no more.

    Attributes:
        cause: why, such as the signal's name.
    """

    cause: str


Message: TypeAlias = ExtractorFacts | TaskDone | WorkerLost | AuvsegError
"""What is heard of a worker: it is ready, has finished a task, is lost, or cannot go on whatever the case."""


@runtime_checkable
class Fleet(Protocol):
    """Workers in other processes, each in a slot; one that is lost is started anew in the same slot."""

    @property
    def names(self) -> Sequence[str]:
        """What a person calls the workers, by slot."""
        ...

    def start(self, slot: int) -> None:
        """Start a worker; its facts follow."""
        ...

    def begin(self, slot: int, job: Job) -> None:
        """Tell a worker, which is ready, what the run is."""
        ...

    def give(self, slot: int, task: CaseTask) -> None:
        """Give a worker a task; its end follows."""
        ...

    def wait(self) -> Sequence[tuple[int, Message]]:
        """Wait until something happens: slots and messages. Nothing more is heard of a worker that was lost."""
        ...

    def stop(self) -> None:
        """End all workers, whatever they are doing."""
        ...


@dataclass
class _Attempt:
    task: CaseTask
    losses: int = 0


@dataclass
class _Slot:
    """What is known of one worker."""

    ready: bool = False
    was_ready: bool = False
    given_up: bool = False
    lost_starts: int = 0
    held: dict[str, _Attempt] = field(default_factory=dict)

    @property
    def on_trial(self) -> bool:
        """Whether it has a case that a worker was lost with before."""
        return any(attempt.losses for attempt in self.held.values())


class Scheduler:
    """Has a fleet score the cases of a run. Use it in a `with` block, which ends the workers.

    Args:
        fleet: the workers; none of them started.
        on_note: called with what a person should know of lost workers.
    """

    def __init__(self, fleet: Fleet, on_note: Callable[[str], None] | None = None) -> None:
        self._fleet = fleet
        self._on_note = on_note or (lambda note: None)
        self._slots = [_Slot() for _ in fleet.names]
        self._facts: ExtractorFacts | None = None
        self._job: Job | None = None
        self._waiting: deque[_Attempt] = deque()
        self._again: deque[_Attempt] = deque()
        self._losses = 0

    def __enter__(self) -> "Scheduler":
        for number in range(len(self._slots)):
            self._fleet.start(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._fleet.stop()

    def facts(self) -> ExtractorFacts:
        """What the extractor is, as soon as the first worker has one.

        Raises:
            AuvsegError: no worker can have one.
        """
        while self._facts is None:
            for number, message in self._fleet.wait():
                self._note(number, message)
        return self._facts

    def begin(self, job: Job) -> None:
        """Take the run that all tasks belong to."""
        self._job = job
        for number, slot in enumerate(self._slots):
            if slot.ready:
                self._fleet.begin(number, job)

    def run(self, tasks: Sequence[CaseTask]) -> Iterator[CaseDone]:
        """Make, or keep, the record of every case; they end in any order.

        Raises:
            RunError: the run folder cannot be written, or workers are lost whatever they are given.
        """
        self._waiting.extend(map(_Attempt, tasks))
        while True:
            for number, slot in enumerate(self._slots):
                self._hand_out(number, slot)
            if not (self._waiting or self._again or any(slot.held for slot in self._slots)):
                return
            for number, message in self._fleet.wait():
                yield from self._note(number, message)

    def _hand_out(self, number: int, slot: _Slot) -> None:
        """Give a worker what it has room for: first what was lost with another, alone."""
        if not slot.ready:
            return
        if self._again and not slot.held:
            self._give(number, self._again.popleft())
        while self._waiting and len(slot.held) < IN_FLIGHT and not slot.on_trial:
            self._give(number, self._waiting.popleft())

    def _give(self, number: int, attempt: _Attempt) -> None:
        self._slots[number].held[attempt.task.case.case_id] = attempt
        self._fleet.give(number, attempt.task)

    def _note(self, number: int, message: Message) -> Sequence[CaseDone]:
        """Take note of what happened; the cases that ended by it."""
        slot = self._slots[number]
        if isinstance(message, TaskDone):
            self._losses = 0
            del slot.held[message.case_id]
            return message.ends
        if isinstance(message, WorkerLost):
            return self._replace(number, message.cause)
        if isinstance(message, ExtractorFacts):
            self._welcome(number, message)
        elif slot.ready or not slot.was_ready:
            # It says that the command is wrong. One that was there before can be done without.
            raise message
        else:
            self._give_up_worker(number, str(message))
        return ()

    def _welcome(self, number: int, facts: ExtractorFacts) -> None:
        slot, name = self._slots[number], self._fleet.names[number]
        self._facts = self._facts or facts
        if found := extractors_differing(self._facts.setup, facts.setup):
            raise RunError(f"{name} would score otherwise: {in_words(found)}; use devices of one kind in a run")
        slot.ready = slot.was_ready = True
        slot.lost_starts = 0
        if self._job is not None:
            self._fleet.begin(number, self._job)

    def _replace(self, number: int, cause: str) -> Sequence[CaseDone]:
        slot, name = self._slots[number], self._fleet.names[number]
        if not slot.ready:
            slot.lost_starts += 1
            if slot.lost_starts == _MAX_STARTS:
                advice = "call auvseg below `if __name__ == '__main__':` in a script file"
                self._give_up_worker(number, f"{name} ends before it begins ({cause}); {advice}")
                return ()
        self._losses += 1
        if self._losses == _MAX_LOSSES:
            raise RunError(f"{_MAX_LOSSES} workers in a row were lost ({cause}); it is not the cases' fault")
        ended = self._blame(slot, cause)
        slot.ready = False
        if slot.was_ready:
            self._on_note(f"{name} was lost ({cause}); another takes its place")
        self._fleet.start(number)
        return ended

    def _blame(self, slot: _Slot, cause: str) -> Sequence[CaseDone]:
        """One more attempt for the cases that a worker had, or none."""
        ended: list[CaseDone] = []
        for attempt in slot.held.values():
            attempt.losses += 1
            if attempt.losses < MAX_ATTEMPTS:
                self._again.append(attempt)
            else:
                ended += self._quarantine(attempt.task, cause)
        slot.held.clear()
        return ended

    def _quarantine(self, task: CaseTask, cause: str) -> Sequence[CaseDone]:
        """Write the record of a case that no worker survives."""
        if self._job is None:
            raise RuntimeError("a case before the run")
        reason = f"{MAX_ATTEMPTS} workers were lost while they scored this case ({cause}); most often memory runs out"
        return write_failure(self._job, task, reason)

    def _give_up_worker(self, number: int, why: str) -> None:
        """Go on without a worker that was there before, if there are others."""
        slot, name = self._slots[number], self._fleet.names[number]
        slot.given_up = True
        if all(one.given_up for one in self._slots) or not slot.was_ready:
            raise RunError(why)
        self._on_note(f"going on without {name}: {why}")
