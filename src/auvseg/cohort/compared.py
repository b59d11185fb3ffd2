"""Who is compared with whom, and how far every number of a scores table lies from the cohort.

The training cases are the cohort. They are compared with each other; validation and test cases are measured against
them and move nobody. Where a table has no training case, all cases are the cohort. A structure is compared with the
same structure of other cases.

Shapes: N rows of a scores table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32, Float64

from auvseg.cohort.distance import MIN_CASES, absence, mahalanobis, outlyingness, robust_z, together
from auvseg.measures.catalogue import IMAGE_OUTLIER, LABEL_OUTLIER, MEASURES, OUTLIER, Group

KEY_COLUMNS = ("case", "subset", "class_id", "class", "status", "reason")
"""The columns that every scores table begins with; the measures and then the data set's own columns follow."""

Features = Mapping[tuple[str, int], Float32[np.ndarray, "F"]]
"""Pooled features by case and class."""

_USUAL_SHARE = 0.5


@dataclass(frozen=True)
class Held:
    """How many cases hold a structure, of how many that were scored."""

    holding: int
    cases: int


def cohort_of(table: pd.DataFrame) -> Bool[np.ndarray, "N"]:
    """Which rows of a scores table are the cohort: those of training cases, or all where there is none."""
    if "subset" in table:
        training = (table["subset"] == "training").to_numpy(dtype=bool)
        if training.any():
            return training
    return np.ones(len(table), dtype=bool)


def z_scores(table: pd.DataFrame, measures: list[str] | None = None) -> pd.DataFrame:
    """Robust z of every measure among the cohort's cases that hold the same class, on the measure's own scale.

    Args:
        table: a scores table.
        measures: columns of it; None: all measures that are not distances from the cohort already.

    Returns:
        The table's index, a column a measure; positive: above the median. NaN where the value is missing.
    """
    if measures is None:
        measures = [name for name, one in MEASURES.items() if name in table.columns and one.group != "cohort"]
    values = {name: _on_its_scale(name, table[name]) for name in measures}
    z = {name: np.full(len(table), np.nan) for name in measures}
    cohort = cohort_of(table)
    for rows in table.groupby("class_id").indices.values():
        for name in measures:
            z[name][rows] = robust_z(values[name][rows], cohort[rows])
    return pd.DataFrame(z, index=table.index, columns=measures)


def medians(table: pd.DataFrame) -> dict[int, dict[str, float]]:
    """The cohort's median of every measure, by class."""
    names = [name for name in MEASURES if name in table.columns]
    middle = _known(table).groupby("class_id")[names].median()
    columns = {name: middle[name].tolist() for name in names}
    return {
        int(class_id): {name: columns[name][place] for name in names}
        for place, class_id in enumerate(middle.index.tolist())
    }


def usually_held(table: pd.DataFrame) -> dict[int, Held]:
    """How many cases of the cohort hold a class, by class id; only classes that at least half of them hold."""
    known = _known(table)
    held = (known["status"] != "absent").groupby(known["class_id"].astype(int))
    found = {int(class_id): Held(int(one.sum()), len(one)) for class_id, one in held}
    return {class_id: one for class_id, one in found.items() if one.holding >= _USUAL_SHARE * one.cases}


def compared_with(table: pd.DataFrame) -> dict[int, Held]:
    """How many cases of the cohort hold a class and have numbers, of how many that were scored; by class id."""
    known = _known(table)
    known = known[known["status"] != "failed"]
    held = (known["status"] == "ok").groupby(known["class_id"].astype(int)).agg(["sum", "size"])
    return {int(one): Held(*map(int, counts)) for one, counts in zip(held.index, held.to_numpy(), strict=True)}


def cohort_columns(table: pd.DataFrame, features: Features) -> pd.DataFrame:
    """The measures that compare a case with the cohort, where their inputs exist.

    Args:
        table: a scores table, with the measures that were recorded.
        features: of the structures that have some, all of one length.

    Returns:
        The table's index and up to four columns: `mahalanobis` where there are features, `image_outlier` where there
        is a measure of image quality, `label_outlier` where there is a measure of label geometry or a volume, `outlier`
        where there is one of the two. A row without a number of its own has none here either (NaN), but for
        `label_outlier` of a structure that the case lacks, which says how unusual that is
        (`auvseg.cohort.distance.absence`), and with it `outlier`. A structure that fewer than `MIN_CASES` cases of the
        cohort hold is compared with none.
    """
    found = {}
    if features:
        found["mahalanobis"] = _by_class(table, lambda rows, members: _mahalanobis(rows, members, features))
    if names := _inputs(table, "quality"):
        found[IMAGE_OUTLIER] = _outlyingness(table, names)
    if names := [*_inputs(table, "geometry"), *_inputs(table, "volume_ml")]:
        far = _outlyingness(table, names)
        found[LABEL_OUTLIER] = far.where(table["status"] != "absent", _by_class(table, _absence))
    if apart := [found[name].to_numpy() for name in (IMAGE_OUTLIER, LABEL_OUTLIER) if name in found]:
        found[OUTLIER] = pd.Series(together(np.stack(apart, axis=1)), index=table.index)
    return pd.DataFrame(found, index=table.index)


def _known(table: pd.DataFrame) -> pd.DataFrame:
    """The cohort's rows that are of a class."""
    return table[cohort_of(table) & table["class_id"].notna().to_numpy()]


def _inputs(table: pd.DataFrame, group_or_name: Group | str) -> list[str]:
    """The table's measures of a group, or of a name, of which some row has a number."""
    wanted = [name for name, measure in MEASURES.items() if group_or_name in (name, measure.group)]
    return [name for name in wanted if name in table.columns and np.isfinite(table[name]).any()]


def _by_class(
    table: pd.DataFrame,
    compare: Callable[[pd.DataFrame, Bool[np.ndarray, "N"]], Float64[np.ndarray, "N"]],
) -> pd.Series:
    """What `compare` makes of the rows of every class and of which of them are the cohort."""
    cohort = cohort_of(table)
    result = np.full(len(table), np.nan)
    for rows in table.groupby("class_id").indices.values():
        result[rows] = compare(table.iloc[rows], cohort[rows])
    return pd.Series(result, index=table.index)


def _outlyingness(table: pd.DataFrame, names: list[str]) -> pd.Series:
    return pd.Series(outlyingness(z_scores(table, names).to_numpy(dtype=np.float64)), index=table.index)


def _mahalanobis(rows: pd.DataFrame, members: Bool[np.ndarray, "N"], features: Features) -> Float64[np.ndarray, "N"]:
    keys = [(str(case), int(number)) for case, number in zip(rows["case"], rows["class_id"], strict=True)]
    having = np.array([key in features for key in keys])
    distances = np.full(len(rows), np.nan)
    if having.any():
        held = np.stack([features[key] for key in keys if key in features])
        distances[having] = mahalanobis(held, members[having])
    return distances


def _absence(rows: pd.DataFrame, members: Bool[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
    """What it is worth that a case lacks the class; a case of the cohort is not one of its own others."""
    if members.sum() < MIN_CASES:
        return np.full(len(rows), np.nan)
    absent = (rows["status"] == "absent").to_numpy()
    holding, others = int((members & ~absent).sum()), int(members.sum())
    values = [
        absence(holding, others - int(member)) if lacks else np.nan
        for lacks, member in zip(absent, members, strict=True)
    ]
    return np.array(values, dtype=np.float64)


def _on_its_scale(name: str, column: pd.Series) -> Float64[np.ndarray, "N"]:
    """Numbers whose differences compare them."""
    values = column.to_numpy(dtype=np.float64)
    if name not in MEASURES or MEASURES[name].scale != "multiple":
        return values
    return np.log(values, where=values > 0, out=np.full(values.shape, np.nan))
