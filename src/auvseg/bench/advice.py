"""Advise where to cut: the threshold of a measure with the largest gain on planted faults.

    gain(t) = π · P(s ≥ t | faulty) - (1 - π) · c · P(s ≥ t | sound)

per case (or structure), with π the expected share of faulty ones and c the cost of losing a good case relative to the
gain of removing a faulty one. Every planted fault counts the same, mild ones too. A measure that does not find the
faults has no gain at any threshold; then nothing is removed.

Shapes: R rows, K faulty and sound suspicions together, N cases, B resamples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from auvseg.bench.combination import read_combination
from auvseg.bench.detection.evidence import Evidence, read_evidence
from auvseg.choices import Scope
from auvseg.cohort.selection import training_rows
from auvseg.cohort.suspicion import find_criterion, suspicions
from auvseg.errors import UsageError
from auvseg.measures.catalogue import COMBINED, Suspicious

RESAMPLES = 1000
_MORE_THAN_ALL = np.inf


@dataclass(frozen=True)
class Advice:
    """A cut and its expected effect.

    Attributes:
        threshold: suspicion from which on a case is removed; infinity removes none.
        keep: share of the run that is kept, in (0, 1].
        interval: 95 % bootstrap interval of `keep`.
        gain: gain per case, by the formula above.
        recall: share of the planted faults that the cut removes.
        false_alarms: share of the sound cases that it removes.
        good_lost: expected number of sound cases of the run that it removes.
    """

    threshold: float
    keep: float
    interval: tuple[float, float]
    gain: float
    recall: float
    false_alarms: float
    good_lost: float

    def in_words(self) -> str:
        """One sentence."""
        if np.isinf(self.threshold):
            return "no cut pays off: suspicious cases are about as often sound as faulty here, so all are kept"
        low, high = self.interval
        return (
            f"keep {self.keep:.3f} [{low:.3f}, {high:.3f}]: removes {self.recall:.0%} of the planted faults, "
            f"{self.false_alarms:.1%} of the sound cases, about {self.good_lost:.1f} good ones here"
        )


def advise(
    evidence: Evidence,
    suspicion: Float64[np.ndarray, "R"],
    run: Float64[np.ndarray, "K"],
    *,
    scope: Scope = "case",
    farthest: bool = False,
    faulty_share: float = 0.1,
    cost: float = 1.0,
    seed: int = 0,
) -> Advice:
    """Choose a cut for a run by the faults planted into the same data.

    Args:
        evidence: evidence of a bench.
        suspicion: (R,) the measure, high = suspicious; values that are not finite are ignored.
        run: (K,) the same measure of the run's training cases or structures; NaN where missing (these are kept).
        scope: `case` or `class`: what is removed.
        farthest: whether a case takes the value of its most suspicious structure instead of the mean, as in `filter`.
        faulty_share: π, in (0, 1).
        cost: c, above 0.
        seed: of the bootstrap.

    Raises:
        UsageError: π or c out of range, or the measure has no value in the bench or the run.
    """
    if not 0 < faulty_share < 1 or not cost > 0:
        raise UsageError("the faulty share must lie between 0 and 1, and the cost above 0")
    values, worth, cases = _weighted(_units(evidence, suspicion, scope, farthest), faulty_share, cost)
    known = np.sort(run[np.isfinite(run)])
    if not len(values) or not len(known):
        raise UsageError("the bench or the run has no values of this measure; no cut can be advised")
    threshold, gain = _best_cut(values, worth[None], np.ones((1, len(worth))))
    drawn = np.random.default_rng(seed).multinomial(
        cases.max() + 1, np.full(cases.max() + 1, 1 / (cases.max() + 1)), size=RESAMPLES
    )
    resampled, _ = _best_cut(values, worth[None], drawn[:, cases].astype(np.float64))
    low, high = np.percentile(_kept(known, resampled), (2.5, 97.5))
    gone = values >= threshold[0]
    recall = float(worth[gone & (worth > 0)].sum() / faulty_share)
    false_alarms = float(abs(worth[gone & (worth < 0)].sum()) / ((1 - faulty_share) * cost))
    return Advice(
        threshold=float(threshold[0]),
        keep=float(_kept(known, threshold)[0]),
        interval=(float(low), float(high)),
        gain=float(gain[0]),
        recall=recall,
        false_alarms=false_alarms,
        good_lost=false_alarms * (1 - faulty_share) * len(known),
    )


def advise_run(
    bench: Path,
    table: pd.DataFrame,
    *,
    by: str = "auv",
    scope: Scope = "case",
    suspicious: Suspicious | None = None,
    faulty_share: float = 0.1,
    cost: float = 1.0,
    seed: int = 0,
    on_copy: Callable[[int, int], None] | None = None,
) -> Advice:
    """Choose a cut for a run as `filter` would compare its cases.

    Args:
        bench: folder of `bench detect` on the same data with the same configuration.
        table: the run's scores table, with the column `combined` if that is asked for.
        by: `auv`, a measure, or `combined`.
        scope: as in `filter_cases`.
        suspicious: as in `filter_cases`.
        faulty_share: as in `advise`.
        cost: as in `advise`.
        seed: of the bootstrap.
        on_copy: progress, as in `read_evidence`.

    Raises:
        UsageError: the bench does not have this column, or as for `advise`.
        RunError: the folder is not a bench, or is empty.
    """
    criterion = find_criterion(table, by, suspicious)
    evidence = read_evidence(bench, on_copy=on_copy)
    if criterion.column == COMBINED:
        suspicion = read_combination(bench).apply(evidence.rows["case"], evidence.z)
    elif criterion.column in evidence.values.columns:
        suspicion = evidence.suspicion(criterion.column)
    else:
        raise UsageError(f"the bench has no {criterion.column}, so no cut can be advised; give --keep a number")
    run = suspicions(training_rows(table), criterion, scope)["suspicion"].to_numpy(dtype=np.float64)
    return advise(
        evidence,
        suspicion,
        run,
        scope=scope,
        farthest=criterion.of_farthest,
        faulty_share=faulty_share,
        cost=cost,
        seed=seed,
    )


def _units(evidence: Evidence, suspicion: Float64[np.ndarray, "R"], scope: Scope, farthest: bool) -> pd.DataFrame:
    """Return the units that are removed or kept (cases or structures), sound and faulty, with their `suspicion`."""
    rows = evidence.rows.assign(suspicion=np.where(np.isfinite(suspicion), suspicion, np.nan))
    sound = np.logical_or.reduce([evidence.sound(draw) for draw in range(len(evidence.halves))])
    unit = ["draw", "corruption", "severity", "case", *(["class_id"] if scope == "class" else [])]
    over_classes = "max" if farthest else "mean"
    grouped = rows[sound | ~evidence.clean].groupby(unit)
    units = grouped.agg(suspicion=("suspicion", over_classes), changed=("changed", "any")).reset_index()
    return units[units["suspicion"].notna() & (units["changed"] | (units["corruption"] == ""))]


def _weighted(
    units: pd.DataFrame, faulty_share: float, cost: float
) -> tuple[Float64[np.ndarray, "K"], Float64[np.ndarray, "K"], Int64[np.ndarray, "K"]]:
    """Return the suspicions of all units, the gain of removing each, and the numbers of their cases."""
    share = 1 / units.groupby(["corruption", "severity"])["case"].transform("size").to_numpy(dtype=np.float64)
    faults = max(units.loc[units["changed"], ["corruption", "severity"]].drop_duplicates().shape[0], 1)
    worth = np.where(units["changed"], faulty_share * share / faults, -(1 - faulty_share) * cost * share)
    return units["suspicion"].to_numpy(), worth, pd.factorize(units["case"])[0]


def _best_cut(
    values: Float64[np.ndarray, "K"], worth: Float64[np.ndarray, "1 K"], drawn: Float64[np.ndarray, "B K"]
) -> tuple[Float64[np.ndarray, "B"], Float64[np.ndarray, "B"]]:
    """Return the threshold of the largest gain, and that gain, per resample; ties are removed or kept together."""
    order = np.argsort(-values, kind="stable")
    gains = np.cumsum((worth * drawn)[:, order], axis=1)
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    best = gains[:, ends].argmax(axis=1)
    gain = gains[:, ends].max(axis=1)
    threshold = np.where(gain > 0, values[order][ends][best], _MORE_THAN_ALL)
    return threshold, np.maximum(gain, 0.0)


def _kept(run: Float64[np.ndarray, "K"], thresholds: Float64[np.ndarray, "B"]) -> Float64[np.ndarray, "B"]:
    """Share of the sorted run below each threshold."""
    return np.searchsorted(run, thresholds, side="left") / len(run)
