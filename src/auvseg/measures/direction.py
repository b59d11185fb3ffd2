"""Turning a measure so that high is suspicious, whichever end of it is. Numbers in, numbers out; no torch."""

import numpy as np
from jaxtyping import Float64

from auvseg.measures.catalogue import Suspicious
from auvseg.measures.cohort import robust_z


def suspicion_of(values: Float64[np.ndarray, "N"], suspicious: Suspicious) -> Float64[np.ndarray, "N"]:
    """How suspicious every value of one class is among the others.

    Args:
        values: (N,) one number a case; NaN is missing.
        suspicious: which end is the suspicious one.

    Returns:
        (N,) high = suspicious, NaN where the value is missing: the value itself for `high`, the negated value for
        `low`, and for `both` `|robust_z|` (`auvseg.measures.cohort`), the distance from the cohort's median in robust
        standard deviations, in [0, 10], NaN where there are too few.
    """
    if suspicious == "both":
        return np.asarray(np.abs(robust_z(values)))
    return values if suspicious == "high" else -values
