"""Who is compared by what: the training rows of a scores table, and one number a case or structure, high = suspicious.

Reads the table and orients it by a criterion (`auvseg.ranking`); the threshold and the decision are
`auvseg.filtering.selection`'s.
"""

import pandas as pd

from auvseg.aleatoric import normalise_scale
from auvseg.choices import Scope
from auvseg.cohort.order import uncompared
from auvseg.errors import UsageError
from auvseg.measures.direction import suspicion_of
from auvseg.ranking import Criterion, numbers_in
from auvseg.scoring.columns import KEY_COLUMNS


def training_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that filtering may look at and touch, sorted by case and class whatever the table's order.

    Raises:
        UsageError: there are none, a column is missing, or a case has a class twice.
    """
    missing = [name for name in KEY_COLUMNS if name not in table.columns]
    if missing:
        raise UsageError(f"this is no scores table: it lacks the columns {', '.join(missing)}")
    rows = table[table["subset"] == "training"].copy()
    if rows.empty:
        raise UsageError("the table holds no training cases, and filtering touches no others")
    rows["case"] = rows["case"].map(str)
    for name in ("class", "reason"):  # empty text comes back from a CSV file as a missing value
        rows[name] = rows[name].astype("object").where(rows[name].notna(), "")
    rows["class_id"] = rows["class_id"].astype("Int64")
    twice = rows[rows.duplicated(["case", "class_id"])]
    if len(twice):
        raise UsageError(f"case {twice['case'].iloc[0]!r} has class {twice['class'].iloc[0]!r} twice in the table")
    return rows.sort_values(["case", "class_id"], kind="stable", ignore_index=True)


def held_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of classes that their case holds, scored or not."""
    return rows[rows["class_id"].notna() & (rows["status"] != "absent")].reset_index(drop=True)


def held_classes(rows: pd.DataFrame) -> tuple[tuple[int, str], ...]:
    """Id and name of every class that some case holds, by id."""
    held = held_rows(rows).drop_duplicates("class_id").sort_values("class_id")
    return tuple((int(number), str(name)) for number, name in zip(held["class_id"], held["class"], strict=True))


def suspicions(rows: pd.DataFrame, criterion: Criterion, scope: Scope) -> pd.DataFrame:
    """One row a case, or a case and held class, with what it is compared by.

    The value of a case is the mean over the classes that it holds and that have one (METHOD section 2, ours). Where
    both ends are suspicious, the value is the distance from the median of the same class in the other cases, in robust
    standard deviations, and the mean is over these distances: a liver is then never compared with a lesion. Of a
    measure that compares with the cohort the largest value is taken, for a missing liver must not be outweighed by ten
    organs that are there. A class that the case lacks has a row only where the measure judges absence.

    Args:
        rows: of `training_rows`.
        criterion: what to compare by.
        scope: `case` or `class`; decides who is compared with whom.

    Returns:
        Columns `case, class_id, class` (missing and empty for scope `case`), `group` (rows that are compared with
        each other), `scale` (`S` behind AUV, else the value), `value`, `suspicion` (high = suspicious), `reason` (why
        `value` is missing, else empty) and `held` (False for a class that the case lacks).
    """
    numbers = numbers_in(rows, criterion.column)
    judged = rows["status"].isin(["ok", "absent"] if criterion.judges_absence else ["ok"])
    rows = rows.assign(scale=numbers.where(judged))
    if criterion.suspicious == "both":
        rows["scale"] = rows.groupby("class_id")["scale"].transform(lambda v: suspicion_of(v.to_numpy(), "both"))
    if scope == "case":
        by_case = rows.groupby("case", sort=True)["scale"]
        frame = (by_case.max() if criterion.of_farthest else by_case.mean()).reset_index()
        frame = frame.assign(class_id=pd.array([pd.NA] * len(frame), dtype="Int64"), group=0, held=True)
        frame["class"] = ""
        unscored = rows[rows["scale"].isna() & (rows["reason"] != "")].drop_duplicates("case")
        reasons = dict(zip(unscored["case"], unscored["reason"], strict=True))
        frame["reason"] = [str(reasons.get(case, "")) for case in frame["case"]]
    else:
        compared = rows[rows["class_id"].notna() & ((rows["status"] != "absent") | rows["scale"].notna())]
        compared = compared.assign(held=compared["status"] != "absent", group=compared["class_id"].astype("int64"))
        frame = compared[["case", "class_id", "class", "scale", "reason", "held", "group"]].reset_index(drop=True)
    frame["value"] = _values(frame, criterion)
    frame["suspicion"] = -frame["value"] if criterion.suspicious == "low" else frame["value"]
    missing = frame["value"].isna()
    unexplained = missing & (frame["reason"] == "")
    without = uncompared(rows, criterion)
    frame.loc[unexplained, "reason"] = [
        without.get(number, f"it has no {criterion.name}") for number in frame.loc[unexplained, "class_id"]
    ]
    frame.loc[~missing, "reason"] = ""
    return frame[["case", "class_id", "class", "group", "scale", "value", "suspicion", "reason", "held"]]


def _values(frame: pd.DataFrame, criterion: Criterion) -> pd.Series:
    values = frame["scale"].copy()
    if criterion.name == "AUV":
        scale = frame["scale"].to_numpy()
        for members in frame.groupby("group").indices.values():
            values.iloc[members] = normalise_scale(scale[members])
    return values
