"""Separation of faulty and sound cases: area under the ROC curve with interval, review budget, monotonicity.

Shapes: N cases, V severities.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64

from auvseg.bench.statistics.estimate import CONFIDENCE, Estimate, normal_quantile, undefined

_INSIDE = 1e-9
"""Less than any two areas of a sample differ by."""


def auroc(values: Float64[np.ndarray, "N"], faulty: Bool[np.ndarray, "N"]) -> float:
    """Probability that a faulty case has the higher value than a sound one, ties counting half; NaN without both.

    Equal to the Mann-Whitney statistic over the number of pairs. NaN values are missing and left out; infinite ones
    are compared.
    """
    known = ~np.isnan(values)
    ranks, positive = _ranks(values[known]), faulty[known]
    count = int(positive.sum())
    pairs = count * (len(ranks) - count)
    if not pairs:
        return math.nan
    return float((ranks[positive].sum() - count * (count + 1) / 2) / pairs)


def auroc_interval(
    values: Float64[np.ndarray, "N"], faulty: Bool[np.ndarray, "N"], *, confidence: float = CONFIDENCE
) -> Estimate:
    """`auroc` with Newcombe's score interval: all areas A that the sample's area is compatible with.

        |A - A_sample| <= z sqrt( A(1 - A) [ 1 + (n* - 1) ( (1 - A)/(2 - A) + A/(1 + A) ) ] / (m n) ),  n* = (m + n)/2

    for m faulty and n sound cases (Newcombe 2006, Statistics in Medicine 25: 559-573, method 5, with the variance of
    Hanley and McNeil 1982). It stays within [0, 1] and has a width where the groups do not overlap, where DeLong's
    variance and every bootstrap have none; it needs no random numbers.

    Args:
        values: (N,) NaN are missing.
        faulty: (N,) which cases are faulty.
        confidence: in (0, 1).

    Returns:
        The area; `n` counts the cases with a value. NaN with its reason where a group is empty.
    """
    z = normal_quantile(confidence)
    known = ~np.isnan(values)
    area, total, positive = auroc(values, faulty), int(known.sum()), int(faulty[known].sum())
    if math.isnan(area):
        return undefined(total, "no faulty case has a value" if not positive else "no sound case has a value")

    def beyond(candidate: float) -> float:
        spread = _newcombe_variance(candidate, positive, total - positive)
        return (candidate - area) ** 2 - z * z * spread

    # At 0 and 1 the variance is 0, so the sample's own area would be found as the end of its interval.
    inside = min(max(area, _INSIDE), 1 - _INSIDE)
    low = _root(beyond, inside, 0.0) if area > 0 else 0.0
    high = _root(beyond, inside, 1.0) if area < 1 else 1.0
    return Estimate(area, low, high, total)


def precision_recall_at(
    values: Float64[np.ndarray, "N"], faulty: Bool[np.ndarray, "N"], budget: float
) -> tuple[float, float]:
    """Precision and recall when the most suspicious share of the cases is reviewed.

    Args:
        values: (N,) suspicion; NaN are missing and reviewed last.
        faulty: (N,) which cases are faulty.
        budget: share that is reviewed, in (0, 1]; rounded up to whole cases. Of cases with equal values as many as
            there is room for are reviewed, in no particular order: what is returned is the mean over all orders.

    Returns:
        Share of faulty ones among the reviewed, and share of the faulty that are reviewed; each NaN where it has no
        denominator.

    Raises:
        ValueError: a budget outside (0, 1].
    """
    if not 0 < budget <= 1:
        raise ValueError(f"the budget must lie above 0 and not above 1, not {budget:g}")
    if not len(values):
        return math.nan, math.nan
    # 0.1 * 30 is 3.0000000000000004.
    reviewed = math.ceil(budget * len(values) - 1e-9)
    _, group = np.unique(np.where(np.isnan(values), np.inf, -values), return_inverse=True)
    sizes = np.bincount(group)
    before = np.cumsum(sizes) - sizes
    share = np.clip((reviewed - before) / sizes, 0.0, 1.0)
    found = float(np.sum(share[group] * faulty))
    return found / reviewed, found / int(faulty.sum()) if faulty.any() else math.nan


def monotonicity(suspicion: Float64[np.ndarray, "N V"]) -> float:
    """Share of the cases whose suspicion never falls as severity rises, and rises at least once.

    Args:
        suspicion: (N, V) one column a severity, the mildest (or none) first, V >= 2. A case with a NaN has no part.

    Returns:
        In [0, 1]; a constant measure has 0. NaN where no case is complete.
    """
    complete = suspicion[~np.isnan(suspicion).any(axis=1)]
    if not len(complete):
        return math.nan
    steps = complete[:, 1:] >= complete[:, :-1]
    return float((steps.all(axis=1) & (complete[:, -1] > complete[:, 0])).mean())


def _ranks(values: Float64[np.ndarray, "N"]) -> Float64[np.ndarray, "N"]:
    """Ranks from 1, equal values at the mean of theirs."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(sizes) - (sizes - 1) / 2)[group])


def _root(function: Callable[[float], float], below: float, above: float) -> float:
    """Where a function that is negative at the one end and positive at the other changes its sign, by bisection."""
    while (middle := (below + above) / 2) not in (below, above):
        below, above = (middle, above) if function(middle) < 0 else (below, middle)
    return middle


def _newcombe_variance(area: float, positive: int, negative: int) -> float:
    middle = (positive + negative) / 2 - 1
    bracket = 1 + middle * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * bracket / (positive * negative)
