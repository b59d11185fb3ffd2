"""Compute one suspicion per case or structure (high = suspicious). Measures are oriented only here.

A criterion is what cases are compared by: AUV, a measure, or a numeric column of the user's. `suspicions` turns it into
one value per case or structure, which ranking, selection, report and benches use.

Shapes: N values.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64

from auvseg.choices import Scope
from auvseg.cohort.auv import normalise_scale
from auvseg.cohort.compared import KEY_COLUMNS, cohort_of, z_scores
from auvseg.cohort.distance import MIN_CASES, too_few
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import AUV, IMAGE_OUTLIER, MEASURES, OUTLIER, Suspicious
from auvseg.wording import counted

_MISSING = ("", "na", "n/a", "nan", "none", "null", "-", "?")
"""Usual spellings of a missing number in a table."""

RESERVED = (AUV, "rank", "distance")
"""Columns of a ranking that are not measures."""

SIGN: Mapping[Suspicious, float] = {"high": 1.0, "low": -1.0, "both": 1.0}
"""Factor that makes high suspicious; with `both`, the value is the distance from the median."""


@dataclass(frozen=True)
class Criterion:
    """What cases are compared by.

    Attributes:
        name: name for people: `AUV`, or the column.
        column: column of the scores table that it is computed from.
        suspicious: the suspicious end of its range.
    """

    name: str
    column: str
    suspicious: Suspicious

    @property
    def of_farthest(self) -> bool:
        """Whether a case takes the value of its most suspicious structure, not the mean over its structures."""
        return self.column in MEASURES and MEASURES[self.column].of_farthest

    @property
    def judges_absence(self) -> bool:
        """Whether a structure that a case lacks has a value."""
        return self.column in MEASURES and MEASURES[self.column].judges_absence

    @property
    def is_relative(self) -> bool:
        """Whether the value is relative to the other cases, and meaningless without them."""
        compares = self.column in MEASURES and MEASURES[self.column].group == "cohort"
        return compares or self.name == AUV or self.suspicious == "both"


def oriented(
    values: Float64[np.ndarray, "*N"], z: Float64[np.ndarray, "*N"], suspicious: Suspicious
) -> Float64[np.ndarray, "*N"]:
    """Orient values so that high is suspicious.

    Args:
        values: measured values.
        z: their robust z, used if both ends are suspicious.
        suspicious: the suspicious end.
    """
    return np.abs(z) if suspicious == "both" else SIGN[suspicious] * values


def suspicious_z(z: pd.DataFrame) -> pd.DataFrame:
    """Orient robust z: positive is towards the suspicious end, or away from the median if both ends are odd.

    Args:
        z: result of `auvseg.cohort.compared.z_scores`.
    """

    def turned(column: pd.Series) -> pd.Series:
        one = MEASURES[str(column.name)]
        return column.abs() if one.odd_at_both_ends or one.suspicious == "both" else SIGN[one.suspicious] * column

    return z.apply(turned)


def find_criterion(
    table: pd.DataFrame, by: str | None = None, suspicious: Suspicious | None = None, *, to: str = "filter"
) -> Criterion:
    """Find the criterion that `by` names in this table.

    Args:
        table: a scores table.
        by: `auv`, a measure, or any other numeric column of the table, such as one of the data set's own; None: the
            `default_measure`.
        suspicious: the suspicious end of a column that is not a measure; measures know theirs.
        to: verb for messages (`filter`, `rank`).

    Raises:
        UsageError: `by` is not a numeric column of the table, or its direction is unknown or contradicted.
    """
    by = by or default_measure(table)
    if by.upper() == AUV:
        criterion = Criterion(AUV, "S", "high")
    else:
        criterion = Criterion(by, by, MEASURES[by].suspicious if by in MEASURES else suspicious or "high")
    if by in RESERVED and by not in MEASURES and by in table.columns:
        raise UsageError(f"cannot {to} by {by!r}, which is a column of every ranking; rename yours")
    if criterion.column in KEY_COLUMNS or criterion.column not in table.columns:
        raise UsageError(f"cannot {to} by {by!r}; {did_you_mean(by, _choices(table), 'auvseg measures')}")
    if criterion.column not in MEASURES:
        if pd.to_numeric(table[by], errors="coerce").isna().all():
            raise UsageError(f"cannot {to} by {by!r}: the column holds no numbers")
        numbers_in(table, by)
        if suspicious is None:
            raise UsageError(f"which end of {by!r} is suspicious? add --suspicious low, high or both")
    if suspicious not in (None, criterion.suspicious):
        raise UsageError(f"the suspicious end of {criterion.name} is {criterion.suspicious}, not {suspicious}")
    return criterion


def default_measure(table: pd.DataFrame) -> str:
    """Choose `outlier` if image quality was measured, else the paper's AUV, else `outlier` of the labels alone.

    Among measures that need no fitting, `outlier` finds planted faults best; AUV is at chance (docs/bench-detect.md).

    If no measure distinguishes the cases, as in a cohort too small to compare, the choice is `outlier` too. A table
    with neither gets its first measure.

    Args:
        table: a scores table. A column that is constant within every class does not count.
    """
    cohort = table[cohort_of(table)]
    too_small = OUTLIER in cohort and cohort[OUTLIER].isna().all()
    if too_small or (_tells(cohort, OUTLIER) and (_tells(cohort, IMAGE_OUTLIER) or not _tells(cohort, "S"))):
        return OUTLIER
    if _tells(cohort, "S"):
        return AUV
    return next((AUV if name == "S" else name for name in (OUTLIER, *MEASURES) if name in cohort), AUV)


def numbers_in(table: pd.DataFrame, column: str) -> pd.Series:
    """Read a column as float64, NaN where a number is missing or infinite.

    Raises:
        UsageError: the column holds something that is neither a number nor a usual spelling of a missing one.
    """
    values = table[column]
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    unread = values[numbers.isna() & values.notna()].astype(str).str.strip()
    strange = unread[~unread.str.lower().isin(_MISSING)]
    if len(strange):
        raise UsageError(f"{column!r} is not a numeric column: it holds {strange.iloc[0]!r}")
    return numbers.where(np.isfinite(numbers))


def judged_statuses(criterion: Criterion) -> tuple[str, ...]:
    """Status of the rows whose value counts."""
    return ("ok", "absent") if criterion.judges_absence else ("ok",)


def suspicions(table: pd.DataFrame, criterion: Criterion, scope: Scope = "case") -> pd.DataFrame:
    """Compute the suspicion of every case, or of every structure of every case.

    The value of a case is the mean over its structures that have a value (METHOD section 2, ours). If both ends are
    suspicious, the value is the distance from the median of the same structure in the cohort, in robust standard
    deviations, and the mean is over these distances, so a liver is never compared with a lesion. For a measure that
    compares with the cohort, the case takes the largest value: ten sound organs must not outweigh a missing liver. A
    structure that the case lacks has a row only if the measure scores absence.

    Args:
        table: a scores table.
        criterion: what to compare by.
        scope: whole cases, or structures.

    Returns:
        Columns `case, class_id, class` (missing and empty for scope `case`), `group` (rows that are compared with
        each other), `scale` (`S` behind AUV, else the value), `value`, `suspicion` (high = suspicious), `reason` (why
        `value` is missing, else empty), `held` (False for a structure that the case lacks) and `cohort` (whether the
        case belongs to the cohort). Cases are sorted; structures are in the table's order.
    """
    numbers = numbers_in(table, criterion.column)
    judged = table["status"].isin(judged_statuses(criterion))
    rows = table.reindex(columns=list(KEY_COLUMNS)).assign(scale=numbers.where(judged), cohort=cohort_of(table))
    if criterion.suspicious == "both":
        z = z_scores(rows.assign(**{criterion.column: rows["scale"]}), [criterion.column])[criterion.column]
        rows["scale"] = oriented(rows["scale"].to_numpy(), z.to_numpy(), "both")
    frame = _cases(rows, criterion) if scope == "case" else _structures(rows)
    frame["value"] = _values(frame, criterion)
    frame["suspicion"] = SIGN[criterion.suspicious] * frame["value"]
    missing = frame["value"].isna()
    unexplained = missing & (frame["reason"] == "")
    if unexplained.any():
        without = uncompared(table, criterion)
        frame.loc[unexplained, "reason"] = [
            without.get(number, f"no value of {criterion.name}") for number in frame.loc[unexplained, "class_id"]
        ]
    frame.loc[~missing, "reason"] = ""
    return frame[["case", "class_id", "class", "group", "scale", "value", "suspicion", "reason", "held", "cohort"]]


def uncompared(table: pd.DataFrame, criterion: Criterion) -> dict[int, str]:
    """Say why structures have no value relative to the others: too few cases contain them; by class id."""
    if not criterion.is_relative or criterion.name == AUV:
        return {}
    known = table[cohort_of(table) & (table["status"] == "ok").to_numpy()]
    held = known.groupby("class_id").agg(name=("class", "first"), cases=("case", "nunique"))
    few = held[held["cases"] < MIN_CASES]
    return {
        class_id: too_few(f"{name} in {counted(int(cases), 'case')}")
        for class_id, name, cases in zip(few.index.tolist(), few["name"], few["cases"], strict=True)
    }


def _cases(rows: pd.DataFrame, criterion: Criterion) -> pd.DataFrame:
    by_case = rows.groupby("case", sort=True)
    scale = by_case["scale"].max() if criterion.of_farthest else by_case["scale"].mean()
    frame = scale.reset_index().assign(cohort=by_case["cohort"].any().to_numpy(), group=0, held=True)
    frame["class_id"] = pd.array([pd.NA] * len(frame), dtype="Int64")
    frame["class"] = ""
    frame["reason"] = pd.Series("", index=frame.index, dtype="object")
    unscored = rows[rows["scale"].isna()]
    unscored = unscored[unscored["reason"].fillna("") != ""].drop_duplicates("case")
    if len(unscored):
        reasons = dict(zip(unscored["case"], unscored["reason"], strict=True))
        frame["reason"] = pd.Series([str(reasons.get(case, "")) for case in frame["case"]], dtype="object")
    return frame


def _structures(rows: pd.DataFrame) -> pd.DataFrame:
    compared = rows[rows["class_id"].notna() & ((rows["status"] != "absent") | rows["scale"].notna())]
    reason = compared["reason"].astype("object").where(compared["reason"].notna(), "")
    compared = compared.assign(held=compared["status"] != "absent", group=compared["class_id"], reason=reason)
    return compared.drop(columns=["subset", "status"]).reset_index(drop=True)


def _values(frame: pd.DataFrame, criterion: Criterion) -> pd.Series:
    values = frame["scale"].copy()
    if criterion.name == AUV:
        scale, cohort = frame["scale"].to_numpy(), frame["cohort"].to_numpy()
        for members in frame.groupby("group").indices.values():
            values.iloc[members] = normalise_scale(scale[members], cohort[members])
    return values


def _choices(table: pd.DataFrame) -> list[str]:
    own = [str(name) for name in table.columns if name not in KEY_COLUMNS]
    return [AUV, *own] if "S" in own else own


def _tells(table: pd.DataFrame, name: str) -> bool:
    """Whether a column differs between the cases of some class."""
    if name not in table:
        return False
    classes = table["class_id"] if "class_id" in table else [0] * len(table)
    return bool(table[name].groupby(classes, dropna=False).nunique().gt(1).any())
