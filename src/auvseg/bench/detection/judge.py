"""Judge how well every measure separates faulty from sound structures: area under the ROC curve, with intervals.

Structures are compared with the same structure in other cases; areas are averaged over classes and draws. Intervals are
bootstrapped over cases: a resampled case brings all its structures and all draws.

Shapes: R rows, F faulty and C sound ones, N cases, B resamples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from auvseg.bench.combination import Combination, combine, write_combination
from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.detection.evidence import Evidence, read_evidence
from auvseg.bench.detection.recommendation import MEASURES_FILE, UNSEEN, recommended_of
from auvseg.bench.verdict import BLIND, FINDS, WRONG, verdict_of
from auvseg.files import atomic
from auvseg.files.safe_csv import table_as_csv
from auvseg.measures.catalogue import COMBINED, MEASURES

RESAMPLES = 1000
Suspicion = Float64[np.ndarray, "R"] | Mapping[str, Float64[np.ndarray, "R"]]
"""One value per row of the evidence, high = suspicious, -inf where the measure is missing; or such values by
corruption, for a measure that was fitted separately for each."""

Suspicions = Mapping[str, Suspicion]
"""By measure."""


@dataclass(frozen=True)
class _Pairing:
    """Faulty against sound rows of one class and draw: their suspicion, and the numbers of their cases."""

    faulty: Float64[np.ndarray, "F"]
    sound: Float64[np.ndarray, "C"]
    faulty_cases: Int64[np.ndarray, "F"]
    sound_cases: Int64[np.ndarray, "C"]

    def areas(self, weights: Float64[np.ndarray, "B N"]) -> Float64[np.ndarray, "B"]:
        """The area under the curve with every case counted as often as it was drawn; NaN where a side is empty."""
        higher = (self.faulty[:, None] > self.sound) + 0.5 * (self.faulty[:, None] == self.sound)
        faulty, sound = weights[:, self.faulty_cases], weights[:, self.sound_cases]
        with np.errstate(invalid="ignore"):
            return ((faulty @ higher) * sound).sum(1) / (faulty.sum(1) * sound.sum(1))

    def recall(self, budget: float, faulty_share: float) -> float:
        """Share of the faulty rows among the most suspicious `budget` of a cohort with `faulty_share` faulty ones."""
        values = np.concatenate([self.faulty, self.sound])
        faulty = np.repeat([1.0, 0.0], [len(self.faulty), len(self.sound)]) / len(self.faulty)
        sound = np.repeat([0.0, 1.0], [len(self.faulty), len(self.sound)]) / len(self.sound)
        # Equal values are reviewed together, so that the curve is straight between their first and last.
        _, group = np.unique(-values, return_inverse=True)
        found = np.concatenate([[0.0], np.cumsum(np.bincount(group, faulty))])
        alarms = np.concatenate([[0.0], np.cumsum(np.bincount(group, sound))])
        return float(np.interp(budget, faulty_share * found + (1 - faulty_share) * alarms, found))


class Verdicts:
    """The areas of every measure for every fault, from which the tables are made.

    Args:
        evidence: of a bench.
        suspicions: the measures to judge.
        seed: of the bootstrap.
    """

    def __init__(self, evidence: Evidence, suspicions: Suspicions, *, seed: int = 0) -> None:
        self._plan, self._measures = evidence.plan, tuple(suspicions)
        plan = evidence.plan
        cases = pd.factorize(evidence.rows["case"])[0]
        weights = _drawn_cases(int(cases.max()) + 1, seed)
        self._pairings: dict[tuple[str, str, float], list[_Pairing]] = {}
        self._areas: dict[tuple[str, str, float], Float64[np.ndarray, B]] = {}
        for corruption in plan.corruptions:
            for severity in plan.severities:
                sides = list(_sides(evidence, plan.draws, corruption, severity))
                for measure in suspicions:
                    suspicion = _for(suspicions[measure], corruption)
                    key = (measure, corruption, severity)
                    known = [(f, s) for f, s in sides if np.isfinite(suspicion[np.r_[f, s]]).any()]
                    self._pairings[key] = [_Pairing(suspicion[f], suspicion[s], cases[f], cases[s]) for f, s in known]
                    self._areas[key] = _mean([pairing.areas(weights) for pairing in self._pairings[key]])

    def by_fault(self, *, budget: float = 0.1, faulty_share: float = 0.1) -> pd.DataFrame:
        """Judge every measure on every fault.

        Args:
            budget: share of all structures that a person can review.
            faulty_share: share of faulty structures for which precision is stated; half of them, as planted, would be
                unrealistic.

        Returns:
            One row per measure, corruption and severity: `measure, corruption, kind, severity, auroc, low, high`
            (95 %), `recall, precision` within the budget, `faulty, sound` (rows), `verdict`. NaN and no verdict if
            the measure is always missing, or nothing could be planted.
        """
        rows = []
        for (measure, corruption, severity), areas in self._areas.items():
            pairings = self._pairings[measure, corruption, severity]
            recall = float(np.mean([one.recall(budget, faulty_share) for one in pairings])) if pairings else np.nan
            low, high = _interval(areas, _fewest(pairings))
            rows.append(
                {"measure": measure, "corruption": corruption, "kind": CORRUPTIONS[corruption].kind}
                | {"severity": severity, "auroc": float(areas[0]), "low": low, "high": high}
                | {"recall": recall, "precision": recall * faulty_share / budget}
                | {"faulty": sum(len(one.faulty) for one in pairings), "sound": sum(len(one.sound) for one in pairings)}
                | {"verdict": verdict_of(low, high)}
            )
        return pd.DataFrame(rows)

    def overall(self) -> pd.DataFrame:
        """Judge every measure over all faults of the highest severity; largest mean area first.

        Returns:
            `measure, auroc, low, high` (mean over the corruptions, 95 %), `worst, worst_corruption` (the smallest
            area), `image, label` (means by kind), `faults` (how many corruptions the means are over) `of` how many,
            `best_share` (of the resamples: how often it is the best), `verdict`. A measure without any number is left
            out.
        """
        resampled, rows = {}, []
        for measure in self._measures:
            known = {
                corruption: areas
                for corruption in self._plan.corruptions
                if np.isfinite((areas := self._areas[measure, corruption, self._plan.severities[-1]])[0])
            }
            if not known:
                continue
            mean = _mean(list(known.values()))
            worst = min(known, key=lambda name: float(known[name][0]))
            resampled[measure] = mean[1:]
            fewest = min(_fewest(self._pairings[measure, name, self._plan.severities[-1]]) for name in known)
            low, high = _interval(mean, fewest)
            kinds = {
                kind: float(np.mean([a[0] for name, a in known.items() if CORRUPTIONS[name].kind == kind] or [np.nan]))
                for kind in ("image", "label")
            }
            rows.append(
                {"measure": measure, "auroc": float(mean[0]), "low": low, "high": high, **kinds}
                | {"worst": float(known[worst][0]), "worst_corruption": worst, "verdict": verdict_of(low, high)}
                | {"faults": len(known), "of": len(self._plan.corruptions)}
            )
        table = pd.DataFrame(rows)
        # With very few cases, a resample may have no faulty or no sound ones.
        best = pd.DataFrame(resampled).dropna(how="all").idxmax(axis=1).value_counts(normalize=True)
        table["best_share"] = [float(best.get(name, 0.0)) for name in table["measure"]]
        return table.sort_values("auroc", ascending=False, kind="stable", ignore_index=True)


def rank_stability(evidence: Evidence, suspicions: Suspicions) -> float:
    """Mean Spearman correlation of the measures' ranking between draws, in [-1, 1]; NaN with a single draw.

    Every draw has a different faulty half and its own faults; measures are ranked by mean area at the highest severity.
    """
    plan, means = evidence.plan, []
    for draw in range(plan.draws):
        alone = {
            measure: [
                area
                for corruption in plan.corruptions
                for f, s in _sides(evidence, plan.draws, corruption, plan.severities[-1], only=draw)
                if np.isfinite(area := _area(_for(suspicion, corruption), f, s))
            ]
            for measure, suspicion in suspicions.items()
        }
        means.append({measure: float(np.mean(areas)) for measure, areas in alone.items() if areas})
    table = pd.DataFrame(means).T
    if table.shape[1] < 2:
        return float("nan")
    pairs = table.corr(method="spearman").to_numpy()[np.triu_indices(table.shape[1], 1)]
    return float(np.mean(pairs))


def monotonicity(evidence: Evidence, suspicions: Suspicions) -> pd.DataFrame:
    """Share of steps in which a measure rises as the same fault of a structure gets more severe; ties count half.

    Returns:
        `measure, corruption, rises`: share of the structures and steps of severity, in [0, 1], 1/2 for a measure that
        is blind; rows without both severities do not count, a measure that is missing in either counts as staying.
    """
    keys = ["draw", "corruption", "case", "class_id"]
    faulty = evidence.rows["changed"].to_numpy()
    rows = []
    corruptions = evidence.rows["corruption"].to_numpy()
    for measure, given in suspicions.items():
        # Of a measure that was fitted for each corruption apart, every row has the number of its own.
        parts = {name: _for(given, name) for name in evidence.plan.corruptions}
        suspicion = np.select([corruptions == name for name in parts], list(parts.values()), default=-np.inf)
        known = evidence.rows[faulty].assign(suspicion=suspicion[faulty]).sort_values([*keys, "severity"])
        step = known.groupby(keys)["suspicion"].shift(1)
        later = known.groupby(keys).cumcount() > 0
        difference = (known["suspicion"] - step).where(np.isfinite(known["suspicion"]) & np.isfinite(step), 0.0)
        rises = 0.5 + 0.5 * (difference > 0) - 0.5 * (difference < 0)
        shares = rises[later].groupby(known.loc[later, "corruption"]).mean()
        rows += [
            {"measure": measure, "corruption": name, "rises": float(shares.get(name, np.nan))}
            for name in evidence.plan.corruptions
        ]
    return pd.DataFrame(rows)


def _sides(
    evidence: Evidence, draws: int, corruption: str, severity: float, *, only: int | None = None
) -> Iterator[tuple[Int64[np.ndarray, "F"], Int64[np.ndarray, "C"]]]:
    """Row numbers of the faulty and the sound structures of every class and draw that has both."""
    classes = evidence.rows["class_id"].to_numpy()
    for draw in range(draws) if only is None else (only,):
        faulty, sound = evidence.faulty(draw, corruption, severity), evidence.sound(draw)
        for class_id in np.unique(classes[faulty]):
            both = np.flatnonzero(faulty & (classes == class_id)), np.flatnonzero(sound & (classes == class_id))
            if all(map(len, both)):
                yield both


def _drawn_cases(count: int, seed: int) -> Float64[np.ndarray, "B N"]:
    """How often each case is drawn; the first row is the sample itself."""
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return np.concatenate([np.ones((1, count)), draws.astype(np.float64)])


def _for(suspicion: Suspicion, corruption: str) -> Float64[np.ndarray, "R"]:
    return suspicion if isinstance(suspicion, np.ndarray) else suspicion[corruption]


def _area(suspicion: Float64[np.ndarray, "R"], faulty: Int64[np.ndarray, "F"], sound: Int64[np.ndarray, "C"]) -> float:
    rows = np.ones((1, len(suspicion)))
    return float(_Pairing(suspicion[faulty], suspicion[sound], faulty, sound).areas(rows)[0])


def _mean(areas: Sequence[Float64[np.ndarray, "B"]]) -> Float64[np.ndarray, "B"]:
    """Mean over what is known of every resample: one without a faulty case of a class says nothing of that class."""
    if not areas:
        return np.full(RESAMPLES + 1, np.nan)
    stacked = np.stack(areas)
    known = np.isfinite(stacked)
    with np.errstate(invalid="ignore"):
        return np.where(known, stacked, 0.0).sum(0) / known.sum(0)


def _fewest(pairings: Sequence[_Pairing]) -> int:
    """Rows of the smaller side of the smallest comparison."""
    return min((min(len(one.faulty), len(one.sound)) for one in pairings), default=0)


def _interval(areas: Float64[np.ndarray, "B"], fewest: int) -> tuple[float, float]:
    """95 % percentiles of the resamples.

    Where faulty and sound do not overlap no resample does; then the bound is the exact one (Clopper and Pearson 1934)
    of a share that never failed in `fewest` trials.
    """
    known = areas[1:][np.isfinite(areas[1:])]
    if not np.isfinite(areas[0]) or not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, (2.5, 97.5))
    bound = 0.025 ** (1 / fewest)
    low = bound if low == 1 else low
    high = 1 - bound if high == 0 else high
    return float(low), float(high)


@dataclass(frozen=True)
class Findings:
    """Every table of a bench.

    Attributes:
        evidence: the evidence.
        combination: the combined measure, fitted to it.
        overall: one row per measure (`Verdicts.overall`), best first, with `rises` (`monotonicity`, mean over faults).
        by_fault: one row per measure, corruption and severity (`Verdicts.by_fault`).
        stability: agreement of the draws on the measures' ranking (`rank_stability`); NaN with one draw.
    """

    evidence: Evidence
    combination: Combination
    overall: pd.DataFrame
    by_fault: pd.DataFrame
    stability: float

    @property
    def recommended(self) -> str | None:
        """The measure to filter by (`recommended_of`); None: no usable signal."""
        return recommended_of(self.overall)

    def sentences(self) -> list[str]:
        """Summarise the findings in sentences."""
        if self.recommended is None:
            return ["no usable signal: no measure finds these faults better than chance here; do not filter by any"]
        said = [self._praise(self.recommended)]
        alone = self.overall[~self.overall["measure"].isin((COMBINED, UNSEEN)) & (self.overall["verdict"] == FINDS)]
        unseen = self.overall[self.overall["measure"] == UNSEEN]
        if len(unseen):
            row = unseen.iloc[0]
            said.append(
                f"on a fault that it was not fitted to, combined finds less: mean AUROC {row['auroc']:.2f}, "
                f"worst {row['worst']:.2f} ({row['worst_corruption']})"
            )
        if self.recommended == COMBINED and len(alone):
            said.append("the best single measure: " + self._praise(str(alone["measure"].iloc[0])))
        trivial = self.overall[self.overall["measure"].map(lambda n: n in MEASURES and MEASURES[n].group == "trivial")]
        if len(trivial):
            best = trivial.iloc[0]
            said.append(f"the best trivial measure, for comparison: {best['measure']}, mean AUROC {best['auroc']:.2f}")
        if "S" in set(self.overall["measure"]):
            said.append(self._verdict_on("S"))
        return said

    def _praise(self, measure: str) -> str:
        row = self.overall.set_index("measure").loc[measure]
        return (
            f"filter by {measure}: mean AUROC {row['auroc']:.2f} [{row['low']:.2f}, {row['high']:.2f}], "
            f"worst {row['worst']:.2f} ({row['worst_corruption']})"
        )

    def _verdict_on(self, measure: str) -> str:
        severest = self.by_fault["severity"] == self.by_fault["severity"].max()
        mine = self.by_fault[severest & (self.by_fault["measure"] == measure)]
        named = [(verdict, mine.loc[mine["verdict"] == verdict, "corruption"]) for verdict in (FINDS, BLIND, WRONG)]
        parts = [f"{verdict}: {', '.join(faults)}" for verdict, faults in named if len(faults)]
        return f"the paper's {measure} - {'; '.join(parts)}"


def suspicions_of(evidence: Evidence, combination: Combination, *, seed: int = 0) -> Suspicions:
    """Return every measure that has any value, oriented so that high is suspicious, and the combined one.

    The latter is included twice: as fitted, and as `UNSEEN`, for each corruption with weights fitted to the others.
    """
    known = {name: evidence.suspicion(name) for name in evidence.values.columns if evidence.values[name].notna().any()}
    cases, z = evidence.rows["case"], evidence.z
    found: dict[str, Suspicion] = {**known, COMBINED: combination.apply(cases, z)}
    if len(evidence.plan.corruptions) > 1:
        found[UNSEEN] = {
            name: combine(evidence, without=name, seed=seed).apply(cases, z) for name in evidence.plan.corruptions
        }
    return found


def find(
    folder: Path,
    *,
    budget: float = 0.1,
    faulty_share: float = 0.1,
    seed: int = 0,
    on_copy: Callable[[int, int], None] | None = None,
) -> Findings:
    """Judge the results of a bench so far, and write `detection.csv`, `measures.csv` and `combined.json` to its folder.

    Args:
        folder: folder of the bench.
        budget: share of structures that a person can review, for precision and recall.
        faulty_share: share of faulty structures for which precision is stated.
        seed: of bootstrap and folds.
        on_copy: progress, as in `read_evidence`.

    Raises:
        RunError: nothing has been scored yet.
    """
    evidence = read_evidence(folder, on_copy=on_copy)
    combination = combine(evidence, seed=seed)
    suspicions = suspicions_of(evidence, combination, seed=seed)
    verdicts = Verdicts(evidence, suspicions, seed=seed)
    rises = monotonicity(evidence, suspicions).groupby("measure")["rises"].mean()
    overall = verdicts.overall().assign(rises=lambda table: table["measure"].map(rises))
    by_fault = verdicts.by_fault(budget=budget, faulty_share=faulty_share)
    atomic.write_text(folder / "detection.csv", table_as_csv(by_fault))
    atomic.write_text(folder / MEASURES_FILE, table_as_csv(overall))
    write_combination(folder, combination)
    return Findings(evidence, combination, overall, by_fault, rank_stability(evidence, suspicions))


def largest_weights(combination: Combination, count: int = 8) -> list[tuple[str, str, float]]:
    """Return the measures with the largest weights in the combined one: name, end, weight; without zeros."""
    weights = combination.weights
    entries = [(n, "low", w) for n, w in weights.low.items()] + [(n, "high", w) for n, w in weights.high.items()]
    return [entry for entry in sorted(entries, key=lambda entry: -entry[2])[:count] if not np.isclose(entry[2], 0)]
