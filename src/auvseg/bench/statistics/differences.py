"""Compare two trainings: paired differences over cases and seeds, with intervals.

Shapes: N pairs; K seeds, C cases, B resamples.
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Float64

from auvseg.bench.statistics.estimate import (
    CONFIDENCE,
    RESAMPLES,
    Estimate,
    block_sizes,
    bootstrap_interval,
    check_confidence,
    percentile_interval,
    undefined,
)


@dataclass(frozen=True)
class PairedDifference:
    """A mean difference with two intervals.

    Attributes:
        t: by Student's distribution.
        bootstrap: by resampling; the same mean.
    """

    t: Estimate
    bootstrap: Estimate


def paired_difference(
    a: Float64[np.ndarray, "N"],
    b: Float64[np.ndarray, "N"],
    *,
    seed: int = 0,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> PairedDifference:
    """Mean of a - b over the pairs in which neither is NaN.

    Args:
        a: (N,) one number a case.
        b: (N,) the same cases.
        seed: of the bootstrap.
        confidence: in (0, 1).
        resamples: how many.

    Returns:
        Both intervals; NaN with its reason without any pair, no interval with a single one.
    """
    difference = (a - b)[~np.isnan(a - b)]
    bootstrap = bootstrap_interval(
        lambda drawn: drawn.mean(axis=-1), difference, seed=seed, confidence=confidence, resamples=resamples
    )
    if len(difference) < 2:
        return PairedDifference(bootstrap, bootstrap)
    error = float(difference.std(ddof=1)) / math.sqrt(len(difference))
    half = error * _quantile(confidence, len(difference) - 1)
    value = bootstrap.value
    return PairedDifference(Estimate(value, value - half, value + half, len(difference)), bootstrap)


def hierarchical_interval(
    differences: Float64[np.ndarray, "K C"],
    *,
    seed: int = 0,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> PairedDifference:
    """Mean difference over seeds and cases, both random: what another seed and another case would show.

    Every seed is judged on the same cases, so seeds and cases are crossed. The t interval is that of the two-way random
    effects model without replication, its variance and degrees of freedom from the mean squares (Satterthwaite 1946,
    Biometrics Bulletin 2: 110-114):

        var = (MS_seed + MS_case - MS_rest) / (K C),  not below the largest of MS_seed, MS_case, MS_rest over K C
        df  = var² (K C)² / (MS_seed²/(K-1) + MS_case²/(C-1) + MS_rest²/((K-1)(C-1)))

    The bootstrap draws seeds and cases, each drawn case for all drawn seeds (the pigeonhole bootstrap: Owen 2007,
    Annals of Applied Statistics 1: 386-411). With three seeds it knows three values of what a seed does, and its
    interval is too narrow where seeds matter: then read t.

    Args:
        differences: (K, C) one training minus another, the same seed and case; NaN is missing. Cases that lack a seed
            have no part.
        seed: of the bootstrap.
        confidence: in (0, 1).
        resamples: how many.

    Returns:
        Both intervals; `n` counts cells. With a single seed the interval is that over cases, with a reason that says
        so; with a single case that over seeds.
    """
    complete = differences[:, ~np.isnan(differences).any(axis=0)]
    seeds, cases = complete.shape
    if not complete.size:
        nothing = undefined(0, "no case has a number for every seed")
        return PairedDifference(nothing, nothing)
    if min(seeds, cases) == 1:
        flat = complete.ravel()
        known = paired_difference(flat, np.zeros_like(flat), seed=seed, confidence=confidence, resamples=resamples)
        what = "one seed: says nothing of other seeds" if seeds == 1 else "one case: says nothing of other cases"
        return PairedDifference(_with_reason(known.t, what), _with_reason(known.bootstrap, what))
    value = float(complete.mean())
    half = _half_width(complete, confidence)
    low, high = percentile_interval(_pigeonhole(complete, seed, resamples), confidence)
    return PairedDifference(
        Estimate(value, value - half, value + half, complete.size), Estimate(value, low, high, complete.size)
    )


def _half_width(complete: Float64[np.ndarray, "K C"], confidence: float) -> float:
    seeds, cases = complete.shape
    mean, by_seed, by_case = complete.mean(), complete.mean(axis=1), complete.mean(axis=0)
    rest = complete - by_seed[:, None] - by_case + mean
    squares = (
        cases * float(((by_seed - mean) ** 2).sum()) / (seeds - 1),
        seeds * float(((by_case - mean) ** 2).sum()) / (cases - 1),
        float((rest**2).sum()) / ((seeds - 1) * (cases - 1)),
    )
    total = max(squares[0] + squares[1] - squares[2], *squares)
    if total == 0:
        return 0.0
    freedoms = (seeds - 1, cases - 1, (seeds - 1) * (cases - 1))
    freedom = total**2 / sum(square**2 / free for square, free in zip(squares, freedoms, strict=True))
    return math.sqrt(total / complete.size) * _quantile(confidence, freedom)


def _pigeonhole(complete: Float64[np.ndarray, "K C"], seed: int, resamples: int) -> Float64[np.ndarray, "B"]:
    seeds, cases = complete.shape
    rng = np.random.default_rng(seed)
    means = []
    for size in block_sizes(resamples, seeds + cases):
        of_seeds = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=size)
        of_cases = rng.multinomial(cases, np.full(cases, 1 / cases), size=size)
        means.append(np.einsum("bk,kc,bc->b", of_seeds, complete, of_cases, optimize=True) / complete.size)
    return np.concatenate(means)


def _quantile(confidence: float, freedom: float) -> float:
    return float(scipy.special.stdtrit(freedom, (1 + check_confidence(confidence)) / 2))


def _with_reason(estimate: Estimate, reason: str) -> Estimate:
    return Estimate(estimate.value, estimate.low, estimate.high, estimate.n, estimate.reason or reason)
