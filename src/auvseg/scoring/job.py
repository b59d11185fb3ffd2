"""What is the same for every case of a run, small enough to be sent to another process or another machine."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auvseg.data.case import Case, Dataset
from auvseg.data.workers.memory import UNKNOWN, MapMemory
from auvseg.scoring.config import ScoreConfig, fingerprint
from auvseg.scoring.extractor import ExtractorFacts, run_setup
from auvseg.scoring.loading import LoadTask
from auvseg.scoring.memory_need import Room
from auvseg.scoring.record import Record, Status, is_as_written, read_record, record_path


@dataclass(frozen=True)
class Job:
    """How the cases of a run become records.

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
class Ended:
    """How one case ended; its record is written.

    Attributes:
        case_id: the case.
        status: what its record says.
        reason: why it has no numbers.
        reused: whether the record was there before, and still valid.
        seconds: what it took to read and to score.
    """

    case_id: str
    status: Status
    reason: str
    reused: bool
    seconds: float = 0.0


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


def room_of(job: Job, engine_bytes: int) -> Room | None:
    """What memory a worker has for a case; None where nothing bounds it."""
    if job.max_bytes is None:
        return None
    classes = job.dataset.classes
    return Room(job.max_bytes, engine_bytes, job.map_memory, None if classes is None else len(classes))


def load_task(job: Job, case: Case, known: Record | None, room: Room | None = None) -> LoadTask:
    """What has to be read of a case; with a usable record only as much as shows whether its files are the same."""
    return LoadTask(
        case=case,
        channel=job.config.channel,
        channel_count=max(len(job.dataset.channel_names), 1),
        with_label=job.config.prompted_by_label or job.config.input == "mask",
        known=None if known is None else known.inputs,
        every_channel=job.every_channel,
        room=room,
    )


def usable_record(job: Job, case: Case) -> Record | None:
    """The record of a case if it is whole, of this job, and not of a failure, which is worth another attempt."""
    record = read_record(record_path(job.run_folder, case.case_id))
    if record is None or record.status == "failed" or record.setup_sha256 != job.setup_sha256:
        return None
    same_case = (record.case_id, record.subset, dict(record.attributes)) == (
        case.case_id,
        case.subset,
        dict(case.attributes),
    )
    return record if same_case and is_as_written(job.run_folder, case.case_id) else None
