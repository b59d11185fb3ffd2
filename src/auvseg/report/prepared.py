"""A run made ready to be shown: ranked, explained, and with the names under which its cases appear."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from auvseg.cohort.compared import cohort_of, z_scores
from auvseg.cohort.reasons import Explainer
from auvseg.cohort.suspicion import default_measure
from auvseg.data.case import Case, Dataset
from auvseg.measures.catalogue import AUV
from auvseg.report.neighbours import similar_clean_cases
from auvseg.report.options import ReportOptions
from auvseg.report.private import Privacy
from auvseg.report.ranked_run import RankedRun, rank_run
from auvseg.review.pseudonyms import pseudonyms_of
from auvseg.scoring.record import AboutCase
from auvseg.scoring.run import Run

MOST_CASES, MOST_ROWS = 10_000, 150_000
"""Of a report where nobody says how many: the page opens and filters in two seconds, and its file is below 15 MB."""

_SAMPLED = 1000
"""Views that say where the cohort's spectra lie; more do not move a percentile that anybody would see."""


@dataclass(frozen=True)
class Prepared:
    """Everything that the cases of a report share.

    Attributes:
        run: what was scored, and how.
        cases: all that it holds.
        dataset: where the images are; None where it is gone.
        cohort: what is shown; with `top` a part of the run.
        privacy: how ids and sentences are cleaned.
        explainer: knows the whole run.
        similar: by case and class id the most similar clean cases of the whole run.
        sample: cases that others are compared with, from the most to the least suspicious.
        options: how the report is made.
    """

    run: Run
    cases: Sequence[AboutCase]
    dataset: Dataset | None
    cohort: RankedRun
    privacy: Privacy
    explainer: Explainer
    similar: Mapping[tuple[str, int], tuple[str, ...]]
    sample: tuple[str, ...]
    options: ReportOptions


def prepare(
    run: Run, table: pd.DataFrame, cases: Sequence[AboutCase], dataset: Dataset | None, options: ReportOptions
) -> Prepared:
    """Rank and explain a run.

    Args:
        run: what was scored, and how.
        table: its scores table.
        cases: what else is known of them.
        dataset: where the images are; None where it is gone.
        options: how the report is made.

    Raises:
        UsageError: the run cannot be ranked as asked.
        RunError: the key of earlier pseudonyms is damaged.
    """
    if options.by == "combined":
        from auvseg.bench.combination import with_combined

        table = with_combined(table, run.folder, options.bench)
    cohort = rank_run(table, None if dataset is None else dataset.classes, options.by or default_measure(table))
    z = z_scores(cohort.table)
    shown = _first(cohort, options.top or _fast(cohort))
    compared = frozenset(cohort.table["case"][cohort_of(cohort.table)])
    ordered = tuple(case for case in cohort.order if case in compared)
    sample = ordered[:: max(len(ordered) // _SAMPLED, 1)]
    suspicion = cohort.suspicion[cohort.suspicion.index.isin(compared)]
    similar = similar_clean_cases(cohort.table, z, suspicion, shown.order)
    explainer = Explainer(cohort.table, z, shown.order, by="S" if cohort.by == AUV else cohort.by, behind=cohort.behind)
    privacy = _privacy(run, cases, dataset, options)
    return Prepared(run, cases, dataset, shown, privacy, explainer, similar, sample, options)


def _fast(cohort: RankedRun) -> int:
    """How many cases a page stays fast with."""
    rows_a_case = len(cohort.table) / max(len(cohort.order), 1)
    return max(min(MOST_CASES, int(MOST_ROWS / max(rows_a_case, 1.0))), 1)


def _first(cohort: RankedRun, top: int) -> RankedRun:
    if top >= len(cohort.order):
        return cohort
    order = cohort.order[:top]
    table = cohort.table[cohort.table["case"].isin(order)].reset_index(drop=True)
    return replace(cohort, table=table, order=order)


def _privacy(run: Run, cases: Sequence[AboutCase], dataset: Dataset | None, options: ReportOptions) -> Privacy:
    folders = [run.dataset_path, run.folder, *([] if dataset is None else [dataset.root])]
    if not options.pseudonymize:
        return Privacy.of(folders)
    names = {*_names_of(dataset, cases, options.findings)}
    return Privacy.of(folders, pseudonyms_of(run.folder, [case.case_id for case in cases]), names)


def _names_of(
    dataset: Dataset | None, cases: Sequence[AboutCase], findings: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """What sentences may call a case or its files by."""
    yield from (str(one.get("case_id") or "") for one in findings)
    spoken_of = {one.case_id for one in cases if one.reason or one.warnings}
    spoken_of |= {str(one.get("case_id")) for one in findings}
    for case in () if dataset is None else dataset.cases:
        yield case.case_id
        if case.case_id in spoken_of:
            yield from _file_names(case)


def _file_names(case: Case) -> Iterator[str]:
    for path in (*case.images, *([] if case.label is None else [case.label])):
        yield path.name
        # A DICOM series is a folder, and its reader names the file that is wrong.
        if path.is_dir():
            yield from (one.name for one in path.iterdir())
