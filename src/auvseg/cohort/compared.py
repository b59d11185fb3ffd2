"""Define the cohort, and measure how far every value of a scores table lies from it.

The training cases are the cohort. Validation and test cases are compared with the cohort but do not influence it. If a
table has no training case, all cases are the cohort. A structure is compared with the same structure of other cases.

Shapes: N rows of a scores table.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32, Float64

from auvseg.cohort.distance import MIN_CASES, absence, mahalanobis, outlyingness, robust_z, together
from auvseg.errors import UsageError
from auvseg.measures.catalogue import IMAGE_OUTLIER, LABEL_OUTLIER, MEASURES, OUTLIER, Group

KEY_COLUMNS = ("case", "subset", "class_id", "class", "status", "reason")
"""The columns that every scores table begins with; the measures and then the data set's own columns follow."""

Features = Mapping[tuple[str, int], Float32[np.ndarray, "F"]]
"""Pooled features by case and class."""

_USUAL_SHARE = 0.5


@dataclass(frozen=True)
class Held:
    """Number of cases that contain a structure, and number of scored cases."""

    holding: int
    cases: int


def cohort_of(table: pd.DataFrame) -> Bool[np.ndarray, "N"]:
    """Return a mask of the cohort's rows: those of training cases, or all rows if there is no training case."""
    if "subset" in table:
        training = (table["subset"] == "training").to_numpy(dtype=bool)
        if training.any():
            return training
    return np.ones(len(table), dtype=bool)


def require_columns(table: pd.DataFrame, names: Collection[str]) -> None:
    """Refuse a table without the columns that a comparison needs.

    Raises:
        UsageError: it is not a scores table.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise UsageError(f"not a scores table: the columns {', '.join(missing)} are missing")


def refuse_twice(rows: pd.DataFrame) -> None:
    """Refuse rows that hold a structure of a case twice.

    Raises:
        UsageError: they do; the first is named.
    """
    twice = rows[rows.duplicated(["case", "class_id"])]
    if len(twice):
        raise UsageError(f"case {twice['case'].iloc[0]!r} has class {twice['class'].iloc[0]!r} twice in the table")


def z_scores(
    table: pd.DataFrame, measures: list[str] | None = None, cohort: Bool[np.ndarray, "N"] | None = None
) -> pd.DataFrame:
    """Robust z of every measure among the cohort's cases that hold the same class, on the measure's own scale.

    Args:
        table: a scores table.
        measures: columns of the table; None: all measures that are not distances from the cohort already.
        cohort: (N,) rows of the cohort; None: `cohort_of` this table. A part of a run needs that of the whole run.

    Returns:
        One column per measure, on the table's index; positive: above the median. NaN where the value is missing.
    """
    if measures is None:
        measures = [name for name, one in MEASURES.items() if name in table.columns and one.group != "cohort"]
    values = {name: _on_its_scale(name, table[name]) for name in measures}
    z = {name: np.full(len(table), np.nan) for name in measures}
    cohort = cohort_of(table) if cohort is None else cohort
    for rows in table.groupby("class_id").indices.values():
        for name in measures:
            z[name][rows] = robust_z(values[name][rows], cohort[rows])
    return pd.DataFrame(z, index=table.index, columns=measures)


def medians(table: pd.DataFrame, cohort: Bool[np.ndarray, "N"] | None = None) -> dict[int, dict[str, float]]:
    """The cohort's median of every measure, by class; `cohort` as for `z_scores`."""
    names = [name for name in MEASURES if name in table.columns]
    middle = _known(table, cohort).groupby("class_id")[names].median()
    columns = {name: middle[name].tolist() for name in names}
    return {
        int(class_id): {name: columns[name][place] for name in names}
        for place, class_id in enumerate(middle.index.tolist())
    }


def usually_held(table: pd.DataFrame, cohort: Bool[np.ndarray, "N"] | None = None) -> dict[int, Held]:
    """Count the cohort's cases that contain each class, for classes that at least half of them contain; by class id."""
    known = _known(table, cohort)
    held = (known["status"] != "absent").groupby(known["class_id"].astype(int))
    found = {int(class_id): Held(int(one.sum()), len(one)) for class_id, one in held}
    return {class_id: one for class_id, one in found.items() if one.holding >= _USUAL_SHARE * one.cases}


def compared_with(table: pd.DataFrame, cohort: Bool[np.ndarray, "N"] | None = None) -> dict[int, Held]:
    """Count the cohort's cases that contain and have values for each class, and all that were scored; by class id."""
    known = _known(table, cohort)
    known = known[known["status"] != "failed"]
    held = (known["status"] == "ok").groupby(known["class_id"].astype(int)).agg(["sum", "size"])
    return {int(one): Held(*map(int, counts)) for one, counts in zip(held.index, held.to_numpy(), strict=True)}


def cohort_columns(table: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Compute the measures that compare a case with the cohort, as far as their inputs exist.

    Args:
        table: a scores table with the recorded measures.
        features: pooled features of the structures that have any, all of one length.

    Returns:
        Up to four columns on the table's index: `mahalanobis` if there are features, `image_outlier` if there is a
        measure of image quality, `label_outlier` if there is a measure of label geometry or a volume, `outlier` if
        there is one of the last two. Rows without values are NaN, with one exception: for a structure that the case
        lacks, `label_outlier` and with it `outlier` say how unusual that is (`auvseg.cohort.distance.absence`). A
        structure that fewer than `MIN_CASES` cases of the cohort contain is not compared.
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


def _known(table: pd.DataFrame, cohort: Bool[np.ndarray, "N"] | None) -> pd.DataFrame:
    """The cohort's rows that have a class."""
    return table[(cohort_of(table) if cohort is None else cohort) & table["class_id"].notna().to_numpy()]


def _inputs(table: pd.DataFrame, group_or_name: Group | str) -> list[str]:
    """Return the table's measures of a group, or with a name, that have a value in some row of the cohort."""
    wanted = [name for name, measure in MEASURES.items() if group_or_name in (name, measure.group)]
    cohort = cohort_of(table)
    return [name for name in wanted if name in table.columns and np.isfinite(table[name].to_numpy()[cohort]).any()]


def _by_class(
    table: pd.DataFrame,
    compare: Callable[[pd.DataFrame, Bool[np.ndarray, "N"]], Float64[np.ndarray, "N"]],
) -> pd.Series:
    """Apply `compare` to the rows of each class and the mask of the cohort among them."""
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
    """Score the absence of the class; a case of the cohort is not compared with itself."""
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
    """Return values on a scale on which differences are meaningful."""
    values = column.to_numpy(dtype=np.float64)
    if name not in MEASURES or MEASURES[name].scale != "multiple":
        return values
    return np.log(values, where=values > 0, out=np.full(values.shape, np.nan))
