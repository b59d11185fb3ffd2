"""The scores table worst first, a case or a structure a row, with AUV computed over the cohort at hand."""

from typing import Literal

import pandas as pd

from auvseg.aleatoric import normalise_scale
from auvseg.errors import UsageError
from auvseg.measures.catalogue import MEASURES
from auvseg.measures.default import AUV, default_measure
from auvseg.measures.direction import suspicion_of

Scope = Literal["case", "class"]


def rank(table: pd.DataFrame, *, by: str | None = None, scope: Scope = "case") -> pd.DataFrame:
    """Order the scored cases from the most to the least suspicious.

    Args:
        table: a scores table (`auvseg.load_scores`).
        by: `AUV` or a measure of the table; its suspicious end comes first. None takes the `default_measure`.
        scope: `case` takes every measure's mean over the classes that the case holds (METHOD section 2), for the
            measures that compare with the cohort the farthest class; `class` ranks every case and class, with AUV among
            the cases that hold the class.

    Returns:
        Columns `rank` (from 1), `case`, with scope `class` also `class_id` and `class`, then `AUV` (where the table
        has `S`) and the measures. Where both ends of `by` are suspicious, `distance` stands before the measures: how
        far it lies from the median of its class, in robust standard deviations, for scope `case` the mean over the
        case's classes. Rows whose `by` is missing come last. Cases without any score are not in it; a class that a
        case lacks is in it where `by` judges that (`label_outlier`).

    Raises:
        UsageError: `by` is no column of the ranking.
    """
    by = by or default_measure(table)
    measures = [name for name in MEASURES if name in table.columns]
    scored = table[(table["status"] == "ok") | _judged_absent(table, by, scope)]
    both = by in measures and MEASURES[by].suspicious == "both"
    columns = measures
    if both:
        scored = scored.assign(distance=scored.groupby("class_id")[by].transform(_distance))
        columns = ["distance", *measures]
    if scope == "case":
        over_classes = {name: "max" if name in MEASURES and MEASURES[name].of_farthest else "mean" for name in columns}
        ranking = scored.groupby("case", sort=True).agg(over_classes).reset_index()
        keys = ["case"]
    else:
        keys = ["case", "class_id", "class"]
        ranking = scored[[*keys, *columns]].reset_index(drop=True)
    if "S" in measures:
        ranking.insert(len(keys), AUV, _auv_column(ranking, scope))
    if by not in (AUV, *measures) or by not in ranking.columns:
        choices = ", ".join(name for name in ranking.columns if name not in keys)
        raise UsageError(f"cannot rank by {by!r}; this run has {choices}")
    ascending = by != AUV and MEASURES[by].suspicious == "low"
    order = ["distance" if both else by, *keys]
    ranking = ranking.sort_values(order, ascending=[ascending, *[True] * len(keys)], na_position="last", kind="stable")
    ranking.insert(0, "rank", range(1, len(ranking) + 1))
    return ranking.reset_index(drop=True)


def _judged_absent(table: pd.DataFrame, by: str, scope: Scope) -> pd.Series:
    """Rows of classes that a case lacks, where a measure judges that; among single classes only if `by` is that one."""
    judging = [name for name in table.columns if name in MEASURES and MEASURES[name].judges_absence]
    wanted = judging if scope == "case" else [name for name in judging if name == by]
    return (table["status"] == "absent") & table[wanted].notna().any(axis=1)


def _distance(values: pd.Series) -> pd.Series:
    return pd.Series(suspicion_of(values.to_numpy(), "both"), index=values.index)


def _auv_column(ranking: pd.DataFrame, scope: Scope) -> pd.Series:
    if scope == "case":
        return pd.Series(normalise_scale(ranking["S"].to_numpy()), index=ranking.index)
    return ranking.groupby("class_id")["S"].transform(lambda scale: normalise_scale(scale.to_numpy()))
