"""A run's measures as they are held against Dice: a row a scored structure, or a row a case."""

import numpy as np
import pandas as pd

from auvseg.measures.catalogue import MEASURES
from auvseg.measures.direction import suspicion_of


def measure_values(table: pd.DataFrame) -> pd.DataFrame:
    """The scored structures and every measure that has a number somewhere.

    A measure of which both ends are suspicious is turned into its distance from the median of its class among the
    run's cases, in robust standard deviations (`suspicion_of`), for its value has no direction. All others stay as
    they are.

    Args:
        table: a scores table (`auvseg.load_scores`).

    Returns:
        Columns `case`, `class_id` (int), `class` and the measures, NaN where there is no number; sorted by case and
        class. Rows that are absent or failed are not in it.
    """
    names = [name for name in MEASURES if name in table.columns]
    rows = table.loc[(table["status"] == "ok") & table["class_id"].notna(), ["case", "class_id", "class", *names]]
    rows = rows.assign(class_id=rows["class_id"].astype("int64")).sort_values(["case", "class_id"], ignore_index=True)
    numbers = rows[names].astype("float64").replace([np.inf, -np.inf], np.nan)
    for name in names:
        if MEASURES[name].suspicious == "both":
            by_class = numbers[name].groupby(rows["class_id"])
            numbers[name] = by_class.transform(lambda values: suspicion_of(values.to_numpy(), "both"))
    known = [name for name in names if numbers[name].notna().any()]
    return pd.concat([rows[["case", "class_id", "class"]], numbers[known]], axis=1)


def case_values(values: pd.DataFrame) -> pd.DataFrame:
    """The measures of whole cases, as `auvseg rank` takes them.

    Args:
        values: of `measure_values`.

    Returns:
        Columns `case` and the measures: the mean over the classes that the case holds; of the measures that compare
        with the cohort the largest. Sorted by case.
    """
    names = [name for name in values.columns if name in MEASURES]
    over_classes = {name: "max" if MEASURES[name].of_farthest else "mean" for name in names}
    return values.groupby("case", sort=True).agg(over_classes).reset_index()


def useful_sign(measure: str, higher_is_better: bool = True) -> int:
    """The sign that its correlation has if the suspicious cases are those of the lower Dice.

    Args:
        measure: its name.
        higher_is_better: whether a high number is a good one, as for Dice.

    Returns:
        +1 where low is suspicious; -1 where high is, or the distance from the median; turned around where a low number
        is the good one.
    """
    sign = 1 if MEASURES[measure].suspicious == "low" else -1
    return sign if higher_is_better else -sign
