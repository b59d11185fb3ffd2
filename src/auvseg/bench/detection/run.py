"""Score the clean cases and every faulty copy of them into one folder that can be interrupted and gone on with.

A faulty copy lives in memory only. Its record is one like any other, so that a table is made of it by the same code.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.detection.folder import BENCH_FILE, CLEAN, fault_setup, read_plan
from auvseg.bench.detection.plan import Plan
from auvseg.bench.detection.planting import VOXEL_BYTES, Planting
from auvseg.choices import EngineName
from auvseg.data.case import Case, Dataset
from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.files.owned_folder import is_ours
from auvseg.scoring.config import ScoreConfig, check_config
from auvseg.scoring.engines import Placement, started
from auvseg.scoring.run import read_run
from auvseg.scoring.score import score
from auvseg.scoring.scorer import CaseDone, CaseTask, Copy, copies_without_record

_log = logging.getLogger(__name__)


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


def detect(
    dataset: Dataset,
    folder: Path,
    config: ScoreConfig,
    plan: Plan,
    *,
    device: str = "cpu",
    devices: Sequence[str] = (),
    engine: EngineName = "local",
    workers: int | None = None,
    ray_address: str | None = None,
    num_parts: int = 1,
    part_id: int = 0,
    minutes: float | None = None,
    read_timeout_s: float | None = 600.0,
    max_memory_bytes: int | None = None,
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
        device: as `score`, and so are `devices`, `engine`, `workers` and `ray_address`.
        devices: several of this machine.
        engine: `local` or `ray`.
        workers: for `ray`: how many.
        ray_address: for `ray`: the cluster to join.
        num_parts: number of shards.
        part_id: which of them this call does, from 0.
        minutes: no faulty copy is begun after so many minutes; the clean cases are always finished.
        read_timeout_s: a file that takes longer to read is given up.
        max_memory_bytes: as `score`. Faulty copies take several times the memory of the case as it is.
        options_file: what a file of options said; it is repeated in `clean/provenance.json`.
        on_case: called after every clean case and every faulty copy.
        on_note: called before the first case with every sentence that a person should know of the extractor.

    Returns:
        The summary.

    Raises:
        UsageError: options that do not fit each other or the data set.
        RunError: the folder belongs to something else, or workers are lost whatever they do.
    """
    until = None if minutes is None else time.time() + 60 * minutes
    check_config(config, dataset)
    cases = plan.choose(dataset)
    _open(folder, plan, cases)
    placement = Placement(engine, tuple(devices) or (device,), workers, ray_address)
    with started(placement, config, dataset, on_note) as at_work:
        score(
            replace(dataset, cases=tuple(sorted(cases, key=lambda case: case.case_id))),
            folder / CLEAN,
            config,
            engine=at_work,
            num_parts=num_parts,
            part_id=part_id,
            read_timeout_s=read_timeout_s,
            views=False,
            max_memory_bytes=max_memory_bytes,
            made_by=["auvseg", "bench", "detect", str(dataset.place), "-o", str(folder), "--like", str(folder / CLEAN)],
            options_file=options_file,
            on_case=on_case,
            on_note=on_note,
        )
        # Now that it is known to be this bench: a plan that grew, or shrank, is the new one.
        _note(folder, plan, cases)
        tasks = _tasks(dataset, folder.resolve(), plan, cases, cases[part_id::num_parts], until)
        total, done, impossible = sum(len(task.copies) for task in tasks), 0, 0
        for done, copy in enumerate(at_work.engine.run(tasks), start=1):
            _log.debug("%s: %s, a faulty copy%s", copy.case_id, copy.status, copy.reason and f": {copy.reason}")
            impossible += copy.status == "failed"
            if on_case is not None:
                on_case(replace(copy, done=done, total=total))
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


def _tasks(
    dataset: Dataset, folder: Path, plan: Plan, cases: Sequence[Case], mine: Sequence[Case], until: float | None
) -> list[CaseTask]:
    """The faulty copies that a shard still lacks, case by case; the first one is made however late it is."""
    setup = read_run(folder / CLEAN).setup
    halves = [plan.faulty_half([case.case_id for case in cases], draw) for draw in range(plan.draws)]
    copies = {
        fault: Copy(
            run_folder=folder / fault.folder,
            setup=fault_setup(setup, fault, plan.seed),
            change=Planting(plan, fault, folder / fault.folder, dataset.classes, dataset.ignore_value),
            voxel_bytes=VOXEL_BYTES[CORRUPTIONS[fault.corruption].kind],
        )
        for fault in plan.faults()
    }
    tasks: list[CaseTask] = []
    for case in mine:
        wanted = CaseTask(case, tuple(copy for fault, copy in copies.items() if case.case_id in halves[fault.draw]))
        if missing := copies_without_record(wanted, folder / CLEAN, setup):
            tasks.append(CaseTask(case, missing, until, at_least=0 if tasks else 1))
    return tasks
