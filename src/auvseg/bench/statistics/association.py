"""Correlations with intervals: Pearson, Spearman, partial, and pooled within groups.

With several strata (the classes of a data set) columns are standardised within each (Pearson) or ranked and then
standardised (Spearman), and the strata's correlation matrices averaged by their sizes. Differences between classes,
such as small lesions that are hard for every network, then do not appear as an association (Simpson's paradox).

Intervals are percentiles of a bootstrap over cases; ranks and residuals are recomputed in every resample. A case brings
all its rows.

Shapes: N rows, K covariates, V = 2 + K columns, B resamples.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from auvseg.bench.statistics.estimate import (
    CONFIDENCE,
    RESAMPLES,
    Estimate,
    block_sizes,
    drawn_counts,
    normal_quantile,
    percentile_interval,
    undefined,
)

Method = Literal["pearson", "spearman"]

MIN_ROWS = 3
"""Rows that must be left beyond the strata's means and the covariates; below, a correlation is decided by chance."""

_NO_VARIATION = 1e-10
"""Share of a variance that is rounding: of the mean's square for a column, of the whole for a residual."""


def pearson(x: Float64[np.ndarray, "N"], y: Float64[np.ndarray, "N"], *, seed: int = 0) -> Estimate:
    """Pearson's correlation over the pairs in which neither is NaN, with a 95 % interval; see `association`."""
    return association(x, y, method="pearson", seed=seed)


def spearman(x: Float64[np.ndarray, "N"], y: Float64[np.ndarray, "N"], *, seed: int = 0) -> Estimate:
    """Spearman's rank correlation, ties at their mean rank, with a 95 % interval; see `association`."""
    return association(x, y, method="spearman", seed=seed)


def partial_correlation(
    x: Float64[np.ndarray, "N"],
    y: Float64[np.ndarray, "N"],
    covariates: Sequence[Float64[np.ndarray, "N"]],
    method: Method = "spearman",
    *,
    seed: int = 0,
) -> Estimate:
    """Correlation of what the covariates leave unexplained of x and of y, with a 95 % interval; see `association`."""
    return association(x, y, covariates, method=method, seed=seed)


def association(
    x: Float64[np.ndarray, "N"],
    y: Float64[np.ndarray, "N"],
    covariates: Sequence[Float64[np.ndarray, "N"]] = (),
    *,
    method: Method = "spearman",
    strata: NDArray[np.generic] | None = None,
    cases: NDArray[np.generic] | None = None,
    seed: int = 0,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> Estimate:
    """(Partial) correlation of x and y, pooled within strata.

        R = Σ_s n_s R_s / Σ_s n_s,    r = C_xy / sqrt(C_xx C_yy)   with   C = R_aa - R_ac R_cc⁺ R_ca

    with R_s the correlation matrix of x, y and the covariates c (or their ranks) in stratum s, and a = {x, y}. A
    stratum in which x or y does not vary has no part; covariates that do not vary or repeat each other explain nothing
    more.

    Args:
        x: (N,) NaN are missing: rows that lack any of the numbers have no part.
        y: (N,) likewise.
        covariates: K arrays (N,) whose linear (in ranks: monotone) part is removed from both.
        method: of values or of ranks.
        strata: (N,) the group of every row; all are one group if None.
        cases: (N,) what is resampled together; every row for itself if None.
        seed: of the bootstrap.
        confidence: in (0, 1).
        resamples: how many.

    Returns:
        r in [-1, 1]; `n` counts rows. NaN with its reason where there are too few rows, x or y is constant, or the
        covariates determine one of them. Ranks that agree perfectly do so in every resample; their interval is that
        (Bonett and Wright 2000, Psychometrika 65: 23-28) of the order with one neighbouring pair exchanged.
    """
    columns = np.stack([x, y, *covariates])
    known = np.isfinite(columns).all(axis=0)
    columns, rows = columns[:, known], int(known.sum())
    groups = _numbered(strata, known)
    if rows < len(groups) + len(covariates) + MIN_ROWS:
        return undefined(rows, f"{rows} rows are too few")
    weights = np.ones((1, rows))
    value = float(_correlation(columns, weights, groups, method)[0])
    if math.isnan(value):
        return undefined(rows, _why_undefined(columns, groups))
    if method == "spearman" and abs(value) > 1 - 1e-12:
        return _perfect(value, rows, len(covariates), confidence)
    members = np.arange(rows) if cases is None else np.unique(cases[known], return_inverse=True)[1]
    counts = drawn_counts(int(members.max()) + 1, resamples, seed)
    start, resampled = 0, []
    for size in block_sizes(resamples, rows * len(columns)):
        drawn = counts[start : start + size][:, members].astype(np.float64)
        resampled.append(_correlation(columns, drawn, groups, method))
        start += size
    low, high = percentile_interval(np.concatenate(resampled), confidence)
    return Estimate(value, low, high, rows, "too few resamples have a value" if math.isnan(low) else "")


def _numbered(strata: NDArray[np.generic] | None, known: Bool[np.ndarray, "N"]) -> list[Int64[np.ndarray, "_"]]:
    """Row numbers of every stratum, counted among the known rows."""
    if strata is None:
        return [np.arange(int(known.sum()))]
    group = np.unique(strata[known], return_inverse=True)[1]
    return [np.flatnonzero(group == number) for number in range(int(group.max(initial=-1)) + 1)]


def _correlation(
    columns: Float64[np.ndarray, "V N"],
    weights: Float64[np.ndarray, "B N"],
    groups: Sequence[Int64[np.ndarray, "_"]],
    method: Method,
) -> Float64[np.ndarray, "B"]:
    """The correlation of the first two columns given the others, every row counted as often as its weight says."""
    pooled = np.zeros((len(weights), len(columns), len(columns)))
    total = np.zeros(len(weights))
    for rows in groups:
        matrix, size = _correlation_matrix(columns[:, rows], weights[:, rows], method)
        pooled += size[:, None, None] * matrix
        total += size
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled /= total[:, None, None]
    pooled[total == 0] = 0.0
    left = pooled[:, :2, :2]
    if len(columns) > 2:
        across = pooled[:, :2, 2:]
        inverse = np.linalg.pinv(pooled[:, 2:, 2:], rcond=1e-8, hermitian=True)
        left = left - across @ inverse @ across.transpose(0, 2, 1)
    spread = left[:, 0, 0] * left[:, 1, 1]
    varies = (left[:, 0, 0] > _NO_VARIATION) & (left[:, 1, 1] > _NO_VARIATION)
    result = np.full(len(weights), np.nan)
    result[varies] = np.clip(left[varies, 0, 1] / np.sqrt(spread[varies]), -1.0, 1.0)
    return result


def _correlation_matrix(
    columns: Float64[np.ndarray, "V n"], weights: Float64[np.ndarray, "B n"], method: Method
) -> tuple[Float64[np.ndarray, "B V V"], Float64[np.ndarray, "B"]]:
    """Correlation matrices and the weight of one stratum; weight 0 where one of the first two columns is constant."""
    size = weights.sum(axis=1)
    values = [_ranks(column, weights) if method == "spearman" else column[None] for column in columns]
    centred = np.empty((len(weights), len(columns), columns.shape[1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        for number, one in enumerate(values):
            centred[:, number] = one - ((weights * one).sum(axis=1) / size)[:, None]
    centred *= np.sqrt(weights)[:, None, :]
    products = np.nan_to_num(centred @ centred.transpose(0, 2, 1))
    squares = np.einsum("bvv->bv", products)
    rounding = np.array([_NO_VARIATION**2 * float((one**2).max(initial=0.0)) for one in values])
    constant = squares <= size[:, None] * rounding
    scale = np.sqrt(np.where(constant, 1.0, squares))
    matrix = products / scale[:, :, None] / scale[:, None, :]
    matrix[constant[:, :, None] | constant[:, None, :]] = 0.0
    return matrix, np.where(constant[:, :2].any(axis=1), 0.0, size)


def _ranks(column: Float64[np.ndarray, "n"], weights: Float64[np.ndarray, "B n"]) -> Float64[np.ndarray, "B n"]:
    """Mean ranks, from 1, in the resample in which every member stands as often as its weight says."""
    order = np.argsort(column, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(column[order]) != 0))
    sizes = np.add.reduceat(weights[:, order], starts, axis=1)
    middle = np.cumsum(sizes, axis=1) - sizes / 2 + 0.5
    return np.asarray(middle[:, np.searchsorted(column[order][starts], column)])


def _perfect(value: float, rows: int, covariates: int, confidence: float) -> Estimate:
    nearly = 1 - 12 / (rows**3 - rows)
    z = normal_quantile(confidence)
    error = z * math.sqrt((1 + nearly**2 / 2) / (rows - 3 - covariates)) if rows - covariates > 3 else math.inf
    bound = math.tanh(math.atanh(nearly) - error)
    low, high = (bound, 1.0) if value > 0 else (-1.0, -bound)
    return Estimate(value, low, high, rows, "the ranks agree perfectly")


def _why_undefined(columns: Float64[np.ndarray, "V N"], groups: Sequence[Int64[np.ndarray, "_"]]) -> str:
    for name, column in zip(("x", "y"), columns, strict=False):
        if all(np.ptp(column[rows]) == 0 for rows in groups):
            return f"{name} does not vary"
    return "the covariates determine it, or nothing varies together" if len(columns) > 2 else "nothing varies together"
