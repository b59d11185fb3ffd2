"""Every measure against what a network reached: Pearson, Spearman, and both given the size of the structure.

Pooled over the classes by correlating within each (`auvseg.bench.statistics.association`), and class by class.
Intervals (95 %) are bootstrapped over cases.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from jaxtyping import Float64

from auvseg.bench.correlation.join import Pairs, join
from auvseg.bench.correlation.metrics import LOWER_IS_BETTER, Metrics
from auvseg.bench.statistics.association import Method, association
from auvseg.bench.statistics.estimate import RESAMPLES, Estimate, undefined
from auvseg.cohort.suspicion import SIGN
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import MEASURES

SIZE = ("volume_ml", "slices")
"""What is given unless somebody asks for something else: a measure that only repeats it says nothing new."""

COLUMNS = ("measure", "class", "method", "given", "r", "low", "high", "n", "reason", "class_id", "cases", "useful_sign")

POOLED = "pooled"
"""`class` of the numbers over all classes; `class_id` is then missing."""

ITSELF = "no partial correlation: it is what is given"

FEWEST_DIFFERING = 8
"""Rows that must differ from the commonest value of their class before an interval is given.

Where all cases but one have the same number, the resamples without that one have no correlation and the others all the
same sign. Of 300 samples of 40 and of 160 cases in which nothing was associated, the bootstrap's interval excluded 0 in
66 and 85 % with one case that differs, 15 and 23 % with three, 7 and 8 % with eight (Spearman; 5 % is what it claims).
"""

_LOGARITHMIC = ("volume_ml",)
"""Structures are multiples of each other in size, not sums; ranks are the same either way."""

_REASONS = {"x does not vary": "the measure does not vary", "y does not vary": "the metric does not vary"}
_METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Correlations:
    """What came out.

    Attributes:
        pairs: what was compared, and what had no partner.
        given: names of the covariates; empty where the run has none of them.
        higher_is_better: whether a high number of the metrics is a good one.
        table: a row a measure, class, method and given, columns `COLUMNS`. `class` is `pooled` with a missing
            `class_id` for all classes together; `given` is empty or the names of the covariates; `r` in [-1, 1] with
            its interval `low`, `high`; `n` pairs of `cases` cases have a part; `reason` says why a number is missing;
            `useful_sign` is the sign that a useful measure has.
    """

    pairs: Pairs
    given: tuple[str, ...]
    higher_is_better: bool
    table: pd.DataFrame

    def select(self, method: Method, *, partial: bool, class_id: int | None = None) -> pd.DataFrame:
        """The rows of one method, of a class or pooled, by measure: `r, low, high, n, reason, useful_sign`, ..."""
        of_class = self.table["class_id"].isna() if class_id is None else self.table["class_id"] == class_id
        chosen = of_class & (self.table["method"] == method) & ((self.table["given"] != "") == partial)
        return self.table[chosen].set_index("measure")


def correlate(
    table: pd.DataFrame,
    metrics: Metrics,
    *,
    given: Sequence[str] | None = None,
    higher_is_better: bool | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    progress: Callable[[int, int, str], None] | None = None,
) -> Correlations:
    """Correlate every measure of a run with what a network reached.

    Args:
        table: a scores table (`auvseg.load_scores`).
        metrics: of `read_metrics`.
        given: measures whose part is taken out of both for the partial correlations; None takes volume and number of
            slices, as far as the run has them. A volume is taken by its logarithm.
        higher_is_better: whether a high number is a good one; None: yes, but for `hd95_mm`.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        progress: called with (done, total, measure).

    Returns:
        The correlations. What cannot be computed is NaN with its reason, among it the partial correlation of a measure
        that is itself given.

    Raises:
        UsageError: nothing of the run and the metrics matches, or something given is no measure of the run.
    """
    pairs = join(table, metrics)
    covariates = _covariates(pairs, given)
    better = metrics.metric.casefold() not in LOWER_IS_BETTER if higher_is_better is None else higher_is_better
    scopes = [_Scope(None, POOLED, pairs.rows), *_scopes(pairs)]
    rows: list[dict[str, object]] = []
    how = _How(covariates, seed, resamples)
    total = len(pairs.measures) * len(scopes)
    for number, measure in enumerate(pairs.measures):
        for place, scope in enumerate(scopes, start=1):
            # A useful measure is high where the number is bad.
            sign = -int(SIGN[MEASURES[measure].suspicious]) if better else int(SIGN[MEASURES[measure].suspicious])
            rows += [{**row, "useful_sign": sign} for row in _correlations(measure, scope, how)]
            if progress is not None:
                progress(number * len(scopes) + place, total, measure)
    result = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"class_id": "Int64"})
    return Correlations(pairs, covariates, better, result)


@dataclass(frozen=True)
class _Scope:
    class_id: int | None
    name: str
    rows: pd.DataFrame


@dataclass(frozen=True)
class _How:
    given: tuple[str, ...]
    seed: int
    resamples: int


def _covariates(pairs: Pairs, given: Sequence[str] | None) -> tuple[str, ...]:
    if given is None:
        return tuple(name for name in SIZE if name in pairs.measures)
    unknown = [name for name in given if name not in pairs.measures]
    if unknown:
        known = did_you_mean(unknown[0], pairs.measures, "auvseg measures")
        raise UsageError(f"{unknown[0]!r} cannot be given, it is no measure of this run; {known}")
    return tuple(dict.fromkeys(given))


def _scopes(pairs: Pairs) -> list[_Scope]:
    return [_Scope(number, name, pairs.rows[pairs.rows["class_id"] == number]) for number, name in pairs.classes]


def _correlations(measure: str, scope: _Scope, how: _How) -> list[dict[str, object]]:
    """The rows of one measure in one scope: every method, without and with the covariates."""
    found = []
    for given in ((), how.given) if how.given else ((),):
        for method in _METHODS:
            known = scope.rows.dropna(subset=[measure, "value", *given])
            cases = 0 if measure in given else known["case"].nunique()
            estimate = _estimate(measure, known, given, method, how)
            found.append(_as_row(measure, scope, method, given, estimate) | {"cases": cases})
    return found


def _estimate(measure: str, rows: pd.DataFrame, given: tuple[str, ...], method: Method, how: _How) -> Estimate:
    if measure in given:
        return undefined(0, ITSELF)
    pooled = rows["class_id"].nunique() > 1
    found = association(
        _numbers(rows, measure),
        _numbers(rows, "value"),
        [_covariate(rows, name) for name in given],
        method=method,
        strata=rows["class_id"].to_numpy(dtype=np.int64) if pooled else None,
        cases=pd.factorize(rows["case"], sort=True)[0] if pooled else None,
        seed=how.seed,
        resamples=how.resamples,
    )
    reason = _REASONS.get(found.reason, found.reason)
    differing, column = min((_differing(rows, name), name) for name in (measure, "value"))
    if found.value == found.value and differing < FEWEST_DIFFERING:
        what = "measure" if column == measure else "metric"
        reason = f"no interval: only {differing} rows differ from the {what}'s commonest value"
        return Estimate(found.value, math.nan, math.nan, found.n, reason)
    return Estimate(found.value, found.low, found.high, found.n, reason)


def _differing(rows: pd.DataFrame, column: str) -> int:
    """Rows that have another number than the commonest of their class."""
    times = rows.groupby(["class_id", column], dropna=False).size()
    return len(rows) - int(times.groupby(level=0, dropna=False).max().sum())


def _numbers(rows: pd.DataFrame, column: str) -> Float64[np.ndarray, "N"]:
    return rows[column].to_numpy(dtype=np.float64)


def _covariate(rows: pd.DataFrame, name: str) -> Float64[np.ndarray, "N"]:
    values = _numbers(rows, name)
    if name not in _LOGARITHMIC:
        return values
    return np.log(np.where(values > 0, values, np.nan))


def _as_row(
    measure: str, scope: _Scope, method: Method, given: tuple[str, ...], estimate: Estimate
) -> dict[str, object]:
    return {
        "measure": measure,
        "class": scope.name,
        "class_id": scope.class_id,
        "method": method,
        "given": ", ".join(given),
        "r": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "reason": estimate.reason,
    }
