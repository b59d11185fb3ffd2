"""Estimates with intervals, and the bootstrap that gives most of them.

Shapes: N members of a sample, B resamples.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from jaxtyping import Float64, Int64

RESAMPLES = 2000
CONFIDENCE = 0.95

_MAX_AT_ONCE = 1 << 21
"""Numbers of a block of resamples: 16 MiB."""


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval.

    Attributes:
        value: of the sample itself; NaN where it is not defined.
        low: lower end of the interval; NaN where there is none.
        high: upper end.
        n: members (cases, pairs, seeds × cases) that have a part in it.
        reason: why value or interval is NaN, or what a reader must know of it; else empty.
    """

    value: float
    low: float
    high: float
    n: int
    reason: str = ""

    def holds(self, value: float) -> bool:
        """Whether the interval holds a value; an interval that is not known holds all."""
        return not (self.low > value or self.high < value)

    def in_words(self, digits: int = 2) -> str:
        """`0.42 [0.28, 0.55]`; `-` where there is no value."""
        if math.isnan(self.value):
            return "-"
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def undefined(n: int, reason: str) -> Estimate:
    """An estimate that does not exist, with the reason."""
    return Estimate(math.nan, math.nan, math.nan, n, reason)


def percentile_interval(resampled: Float64[np.ndarray, "B"], confidence: float) -> tuple[float, float]:
    """The middle `confidence` of the resamples that are finite; NaN where fewer than half of them are."""
    known = resampled[np.isfinite(resampled)]
    if 2 * len(known) < len(resampled) or not len(known):
        return math.nan, math.nan
    tail = (1 - check_confidence(confidence)) / 2
    low, high = np.quantile(known, (tail, 1 - tail))
    return float(low), float(high)


def bootstrap_interval(
    statistic: Callable[..., Float64[np.ndarray, "B"]],
    *samples: Float64[np.ndarray, "_"],
    seed: int,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Percentile bootstrap of a statistic of one or several independent samples (Efron and Tibshirani 1993, ch. 13).

    Samples are resampled apart, each to its own size (stratified), so groups keep their sizes in every resample.

    Args:
        statistic: takes one (B, N) array a sample and returns (B,) values; `numpy` reductions with `axis=-1` do.
        samples: one (N,) array each. NaN are missing and left out.
        seed: of the resampling.
        confidence: in (0, 1).
        resamples: how many.

    Returns:
        The estimate; `n` counts the members of all samples. NaN with its reason where a sample is empty or the
        statistic is not defined; an interval of no width, with its reason, where no resample differs.

    Raises:
        ValueError: no sample, or a confidence outside (0, 1).
    """
    if not samples:
        raise ValueError("bootstrap_interval needs a sample")
    check_confidence(confidence)
    known = [sample[~np.isnan(sample)] for sample in samples]
    total = sum(map(len, known))
    if not all(map(len, known)):
        return undefined(total, "a sample has no values")
    value = float(statistic(*(sample[None] for sample in known))[0])
    if math.isnan(value):
        return undefined(total, "the statistic is not defined on this sample")
    if max(map(len, known)) == 1:
        return Estimate(value, math.nan, math.nan, total, "one value has no interval")
    rng = np.random.default_rng(seed)
    blocks = [
        statistic(*(sample[rng.integers(len(sample), size=(size, len(sample)))] for sample in known))
        for size in block_sizes(resamples, total)
    ]
    low, high = percentile_interval(np.concatenate(blocks), confidence)
    return Estimate(value, low, high, total, "all resamples are equal" if low == high else "")


def block_sizes(resamples: int, numbers_each: int) -> list[int]:
    """Sizes of the blocks in which resamples are computed, so that memory stays bounded."""
    size = max(1, _MAX_AT_ONCE // max(numbers_each, 1))
    return [min(size, resamples - start) for start in range(0, resamples, size)]


def check_confidence(confidence: float) -> float:
    """The confidence itself.

    Raises:
        ValueError: it does not lie in (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"the confidence must lie between 0 and 1, not {confidence:g}")
    return confidence


def normal_quantile(confidence: float) -> float:
    """How many standard deviations around the mean of a normal distribution hold this share of it: 1.96 for 0.95.

    Raises:
        ValueError: the confidence does not lie in (0, 1).
    """
    return NormalDist().inv_cdf((1 + check_confidence(confidence)) / 2)


@lru_cache(maxsize=4)
def drawn_counts(members: int, resamples: int, seed: int) -> Int64[np.ndarray, "B N"]:
    """(B, N) how often each of N members is drawn in each of B bootstrap resamples; read-only, and remembered."""
    rng = np.random.default_rng(seed)
    counts = np.stack([np.bincount(rng.integers(members, size=members), minlength=members) for _ in range(resamples)])
    counts.setflags(write=False)
    return counts
