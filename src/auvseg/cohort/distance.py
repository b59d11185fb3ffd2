"""Distances of a case from a cohort: arrays in, arrays out.

Like AUV, they are computed when a table is read, so a record depends on its own case alone. `auvseg.cohort.compared`
defines the cohort.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Float64

MAX_Z = 10.0
"""Values are clipped here: beyond ten spreads the distance does not matter, and one must not dominate the rest."""

TOP = 3
"""How many of a case's largest |z| make its outlyingness.

With 40 cases of the hippocampus, the bench's faults at half severity and one copy each, the mean area under the ROC
curve was .975, .972, .968 and .965 for the label's faults and .902, .932, .935 and .942 for the image's, with the
largest 1, 2, 3 and all: few find a shifted label, many a faulty image. One and two give false alarms in small cohorts
that agree to the voxel: a box that is one plane larger moves its diagonal and its elongation out of every spread.
"""

MIN_CASES = 5
"""A median, spread or covariance of fewer cases is meaningless."""

_NEARLY_ALL = 0.95
"""If this share of the cohort contains a structure, its absence counts as much as the largest distance."""

_ROUNDING = 1e-9
"""Relative to the largest value, differences below this are rounding."""


def too_few(who: str) -> str:
    """Say why there is no distance from the cohort; `who` reads like `2 cases` or `spleen in 1 case`."""
    return f"{who}: too few to compare, at least {MIN_CASES} are needed"


def robust_z(values: Float64[np.ndarray, "N"], cohort: Bool[np.ndarray, "N"] | None = None) -> Float64[np.ndarray, "N"]:
    """Distance of every value from the cohort's median, in robust standard deviations.

        z_i = (v_i - median_k v_k) / (1.4826 median_k |v_k - median v|)

    1.4826 makes the median absolute deviation the standard deviation of a normal distribution. Half of the cohort may
    be faulty without moving the other half's z.

    Args:
        values: (N,) one value per case; values that are not finite are missing and do not count.
        cohort: (N,) the cases that define the median and the spread; None: all of them.

    Returns:
        (N,) in [-10, 10], clipped; NaN where the value is missing, and throughout where the cohort has fewer than
        `MIN_CASES` values. Where more than half of the values agree (zero spread), 0 for those that equal the median
        and -10 or 10 for the others.
    """
    result = np.full(values.shape, np.nan)
    present = np.isfinite(values)
    members = present if cohort is None else present & cohort
    if members.sum() < MIN_CASES:
        return result
    deviation = values[present] - np.median(values[members])
    deviation[np.abs(deviation) <= _ROUNDING * np.abs(values[members]).max()] = 0.0
    spread = 1.4826 * np.median(np.abs(deviation[members[present]]))
    z = deviation / spread if spread > 0 else np.sign(deviation) * MAX_Z
    result[present] = np.clip(z, -MAX_Z, MAX_Z)
    return result


def outlyingness(z: Float64[np.ndarray, "N M"]) -> Float64[np.ndarray, "N"]:
    """Distance of cases from the cohort in the few measures in which they lie farthest.

    The root mean square of the `TOP` largest |z|. One fault moves few measures; a mean over all would hide it.

    Args:
        z: (N, M) robust z by case and measure; NaN is missing.

    Returns:
        (N,) in [0, 10]; NaN for a case without any number. With fewer measures than `TOP`, over all of them.
    """
    squares = -np.sort(-np.square(z), axis=1)[:, :TOP]  # NaN comes last
    known = np.isfinite(squares)
    count = known.sum(axis=1)
    total = np.where(known, squares, 0.0).sum(axis=1)
    return np.where(count > 0, np.sqrt(total / np.maximum(count, 1)), np.nan)


def together(distances: Float64[np.ndarray, "N K"]) -> Float64[np.ndarray, "N"]:
    """Combine several distances into one: a case that is far in any of them is far.

        d_i = sqrt(Σ_k d_ik²)

    Args:
        distances: (N, K) not negative, high = far; NaN is missing and adds nothing.

    Returns:
        (N,) not negative; NaN for a case without any number.
    """
    total = np.sqrt(np.nansum(np.square(distances), axis=1))
    return np.where(np.isfinite(distances).any(axis=1), total, np.nan)


def absence(holding: int, others: int) -> float:
    """Score how suspicious the absence of a structure is, on the scale of `outlyingness`.

        10 log(1 - p) / log(1 - 0.95),    p = (holding + 1) / (others + 2)

    with p Laplace's estimate of the probability that a case contains the structure. At p = 0.95 the score is 10, the
    largest distance of a structure that is present; above that a missing structure ranks before any odd one.

    Args:
        holding: other cases of the cohort that contain the structure.
        others: other cases of the cohort for which this is known.

    Returns:
        At least 0, unbounded as the cohort grows; 0 if no other case contains it.
    """
    if holding == 0:
        return 0.0
    missing = (others - holding + 1) / (others + 2)
    return MAX_Z * math.log(missing) / math.log(1.0 - _NEARLY_ALL)


def mahalanobis(
    features: Float[np.ndarray, "N F"], cohort: Bool[np.ndarray, "N"] | None = None
) -> Float64[np.ndarray, "N"]:
    """Mahalanobis distance of every case's pooled features from the cohort's mean (METHOD section 9).

        d_i² = (x_i - μ)ᵀ Σ⁻¹ (x_i - μ)

    with the covariance Σ shrunk to a multiple of the identity (Ledoit and Wolf 2004), so that it can be inverted with
    fewer cases than features. A case of the cohort contributes to μ and Σ and pulls both towards itself; a case outside
    the cohort does not, and so appears farther away. The distance is invariant to translation, rotation and a common
    scale of the features, but not to other linear maps, because of the shrinkage.

    Args:
        features: (N, F) one vector per case.
        cohort: (N,) the cases that define mean and covariance; None: all of them.

    Returns:
        (N,) not negative, high = suspicious; all NaN where the cohort has fewer than `MIN_CASES` cases, or does not
        vary.
    """
    members = np.ones(len(features), dtype=bool) if cohort is None else cohort
    distances = np.full(len(features), np.nan)
    if members.sum() < MIN_CASES:
        return distances
    values = features.astype(np.float64)
    centre = values[members].mean(axis=0)
    covariance = _shrunk_covariance(values[members] - centre)
    if np.trace(covariance) <= np.square(_ROUNDING * np.abs(values[members]).max()):
        return distances
    away = values - centre
    return np.sqrt(np.maximum(np.einsum("nf,fn->n", away, np.linalg.solve(covariance, away.T)), 0.0))


def _shrunk_covariance(centred: Float64[np.ndarray, "N F"]) -> Float64[np.ndarray, "F F"]:
    """Covariance of centred rows, shrunk towards a multiple of the identity (Ledoit and Wolf 2004, lemma 3.2).

        Σ = (1 - b²/d²) C + (b²/d²) m I,    m = tr C / F,    d² = |C - m I|² / F,    b² = min(d², b̄²)
        b̄² = Σ_n |x_n x_nᵀ - C|² / (F N²),    |A|² the sum of the squared elements

    as in scikit-learn's `LedoitWolf`, which is not used because importing it takes longer than all else a table needs.
    """
    cases, length = centred.shape
    covariance = centred.T @ centred / cases
    mean = np.trace(covariance) / length
    identity = np.eye(length)
    away = np.square(covariance - mean * identity).sum() / length
    if away == 0:
        return covariance
    spread = (np.square(np.square(centred).sum(axis=1)).sum() / cases - np.square(covariance).sum()) / (length * cases)
    shrinkage = min(spread / away, 1.0)
    return (1 - shrinkage) * covariance + shrinkage * mean * identity
