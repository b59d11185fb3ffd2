"""Score the clean cases and every faulty copy of them into one folder that can be interrupted and gone on with.

A faulty copy lives in memory only. Its record is one like any other, so that a table is made of it by the same code.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from auvseg.bench.corruptions import Truth
from auvseg.bench.detection.folder import BENCH_FILE, CLEAN, fault_setup, read_plan, truth_path
from auvseg.bench.detection.plan import Fault, Plan
from auvseg.bench.detection.planting import plant
from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.workers.pool import IsolatedPool, Outcome
from auvseg.errors import CaseError, RunError
from auvseg.extractors.base import Extractor, ReadsRawChannels
from auvseg.extractors.memory import RemembersPlanes
from auvseg.files import atomic
from auvseg.files.owned_folder import is_ours
from auvseg.scoring.attempt import attempt, record_of
from auvseg.scoring.case import Course, classes_of
from auvseg.scoring.config import ScoreConfig, check_config, fingerprint
from auvseg.scoring.extractor import make_extractor
from auvseg.scoring.loading import LoadedCase, LoadTask, load_case
from auvseg.scoring.record import ClassScore, Record, read_record, record_path, write_record
from auvseg.scoring.run import read_run
from auvseg.scoring.score import CaseDone, score

_log = logging.getLogger(__name__)

_REMEMBERED_PLANES = 256
"""Embeddings of a case's planes that are kept for its label faults: 4 MB each, so 1 GB at most."""


@dataclass(frozen=True)
class DetectSummary:
    """How a bench, or one shard of it, ended.

    Attributes:
        folder: where the records are.
        planted: faulty copies of this shard that have a record now.
        impossible: of them those that could not have their fault, or could not be scored.
        left: faulty copies of this shard that time did not suffice for.
    """

    folder: Path
    planted: int
    impossible: int
    left: int


@dataclass(frozen=True)
class _Bench:
    dataset: Dataset
    config: ScoreConfig
    plan: Plan
    folder: Path
    setup: dict[str, Any]
    extractor: Extractor


def detect(
    dataset: Dataset,
    folder: Path,
    config: ScoreConfig,
    plan: Plan,
    *,
    device: str = "cpu",
    num_parts: int = 1,
    part_id: int = 0,
    minutes: float | None = None,
    read_timeout_s: float | None = 600.0,
    options_file: Mapping[str, Any] | None = None,
    on_case: Callable[[CaseDone], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> DetectSummary:
    """Score the planned cases, clean and faulty, or go on with what was interrupted.

    Args:
        dataset: where the cases come from; its files are only read.
        folder: new, empty, or of an earlier call with the same seed and configuration; the plan may have grown.
        config: how to score.
        plan: what to plant.
        device: `cpu`, `cuda` or `cuda:N`.
        num_parts: number of shards.
        part_id: which of them this call does, from 0.
        minutes: no faulty copy is begun after so many minutes; the clean cases are always finished.
        read_timeout_s: a file that takes longer to read is given up.
        options_file: what a file of options said; it is repeated in `clean/provenance.json`.
        on_case: called after every clean case and every faulty copy.
        on_note: called before the first case with every sentence that a person should know of the extractor.

    Returns:
        The summary.

    Raises:
        UsageError: options that do not fit each other or the data set.
        RunError: the folder belongs to something else.
    """
    started = time.monotonic()
    check_config(config, dataset)
    cases = plan.choose(dataset)
    _open(folder, plan, cases)
    score(
        replace(dataset, cases=tuple(sorted(cases, key=lambda case: case.case_id))),
        folder / CLEAN,
        config,
        device=device,
        num_parts=num_parts,
        part_id=part_id,
        read_timeout_s=read_timeout_s,
        views=False,
        made_by=["auvseg", "bench", "detect", str(dataset.place), "-o", str(folder), "--like", str(folder / CLEAN)],
        options_file=options_file,
        on_case=on_case,
        on_note=on_note,
    )
    # Now that it is known to be this bench: a plan that grew, or shrank, is the new one.
    _note(folder, plan, cases)
    extractor = make_extractor(config, device)
    if isinstance(extractor, RemembersPlanes):
        extractor.remember_planes(_REMEMBERED_PLANES)
    bench = _Bench(dataset, config, plan, folder, read_run(folder / CLEAN).setup, extractor)
    work = _work(bench, cases[part_id::num_parts])
    total = sum(len(faults) for _, faults in work)
    done = impossible = 0
    for record in _faulty_records(bench, work, read_timeout_s):
        done += 1
        _log.debug("%s: %s, a faulty copy%s", record.case_id, record.status, record.reason and f": {record.reason}")
        impossible += record.status == "failed"
        if on_case is not None:
            on_case(CaseDone(record.case_id, record.status, False, done, total))
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            break
    if done == total:
        atomic.clear_left_overs(folder)
    return DetectSummary(folder, done, impossible, total - done)


def _open(folder: Path, plan: Plan, cases: Sequence[Case]) -> None:
    if is_ours(folder, BENCH_FILE, "exists and is no bench; choose an empty or new folder with -o"):
        known, _ = read_plan(folder)
        if known.seed != plan.seed:
            raise RunError(
                f"{folder} was made with --seed {known.seed} (now {plan.seed}); go on with that one, or start anew in "
                "another folder, with -o"
            )
    else:
        _note(folder, plan, cases)


def _note(folder: Path, plan: Plan, cases: Sequence[Case]) -> None:
    content = {"bench_version": 1, "plan": plan.as_dict(), "cases": [case.case_id for case in cases]}
    atomic.write_text(folder / BENCH_FILE, json.dumps(content, indent=1, sort_keys=True) + "\n")


def _work(bench: _Bench, cases: tuple[Case, ...]) -> list[tuple[Case, list[Fault]]]:
    """Every case of a shard with the faults that it still lacks; cases without any are left out."""
    everyone = [case.case_id for case in bench.plan.choose(bench.dataset)]
    halves = [bench.plan.faulty_half(everyone, draw) for draw in range(bench.plan.draws)]
    work = []
    for case in cases:
        faults = [f for f in bench.plan.faults() if case.case_id in halves[f.draw] and not _is_done(bench, case, f)]
        if faults:
            work.append((case, faults))
    return work


def _is_done(bench: _Bench, case: Case, fault: Fault) -> bool:
    clean = read_record(record_path(bench.folder / CLEAN, case.case_id))
    record = read_record(record_path(bench.folder / fault.folder, case.case_id))
    if clean is None or record is None:
        return False
    return record.setup == fault_setup(bench.setup, fault, bench.plan.seed) and record.inputs == clean.inputs


def _faulty_records(
    bench: _Bench, work: list[tuple[Case, list[Fault]]], read_timeout_s: float | None
) -> Iterator[Record]:
    """Make the missing records, case by case; the next case is read while one is in the network."""
    config = bench.config
    faults_of = {case.case_id: faults for case, faults in work}
    channels = max(len(bench.dataset.channel_names), 1)
    every = isinstance(bench.extractor, ReadsRawChannels)
    tasks = (
        LoadTask(case, config.channel, channels, with_label=True, known=None, every_channel=every) for case, _ in work
    )
    with IsolatedPool(num_workers=1, timeout_s=read_timeout_s) as pool:
        for outcome in pool.map(load_case, tasks, ahead=1):
            for fault in faults_of[outcome.item.case.case_id]:
                yield _plant_and_write(bench, fault, outcome)


def _plant_and_write(bench: _Bench, fault: Fault, outcome: Outcome[LoadTask, LoadedCase]) -> Record:
    started = time.perf_counter()
    case, course = outcome.item.case, Course()
    loaded = outcome.result or LoadedCase.failed(outcome.error)
    target = bench.folder / fault.folder
    scores: tuple[ClassScore, ...] = ()
    reason = loaded.error or ""
    if loaded.volume is not None:
        try:
            rng = bench.plan.generator(fault, case.case_id)
            faulty, truth = plant(loaded.volume, fault, bench.dataset.ignore_value, rng)
        except CaseError as problem:
            reason = str(problem)
        else:
            _write_truth(
                truth_path(target, case.case_id),
                truth,
                classes_of(loaded.volume, bench.dataset.classes, bench.dataset.ignore_value),
            )
            scores, reason = attempt(faulty, bench.dataset, bench.extractor, bench.config, course)
            loaded = replace(loaded, volume=faulty)
    setup = fault_setup(bench.setup, fault, bench.plan.seed)
    record = record_of(case, loaded, setup, fingerprint(setup), scores, reason)
    write_record(target, record, {"total": time.perf_counter() - started, "network": course.network})
    return record


def _write_truth(path: Path, truth: Truth, classes: Sequence[ClassDef]) -> None:
    changed = [one.class_id for one in classes if set(one.values) & set(truth.class_ids)]
    atomic.write_text(path, json.dumps({**asdict(truth), "changed_classes": changed}, sort_keys=True) + "\n")
