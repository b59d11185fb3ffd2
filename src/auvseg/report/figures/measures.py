"""Plots of the cohort: distributions, one measure against another, the filter's cut.

A dot is a structure of a case. Scores are given as a run folder or as its table (`auvseg.load_scores`).
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from auvseg.bench.correlation.plots import printable
from auvseg.cohort.compared import cohort_of
from auvseg.cohort.selection import filter_cases
from auvseg.cohort.suspicion import default_measure
from auvseg.data.case import ClassDef
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import AUV, MEASURES
from auvseg.report.figures.style import MARK, MAX_NAMED, draw_dots, jitter, name_axes, name_classes, new_figure
from auvseg.report.ranked_run import RankedRun, rank_run
from auvseg.scoring.table import load_scores

Scores = str | Path | pd.DataFrame
"""A run folder, or its scores table."""

_COLUMNS = 3
_MAX_BINS = 60
_BARS = "#0072b2"
_FITS_ON_A_LINE = 30
_SUSPICIOUS = {"low": "low is suspicious", "high": "high is suspicious", "both": "far from the middle is suspicious"}


def distribution(
    scores: Scores, *measures: str, mark: Sequence[str] = (), classes: Sequence[ClassDef] | None = None
) -> Figure:
    """Draw one panel per measure: a column per class, a dot per case, a line at the median.

    If not all cases have a value, the number is given below the column.

    Args:
        scores: a run.
        measures: `AUV` or measures of the run, at least one.
        mark: case ids to ring.
        classes: classes of the data set, for order and colours; None: those of the run.

    Raises:
        UsageError: no measure, or one that the run lacks.
    """
    cohort = _cohort(scores, classes)
    require(cohort, measures)
    columns = min(len(measures), _COLUMNS)
    figure = new_figure(columns, math.ceil(len(measures) / columns))
    for number, measure in enumerate(measures, start=1):
        axes = figure.add_subplot(math.ceil(len(measures) / columns), columns, number)
        _draw_columns(axes, cohort, measure, mark)
    return figure


def against(
    scores: Scores, across: str, up: str, *, mark: Sequence[str] = (), classes: Sequence[ClassDef] | None = None
) -> Figure:
    """Plot one measure against another, with a colour and marker per class; volumes have a logarithmic axis.

    Args:
        scores: a run.
        across: measure of the horizontal axis.
        up: measure of the vertical axis.
        mark: case ids to ring.
        classes: as for `distribution`.

    Raises:
        UsageError: the run lacks one of them.
    """
    cohort = _cohort(scores, classes)
    require(cohort, (across, up))
    figure = new_figure(inches=(5.4, 3.6))
    axes = figure.add_subplot()
    shown = []
    for position, one in enumerate(cohort.classes):
        rows = _rows(cohort, one, across, up)
        if len(rows):
            shown.append(position)
            ringed = rows["case"].isin(list(mark)).tolist()
            draw_dots(axes, rows[across].tolist(), rows[up].tolist(), position, marked=ringed)
    if _is_logarithmic(across) and shown:
        axes.set_xscale("log")
    if _is_logarithmic(up) and shown:
        axes.set_yscale("log")
    name_axes(axes, "", across, up)
    name_classes(axes, cohort.classes, shown)
    return figure


def cut(scores: Scores, *, by: str | None = None, keep: float = 0.95) -> Figure:
    """Plot the suspicion of the training cases, and where `auvseg filter` cuts.

    Args:
        scores: a run.
        by: as for `auvseg filter`; None takes the `default_measure`.
        keep: share of the training cases to keep.

    Raises:
        UsageError: as `auvseg.filter_cases`.
    """
    table = _table(scores)
    selection = filter_cases(table, by=by, keep=keep)
    values = selection.decisions["suspicion"].dropna().to_numpy(dtype=np.float64)
    threshold = float(selection.decisions["threshold"].iloc[0])
    figure = new_figure(inches=(5.4, 3.2))
    axes = figure.add_subplot()
    bins = min(max(math.ceil(math.sqrt(len(values))), 8), _MAX_BINS)
    axes.hist(values, bins=bins, color=_BARS)
    axes.axvline(threshold, color=MARK, linewidth=2)
    turned = {"high": "", "low": "negated ", "both": "distance from the middle in "}[selection.rule.suspicious]
    name_axes(
        axes,
        f"keep {100 * keep:g} %: {len(selection.removed)} of {len(values)} cases go",
        f"{turned}{selection.rule.by}, suspicious to the right",
        "training cases",
    )
    return figure


def require(cohort: RankedRun, measures: Sequence[str]) -> None:
    """Raise if no measure is given, or the run has no values of one.

    Raises:
        UsageError: names the measures that the run has.
    """
    there = [name for name in (AUV, *MEASURES) if name in cohort.table and cohort.table[name].notna().any()]
    if not measures or not set(measures) <= set(there):
        lacking = next((name for name in measures if name not in there), "")
        hint = did_you_mean(lacking, there, "auvseg measures")
        raise UsageError(f"cannot draw {lacking!r}: this run has no values of it; {hint}")


def _draw_columns(axes: Axes, cohort: RankedRun, measure: str, mark: Sequence[str]) -> None:
    for position, one in enumerate(cohort.classes):
        rows = _rows(cohort, one, measure)
        if len(rows):
            places = [position + jitter(case) for case in rows["case"]]
            draw_dots(axes, places, rows[measure].tolist(), position, marked=rows["case"].isin(list(mark)).tolist())
            compared = rows[measure][cohort_of(cohort.table)[rows.index]]
            axes.hlines(compared.median(), position - 0.42, position + 0.42, colors="black", linewidth=1.2)
    if _is_logarithmic(measure):
        axes.set_yscale("log")
    axes.set_xlim(-0.6, len(cohort.classes) - 0.4)
    suspicious = "high" if measure == AUV else MEASURES[measure].suspicious
    name_axes(axes, measure, _SUSPICIOUS[suspicious])
    cases = cohort.table["case"].nunique()
    counts = [len(_rows(cohort, one, measure)) for one in cohort.classes]
    _name_columns(axes, cohort.classes, [f" ({count} of {cases})" if count < cases else "" for count in counts])


def _name_columns(axes: Axes, classes: Sequence[ClassDef], counts: Sequence[str]) -> None:
    """Label the columns with classes, and with the number of cases if not all have a value."""
    if len(classes) > MAX_NAMED:
        axes.set_xticks([])
        return
    names = [f"{printable(one.name)}{count}" for one, count in zip(classes, counts, strict=True)]
    turned = 45 if sum(map(len, names)) > _FITS_ON_A_LINE else 0
    axes.set_xticks(range(len(names)), names, rotation=turned, parse_math=False)


def _is_logarithmic(measure: str) -> bool:
    return measure in MEASURES and MEASURES[measure].scale == "multiple"


def _rows(cohort: RankedRun, one: ClassDef, *measures: str) -> pd.DataFrame:
    table = cohort.table
    rows = table.loc[table["class_id"] == one.class_id, ["case", *dict.fromkeys(measures)]]
    return rows.dropna(subset=list(measures))


def _cohort(scores: Scores, classes: Sequence[ClassDef] | None) -> RankedRun:
    table = _table(scores)
    return rank_run(table, classes, default_measure(table))


def _table(scores: Scores) -> pd.DataFrame:
    return scores if isinstance(scores, pd.DataFrame) else load_scores(Path(scores))
