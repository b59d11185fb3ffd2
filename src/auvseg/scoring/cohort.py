"""The measures that need all cases, as columns of a scores table: `mahalanobis` and the distances from the cohort.

Who is compared with whom: the training cases are the cohort, as for AUV, and a structure is compared with the same
structure in the cohort. A training case is one of those that it is compared with; a validation or test case moves
nobody's number. Where a table has no training case, all cases are the cohort.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32, Float64

from auvseg.measures.catalogue import IMAGE_OUTLIER, LABEL_OUTLIER, MEASURES, OUTLIER, Group
from auvseg.measures.cohort import FEWEST, absence, mahalanobis, outlyingness, robust_z, together

Features = Mapping[tuple[str, int], Float32[np.ndarray, "F"]]
"""Pooled features by case and class."""

_LOGARITHMIC = ("volume_ml",)
"""Structures are multiples of each other in size, not sums."""


def cohort_columns(table: pd.DataFrame, features: Features) -> pd.DataFrame:
    """The cohort's measures where their inputs exist.

    Args:
        table: a scores table, with the measures that were recorded.
        features: of the structures that have some, all of one length.

    Returns:
        The table's index and up to four columns: `mahalanobis` where there are features, `image_outlier` where there
        is a measure of image quality, `label_outlier` where there is a measure of label geometry or a volume, `outlier`
        where there is one of the two. A row without a number of its own has none here either (NaN), but for
        `label_outlier` of a structure that the case lacks, which says how unusual that is
        (`auvseg.measures.cohort.absence`), and with it `outlier`. A structure that fewer than `FEWEST` cases of the
        cohort hold is compared with none.
    """
    found = {}
    if features:
        found["mahalanobis"] = _by_class(table, lambda rows, members: _mahalanobis(rows, members, features))
    if names := _inputs(table, "quality"):
        found[IMAGE_OUTLIER] = _by_class(table, lambda rows, members: _outlyingness(rows[names], members))
    if names := [*_inputs(table, "geometry"), *_inputs(table, "volume_ml")]:
        far = _by_class(table, lambda rows, members: _outlyingness(rows[names], members))
        found[LABEL_OUTLIER] = far.where(table["status"] != "absent", _by_class(table, _absence))
    if apart := [found[name].to_numpy() for name in (IMAGE_OUTLIER, LABEL_OUTLIER) if name in found]:
        found[OUTLIER] = pd.Series(together(np.stack(apart, axis=1)), index=table.index)
    return pd.DataFrame(found, index=table.index)


def _inputs(table: pd.DataFrame, group_or_name: Group | str) -> list[str]:
    """The table's measures of a group, or of a name, of which some row has a number."""
    wanted = [name for name, measure in MEASURES.items() if group_or_name in (name, measure.group)]
    return [name for name in wanted if name in table.columns and np.isfinite(table[name]).any()]


def _by_class(
    table: pd.DataFrame,
    compare: Callable[[pd.DataFrame, Bool[np.ndarray, "N"]], Float64[np.ndarray, "N"]],
) -> pd.Series:
    """What `compare` makes of the rows of every class and of which of them are the cohort."""
    training = (table["subset"] == "training").to_numpy()
    cohort = training if training.any() else np.ones(len(table), dtype=bool)
    result = np.full(len(table), np.nan)
    for rows in table.groupby("class_id").indices.values():
        result[rows] = compare(table.iloc[rows], cohort[rows])
    return pd.Series(result, index=table.index)


def _mahalanobis(rows: pd.DataFrame, members: Bool[np.ndarray, "N"], features: Features) -> Float64[np.ndarray, "N"]:
    keys = [(str(case), int(number)) for case, number in zip(rows["case"], rows["class_id"], strict=True)]
    having = np.array([key in features for key in keys])
    distances = np.full(len(rows), np.nan)
    if having.any():
        held = np.stack([features[key] for key in keys if key in features])
        distances[having] = mahalanobis(held, members[having])
    return distances


def _outlyingness(numbers: pd.DataFrame, members: Bool[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
    columns = [
        np.log(values.where(values > 0)).to_numpy() if name in _LOGARITHMIC else values.to_numpy()
        for name, values in numbers.astype("float64").items()
    ]
    return outlyingness(np.stack([robust_z(column, members) for column in columns], axis=1))


def _absence(rows: pd.DataFrame, members: Bool[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
    """What it is worth that a case lacks the class; a case of the cohort is not one of its own others."""
    if members.sum() < FEWEST:
        return np.full(len(rows), np.nan)
    absent = (rows["status"] == "absent").to_numpy()
    holding, others = int((members & ~absent).sum()), int(members.sum())
    values = [
        absence(holding, others - int(member)) if lacks else np.nan
        for lacks, member in zip(absent, members, strict=True)
    ]
    return np.array(values, dtype=np.float64)
