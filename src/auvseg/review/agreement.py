"""How far raters agree beyond chance: Cohen's κ for two, Fleiss' for more.

    κ = (p_o - p_e) / (1 - p_e)

with p_o the observed agreement of pairs of raters and p_e the one expected by chance: from each rater's own habits for
Cohen (Educational and Psychological Measurement 20, 1960), from everybody's together for Fleiss (Psychological Bulletin
76, 1971).

Shapes: N cases that all raters judged, R raters; verdicts are whole numbers.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

_DRAWS = 2000
_FEWEST = 5
"""An interval of fewer cases says nothing."""


@dataclass(frozen=True)
class Agreement:
    """How far raters agree.

    Attributes:
        name: `Cohen's κ` or `Fleiss' κ`.
        value: in [-1, 1], 0 is chance; NaN where all verdicts are the same, or there is no case.
        low: of the 95 % interval, by drawing cases; NaN with fewer than five cases.
        high: its other end.
        cases: that all raters judged.
        equal: of them, how many all judged alike.
    """

    name: str
    value: float
    low: float
    high: float
    cases: int
    equal: int


def kappa(verdicts: Int[np.ndarray, "N R"], seed: int = 0) -> Agreement:
    """Agreement of two or more raters over the cases that all of them judged.

    Args:
        verdicts: one row a case, one column a rater.
        seed: of the drawn cases.

    Raises:
        ValueError: fewer than two raters.
    """
    cases, raters = verdicts.shape
    if raters < 2:
        raise ValueError("agreement takes two raters")
    name, compute = ("Cohen's κ", _cohen) if raters == 2 else ("Fleiss' κ", _fleiss)
    equal = int((verdicts == verdicts[:, :1]).all(axis=1).sum())
    value = compute(verdicts) if cases else math.nan
    low = high = math.nan
    if cases >= _FEWEST:
        random = np.random.default_rng(seed)
        drawn = np.array([compute(verdicts[random.integers(cases, size=cases)]) for _ in range(_DRAWS)])
        known = drawn[np.isfinite(drawn)]
        if known.size:
            low, high = (float(one) for one in np.percentile(known, (2.5, 97.5)))
    return Agreement(name, value, low, high, cases, equal)


def _cohen(verdicts: Int[np.ndarray, "N 2"]) -> float:
    observed = float((verdicts[:, 0] == verdicts[:, 1]).mean())
    kinds = np.unique(verdicts)
    shares = (verdicts[:, :, None] == kinds).mean(axis=0)
    return _beyond_chance(observed, float((shares[0] * shares[1]).sum()))


def _fleiss(verdicts: Int[np.ndarray, "N R"]) -> float:
    raters = verdicts.shape[1]
    counts = (verdicts[:, :, None] == np.unique(verdicts)).sum(axis=1)
    observed = float(((counts**2).sum(axis=1) - raters).mean() / (raters * (raters - 1)))
    return _beyond_chance(observed, float(np.square(counts.mean(axis=0) / raters).sum()))


def _beyond_chance(observed: float, expected: float) -> float:
    return (observed - expected) / (1 - expected) if expected < 1 else math.nan
