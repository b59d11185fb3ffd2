"""Find the training cases that every filter removes from the noisy data set, as a user would: score, then filter."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from auvseg.bench.combination import with_combined
from auvseg.bench.detection.judge import find
from auvseg.bench.detection.plan import Plan
from auvseg.bench.detection.run import detect
from auvseg.bench.training.noisy_dataset import NoisyDataset
from auvseg.bench.training.plan import COMBINED, ORACLE, RANDOM
from auvseg.choices import Combine, Scope
from auvseg.cohort.selection import filter_cases
from auvseg.data.case import Dataset
from auvseg.files import atomic
from auvseg.scoring.config import ScoreConfig, all_measures
from auvseg.scoring.score import score
from auvseg.scoring.scorer import CaseDone
from auvseg.scoring.table import load_scores

OnCase = Callable[[str, int, int, str], None]
"""Called with what is being done, done, total and case id."""


@dataclass(frozen=True)
class FilterOptions:
    """Options of the filters.

    Attributes:
        auv: how cases are scored for the paper's filter.
        combined_extractor: foundation model of the combined measure; `none` needs no network.
        detection: faults that the combined measure's weights are fitted to, planted into the noisy data set itself.
        keep: share of the training cases that stay.
        scope: of AUV and single measures, as `filter_cases`.
        combine: likewise.
    """

    auv: ScoreConfig
    combined_extractor: str
    detection: Plan
    keep: float
    scope: Scope = "case"
    combine: Combine = "union"


@dataclass(frozen=True)
class Removal:
    """Cases that a filter removes.

    Attributes:
        cases: their ids, sorted.
        faulty_found: how many of them are faulty.
        faulty: how many training cases are.
    """

    cases: tuple[str, ...]
    faulty_found: int
    faulty: int


def find_removals(
    dataset: Dataset,
    noisy: NoisyDataset,
    folder: Path,
    filters: set[str],
    options: FilterOptions,
    *,
    device: str = "cpu",
    on_case: OnCase | None = None,
) -> dict[str, Removal]:
    """Score the noisy training cases and filter them; records of an earlier call are used again.

    Args:
        dataset: the noisy data set's training cases.
        noisy: what is faulty in it; only `oracle`, and the count of what was found, look at that.
        folder: of the bench.
        filters: which are wanted; `none` and `random` need no scores.
        options: how.
        device: `cpu`, `cuda` or `cuda:N`.
        on_case: progress.

    Raises:
        UsageError: the options do not fit the data set.
        RunError: the folder holds scores of something else.
    """
    found: dict[str, tuple[str, ...]] = {}
    measures = sorted(filters - {"none", RANDOM, ORACLE, COMBINED})
    if measures:
        run = folder / "runs" / options.auv.extractor
        score(dataset, run, options.auv, device=device, views=False, on_case=_named("scoring", on_case))
        table = load_scores(run)
        for name in measures:
            found[name] = filter_cases(
                table, by=name, keep=options.keep, scope=options.scope, combine=options.combine
            ).removed
    if COMBINED in filters:
        found[COMBINED] = _combined(dataset, folder, options, device, on_case)
    if ORACLE in filters:
        found[ORACLE] = tuple(sorted(noisy.faulty))
    faulty = set(noisy.faulty)
    removals = {
        name: Removal(tuple(sorted(cases)), len(faulty & set(cases)), len(faulty)) for name, cases in found.items()
    }
    _write(folder / "removed.json", removals)
    return removals


def _combined(
    dataset: Dataset, folder: Path, options: FilterOptions, device: str, on_case: OnCase | None
) -> tuple[str, ...]:
    config = options.auv
    if options.combined_extractor != config.extractor:
        config = replace(
            config, extractor=options.combined_extractor, measures=all_measures(options.combined_extractor), model=None
        )
    run, bench = folder / "runs" / config.extractor, folder / "detection" / config.extractor
    score(dataset, run, config, device=device, views=False, on_case=_named("scoring", on_case))
    detect(dataset, bench, config, options.detection, device=device, on_case=_named("planting", on_case))
    find(bench, seed=options.detection.seed)
    table = with_combined(load_scores(run), run, bench)
    return filter_cases(table, by=COMBINED, keep=options.keep).removed


def _named(what: str, on_case: OnCase | None) -> Callable[[CaseDone], None] | None:
    if on_case is None:
        return None
    return lambda case: on_case(what, case.done, case.total, case.case_id)


def _write(path: Path, removals: Mapping[str, Removal]) -> None:
    content = {
        name: {"removed": removal.cases, "faulty_found": removal.faulty_found, "faulty": removal.faulty}
        for name, removal in sorted(removals.items())
    }
    atomic.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
