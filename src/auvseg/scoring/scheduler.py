"""Cases to workers, one by one as there is room, and again where a worker was lost with them.

A worker that dies costs the cases that it had one attempt. Since two were under way, only one of them can be to blame:
they are tried again alone, so that a case is given up only after workers died of it and of nothing else.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from auvseg.data.case import Case
from auvseg.errors import RunError
from auvseg.scoring.attempt import record_of
from auvseg.scoring.case_worker import IN_FLIGHT
from auvseg.scoring.extractor import ExtractorFacts
from auvseg.scoring.fleet import Fleet, News
from auvseg.scoring.job import Ended, Job
from auvseg.scoring.loading import LoadedCase
from auvseg.scoring.record import write_record
from auvseg.scoring.setups import extractors_differing, in_words

MOST_ATTEMPTS = 3
"""A case with which so many workers were lost, with the last ones alone, gets a record that says so."""

_MOST_STARTS = 3
"""A worker that ends so often before it is ready is given up."""

_MOST_LOSSES = 12
"""So many lost workers without one scored case between them are not the cases' fault."""


@dataclass
class _Attempt:
    case: Case
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

    def __init__(self, fleet: Fleet, on_note: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._on_note = on_note
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
            for news in self._fleet.wait():
                self._note(news)
        return self._facts

    def run(self, job: Job, cases: Sequence[Case]) -> Iterator[Ended]:
        """Make, or keep, the record of every case; they end in any order.

        Raises:
            RunError: the run folder cannot be written, or workers are lost whatever they are given.
        """
        self._job = job
        self._waiting.extend(_Attempt(case) for case in cases)
        for number, slot in enumerate(self._slots):
            if slot.ready:
                self._fleet.begin(number, job)
        while True:
            for number, slot in enumerate(self._slots):
                self._hand_out(number, slot)
            if not (self._waiting or self._again or any(slot.held for slot in self._slots)):
                return
            for news in self._fleet.wait():
                yield from self._note(news)

    def _hand_out(self, number: int, slot: _Slot) -> None:
        """Give a worker what it has room for: first what was lost with another, alone."""
        if not slot.ready:
            return
        if self._again and not slot.held:
            self._give(number, self._again.popleft())
        while self._waiting and len(slot.held) < IN_FLIGHT and not slot.on_trial:
            self._give(number, self._waiting.popleft())

    def _give(self, number: int, attempt: _Attempt) -> None:
        self._slots[number].held[attempt.case.case_id] = attempt
        self._fleet.give(number, attempt.case)

    def _note(self, news: News) -> list[Ended]:
        """Take note of what happened; the cases that ended by it."""
        slot = self._slots[news.slot]
        if news.facts is not None:
            self._welcome(news.slot, news.facts)
        if news.error is not None:
            self._give_up_worker(news, str(news.error))
        if news.lost:
            return self._replace(news)
        if news.ended is not None:
            self._losses = 0
            del slot.held[news.ended.case_id]
            return [news.ended]
        return []

    def _welcome(self, number: int, facts: ExtractorFacts) -> None:
        slot, name = self._slots[number], self._fleet.names[number]
        self._facts = self._facts or facts
        if found := extractors_differing(self._facts.setup, facts.setup):
            raise RunError(f"{name} would score otherwise: {in_words(found)}; use devices of one kind in a run")
        slot.ready = slot.was_ready = True
        slot.lost_starts = 0
        if self._job is not None:
            self._fleet.begin(number, self._job)

    def _replace(self, news: News) -> list[Ended]:
        slot, name = self._slots[news.slot], self._fleet.names[news.slot]
        if not slot.ready:
            slot.lost_starts += 1
            if slot.lost_starts == _MOST_STARTS:
                advice = "call auvseg below `if __name__ == '__main__':` in a script file"
                self._give_up_worker(news, f"{name} ends before it begins ({news.lost}); {advice}")
                return []
        self._losses += 1
        if self._losses == _MOST_LOSSES:
            raise RunError(f"{_MOST_LOSSES} workers in a row were lost ({news.lost}); it is not the cases' fault")
        ended = self._blame(slot, news.lost)
        slot.ready = False
        if slot.was_ready:
            self._on_note(f"{name} was lost ({news.lost}); another takes its place")
        self._fleet.start(news.slot)
        return ended

    def _blame(self, slot: _Slot, lost: str) -> list[Ended]:
        """One more attempt for the cases that a worker had, or none."""
        ended = []
        for attempt in slot.held.values():
            attempt.losses += 1
            if attempt.losses < MOST_ATTEMPTS:
                self._again.append(attempt)
            else:
                ended.append(self._quarantine(attempt.case, lost))
        slot.held.clear()
        return ended

    def _quarantine(self, case: Case, lost: str) -> Ended:
        """The record of a case that no worker survives."""
        job = self._job
        if job is None:
            raise RuntimeError("a case before the run")
        reason = f"{MOST_ATTEMPTS} workers were lost while they scored this case ({lost}); most often memory runs out"
        record = record_of(case, LoadedCase.failed(reason), job.setup, job.setup_sha256, (), reason)
        write_record(job.run_folder, record, {})
        return Ended(record.case_id, record.status, record.reason, reused=False)

    def _give_up_worker(self, news: News, why: str) -> None:
        """Go on without one that was there before; one that never was says that the command is wrong."""
        slot, name = self._slots[news.slot], self._fleet.names[news.slot]
        if news.error is not None and (slot.ready or not slot.was_ready):
            raise news.error
        slot.given_up = True
        if all(one.given_up for one in self._slots) or not slot.was_ready:
            raise RunError(why)
        self._on_note(f"going on without {name}: {why}")
