"""What a bench found: tables for machines, and which measure to filter by, in words."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from auvseg import atomic
from auvseg.bench.combination import Combination, combine, write_combination
from auvseg.bench.detection.evidence import Evidence, read_evidence
from auvseg.bench.detection.judge import (
    Suspicion,
    Suspicions,
    Verdicts,
    monotonicity,
    rank_stability,
)
from auvseg.bench.detection.recommendation import MEASURES_FILE, UNSEEN, recommended_of
from auvseg.bench.verdict import BLIND, FINDS, WRONG
from auvseg.measures.catalogue import COMBINED, MEASURES
from auvseg.spreadsheet import table_as_csv


@dataclass(frozen=True)
class Findings:
    """Every table of a bench.

    Attributes:
        evidence: what was measured.
        combination: the combined measure, fitted to it.
        overall: a row a measure (`Verdicts.overall`), best first, with `rises` (`monotonicity`, mean of the faults).
        by_fault: a row a measure, corruption and severity (`Verdicts.by_fault`).
        stability: agreement of the draws on the measures' order (`rank_stability`); NaN with one draw.
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
        """What a person should take away."""
        if self.recommended is None:
            return ["no usable signal: no measure finds these faults here better than chance; do not filter by any"]
        said = [self._praise(self.recommended)]
        alone = self.overall[~self.overall["measure"].isin((COMBINED, UNSEEN)) & (self.overall["verdict"] == FINDS)]
        unseen = self.overall[self.overall["measure"] == UNSEEN]
        if len(unseen):
            row = unseen.iloc[0]
            said.append(
                f"of a fault that it was not fitted to, combined would find less: mean AUROC {row['auroc']:.2f}, "
                f"worst {row['worst']:.2f} ({row['worst_corruption']})"
            )
        if self.recommended == COMBINED and len(alone):
            said.append("the best single measure: " + self._praise(str(alone["measure"].iloc[0])))
        trivial = self.overall[self.overall["measure"].map(lambda n: n in MEASURES and MEASURES[n].group == "trivial")]
        if len(trivial):
            best = trivial.iloc[0]
            said.append(f"the best trivial measure beside it: {best['measure']}, mean AUROC {best['auroc']:.2f}")
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
    """Every measure with a number somewhere, turned so that high is suspicious, and the combined one.

    The latter twice: as it is, and as `UNSEEN`, for every corruption by weights that were fitted to the others only.
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
    """Judge what a bench scored so far, and write `detection.csv`, `measures.csv` and `combined.json` into its folder.

    Args:
        folder: the bench.
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
    """The measures that carry most of the combined one: name, which end, weight; largest first, without zeros."""
    weights = combination.weights
    entries = [(n, "low", w) for n, w in weights.low.items()] + [(n, "high", w) for n, w in weights.high.items()]
    return [entry for entry in sorted(entries, key=lambda entry: -entry[2])[:count] if not np.isclose(entry[2], 0)]
