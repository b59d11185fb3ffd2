"""Rank a run for a report, and prepare what all its cases share."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auvseg.cohort.compared import KEY_COLUMNS, cohort_of, z_scores
from auvseg.cohort.distance import MIN_CASES
from auvseg.cohort.order import behind, enough_for_auv, no_order, rank
from auvseg.cohort.reasons import Explainer
from auvseg.cohort.selection import held_classes
from auvseg.cohort.suspicion import Criterion, default_measure, find_criterion, suspicions
from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import AUV, MEASURES
from auvseg.report.neighbours import similar_clean_cases
from auvseg.report.palette import colour_of
from auvseg.report.payload import exact, numbers
from auvseg.report.privacy import Privacy
from auvseg.review.pseudonyms import pseudonyms_of
from auvseg.scoring.record import AboutCase
from auvseg.scoring.run import Run


@dataclass(frozen=True)
class ReportOptions:
    """Options of a report.

    Attributes:
        by: what cases are ranked by: `AUV` or a measure; None: the `default_measure`.
        images: number of cases, most suspicious first, that are shown with images; the others have numbers and a
            thumbnail.
        top: number of cases in the report, most suspicious first; None: as many as a page can show fast
            (`auvseg.report.ranked_run.MAX_CASES` and `MAX_ROWS`).
        single_file: everything in `index.html`.
        pseudonymize: `case-0001` and so on instead of case ids; the key stays in the run folder.
        whole_image: show whole planes, not only the region around the structures. A head scan then shows the face.
        findings: findings of `auvseg check --json`.
        bench: folder of `auvseg bench detect`, for `by="combined"`.
    """

    by: str | None = None
    images: int = 200
    top: int | None = None
    single_file: bool = False
    pseudonymize: bool = False
    whole_image: bool = False
    findings: Sequence[Mapping[str, Any]] = ()
    bench: Path | None = None


MAX_NUMBERS = 1_500_000
"""Most rows on one page; with more it would open slowly. Less important measures are only in the table on disk."""

FIRST_MEASURES = (
    "outlier",
    "combined",
    "AUV",
    "S",
    "agreement",
    "volume_ml",
    "predicted_iou",
    "confidence",
    "stability",
)
"""The most important measures, which are left out last."""

_STATUS = ("ok", "absent", "failed")


@dataclass(frozen=True)
class RankedRun:
    """A ranked run.

    Attributes:
        table: the scores table with `AUV` of every structure, sorted by case and class.
        by: what cases are ranked by.
        no_order: why they cannot be ranked, in one sentence; empty if they are.
        order: case ids, most suspicious first; those without a score last; by id if cases cannot be ranked.
        suspicion: by case, high = suspicious; missing for a case without a score, or if cases cannot be ranked.
        behind: by case, the class that decides its rank.
        classes: classes of the data set.
    """

    table: pd.DataFrame
    by: str
    no_order: str
    order: tuple[str, ...]
    suspicion: pd.Series
    behind: Mapping[str, int]
    classes: tuple[ClassDef, ...]


def rank_run(table: pd.DataFrame, classes: Sequence[ClassDef] | None, by: str) -> RankedRun:
    """Rank a run for a report.

    Args:
        table: a scores table.
        classes: of the data set; None: those of the table.
        by: `AUV`, or a measure of the table.

    Raises:
        UsageError: `by` is not a measure of this run.
    """
    criterion = _criterion(table, by)
    table = table.reset_index(drop=True)
    if "S" in table:
        structures = rank(table, by="S", scope="class")
        if criterion.name != AUV:
            structures[AUV] = structures[AUV].where(enough_for_auv(table, structures))
        structures = structures[["case", "class_id", AUV]]
        table = table.merge(structures, on=["case", "class_id"], how="left", validate="one_to_one")
    scores = table.drop(columns=AUV, errors="ignore")
    compared = suspicions(scores, criterion)
    unordered = no_order(scores, criterion, compared=compared)
    order = [] if unordered else list(rank(scores, by=criterion.name, scope="case")["case"])
    left = sorted(set(table["case"]) - set(order))
    rows = table.assign(reason=table["reason"].fillna(""), **{"class": table["class"].fillna("")})
    declared = classes or [ClassDef(number, name, (number,)) for number, name in held_classes(rows)]
    if 0 in set(table["class_id"].dropna()) and not any(one.class_id == 0 for one in declared):
        declared = [ClassDef(0, "whole image", ()), *declared]
    return RankedRun(
        table=table,
        by=criterion.name,
        no_order=unordered,
        order=(*order, *left),
        suspicion=pd.Series(dtype="float64") if unordered else compared.set_index("case")["suspicion"],
        behind={} if unordered else {case: one.class_id for case, one in behind(scores, criterion).items()},
        classes=tuple(declared),
    )


def _criterion(table: pd.DataFrame, by: str) -> Criterion:
    """Find what the run is ranked by; a page can only show measures."""
    if by.upper() != AUV and by not in MEASURES:
        known = [name for name in (AUV, *MEASURES) if name in table.columns]
        raise UsageError(f"cannot rank a report by {by!r}, which is not a measure; {did_you_mean(by, known)}")
    return find_criterion(table, by, to="rank")


def shown_measures(cohort: RankedRun) -> tuple[list[str], int]:
    """Return the measures on the page, most important first, and how many are left out to keep it fast."""
    there = [name for name in (AUV, *MEASURES) if name in cohort.table and cohort.table[name].notna().any()]
    first = [cohort.by, *FIRST_MEASURES]
    ordered = sorted(dict.fromkeys(there), key=lambda name: first.index(name) if name in first else len(first))
    most = max(MAX_NUMBERS // max(len(cohort.table), 1), 4)
    return ordered[:most], max(len(ordered) - most, 0)


def cohort_payload(cohort: RankedRun, privacy: Privacy, why: Mapping[str, str]) -> dict[str, Any]:
    """Build what the first page shows of cases and structures.

    Args:
        cohort: the run.
        privacy: cleans ids and sentences.
        why: by case id, the sentence that says why it stands out.
    """
    table = cohort.table
    index_of = {case: position for position, case in enumerate(cohort.order)}
    position_of = {one.class_id: position for position, one in enumerate(cohort.classes)}
    names, left_out = shown_measures(cohort)
    subset = table.drop_duplicates("case").set_index("case")["subset"]
    return {
        "by": cohort.by,
        "noOrder": cohort.no_order,
        "fewest": MIN_CASES,
        "classes": [
            {"id": one.class_id, "name": one.name, "colour": colour_of(position)}
            for position, one in enumerate(cohort.classes)
        ],
        "measures": [measure_facts(name) for name in names],
        "measuresLeftOut": left_out,
        "cases": {
            "id": [privacy.case(case) for case in cohort.order],
            "subset": [str(subset.get(case, "")) for case in cohort.order],
            "suspicion": exact([cohort.suspicion.get(case, math.nan) for case in cohort.order]),
            "why": [why.get(case, "") for case in cohort.order],
        },
        "rows": {
            "case": [index_of[case] for case in table["case"]],
            "cls": [-1 if pd.isna(one) else position_of.get(int(one), -1) for one in table["class_id"]],
            "status": [_STATUS.index(status) for status in table["status"]],
            "values": {name: numbers(table[name].to_numpy(dtype=np.float64)) for name in names},
        },
        "own": _own_columns(cohort, privacy),
    }


def measure_facts(name: str) -> dict[str, str]:
    """Return the page's description of a measure."""
    if name == AUV:
        summary = "aleatoric uncertainty value: S against the same structure in the cohort"
        return {"name": name, "group": "scale", "suspicious": "high", "summary": summary}
    one = MEASURES[name]
    return {"name": name, "group": one.group, "suspicious": one.suspicious, "summary": one.summary}


def _own_columns(cohort: RankedRun, privacy: Privacy) -> dict[str, list[str]]:
    """Return the data set's own columns (site, scanner) by case; none with pseudonyms: they may identify patients."""
    if privacy.pseudonyms is not None:
        return {}
    names = [name for name in cohort.table if name not in KEY_COLUMNS and name not in MEASURES and name != AUV]
    by_case = cohort.table.drop_duplicates("case").set_index("case")
    return {str(name): [privacy.text(str(by_case[name].get(case, ""))) for case in cohort.order] for name in names}


MAX_CASES, MAX_ROWS = 10_000, 150_000
"""Default number of cases: the page opens and filters in two seconds, and its file is below 15 MB."""

_SAMPLED = 1000
"""Number of views for the spectrum bands; more would not change the percentiles visibly."""


@dataclass(frozen=True)
class Prepared:
    """Data that all cases of a report share.

    Attributes:
        run: what was scored, and how.
        cases: all cases of the run.
        dataset: data set with the images; None if it is gone.
        cohort: the cases shown; with `top` a part of the run.
        privacy: cleans ids and sentences.
        explainer: explainer of the whole run.
        similar: by case and class id, the most similar clean cases of the whole run.
        sample: cases for the spectrum bands, from most to least suspicious.
        options: options of the report.
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
        table: scores table of the run.
        cases: cases of the run.
        dataset: data set with the images; None if it is gone.
        options: options of the report.

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
    """Return the number of cases that a page can show fast."""
    rows_a_case = len(cohort.table) / max(len(cohort.order), 1)
    return max(min(MAX_CASES, int(MAX_ROWS / max(rows_a_case, 1.0))), 1)


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
    """Return the names of a case and its files that sentences may contain."""
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
        # A DICOM series is a folder; its reader names single files in messages.
        if path.is_dir():
            yield from (one.name for one in path.iterdir())
