"""The engine for one machine: cases one after the other through the network, the next one being read meanwhile.

Every case ends as a record, whatever happened to it. Records whose files and setup have not changed are kept; failed
ones are tried again. Shards (`num_parts`, `part_id`) write into the same folder and need no knowledge of each other.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from auvseg._version import __version__
from auvseg.data.case import Case, Dataset
from auvseg.data.isolation import IsolatedPool, Outcome
from auvseg.errors import UsageError
from auvseg.extractors import get_extractor
from auvseg.extractors.base import Extractor, HasOwnClasses, MakesRemarks, ReadsRawChannels
from auvseg.scoring.attempt import attempt, record_of
from auvseg.scoring.case import Seconds
from auvseg.scoring.config import ScoreConfig, check_config, fingerprint
from auvseg.scoring.loading import LoadedCase, LoadTask, load_case
from auvseg.scoring.record import ClassScore, Record, Status, read_record, record_path, write_record
from auvseg.scoring.run import open_run, write_provenance
from auvseg.scoring.table import load_scores, write_tables
from auvseg.scoring.view import CaseView, write_view


@dataclass(frozen=True)
class CaseDone:
    """One step of a run, for a progress display: the case, how it ended, and how far the run is."""

    case_id: str
    status: Status
    reused: bool
    done: int
    total: int


@dataclass(frozen=True)
class ScoreSummary:
    """How a run, or one shard of it, ended.

    Attributes:
        run_folder: where the records are.
        cases: cases of this shard.
        reused: cases whose record was still valid.
        failed: case and reason of every case without scores.
        elapsed_s: wall time.
        complete: whether every case of the data set has a record now, so that the tables were written.
    """

    run_folder: Path
    cases: int
    reused: int
    failed: tuple[tuple[str, str], ...]
    elapsed_s: float
    complete: bool


@dataclass(frozen=True)
class _Job:
    """What is the same for every case of a run."""

    dataset: Dataset
    config: ScoreConfig
    extractor: Extractor
    setup: dict[str, Any]
    setup_sha256: str
    run_folder: Path
    views: bool


def score(
    dataset: Dataset,
    run_folder: Path,
    config: ScoreConfig,
    *,
    dataset_path: Path | None = None,
    device: str = "cpu",
    subset: Literal["training", "all"] = "training",
    num_parts: int = 1,
    part_id: int = 0,
    read_timeout_s: float | None = 600.0,
    views: bool = True,
    on_case: Callable[[CaseDone], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> ScoreSummary:
    """Score a data set into a run folder, or go on with one that was interrupted.

    Args:
        dataset: what to score.
        run_folder: new, empty, or of an earlier call with the same setup.
        config: how to score.
        dataset_path: what `read_dataset` was given, so that later commands find it again.
        device: `cpu`, `cuda` or `cuda:N`.
        subset: `training` cases only, which is what filtering needs, or `all`.
        num_parts: number of shards.
        part_id: which of them this call does, from 0: every `num_parts`-th case.
        read_timeout_s: a file that takes longer to read is given up, and its case fails.
        views: whether to keep what a report shows of a case (`auvseg.scoring.view`) beside its record.
        on_case: called after every case.
        on_note: called before the first case with every sentence that a person should know of this extractor.

    Returns:
        The summary; a case that could not be scored is listed in it and never ends the run.

    Raises:
        UsageError: options that do not fit each other or the data set.
        RunError: the run folder belongs to something else.
    """
    started = time.perf_counter()
    check_config(config, dataset)
    every_case = _selected(dataset, subset)
    mine = _shard(every_case, num_parts, part_id)
    extractor = make_extractor(config, device)
    for note in extractor_notes(extractor, dataset):
        if on_note is not None:
            on_note(note)
    setup = {
        "config": config.as_dict(),
        "extractor": {"name": extractor.name, "weights_sha256": extractor.weights_id, **extractor.settings()},
        "auvseg": __version__,
    }
    run = open_run(run_folder, dataset_path or dataset.source or dataset.root, setup, subset)
    job = _Job(dataset, config, extractor, setup, fingerprint(setup), run_folder, views)
    counts: Counter[str] = Counter()
    failed = []
    for done, (record, reused) in enumerate(_records(job, mine, read_timeout_s), start=1):
        counts["reused"] += reused
        if record.status == "failed":
            failed.append((record.case_id, record.reason))
        if on_case is not None:
            on_case(CaseDone(record.case_id, record.status, reused, done, len(mine)))
    complete = all(record_path(run_folder, case.case_id).is_file() for case in every_case)
    if complete and every_case:
        table = load_scores(run_folder)
        write_tables(run_folder, table)
        statuses = table.groupby("status")["case"].nunique()
        write_provenance(run, dataset, device, {str(name): int(n) for name, n in statuses.items()})
    elapsed_s = time.perf_counter() - started
    return ScoreSummary(run_folder, len(mine), counts["reused"], tuple(failed), elapsed_s, complete)


def _selected(dataset: Dataset, subset: Literal["training", "all"]) -> list[Case]:
    cases = sorted(dataset.cases, key=lambda case: case.case_id)
    chosen = [case for case in cases if subset == "all" or case.subset == "training"]
    if not chosen:
        raise UsageError(f"{dataset.name} has no training case; add --subset all to score its other cases")
    twice = [case_id for case_id, times in Counter(case.case_id for case in chosen).items() if times > 1]
    if twice:
        raise UsageError(f"{dataset.name}: several cases are called {twice[0]!r}; run `auvseg check` and rename them")
    return chosen


def _shard(cases: Sequence[Case], num_parts: int, part_id: int) -> Sequence[Case]:
    if num_parts < 1 or not 0 <= part_id < num_parts:
        raise UsageError(f"--part-id must be between 0 and {num_parts - 1} for --num-parts {num_parts}, not {part_id}")
    return cases[part_id::num_parts]


def make_extractor(config: ScoreConfig, device: str) -> Extractor:
    """The extractor that a configuration asks for, on a device."""
    return get_extractor(
        config.extractor,
        prompt=config.prompt,
        box_margin=config.box_margin,
        max_slices=config.max_slices,
        precision=config.precision,
        device=device,
        **({} if config.model is None else config.model.options()),
        **({"class_map": dict(config.class_map)} if config.class_map else {}),
    )


def extractor_notes(extractor: Extractor, dataset: Dataset) -> tuple[str, ...]:
    """What a person should know before this extractor scores this data set, one sentence each.

    Raises:
        UsageError: the extractor was trained on another number of channels, or on none of the classes.
    """
    if isinstance(extractor, ReadsRawChannels) and dataset.channel_names:
        there, needed = len(dataset.channel_names), extractor.raw_channels
        if there != needed:
            raise UsageError(f"{dataset.name} has {there} channels, the network was trained on {needed}")
    return extractor.notes(dataset.classes) if isinstance(extractor, HasOwnClasses) else ()


def _records(job: _Job, cases: Sequence[Case], read_timeout_s: float | None) -> Iterator[tuple[Record, bool]]:
    """Make, or keep, the record of every case; the next case is read while one is in the network."""
    config = job.config
    kept = {case.case_id: _usable_record(job, case) for case in cases}
    tasks = (
        LoadTask(
            case=case,
            channel=config.channel,
            channel_count=max(len(job.dataset.channel_names), 1),
            with_label=config.prompted_by_label or config.input == "mask",
            known=known.inputs if (known := kept[case.case_id]) is not None else None,
            every_channel=isinstance(job.extractor, ReadsRawChannels),
        )
        for case in cases
    )
    with IsolatedPool(num_workers=1, timeout_s=read_timeout_s) as pool:
        for outcome in pool.map(load_case, tasks, ahead=1):
            known = kept.pop(outcome.item.case.case_id)
            if known is not None and outcome.result is not None and outcome.result.inputs == known.inputs:
                yield known, True
            else:
                yield _score_and_write(job, outcome), False


def _usable_record(job: _Job, case: Case) -> Record | None:
    record = read_record(record_path(job.run_folder, case.case_id))
    if record is None or record.status == "failed" or record.setup_sha256 != job.setup_sha256:
        return None
    same_case = (record.case_id, record.subset, dict(record.attributes)) == (
        case.case_id,
        case.subset,
        dict(case.attributes),
    )
    return record if same_case else None


def _score_and_write(job: _Job, outcome: Outcome[LoadTask, LoadedCase]) -> Record:
    started = time.perf_counter()
    seconds = Seconds()
    loaded = outcome.result or LoadedCase.failed(outcome.error)
    scores: tuple[ClassScore, ...] = ()
    reason = loaded.error or ""
    view = CaseView() if job.views else None
    if loaded.volume is not None:
        scores, reason = attempt(loaded.volume, job.dataset, job.extractor, job.config, seconds, view)
    remarks = job.extractor.remarks() if isinstance(job.extractor, MakesRemarks) and scores else ()
    record = record_of(outcome.item.case, loaded, job.setup, job.setup_sha256, scores, reason, remarks)
    timings = {
        "read": loaded.seconds,
        "network": seconds.network,
        "measures": seconds.measures,
        "other": time.perf_counter() - started - seconds.network - seconds.measures,
    }
    if view is not None and scores:
        # Before the record: a case whose record is there is not looked at again.
        write_view(job.run_folder, record.case_id, view)
    write_record(job.run_folder, record, timings)
    return record
