"""Score a data set into a run folder, or go on with one that was interrupted.

Every case ends as a record, whatever happened to it. Records whose files and setup have not changed are kept; failed
ones are tried again. Shards (`num_parts`, `part_id`) write into the same folder and need no knowledge of each other.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auvseg.choices import EngineName, ScoredSubset
from auvseg.data.case import Case, Dataset
from auvseg.data.workers.memory import memory_limit
from auvseg.errors import UsageError
from auvseg.files import atomic
from auvseg.scoring.config import ScoreConfig, check_config
from auvseg.scoring.engines import AtWork, Placement, started
from auvseg.scoring.record import file_name
from auvseg.scoring.run import open_run, write_provenance
from auvseg.scoring.scorer import CaseDone, CaseTask, make_job
from auvseg.scoring.table import recorded_scores, write_tables
from auvseg.wording import counted

_log = logging.getLogger(__name__)


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

    @property
    def new(self) -> int:
        """Cases that this call scored itself."""
        return self.cases - self.reused - len(self.failed)

    def in_words(self) -> str:
        """How many cases there were, and what became of them."""
        counts = f"{self.new} new, {self.reused} reused, {len(self.failed)} failed"
        return f"{counted(self.cases, 'case')} in {self.elapsed_s:.1f} s: {counts}"


def score(
    dataset: Dataset,
    run_folder: Path,
    config: ScoreConfig,
    *,
    device: str = "cpu",
    devices: Sequence[str] = (),
    engine: EngineName | AtWork = "local",
    workers: int | None = None,
    ray_address: str | None = None,
    subset: ScoredSubset = "training",
    num_parts: int = 1,
    part_id: int = 0,
    read_timeout_s: float | None = 600.0,
    views: bool = True,
    max_memory_bytes: int | None = None,
    options_file: Mapping[str, Any] | None = None,
    made_by: Sequence[str] | None = None,
    on_case: Callable[[CaseDone], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> ScoreSummary:
    """Score a data set into a run folder, or go on with one that was interrupted.

    Args:
        dataset: what to score.
        run_folder: new, empty, or of an earlier call with the same setup.
        config: how to score.
        device: `cpu`, `cuda` or `cuda:N`.
        devices: several of this machine, with a worker process for each; they count instead of `device`.
        engine: `local`, or `ray` for a cluster, whose workers have a `device` each: `cpu`, `cuda` or `auto`. Or one
            that was `started` for this data set and configuration, and has begun nothing: its placement counts alone.
        workers: for `ray`: how many; None for one a GPU, or without any one a core.
        ray_address: for `ray`: the cluster to join; None starts one on this machine for this run.
        subset: `training` cases only, which is what filtering needs, or `all`.
        num_parts: number of shards.
        part_id: which of them this call does, from 0: every `num_parts`-th case.
        read_timeout_s: a file that takes longer to read is given up, and its case fails.
        views: whether to keep what a report shows of a case (`auvseg.scoring.view`) beside its record.
        max_memory_bytes: of this machine for this run, or for `ray` of each worker; None: what the machine and its
            control groups allow. A case that would need more is refused before it is read.
        options_file: what a file of options said; it is repeated in `provenance.json`.
        made_by: the words of the command that goes on with an existing folder, for messages; None: `auvseg score`.
        on_case: called after every case.
        on_note: called before the first case with every sentence that a person should know of this extractor.

    Returns:
        The summary; a case that could not be scored is listed in it and never ends the run.

    Raises:
        UsageError: options that do not fit each other or the data set.
        RunError: the run folder belongs to something else or cannot be written, or workers are lost whatever they do.
    """
    begun = time.perf_counter()
    check_config(config, dataset)
    every_case = _selected(dataset, subset)
    mine = _shard(every_case, num_parts, part_id)
    starting: AbstractContextManager[AtWork]
    if isinstance(engine, AtWork):
        starting = nullcontext(engine)
    else:
        asked = Placement(engine, tuple(devices) or (device,), workers, ray_address)
        starting = started(asked, config, dataset, on_note)
    with starting as at_work:
        placement, facts = at_work.placement, at_work.engine.facts()
        if on_note is not None:
            for note in facts.notes:
                on_note(note)
        job = make_job(
            dataset,
            config,
            run_folder.resolve(),
            facts,
            views=views,
            read_timeout_s=read_timeout_s,
            max_bytes=_bytes_a_worker(placement, max_memory_bytes),
        )
        ids = [case.case_id for case in dataset.cases]
        run = open_run(
            run_folder,
            dataset.place,
            job.setup,
            subset,
            model=config.model,
            case_ids=ids,
            made_by=made_by,
            on_note=on_note,
        )
        at_work.engine.begin(job)
        reused, failed = _followed(at_work.engine.run([CaseTask(case) for case in mine]), len(mine), on_case)
    complete = _all_recorded(run_folder, every_case)
    if complete:
        table = recorded_scores(run_folder)
        write_tables(run_folder, table)
        statuses = table.groupby("status")["case"].nunique()
        counts = {str(name): int(n) for name, n in statuses.items()}
        write_provenance(run, dataset, str(placement), counts, options_file)
        atomic.clear_left_overs(run_folder)
    return ScoreSummary(run_folder, len(mine), reused, failed, time.perf_counter() - begun, complete)


def _all_recorded(run_folder: Path, cases: Sequence[Case]) -> bool:
    """Whether every case has a record: one look at the folder, not one a case, which takes minutes for a million."""
    folder = run_folder / "records"
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return all(file_name(case.case_id) in there for case in cases)


def _bytes_a_worker(placement: Placement, max_memory_bytes: int | None) -> int | None:
    """What a worker of this machine may use; workers of a cluster, whose machines are not this one, what is said."""
    if placement.engine == "ray":
        return max_memory_bytes
    allowed = memory_limit() if max_memory_bytes is None else max_memory_bytes
    return None if allowed is None else allowed // len(placement.devices)


def _followed(
    cases: Iterable[CaseDone], total: int, on_case: Callable[[CaseDone], None] | None
) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Tell of every case as it ends; how many were reused, and which failed, sorted."""
    reused, failed = 0, []
    for done, ended in enumerate(cases, start=1):
        reused += ended.reused
        if not ended.reused:
            because = f": {ended.reason}" if ended.reason else ""
            _log.debug("%s: %s in %.1f s%s", ended.case_id, ended.status, ended.seconds, because)
        if ended.status == "failed":
            failed.append((ended.case_id, ended.reason))
        if on_case is not None:
            on_case(replace(ended, done=done, total=total))
    return reused, tuple(sorted(failed))


def _selected(dataset: Dataset, subset: ScoredSubset) -> list[Case]:
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
