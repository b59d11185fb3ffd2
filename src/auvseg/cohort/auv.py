"""The aleatoric uncertainty value (METHOD section 3): the scale `S` of a case relative to its cohort.

    AUV(Z_i) = 1 - (log S(Z_i) - min_k log S(Z_k)) / (max_k log S(Z_k) - min_k log S(Z_k))

AUV needs the whole cohort, so it is computed when a table is read and never stored.
"""

import warnings

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from auvseg.errors import UsageError

FLOOR = 1e-6
"""Smallest `S` whose logarithm is taken. A float32 map with all but about one part in 10^7 of its energy in one
direction has an `S` of this size, so what lies below is rounding, not information."""


_ROUNDING = 1e-9
"""Logarithms of `S` that differ by less are equal."""


def auv(scale: ArrayLike) -> Float64[np.ndarray, "N"]:
    """Aleatoric uncertainty value of every member of a cohort (METHOD section 3).

    Args:
        scale: (N,) semantic perception scale `S` of the cohort, not negative. Values that are not finite (NaN: absent,
            failed) are missing and do not count towards minimum and maximum.

    Returns:
        (N,) values in [0, 1], 1 the most suspicious, NaN where `scale` is missing. 0 throughout where all `S` are equal
        or there is only one: no case stands out.

    Raises:
        UsageError: `scale` is not one-dimensional, or holds a negative number.

    Warns:
        RuntimeWarning: some `S` lie below `FLOOR` (a map without any variation) beside others that do not. They are
            taken as `FLOOR`, get 1 and push all others towards 0. The order of the others does not change.

    Examples:
        >>> auv([0.1, 0.2, float("nan"), 0.4]).tolist()
        [1.0, 0.5, nan, 0.0]
    """
    values = np.asarray(scale, dtype=np.float64)
    if values.ndim != 1:
        raise UsageError(f"AUV needs the scales of one cohort as a one-dimensional array; got the shape {values.shape}")
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


def normalise_scale(
    scale: Float64[np.ndarray, "N"], cohort: Bool[np.ndarray, "N"] | None = None
) -> Float64[np.ndarray, "N"]:
    """`auv` without checks and warning, for callers that report `without_variation` themselves.

    Args:
        scale: (N,) `S`; values that are not finite are missing.
        cohort: (N,) cases that set the minimum and the maximum; None: all. AUV of the other cases may lie below 0 or
            above 1.

    Returns:
        (N,) AUV; NaN where `scale` is missing, and throughout where no case of the cohort has one.
    """
    result = np.full(scale.shape, np.nan)
    present = np.isfinite(scale)
    members = present if cohort is None else present & cohort
    if not members.any():
        return result
    log_scale = np.log(np.maximum(scale, FLOOR, where=present, out=np.full(scale.shape, FLOOR)))
    low, high = log_scale[members].min(), log_scale[members].max()
    beyond = low - log_scale
    if high > low:
        result[present] = 1.0 - (log_scale[present] - low) / (high - low)
        beyond = np.where(log_scale > high, high - log_scale, np.maximum(beyond, 0.0))
    else:
        result[members] = 0.0
    if high - low <= _ROUNDING:
        # No case of the cohort stands out; other cases still may, on either side.
        others = present & ~members
        result[others] = np.where(np.abs(beyond[others]) > _ROUNDING, np.sign(beyond[others]), 0.0)
    return result


def without_variation(scale: Float64[np.ndarray, "N"]) -> Bool[np.ndarray, "N"]:
    """Return a mask of the entries that are finite and below `FLOOR`."""
    return np.isfinite(scale) & (scale < FLOOR)
