"""What every engine does with a case, wherever the case comes from: read, score, write the record.

The words, in the order in which a case meets them: a `Job` is what is the same for all cases of a run. A `CaseTask` is
one case to be scored: as it is, or as some changed `Copy`s of it, which the detection bench plants its faults with. The
engine has the task's files read in a process of its own, which ends as an `Outcome` with a `LoadedCase`. Every record
that is written of it, or kept, is told as a `CaseDone`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auvseg.data.case import Case, Dataset
from auvseg.data.volume import Volume
from auvseg.data.workers.memory import UNKNOWN, MapMemory, forget_peak, held_bytes, peak_bytes
from auvseg.data.workers.process import Outcome
from auvseg.errors import CaseError, WriteError
from auvseg.extractors.base import Extractor, HasOwnClasses, MakesRemarks
from auvseg.extractors.memory import RemembersPlanes
from auvseg.scoring.case import Course, classes_of, score_case
from auvseg.scoring.config import ScoreConfig, fingerprint
from auvseg.scoring.extractor import ExtractorFacts, run_setup
from auvseg.scoring.loading import LoadedCase, LoadTask, with_label_hash
from auvseg.scoring.memory_need import Copying, Need, Room, fits_beside
from auvseg.scoring.record import (
    CaseInputs,
    ClassScore,
    Record,
    Status,
    is_as_written,
    read_record,
    record_path,
    write_record,
)
from auvseg.scoring.view import CaseView, write_view

_REMEMBERED_PLANES = 256
"""Embeddings of a case's planes that are kept for its copies: 4 MB each, so 1 GB at most."""


@dataclass(frozen=True)
class Job:
    """What is the same for every case of a run, small enough to be sent to another process or another machine.

    Attributes:
        dataset: where the cases come from, without the cases themselves, of which there may be a million.
        config: how to score.
        run_folder: where the records go.
        setup: what stands in every record.
        setup_sha256: its fingerprint.
        every_channel: whether the extractor needs every channel of an image.
        views: whether to keep what a report shows of a case.
        read_timeout_s: a file that takes longer to read is given up; None never.
        max_bytes: memory of one worker and its reader together; None bounds nothing.
        map_memory: what the extractor's maps take of it.
    """

    dataset: Dataset
    config: ScoreConfig
    run_folder: Path
    setup: dict[str, Any]
    setup_sha256: str
    every_channel: bool
    views: bool
    read_timeout_s: float | None
    max_bytes: int | None = None
    map_memory: MapMemory = UNKNOWN


@dataclass(frozen=True)
class Copy:
    """A changed copy of a case, which lives in memory only and has a record of its own.

    Attributes:
        run_folder: where its record goes.
        setup: what stands in it; that of the job, and what was changed.
        change: makes the copy of the case that was read, and leaves that alone. It can be pickled, and raises
            `CaseError` where the case cannot be changed so.
        voxel_bytes: what `change` needs of memory at most, a voxel, beside the case and the copy.
    """

    run_folder: Path
    setup: Mapping[str, Any]
    change: Callable[[Volume], Volume]
    voxel_bytes: int


@dataclass(frozen=True)
class CaseTask:
    """One case to be scored.

    Attributes:
        case: the case.
        copies: changed copies that are scored instead of it; none: the case as it is.
        until: no copy is begun after this time, in seconds since the epoch, which all machines agree on; None: ever.
        at_least: so many copies are made even so.
    """

    case: Case
    copies: tuple[Copy, ...] = ()
    until: float | None = None
    at_least: int = 0

    def in_time(self, made: int) -> bool:
        """Whether another copy may be begun after so many."""
        return made < self.at_least or self.until is None or time.time() < self.until


@dataclass(frozen=True)
class CaseDone:
    """How a case, or one copy of it, ended; its record is written.

    Attributes:
        case_id: the case.
        status: what its record says.
        reason: why it has no numbers.
        reused: whether the record was there before, and still valid.
        seconds: what it took to read and to score.
        done: how many of the run have ended, for a progress display.
        total: how many there are.
    """

    case_id: str
    status: Status
    reason: str = ""
    reused: bool = False
    seconds: float = 0.0
    done: int = 0
    total: int = 0

    @classmethod
    def of(cls, record: Record, *, reused: bool, seconds: float = 0.0) -> "CaseDone":
        """The end that a record tells of."""
        return cls(record.case_id, record.status, record.reason, reused, seconds)


def make_job(
    dataset: Dataset,
    config: ScoreConfig,
    run_folder: Path,
    facts: ExtractorFacts,
    *,
    views: bool,
    read_timeout_s: float | None,
    max_bytes: int | None = None,
) -> Job:
    """The job of scoring a data set with the extractor that these facts are about."""
    setup = run_setup(config, facts)
    return Job(
        dataset=replace(dataset, cases=()),
        config=config,
        run_folder=run_folder,
        setup=setup,
        setup_sha256=fingerprint(setup),
        every_channel=facts.every_channel,
        views=views,
        read_timeout_s=read_timeout_s,
        max_bytes=max_bytes,
        map_memory=facts.map_memory,
    )


class Scorer:
    """Turns cases into records, each in two steps, between which the engine has the case read.

    Args:
        job: what to do.
        extractor: what does it, one case at a time.
    """

    def __init__(self, job: Job, extractor: Extractor) -> None:
        self._job = job
        self._extractor = extractor
        self._tasks: dict[str, tuple[CaseTask, Record | None]] = {}
        self._room = _room_of(job, held_bytes() or 0)
        self._largest: Need | None = None

    def prepare(self, task: CaseTask) -> LoadTask:
        """What has to be read of a case, after a look at the record that it may have.

        With a usable record only as much as shows whether the files are the same.
        """
        job, case = self._job, task.case
        known = None if task.copies else usable_record(job.run_folder, case, job.setup_sha256)
        self._tasks[case.case_id] = (task, known)
        return LoadTask(
            case=case,
            channel=job.config.channel,
            channel_count=max(len(job.dataset.channel_names), 1),
            with_label=bool(task.copies) or job.config.prompted_by_label or job.config.input == "mask",
            known=None if known is None else known.inputs,
            every_channel=job.every_channel,
            room=self._room,
            copying=self._copying(task),
        )

    def leaves_room(self, outcome: Outcome[LoadTask, LoadedCase]) -> bool:
        """Whether the next case may be read while this one is scored: if it is no larger than any so far, it fits."""
        need = None if outcome.result is None else outcome.result.need
        if self._room is None or need is None:
            return True
        if self._largest is None or need.reading > self._largest.reading:
            self._largest = need
        return fits_beside(need, self._largest, self._room.allowed_bytes)

    def finish(self, outcome: Outcome[LoadTask, LoadedCase]) -> Iterator[CaseDone]:
        """Keep the record of a case whose files have not changed, else score what was read and write its record.

        Of a task with copies the same for every copy; those that time does not suffice for are left out.
        """
        task, known = self._tasks.pop(outcome.item.case.case_id)
        loaded = outcome.result or LoadedCase.failed(outcome.error)
        if isinstance(self._extractor, RemembersPlanes):
            # An image that only gets other labels is encoded once. Planes of the case before are not held any longer.
            self._extractor.remember_planes(_REMEMBERED_PLANES if task.copies else 0)
        if not task.copies:
            if known is not None and loaded.inputs == known.inputs:
                yield CaseDone.of(known, reused=True)
            else:
                yield self._score_and_write(task.case, loaded, None)
            return
        for made, copy in enumerate(task.copies):
            if not task.in_time(made):
                return
            # There is one where a worker was lost with the case after some of its copies.
            recorded = _recorded_copy(copy, task.case, loaded.inputs)
            if recorded is None:
                yield self._score_and_write(task.case, loaded, copy)
                loaded = replace(loaded, seconds=0.0)
            else:
                yield CaseDone.of(recorded, reused=True)

    def _copying(self, task: CaseTask) -> Copying | None:
        if not task.copies:
            return None
        planes = _REMEMBERED_PLANES if isinstance(self._extractor, RemembersPlanes) else 0
        return Copying(max(copy.voxel_bytes for copy in task.copies), planes)

    def _score_and_write(self, case: Case, loaded: LoadedCase, copy: Copy | None) -> CaseDone:
        started, counts = time.perf_counter(), forget_peak()
        job, course = self._job, Course()
        scores: tuple[ClassScore, ...] = ()
        reason = loaded.error or ""
        view = CaseView() if job.views and copy is None else None
        volume = loaded.volume
        if volume is not None:
            volume, scores, reason = self._scored_or_why_not(volume, copy, course, view)
        remarks = self._extractor.remarks() if isinstance(self._extractor, MakesRemarks) and scores else ()
        setup = job.setup if copy is None else copy.setup
        record = _record_of(case, loaded.inputs, volume, setup, scores, reason, remarks + course.remarks)
        costs = {
            "read": loaded.seconds,
            "network": course.network,
            "measures": course.measures,
            "other": time.perf_counter() - started - course.network - course.measures,
            "peak_bytes": peak_bytes() if counts else None,
            "reader_peak_bytes": loaded.peak_bytes,
        }
        run_folder = job.run_folder if copy is None else copy.run_folder
        if view is not None and scores:
            # Before the record: a case whose record is there is not looked at again.
            write_view(run_folder, record.case_id, view)
        write_record(run_folder, record, costs)
        return CaseDone.of(record, reused=False, seconds=time.perf_counter() - started + loaded.seconds)

    def _scored_or_why_not(
        self, volume: Volume, copy: Copy | None, course: Course, view: CaseView | None
    ) -> tuple[Volume, tuple[ClassScore, ...], str]:
        """Score a case that was read, or a copy of it; whatever the case does, it is a reason and never an error.

        Returns:
            What was scored, the scores and an empty reason; or no scores and the reason.
        """
        dataset, extractor = self._job.dataset, self._extractor
        try:
            if copy is not None:
                volume = copy.change(volume)
            declared = dataset.classes
            if declared is None and volume.label is None and isinstance(extractor, HasOwnClasses):
                declared = extractor.own_classes
            classes = classes_of(volume, declared, dataset.ignore_value)
            scores = score_case(
                volume,
                classes,
                dataset.ignore_value,
                extractor,
                self._job.config,
                course,
                view,
                consume=copy is None,
            )
        except WriteError:
            # What a copy writes beside its record; no case is to blame for a full disk.
            raise
        except CaseError as problem:
            return volume, (), str(problem)
        except MemoryError:
            return volume, (), "not enough memory for this case; close other programs, or use --max-slices"
        except Exception as problem:  # noqa: BLE001 - whatever one case does, the others are scored, and it is reported
            lines = str(problem).splitlines()
            return volume, (), f"{type(problem).__name__}: {lines[0] if lines else 'no message'}"
        return volume, scores, ""


def usable_record(run_folder: Path, case: Case, setup_sha256: str) -> Record | None:
    """The record of a case if it is whole, of this setup, and not of a failure, which is worth another attempt."""
    record = _recorded(run_folder, case, setup_sha256)
    return None if record is None or record.status == "failed" else record


def copies_without_record(task: CaseTask, run_folder: Path, setup: Mapping[str, Any]) -> tuple[Copy, ...]:
    """The copies of a case that are still to be made.

    Args:
        task: the case and its copies.
        run_folder: where the case's own record is, which says of which files the copies have to be.
        setup: what stands in that record.
    """
    clean = _recorded(run_folder, task.case, fingerprint(setup))
    if clean is None:
        return task.copies
    inputs = with_label_hash(task.case, clean.inputs)
    return tuple(copy for copy in task.copies if _recorded_copy(copy, task.case, inputs) is None)


def write_failure(job: Job, task: CaseTask, reason: str) -> list[CaseDone]:
    """Write the record of a case that no worker survives, or those of its copies that have none yet."""
    targets: list[tuple[Path, Mapping[str, Any]]] = [(job.run_folder, job.setup)]
    if task.copies:
        missing = copies_without_record(task, job.run_folder, job.setup)
        targets = [(copy.run_folder, copy.setup) for copy in missing]
    ends = []
    for run_folder, setup in targets:
        record = _record_of(task.case, CaseInputs(None, None), None, setup, (), reason)
        write_record(run_folder, record, {})
        ends.append(CaseDone.of(record, reused=False))
    return ends


def _recorded_copy(copy: Copy, case: Case, inputs: CaseInputs) -> Record | None:
    """The record of a copy if it is whole, and of these very files.

    One that failed counts if the case was read: it would fail again.
    """
    record = _recorded(copy.run_folder, case, fingerprint(copy.setup))
    if record is None or record.inputs != inputs or (record.status == "failed" and not record.shape):
        return None
    return record


def _recorded(run_folder: Path, case: Case, setup_sha256: str) -> Record | None:
    record = read_record(record_path(run_folder, case.case_id))
    if record is None or record.setup_sha256 != setup_sha256:
        return None
    found = (record.case_id, record.subset, dict(record.attributes))
    same_case = found == (case.case_id, case.subset, dict(case.attributes))
    return record if same_case and is_as_written(run_folder, case.case_id) else None


def _room_of(job: Job, engine_bytes: int) -> Room | None:
    """What memory a worker has for a case; None where nothing bounds it."""
    if job.max_bytes is None:
        return None
    classes = job.dataset.classes
    return Room(job.max_bytes, engine_bytes, job.map_memory, None if classes is None else len(classes))


def _record_of(
    case: Case,
    inputs: CaseInputs,
    volume: Volume | None,
    setup: Mapping[str, Any],
    scores: tuple[ClassScore, ...],
    reason: str,
    remarks: tuple[str, ...] = (),
) -> Record:
    """The record of a case; one that holds none of the classes is `absent`, with its reason."""
    nothing_found = not any(score.status != "absent" for score in scores)
    status: Status = "failed" if reason else "absent" if nothing_found else "ok"
    return Record(
        case_id=case.case_id,
        subset=case.subset,
        attributes=dict(case.attributes),
        inputs=inputs,
        setup=setup,
        setup_sha256=fingerprint(setup),
        status=status,
        reason=reason or ("the label holds no class at all" if nothing_found else ""),
        warnings=(() if volume is None else volume.warnings) + remarks,
        shape=() if volume is None else volume.image.shape,
        spacing_mm=() if volume is None else volume.spacing_mm,
        classes=() if reason else scores,
    )
