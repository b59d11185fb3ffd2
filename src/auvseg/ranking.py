"""The scores table worst first, a case or a structure a row, with AUV computed over the cohort at hand."""

from typing import Literal

import pandas as pd

from auvseg.aleatoric import normalise_scale
from auvseg.errors import UsageError
from auvseg.measures.catalogue import MEASURES

Scope = Literal["case", "class"]


def rank(table: pd.DataFrame, *, by: str = "AUV", scope: Scope = "case") -> pd.DataFrame:
    """Order the scored cases from the most to the least suspicious.

    Args:
        table: a scores table (`auvseg.load_scores`).
        by: `AUV` or a measure of the table; its suspicious end comes first.
        scope: `case` takes every measure's mean over the classes that the case holds (METHOD section 2); `class` ranks
            every case and class, with AUV among the cases that hold the class.

    Returns:
        Columns `rank` (from 1), `case`, with scope `class` also `class_id` and `class`, then `AUV` (where the table
        has `S`) and the measures. Rows whose `by` is missing come last. Cases without any score are not in it.

    Raises:
        UsageError: `by` is no column of the ranking.
    """
    measures = [name for name in MEASURES if name in table.columns]
    scored = table[table["status"] == "ok"]
    if scope == "case":
        ranking = scored.groupby("case", sort=True)[measures].mean().reset_index()
        keys = ["case"]
    else:
        keys = ["case", "class_id", "class"]
        ranking = scored[[*keys, *measures]].reset_index(drop=True)
    if "S" in measures:
        ranking.insert(len(keys), "AUV", _auv_column(ranking, scope))
    if by not in ranking.columns or by in keys:
        choices = ", ".join(name for name in ranking.columns if name not in keys)
        raise UsageError(f"cannot rank by {by!r}; this run has {choices}")
    ascending = by != "AUV" and MEASURES[by].suspicious == "low"
    order = [by, *keys]
    ranking = ranking.sort_values(order, ascending=[ascending, *[True] * len(keys)], na_position="last", kind="stable")
    ranking.insert(0, "rank", range(1, len(ranking) + 1))
    return ranking.reset_index(drop=True)


def _auv_column(ranking: pd.DataFrame, scope: Scope) -> pd.Series:
    if scope == "case":
        return pd.Series(normalise_scale(ranking["S"].to_numpy()), index=ranking.index)
    return ranking.groupby("class_id")["S"].transform(lambda scale: normalise_scale(scale.to_numpy()))
