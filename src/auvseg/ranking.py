"""The scores table worst first, a case or a structure a row, with AUV computed over the cohort at hand.

What may be compared by, and which end of it is the suspicious one, is decided here for every command.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from auvseg.aleatoric import normalise_scale
from auvseg.choices import Scope
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import MEASURES, Suspicious
from auvseg.measures.default import AUV, default_measure
from auvseg.measures.direction import suspicion_of
from auvseg.scoring.columns import KEY_COLUMNS

_MISSING = ("", "na", "n/a", "nan", "none", "null", "-", "?")
"""What people write into a table for a number that they do not have."""


@dataclass(frozen=True)
class Criterion:
    """What cases are compared by.

    Attributes:
        name: as people read it: `AUV`, or the column.
        column: the column of the scores table that it is made from.
        suspicious: which end of its range is the suspicious one, or `both`.
    """

    name: str
    column: str
    suspicious: Suspicious

    @property
    def of_farthest(self) -> bool:
        """Whether a case is as suspicious as its most suspicious class, not as the mean over its classes."""
        return self.column in MEASURES and MEASURES[self.column].of_farthest

    @property
    def judges_absence(self) -> bool:
        """Whether a class that a case lacks has a number."""
        return self.column in MEASURES and MEASURES[self.column].judges_absence


def find_criterion(
    table: pd.DataFrame, by: str, suspicious: Suspicious | None = None, *, to: str = "filter"
) -> Criterion:
    """What `by` means for this table.

    Args:
        table: a scores table.
        by: `auv`, a measure, or any other numeric column of the table, such as one of the data set's own.
        suspicious: the suspicious end of a column that is no measure; measures know theirs.
        to: what is to be done by it, for messages.

    Raises:
        UsageError: `by` is no numeric column of the table, or its direction is not known or contradicted.
    """
    criterion = _known_criterion(by) or Criterion(by, by, suspicious or "high")
    if criterion.column in KEY_COLUMNS or criterion.column not in table.columns:
        raise UsageError(f"cannot {to} by {by!r}; {did_you_mean(by, _choices(table), 'auvseg measures')}")
    if criterion.column not in MEASURES:
        if pd.to_numeric(table[by], errors="coerce").isna().all():
            raise UsageError(f"cannot {to} by {by!r}: the column holds no numbers")
        numbers_in(table, by)
        if suspicious is None:
            raise UsageError(f"which end of {by!r} is the suspicious one? add --suspicious low, high or both")
    if suspicious not in (None, criterion.suspicious):
        raise UsageError(f"the suspicious end of {criterion.name} is {criterion.suspicious}, not {suspicious}")
    return criterion


def numbers_in(table: pd.DataFrame, column: str) -> pd.Series:
    """A column as float64, NaN where a number is missing or infinite.

    Raises:
        UsageError: it holds something that is neither a number nor a usual word for a missing one.
    """
    values = table[column]
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    unread = values[numbers.isna() & values.notna()].astype(str).str.strip()
    strange = unread[~unread.str.lower().isin(_MISSING)]
    if len(strange):
        raise UsageError(f"{column!r} is no column of numbers: it holds {strange.iloc[0]!r}")
    return numbers.where(np.isfinite(numbers))


def rank(
    table: pd.DataFrame, *, by: str | None = None, scope: Scope = "case", suspicious: Suspicious | None = None
) -> pd.DataFrame:
    """Order the scored cases from the most to the least suspicious.

    Args:
        table: a scores table (`auvseg.load_scores`).
        by: `AUV`, a measure of the table, or any other numeric column of it; its suspicious end comes first. None
            takes the `default_measure`.
        scope: `case` takes every measure's mean over the classes that the case holds (METHOD section 2), for the
            measures that compare with the cohort the farthest class; `class` ranks every case and class, with AUV among
            the cases that hold the class.
        suspicious: the suspicious end of a column that is no measure; measures know theirs.

    Returns:
        Columns `rank` (from 1; missing where `by` is), `case`, with scope `class` also `class_id` and `class`, then
        `AUV` (where the table has `S`), the measures, and `by` where it is none of them. Where both ends of `by` are
        suspicious, `distance` stands before the measures: how far it lies from the median of its class, in robust
        standard deviations, for scope `case` the mean over the case's classes. Rows whose `by` is missing come last.
        Where no two rows differ in `by`, none has a rank, and they stand in order of their ids
        (`auvseg.cohort.order.no_order` says why). Cases without any score are not in it; a class that a case lacks is
        in it where `by` judges that (`label_outlier`).

    Raises:
        UsageError: `by` is no numeric column of the table, or its direction is not known or contradicted.
    """
    criterion = find_criterion(table, by or default_measure(table), suspicious, to="rank")
    measures = [name for name in MEASURES if name in table.columns]
    columns = measures
    if criterion.column not in MEASURES:
        table = table.assign(**{criterion.column: numbers_in(table, criterion.column)})
        columns = [*measures, criterion.column]
    scored = table[(table["status"] == "ok") | _judged_absent(table, criterion, scope)]
    if criterion.suspicious == "both":
        scored = scored.assign(distance=scored.groupby("class_id")[criterion.column].transform(_distance))
        columns = ["distance", *columns]
    if scope == "case":
        over_classes = {name: "max" if name in MEASURES and MEASURES[name].of_farthest else "mean" for name in columns}
        ranking = scored.groupby("case", sort=True).agg(over_classes).reset_index()
        keys = ["case"]
    else:
        keys = ["case", "class_id", "class"]
        ranking = scored[[*keys, *columns]].reset_index(drop=True)
    if "S" in measures:
        ranking.insert(len(keys), AUV, _auv_column(ranking, scope))
    number = "distance" if criterion.suspicious == "both" else criterion.name
    if ranking[number].nunique() > 1:
        ascending = [criterion.suspicious == "low", *[True] * len(keys)]
        ranking = ranking.sort_values([number, *keys], ascending=ascending, na_position="last", kind="stable")
        ranks = pd.Series(range(1, len(ranking) + 1), index=ranking.index, dtype="Int64")
        ranking.insert(0, "rank", ranks.where(ranking[number].notna()))
    else:
        ranking = ranking.sort_values(keys, kind="stable")
        ranking.insert(0, "rank", pd.Series(pd.NA, index=ranking.index, dtype="Int64"))
    return ranking.reset_index(drop=True)


def _known_criterion(by: str) -> Criterion | None:
    if by.upper() == AUV:
        return Criterion(AUV, "S", "high")
    return Criterion(by, by, MEASURES[by].suspicious) if by in MEASURES else None


def _choices(table: pd.DataFrame) -> list[str]:
    own = [str(name) for name in table.columns if name not in KEY_COLUMNS]
    return [AUV, *own] if "S" in own else own


def _judged_absent(table: pd.DataFrame, criterion: Criterion, scope: Scope) -> pd.Series:
    """Rows of classes that a case lacks, where a measure judges that; among single classes only if `by` is that one."""
    judging = [name for name in table.columns if name in MEASURES and MEASURES[name].judges_absence]
    wanted = judging if scope == "case" else [name for name in judging if name == criterion.column]
    return (table["status"] == "absent") & table[wanted].notna().any(axis=1)


def _distance(values: pd.Series) -> pd.Series:
    return pd.Series(suspicion_of(values.to_numpy(), "both"), index=values.index)


def _auv_column(ranking: pd.DataFrame, scope: Scope) -> pd.Series:
    if scope == "case":
        return pd.Series(normalise_scale(ranking["S"].to_numpy()), index=ranking.index)
    return ranking.groupby("class_id")["S"].transform(lambda scale: normalise_scale(scale.to_numpy()))
