"""Combine all measures into one: a weighted sum of their distances from the cohort, weights fitted to planted faults.

    φ(z) = log(1 + max(z, 0))
    combined = b + Σ_m  w⁺_m φ(z_m) + w⁻_m φ(-z_m),      w ≥ 0

with z_m the robust z of measure m within its class (`robust_z`). Each end has its own weight, since a fault can move a
measure either way: white noise raises `S`, blur lowers it. Weights are not negative, so no measure can exonerate a
case, and the logarithm keeps one extreme measure from dominating. They maximise the likelihood of a logistic model
(faulty or sound) with an L2 penalty; all faults have equal weight, and together as much as the sound cases.

The weights are fitted to the user's own cases with cross-fitting: cases are divided into folds, and a case is judged by
weights from the other folds, in the bench and in a run.

Shapes: R rows, M measures.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from jaxtyping import Bool, Float64

from auvseg.bench.detection.evidence import Evidence
from auvseg.bench.detection.folder import check_same_setup
from auvseg.cohort.compared import z_scores
from auvseg.errors import RunError, UsageError
from auvseg.files import atomic
from auvseg.files.schema import Number, convert
from auvseg.files.text import read_json
from auvseg.measures.catalogue import AUV, COMBINED, OUTLIER

COMBINATION_FILE = "combined.json"
FOLDS = 5
PENALTY = 0.01
"""L2 penalty of the weights relative to the mean log-likelihood: a weight of 1 costs 0.01 of it."""


@dataclass(frozen=True)
class Weights:
    """One fit.

    Attributes:
        intercept: b.
        low: weight of values below the cohort, by measure.
        high: weight of values above it, by measure.
    """

    intercept: Number
    low: Mapping[str, Number]
    high: Mapping[str, Number]

    def apply(self, z: pd.DataFrame) -> Float64[np.ndarray, "R"]:
        """(R,) the combined measure, log odds of a fault among as many sound ones; a missing z counts as 0."""
        total = np.full(len(z), self.intercept)
        for name in self.low:
            values = z[name].to_numpy() if name in z.columns else np.zeros(len(z))
            total += self.low[name] * _hinge(-values) + self.high[name] * _hinge(values)
        return total


@dataclass(frozen=True)
class Combination:
    """Cross-fitted weights.

    Attributes:
        measures: combined measures.
        folds: held-out cases by fold.
        fold_weights: weights by fold.
        weights: weights fitted to all cases, for cases outside the bench and for people to read.
    """

    measures: tuple[str, ...]
    folds: tuple[tuple[str, ...], ...]
    fold_weights: tuple[Weights, ...]
    weights: Weights

    @property
    def weighty(self) -> frozenset[str]:
        """Return the measures with a weight above 0 in some fit."""
        fits = (self.weights, *self.fold_weights)
        return frozenset(name for name in self.measures if any(fit.low[name] + fit.high[name] > 0 for fit in fits))

    def apply(self, cases: pd.Series, z: pd.DataFrame) -> Float64[np.ndarray, "R"]:
        """Compute the combined measure of every row, (R,), with weights that were fitted without the row's case.

        Args:
            cases: (R,) case ids.
            z: robust z of the same rows, one column per measure.
        """
        result = self.weights.apply(z)
        for unseen, weights in zip(self.folds, self.fold_weights, strict=True):
            mine = cases.isin(unseen).to_numpy()
            result[mine] = weights.apply(z[mine])
        return result

    def add_to(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add the column `combined` to a scores table. Rows without values get NaN.

        Raises:
            RunError: the table lacks a measure that has weight.
        """
        known = [name for name in self.measures if name in table.columns]
        lacking = [name for name in self.measures if name in self.weighty - set(known)]
        if lacking:
            raise RunError(f"the run lacks {', '.join(lacking)}, which the combined measure needs; score all measures")
        rows = table["class_id"].notna()
        z = z_scores(table, known)[rows]
        values = pd.Series(np.nan, index=table.index)
        values[rows] = np.where(z.notna().any(axis=1), self.apply(table.loc[rows, "case"], z), np.nan)
        return table.assign(**{COMBINED: values})


def combine(evidence: Evidence, *, without: str | None = None, seed: int = 0) -> Combination:
    """Fit a combination to a bench.

    Args:
        evidence: evidence of the bench.
        without: a corruption to exclude from the fit; how well it is found shows how unforeseen faults are found.
        seed: seed of the folds.

    Raises:
        RunError: there are too few cases for folds.
    """
    cases = np.unique(evidence.rows["case"])
    if len(cases) < FOLDS:
        raise RunError(f"{len(cases)} cases are too few for a combined measure; at least {FOLDS} are needed")
    order = np.random.default_rng(seed).permutation(cases)
    folds = tuple(tuple(sorted(order[n::FOLDS].tolist())) for n in range(FOLDS))
    seen = (evidence.rows["corruption"] != without).to_numpy()
    fitted = [_fit(evidence, seen & ~evidence.rows["case"].isin(unseen).to_numpy()) for unseen in folds]
    return Combination(tuple(_combined(evidence)), folds, tuple(fitted), _fit(evidence, seen))


def with_combined(table: pd.DataFrame, run: Path, bench: Path | None) -> pd.DataFrame:
    """Add the column `combined` to a run's scores table, by a bench on the same data.

    Raises:
        UsageError: no bench is named.
        RunError: the folder is not a bench, or was scored differently.
    """
    if bench is None:
        raise UsageError(f"{COMBINED} needs --bench: the folder of auvseg bench detect on the same data set")
    combination = read_combination(bench)
    check_same_setup(bench, run, combination.weighty)
    return combination.add_to(table)


def measures_behind(by: str, bench: Path) -> frozenset[str]:
    """Return the measures on which a bench's verdict on AUV, a measure or `combined` depends.

    Raises:
        RunError: the bench has no combined measure.
    """
    if by == COMBINED:
        return read_combination(bench).weighty
    return frozenset({"S"} if by.upper() == AUV else {by})


def write_combination(folder: Path, combination: Combination) -> None:
    """Write `combined.json` into a bench's folder."""
    text = json.dumps(asdict(combination), indent=1, sort_keys=True) + "\n"
    atomic.write_text(folder / COMBINATION_FILE, text)


def read_combination(folder: Path) -> Combination:
    """Read the combination of a bench's folder.

    Raises:
        RunError: there is none, or it is damaged.
    """
    path = folder / COMBINATION_FILE
    try:
        return convert(read_json(path), Combination)
    except OSError:
        raise RunError(f"{folder} has no combined measure; create it with: auvseg bench detect") from None
    except ValueError as problem:
        raise RunError(
            f"{path} is damaged ({problem}); run auvseg bench detect again, finished scores are kept"
        ) from None


def _fit(evidence: Evidence, chosen: Bool[np.ndarray, "R"]) -> Weights:
    chosen = chosen & (evidence.clean | evidence.rows["changed"].to_numpy())
    names = _combined(evidence)
    z = evidence.z[names].to_numpy()[chosen]
    features = np.concatenate([_hinge(-z), _hinge(z)], axis=1)
    faulty = ~evidence.clean[chosen]
    shares = _shares(evidence, chosen)
    start = np.zeros(features.shape[1] + 1)
    bounds = [(None, None), *[(0.0, None)] * features.shape[1]]
    found = scipy.optimize.minimize(
        _loss, start, (features, faulty, shares), jac=True, bounds=bounds, method="L-BFGS-B"
    )
    low, high = np.split(found.x[1:], 2)
    return Weights(float(found.x[0]), _named(names, low), _named(names, high))


def _combined(evidence: Evidence) -> list[str]:
    """Return the measures to combine: all except `outlier`, which is made of two others."""
    return [name for name in evidence.z.columns if name != OUTLIER]


def _loss(
    x: Float64[np.ndarray, "K"],
    features: Float64[np.ndarray, "R k"],
    faulty: Bool[np.ndarray, "R"],
    shares: Float64[np.ndarray, "R"],
) -> tuple[float, Float64[np.ndarray, "K"]]:
    """Weighted negative log-likelihood with its penalty, and the gradient."""
    logits = x[0] + features @ x[1:]
    value = shares @ np.logaddexp(0, np.where(faulty, -logits, logits)) + PENALTY * x[1:] @ x[1:]
    slope = shares * (scipy.special.expit(logits) - faulty)
    return float(value), np.concatenate([[slope.sum()], features.T @ slope + 2 * PENALTY * x[1:]])


def _shares(evidence: Evidence, chosen: Bool[np.ndarray, "R"]) -> Float64[np.ndarray, "r"]:
    """Weight of every chosen row: half for sound rows, half for faulty ones, equal for all faults; sums to 1."""
    rows = evidence.rows[chosen]
    kinds: Sequence[str] = ["corruption", "severity"]
    of_its_kind = rows.groupby(list(kinds))["case"].transform("size").to_numpy(dtype=np.float64)
    faulty = ~evidence.clean[chosen]
    faults = max(len(rows.loc[faulty, list(kinds)].drop_duplicates()), 1)
    return np.where(faulty, 0.5 / (of_its_kind * faults), 0.5 / of_its_kind)


def _hinge(z: Float64[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
    return np.log1p(np.maximum(np.nan_to_num(z, nan=0.0), 0.0))


def _named(names: Sequence[str], weights: Float64[np.ndarray, "M"]) -> dict[str, float]:
    return {name: float(weight) for name, weight in zip(names, weights, strict=True)}
