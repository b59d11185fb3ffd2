"""Compare two runs of the same data measure by measure: two foundation models, inputs or prompts.

Ranks are compared, not values, since two models have no common scale. Only cases or structures with a value in both
runs count. Shapes: N cases or structures.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from auvseg.bench.statistics import spearman
from auvseg.choices import Scope
from auvseg.cohort.order import no_order
from auvseg.cohort.suspicion import Criterion, default_measure, find_criterion, suspicions
from auvseg.errors import UsageError
from auvseg.measures.catalogue import AUV, MEASURES, Suspicious

WORST_SHARE = 0.1
_REASONS = {"x does not vary": "the first run does not vary", "y does not vary": "the second run does not vary"}


@dataclass(frozen=True)
class BetweenRuns:
    """Agreement of two runs.

    Attributes:
        measures: one row per measure that both have, AUV first: `measure, n, spearman, low, high` (95 %, over cases or
            structures), `worst_in_both` (share of one run's most suspicious tenth that is also in the other's; 0.1 by
            chance), `reason` (why a number is missing).
        disagreements: one row per case or structure, largest difference first: `case` (`class`), `first` and `second`
            (rank in either run, 1 the most suspicious, among those in both), `apart` (their difference over N). Empty
            if one of the runs has no order.
        by: measure of the disagreements.
        no_order: why a run has no order by that measure, in one sentence; empty if both have.
    """

    measures: pd.DataFrame
    disagreements: pd.DataFrame
    by: str
    no_order: str


def between_runs(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    by: str | None = None,
    scope: Scope = "case",
    suspicious: Suspicious | None = None,
    seed: int = 0,
) -> BetweenRuns:
    """Compare two scores tables of the same cases.

    Args:
        first: a scores table (`auvseg.load_scores`).
        second: another one.
        by: measure of the disagreements, as in `rank`; None: AUV if both have it, else the `default_measure`.
        scope: `case` or `class`.
        suspicious: as in `rank`.
        seed: of the bootstrap.

    Raises:
        UsageError: the runs have no case, or not this measure, in common.
    """
    keys = ["case"] if scope == "case" else ["case", "class_id", "class"]
    in_both = [name for name in first.columns if name in second.columns]
    by = by or (AUV if "S" in in_both else default_measure(first[in_both]))
    wanted = find_criterion(first[in_both], by, suspicious, to="compare the runs")
    unordered = _unordered(first, second, wanted, scope)
    rows, disagreements = [], None
    for criterion in _criteria(first[in_both], second[in_both], wanted):
        name = criterion.name
        pair = _ranks(first, second, criterion, scope, keys)
        if not len(pair) and criterion != wanted:
            continue
        found = spearman(pair["first"].to_numpy(np.float64), pair["second"].to_numpy(np.float64), seed=seed)
        row = {"measure": name, "n": found.n, "spearman": found.value, "low": found.low, "high": found.high}
        reason = _REASONS.get(found.reason, found.reason)
        rows.append({**row, "worst_in_both": _worst_in_both(pair), "reason": reason})
        if criterion == wanted:
            disagreements = pair
    if disagreements is None or (disagreements.empty and not unordered):
        raise UsageError(
            f"the two runs have no values of {wanted.name} for the same case; are they of the same data set?"
        )
    shown = disagreements.assign(apart=(disagreements["first"] - disagreements["second"]).abs() / len(disagreements))
    order = shown.sort_values(["apart", *keys], ascending=[False, *[True] * len(keys)], kind="stable")
    differing = order.drop(columns=["class_id"], errors="ignore").reset_index(drop=True)
    return BetweenRuns(pd.DataFrame(rows), differing.head(0) if unordered else differing, wanted.name, unordered)


def _unordered(first: pd.DataFrame, second: pd.DataFrame, criterion: Criterion, scope: Scope) -> str:
    """Why one of the runs has no order, the first before the second."""
    said = {"the first run": no_order(first, criterion, scope), "the second run": no_order(second, criterion, scope)}
    return next((f"{which}: {words}" for which, words in said.items() if words), "")


def _criteria(first: pd.DataFrame, second: pd.DataFrame, wanted: Criterion) -> list[Criterion]:
    """Return AUV and the measures with values in both runs, in the catalogue's order, after other columns."""
    both = [name for name in MEASURES if all(name in one and one[name].notna().any() for one in (first, second))]
    known = [find_criterion(first, name) for name in ([AUV, *both] if "S" in both else both)]
    return known if wanted in known else [wanted, *known]


def _ranks(
    first: pd.DataFrame, second: pd.DataFrame, criterion: Criterion, scope: Scope, keys: list[str]
) -> pd.DataFrame:
    """Rank what has values in both runs, 1 the most suspicious; ties share their mean rank."""
    numbers = []
    for side, table in (("first", first), ("second", second)):
        known = suspicions(table, criterion, scope).dropna(subset="suspicion")
        known = known.sort_values(["suspicion", *keys], ascending=[False, *[True] * len(keys)], kind="stable")
        numbers.append(known[keys].assign(**{side: known["suspicion"]}))
    pair = numbers[0].merge(numbers[1], on=keys)
    for side in ("first", "second"):
        pair[side] = pair[side].rank(ascending=False)
    return pair


def _worst_in_both(pair: pd.DataFrame) -> float:
    if pair["first"].nunique() < 2 or pair["second"].nunique() < 2:
        return float("nan")
    count = max(round(WORST_SHARE * len(pair)), 1)
    worst = [set(pair.index[np.argsort(pair[side].to_numpy(), kind="stable")[:count]]) for side in ("first", "second")]
    return len(worst[0] & worst[1]) / count
