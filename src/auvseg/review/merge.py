"""Agreement between raters beyond chance (Cohen's κ for two, Fleiss' κ for more), and merging of their reviews.

    κ = (p_o - p_e) / (1 - p_e)

with p_o the observed agreement of pairs of raters and p_e the agreement expected by chance: from each rater's own
verdict frequencies for Cohen (Educational and Psychological Measurement 20, 1960), from the pooled ones for Fleiss
(Psychological Bulletin 76, 1971).

Shapes: N cases that all raters judged, R raters; verdicts are whole numbers.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from jaxtyping import Int

from auvseg.errors import UsageError
from auvseg.review.verdicts import Decision, Review, Verdict, decided

_DRAWS = 2000
_MIN_CASES = 5
"""An interval from fewer cases is meaningless."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of raters.

    Attributes:
        name: `Cohen's κ` or `Fleiss' κ`.
        value: in [-1, 1], 0 is chance; NaN if all verdicts are the same, or there is no case.
        low: lower end of the 95 % interval, by bootstrapping cases; NaN with fewer than five cases.
        high: upper end of the interval.
        cases: number of cases that all raters judged.
        equal: how many of them all raters judged alike.
    """

    name: str
    value: float
    low: float
    high: float
    cases: int
    equal: int


def kappa(verdicts: Int[np.ndarray, "N R"], seed: int = 0) -> Agreement:
    """Compute the agreement of two or more raters over the cases that all of them judged.

    Args:
        verdicts: one row per case, one column per rater.
        seed: seed of the bootstrap.

    Raises:
        ValueError: fewer than two raters.
    """
    cases, raters = verdicts.shape
    if raters < 2:
        raise ValueError("agreement needs at least two raters")
    name, compute = ("Cohen's κ", _cohen) if raters == 2 else ("Fleiss' κ", _fleiss)
    equal = int((verdicts == verdicts[:, :1]).all(axis=1).sum())
    value = compute(verdicts) if cases else math.nan
    low = high = math.nan
    if cases >= _MIN_CASES:
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


@dataclass(frozen=True)
class Conflict:
    """One case on which raters differ.

    Attributes:
        case_id: id of the case.
        verdicts: one per rater, in the raters' order; None without a verdict.
        merged: verdict in the merged review.
    """

    case_id: str
    verdicts: tuple[Verdict | None, ...]
    merged: Verdict


@dataclass(frozen=True)
class Merged:
    """A merged review.

    Attributes:
        review: majority verdict for every case; `unsure` on a tie. Notes are joined, each with its rater's name;
            `judged_by` names the raters with a verdict.
        raters: names in the order of the files; equal names are numbered.
        agreement: agreement over the cases that all raters judged.
        conflicts: every case on which two raters differ, by case id.
        alone: case and rater of every verdict that only one rater gave, by case id.
        judged: number of cases with any verdict.
        one_run: whether all reviews with a fingerprint belong to the same files.
    """

    review: Review
    raters: tuple[str, ...]
    agreement: Agreement
    conflicts: tuple[Conflict, ...]
    alone: tuple[tuple[str, str], ...]
    judged: int
    one_run: bool


def merge(reviews: Sequence[Review], seed: int = 0) -> Merged:
    """Merge the reviews of two or more raters.

    Args:
        reviews: one per rater.
        seed: seed of the agreement's interval.

    Raises:
        UsageError: fewer than two reviews.
    """
    if len(reviews) < 2:
        raise UsageError("merging needs the reviews of at least two raters")
    raters = _names(reviews)
    names: tuple[Verdict, ...] = get_args(Verdict)
    cases = sorted({case for review in reviews for case in review.decisions})
    decisions: dict[str, Decision] = {}
    conflicts = []
    for case in cases:
        mine = [review.decisions.get(case, Decision(None)) for review in reviews]
        said = [one.verdict for one in mine if one.verdict is not None]
        verdict = _most(said)
        note = "; ".join(f"{rater}: {one.note}" for rater, one in zip(raters, mine, strict=True) if one.note)
        judged_by = sorted(rater for rater, one in zip(raters, mine, strict=True) if one.verdict is not None)
        decisions[case] = Decision(verdict, note, tuple(judged_by))
        if verdict is not None and len(set(said)) > 1:
            conflicts.append(Conflict(case, tuple(one.verdict for one in mine), verdict))
    shared = [
        [names.index(verdict) for verdict in verdicts]
        for case in sorted(decided(reviews))
        if None not in (verdicts := [review.decisions.get(case, Decision(None)).verdict for review in reviews])
    ]
    matrix = np.array(shared, dtype=np.int64).reshape(-1, len(reviews))
    return Merged(
        review=Review(" + ".join(raters), decisions),
        raters=raters,
        agreement=kappa(matrix, seed),
        conflicts=tuple(conflicts),
        alone=tuple((case, one.judged_by[0]) for case, one in decisions.items() if one.alone),
        judged=len(decided(reviews)),
        one_run=len({review.run for review in reviews} - {""}) < 2,
    )


def _most(said: Sequence[Verdict]) -> Verdict | None:
    if not said:
        return None
    (first, voices), *rest = Counter(said).most_common()
    return "unsure" if rest and rest[0][1] == voices else first


def _names(reviews: Sequence[Review]) -> tuple[str, ...]:
    counts = Counter(review.rater for review in reviews)
    seen: Counter[str] = Counter()
    names = []
    for review in reviews:
        seen[review.rater] += 1
        names.append(f"{review.rater} {seen[review.rater]}" if counts[review.rater] > 1 else review.rater)
    return tuple(names)
