"""One extractor at work: what every engine does with a case, wherever the case comes from."""

import time

from auvseg.data.case import Case
from auvseg.data.workers.memory import forget_peak, held_bytes, peak_bytes
from auvseg.data.workers.pool import Outcome
from auvseg.extractors.base import Extractor, MakesRemarks
from auvseg.scoring.attempt import attempt, record_of
from auvseg.scoring.case import Course
from auvseg.scoring.job import Ended, Job, load_task, room_of, usable_record
from auvseg.scoring.loading import LoadedCase, LoadTask
from auvseg.scoring.memory_need import Need, fits_beside
from auvseg.scoring.record import ClassScore, Record, write_record
from auvseg.scoring.view import CaseView, write_view


class Scorer:
    """Turns cases into records, each in two steps, between which the engine has the case read.

    Args:
        job: what to do.
        extractor: what does it, one case at a time.
    """

    def __init__(self, job: Job, extractor: Extractor) -> None:
        self._job = job
        self._extractor = extractor
        self._kept: dict[str, Record] = {}
        self._room = room_of(job, held_bytes() or 0)
        self._largest: Need | None = None

    def prepare(self, case: Case) -> LoadTask:
        """What has to be read of a case, after a look at the record that it may have."""
        known = usable_record(self._job, case)
        if known is not None:
            self._kept[case.case_id] = known
        return load_task(self._job, case, known, self._room)

    def leaves_room(self, outcome: Outcome[LoadTask, LoadedCase]) -> bool:
        """Whether the next case may be read while this one is scored: if it is no larger than any so far, it fits."""
        need = None if outcome.result is None else outcome.result.need
        if self._room is None or need is None:
            return True
        if self._largest is None or need.reading > self._largest.reading:
            self._largest = need
        return fits_beside(need, self._largest, self._room.allowed_bytes)

    def finish(self, outcome: Outcome[LoadTask, LoadedCase]) -> Ended:
        """Keep the record of a case whose files have not changed, else score what was read and write its record."""
        known = self._kept.pop(outcome.item.case.case_id, None)
        if known is not None and outcome.result is not None and outcome.result.inputs == known.inputs:
            return Ended(known.case_id, known.status, known.reason, reused=True)
        started = time.perf_counter()
        record = self._score_and_write(outcome)
        seconds = time.perf_counter() - started + (0.0 if outcome.result is None else outcome.result.seconds)
        return Ended(record.case_id, record.status, record.reason, reused=False, seconds=seconds)

    def _score_and_write(self, outcome: Outcome[LoadTask, LoadedCase]) -> Record:
        started, counts = time.perf_counter(), forget_peak()
        job, course = self._job, Course()
        loaded = outcome.result or LoadedCase.failed(outcome.error)
        scores: tuple[ClassScore, ...] = ()
        reason = loaded.error or ""
        view = CaseView() if job.views else None
        if loaded.volume is not None:
            scores, reason = attempt(
                loaded.volume, job.dataset, self._extractor, job.config, course, view, consume=True
            )
        remarks = self._extractor.remarks() if isinstance(self._extractor, MakesRemarks) and scores else ()
        record = record_of(
            outcome.item.case, loaded, job.setup, job.setup_sha256, scores, reason, remarks + course.remarks
        )
        costs = {
            "read": loaded.seconds,
            "network": course.network,
            "measures": course.measures,
            "other": time.perf_counter() - started - course.network - course.measures,
            "peak_bytes": peak_bytes() if counts else None,
            "reader_peak_bytes": loaded.peak_bytes,
        }
        if view is not None and scores:
            # Before the record: a case whose record is there is not looked at again.
            write_view(job.run_folder, record.case_id, view)
        write_record(job.run_folder, record, costs)
        return record
