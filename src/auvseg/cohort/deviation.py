"""How far every number lies from the same structure's in the other cases, and the cohort's medians.

Shapes: N rows of a scores table.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float

from auvseg.cohort.explain import Held
from auvseg.measures.catalogue import MEASURES
from auvseg.measures.cohort import robust_z

_MULTIPLES = ("volume_ml",)
"""Taken by their logarithm: structures are multiples of each other, not sums."""

_USUAL = 0.5

_ODD_AT_BOTH_ENDS = ("volume_ml", "slices")
"""Size has a suspicious end for ranking, but a structure four times too large is as odd as one too small."""


def signed(table: pd.DataFrame) -> pd.DataFrame:
    """Robust z of every recorded measure among the training cases that hold the same class; all cases without any.

    Args:
        table: a scores table.

    Returns:
        The table's index, a column a measure; positive: above the median. Missing where the value is. Measures that are
        distances from the cohort already are left out.
    """
    names = [name for name in MEASURES if name in table.columns and MEASURES[name].group != "cohort"]
    values = {name: _comparable(name, table[name].to_numpy(dtype=np.float64)) for name in names}
    result = np.full((len(table), len(names)), np.nan)
    training = (table["subset"] == "training").to_numpy()
    for rows in table.groupby("class_id").indices.values():
        cohort = training[rows] if training[rows].any() else None
        for column, name in enumerate(names):
            result[rows, column] = robust_z(values[name][rows], cohort)
    return pd.DataFrame(result, index=table.index, columns=names)


def suspicious(z: pd.DataFrame) -> pd.DataFrame:
    """The same turned so that positive is towards the suspicious end; where both ends are, away from the median.

    Args:
        z: of `signed`.
    """
    return z.apply(lambda column: _turned(str(column.name), column))


def medians(table: pd.DataFrame) -> dict[int, dict[str, float]]:
    """The cohort's median of every measure, by class: of its training cases, of all where it has none."""
    names = [name for name in MEASURES if name in table.columns]
    known = _cohort_rows(table)
    middle = known.groupby("class_id")[names].median()
    columns = {name: middle[name].tolist() for name in names}
    return {
        int(class_id): {name: columns[name][place] for name in names}
        for place, class_id in enumerate(middle.index.tolist())
    }


def _cohort_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that others of their class are compared with: of training cases, of all where a class has none."""
    known = table[table["class_id"].notna()]
    training = known["subset"] == "training"
    return known[training | ~training.groupby(known["class_id"]).transform("any")]


def usually_held(table: pd.DataFrame) -> dict[int, Held]:
    """How many cases hold a class, by class id; of the classes that at least half of them hold."""
    known = table[table["class_id"].notna()]
    held = (known["status"] != "absent").groupby(known["class_id"].astype(int))
    found = {int(class_id): Held(int(one.sum()), len(one)) for class_id, one in held}
    return {class_id: one for class_id, one in found.items() if one.holding >= _USUAL * one.cases}


def compared_with(table: pd.DataFrame) -> dict[int, Held]:
    """How many cases a structure is compared with, by class id: of its training cases, of all where it has none.

    Args:
        table: a scores table.

    Returns:
        How many of them hold it and have numbers, of how many that were scored.
    """
    known = _cohort_rows(table[table["status"] != "failed"])
    held = (known["status"] == "ok").groupby(known["class_id"].astype(int)).agg(["sum", "size"])
    return {int(one): Held(*map(int, counts)) for one, counts in zip(held.index, held.to_numpy(), strict=True)}


def _comparable(name: str, values: Float[np.ndarray, "N"]) -> Float[np.ndarray, "N"]:
    if name not in _MULTIPLES:
        return values
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0, np.log(values), np.nan)


def _turned(name: str, z: pd.Series) -> pd.Series:
    if MEASURES[name].suspicious == "both" or name in _ODD_AT_BOTH_ENDS:
        return z.abs()
    return z if MEASURES[name].suspicious == "high" else -z
