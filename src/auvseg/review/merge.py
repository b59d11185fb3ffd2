"""Several raters' reviews to one: what most of them say, and a list of where they do not agree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from auvseg.errors import UsageError
from auvseg.review.agreement import Agreement, kappa
from auvseg.review.verdicts import Decision, Review, Verdict, decided


@dataclass(frozen=True)
class Conflict:
    """One case on which raters differ.

    Attributes:
        case_id: the case.
        verdicts: by rater, in the raters' order; None for one without a verdict.
        merged: what stands in the merged review.
    """

    case_id: str
    verdicts: tuple[Verdict | None, ...]
    merged: Verdict


@dataclass(frozen=True)
class Merged:
    """What came of it.

    Attributes:
        review: the verdict of most raters for every case; `unsure` where none has more voices than another. Notes are
            joined, each with its rater's name; `judged_by` says whose verdicts they are.
        raters: in the order of the files, told apart by a number where two have one name.
        agreement: over the cases that all raters judged.
        conflicts: every case on which two raters differ, by case id.
        alone: case and rater of every verdict that one rater gave alone, by case id: nobody agreed or disagreed.
        judged: cases that anybody gave a verdict on.
        one_run: whether all reviews that say so were made in the report of the same files.
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
        reviews: one a rater.
        seed: of the agreement's interval.

    Raises:
        UsageError: fewer than two reviews.
    """
    if len(reviews) < 2:
        raise UsageError("merging takes the reviews of at least two raters")
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
