"""The aleatoric uncertainty value (METHOD section 3): the scale `S` of one case, seen against its cohort.

    AUV(Z_i) = 1 - (log S(Z_i) - min_k log S(Z_k)) / (max_k log S(Z_k) - min_k log S(Z_k))

AUV needs the whole cohort, so it is computed when a table is read and never stored as truth. The cohort is always the
caller's choice: what is passed in is what is compared. No decision is taken here; that is `auvseg.filtering`.
"""

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from auvseg.choices import Scope
from auvseg.data.case import Subset
from auvseg.errors import UsageError

FLOOR = 1e-6
"""Smallest `S` whose logarithm is taken. A float32 map with all but about one part in 10^7 of its energy in one
direction has an `S` of this size, so what lies below is rounding, not information."""

"""What is compared: whole cases, or every class of every case with the same class elsewhere."""


def auv(scale: ArrayLike) -> Float64[np.ndarray, "N"]:
    """Aleatoric uncertainty value of every member of a cohort (METHOD section 3).

    Args:
        scale: (N,) semantic perception scale `S` of the cohort, not negative. What is not finite (NaN: absent, failed)
            is missing: it has no part in the minimum and maximum.

    Returns:
        (N,) values in [0, 1], 1 the most suspicious, NaN where `scale` is missing. 0 throughout where all `S` are equal
        or there is only one: nobody stands out.

    Raises:
        UsageError: `scale` is not one-dimensional, or holds a negative number.

    Warns:
        RuntimeWarning: some `S` lie below `FLOOR` (a map without any variation) beside others that do not. They are
            taken as `FLOOR`, get 1 and press everybody else towards 0. The order of the others is not affected.

    Examples:
        >>> auv([0.1, 0.2, float("nan"), 0.4]).tolist()
        [1.0, 0.5, nan, 0.0]
    """
    values = np.asarray(scale, dtype=np.float64)
    if values.ndim != 1:
        raise UsageError(f"AUV is defined over one cohort, a one-dimensional array; got the shape {values.shape}")
    present = np.isfinite(values)
    if np.any(values[present] < -FLOOR):
        raise UsageError(f"the semantic perception scale is never negative; got {values[present].min():g}")
    floored = without_variation(values)
    if floored.any() and floored.sum() < present.sum():
        message = (
            f"{floored.sum()} of {present.sum()} maps have no variation (S below {FLOOR:g}): they stretch AUV's range"
        )
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    return normalise_scale(values)


def normalise_scale(scale: Float64[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
    """`auv` without its checks and its warning, for callers that put `without_variation` in their own words."""
    result = np.full(scale.shape, np.nan)
    present = np.isfinite(scale)
    if not present.any():
        return result
    log_scale = np.log(np.maximum(scale[present], FLOOR))
    low, high = log_scale.min(), log_scale.max()
    result[present] = 1.0 - (log_scale - low) / (high - low) if high > low else 0.0
    return result


def without_variation(scale: Float64[np.ndarray, "N"]) -> Bool[np.ndarray, "N"]:
    """Which entries are finite and below `FLOOR`."""
    return np.isfinite(scale) & (scale < FLOOR)


def case_scale(table: pd.DataFrame) -> pd.Series:
    """`S` of whole cases: the mean over the classes that a case holds (METHOD section 2, ours).

    Args:
        table: a scores table.

    Returns:
        `S` by case, cases in order; NaN for a case of which no class was scored.
    """
    scored = table["S"].astype("float64").where(table["status"] == "ok")
    return scored.groupby(table["case"], sort=True).mean()


def auv_table(table: pd.DataFrame, scope: Scope = "case", cohort: Subset | Literal["all"] = "training") -> pd.DataFrame:
    """AUV of every case, or of every class of every case among the cases that hold the class.

    Args:
        table: a scores table.
        scope: `case` or `class`.
        cohort: the subset that is compared with itself, or `all`. Filtering looks at `training` alone.

    Returns:
        One row a case of the cohort with `case, S, AUV`, or one row a case and held class with
        `case, class_id, class, S, AUV`; in order of the keys, NaN where there is no score.

    Raises:
        UsageError: the table has no column `S`.

    Warns:
        RuntimeWarning: as `auv`.
    """
    if "S" not in table.columns:
        raise UsageError("this run has no S, so no AUV; score with S among the --measures")
    members = table if cohort == "all" else table[table["subset"] == cohort]
    if scope == "case":
        result = case_scale(members).rename("S").rename_axis("case").reset_index()
        result["AUV"] = auv(result["S"].to_numpy())
        return result
    held = members[members["class_id"].notna() & (members["status"] != "absent")]
    result = held[["case", "class_id", "class", "S"]].sort_values(["case", "class_id"], ignore_index=True)
    result["AUV"] = np.nan
    for rows in result.groupby("class_id").indices.values():
        result.loc[rows, "AUV"] = auv(result["S"].to_numpy()[rows])
    return result
