"""Measures that need the whole cohort: how far a case lies from the others. Numbers in, numbers out; no torch.

Like AUV they are computed when a table is read, so that a record depends on its own case alone.
"""

import numpy as np
from jaxtyping import Float64

CLIP = 10.0
"""Largest robust z: beyond ten spreads it no longer matters how far, and one number must not drown the others."""

_FEWEST = 3
"""A median and a spread of fewer values say nothing of any of them."""

_ROUNDING = 1e-9
"""Relative to the largest value, differences below this are rounding."""


def robust_z(values: Float64[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
    """Distance of every value from the cohort's median, in robust standard deviations.

        z_i = (v_i - median_k v_k) / (1.4826 median_k |v_k - median v|)

    1.4826 makes the median absolute deviation the standard deviation of a normal distribution. Half of the cohort may
    be faulty without moving the other half's z.

    Args:
        values: (N,) one number a case; what is not finite is missing and has no part in the median.

    Returns:
        (N,) in [-10, 10], clipped; NaN where the value is missing. Where more than half of the values agree (zero
        spread), 0 for those that equal the median and -10 or 10 for the others. With fewer than three values, 0.
    """
    result = np.full(values.shape, np.nan)
    present = np.isfinite(values)
    result[present] = 0.0
    if present.sum() < _FEWEST:
        return result
    held = values[present]
    deviation = held - np.median(held)
    rounding = _ROUNDING * np.abs(held).max()
    deviation[np.abs(deviation) <= rounding] = 0.0
    spread = 1.4826 * np.median(np.abs(deviation))
    z = deviation / spread if spread > 0 else np.sign(deviation) * CLIP
    result[present] = np.clip(z, -CLIP, CLIP)
    return result
