"""Join a run with a network's metrics by case and class, and correlate every measure with the metric.

Rows without a partner are listed with the reason.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd
from jaxtyping import Float64

from auvseg.bench.correlation.metrics import LOWER_IS_BETTER, MetricRow, Metrics
from auvseg.bench.statistics.association import Method, association
from auvseg.bench.statistics.estimate import RESAMPLES, Estimate, undefined
from auvseg.cohort.compared import z_scores
from auvseg.cohort.suspicion import SIGN, oriented
from auvseg.data.layouts.naming import some_of
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import MEASURES

MATCHED = "matched"
NOT_SCORED = "no score"
NO_NUMBER = "no number"
NOT_IN_RUN = "not in the run"
NOT_IN_METRICS = "not in the metrics"

WHOLE_IMAGE_ID = 0
"""Class of the single row per case in a label-free run."""

Key = tuple[str, int | None, str]
"""Case, class number and class name; without class (None, "") for a whole case."""


@dataclass(frozen=True)
class Pairs:
    """A run joined with metrics.

    Attributes:
        metric: name of the metric.
        rows: matched rows, sorted: columns `case`, `class_id` (Int64, missing for whole cases), `class`, `value` and
            the measures.
        measures: names of the measures.
        accounts: all rows of both sides: columns `case`, `class_id`, `class`, `value`, `status` (`matched`, `no
            score`, `no number`, `not in the run`, `not in the metrics`) and `reason`.
        failed: reasons of the cases that failed while scoring or evaluating, by case.
        notes: notes of the metrics.
    """

    metric: str
    rows: pd.DataFrame
    measures: tuple[str, ...]
    accounts: pd.DataFrame
    failed: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[tuple[int, str], ...]:
        """Return number and name of every class with a pair, by number; empty for whole cases."""
        known = self.rows.loc[self.rows["class_id"].notna(), ["class_id", "class"]].drop_duplicates("class_id")
        pairs = zip(known["class_id"], known["class"], strict=True)
        return tuple(sorted((int(number), str(name)) for number, name in pairs))

    def sentences(self) -> list[str]:
        """Summarise how many rows matched, and which did not."""
        cases = self.rows["case"].nunique()
        unit = "rows" if self.classes else "cases"
        said = [f"{len(self.rows)} {unit} matched" + (f", of {cases} cases" if self.classes else "")]
        for status in (NOT_IN_METRICS, NOT_IN_RUN, NOT_SCORED, NO_NUMBER):
            rows = self.accounts[self.accounts["status"] == status]
            if len(rows):
                named = [
                    f"{row['case']} {row['class']}".strip() + (f" ({row['reason']})" if row["reason"] else "")
                    for row in rows.to_dict("records")
                ]
                said.append(f"{len(rows)} {unit} not used, {status}: {some_of(named)}")
        return said


def join(table: pd.DataFrame, metrics: Metrics) -> Pairs:
    """Join a scores table and metrics by case and class.

    Classes are matched by name, or by number if either side has no names. Metrics of whole cases are joined with the
    case's measures (`case_values`). A label-free run has one row per case, which is joined with every class of the
    metrics.

    Args:
        table: a scores table.
        metrics: metrics of a network.

    Raises:
        UsageError: nothing matches, or the run has no measure.
    """
    values = measure_values(table)
    names = tuple(name for name in values.columns if name in MEASURES)
    if not names:
        raise UsageError("no case of this run has a score; the reasons are in its scores.csv")
    failed_here = _failed(table)
    run = _run_keys(table, metrics)
    numbers = _numbers_by_key(metrics, run.keys())
    accounts = []
    for key in sorted(run.keys() | numbers.keys(), key=_order):
        accounts.append(_account(key, run.get(key), numbers.get(key), failed_here, metrics))
    columns = ["case", "class_id", "class", "value", "status", "reason"]
    every = pd.DataFrame(accounts, columns=columns).astype({"class_id": "Int64", "value": "float64"})
    matched = every.loc[every["status"] == MATCHED, ["case", "class_id", "class", "value"]]
    if matched.empty:
        raise UsageError(_nothing_matches(table, metrics))
    failed = {case: f"not scored: {reason}" for case, reason in failed_here.items()}
    failed |= {case: f"not evaluated: {reason}" for case, reason in metrics.failed.items()}
    rows = _with_measures(matched, values, per_class=metrics.per_class, label_free=_is_label_free(table))
    return Pairs(metrics.metric, rows, names, every, failed, metrics.notes)


def measure_values(table: pd.DataFrame) -> pd.DataFrame:
    """Return the scored structures with every measure that has any value.

    If both ends of a measure are suspicious, its value has no direction; it is replaced by the distance from the median
    of its class in the cohort, in robust standard deviations. All others are unchanged.

    Args:
        table: a scores table (`auvseg.load_scores`).

    Returns:
        Columns `case`, `class_id` (int), `class` and the measures, NaN where missing; sorted by case and class.
        Without rows that are absent or failed.
    """
    names = [name for name in MEASURES if name in table.columns]
    both = [name for name in names if MEASURES[name].suspicious == "both"]
    scored = table.assign(**{name: table[name].where(table["status"] == "ok") for name in both})
    z = z_scores(scored, both)
    rows = scored.assign(**{name: oriented(scored[name].to_numpy(), z[name].to_numpy(), "both") for name in both})
    rows = rows.loc[(rows["status"] == "ok") & rows["class_id"].notna(), ["case", "class_id", "class", *names]]
    rows = rows.assign(class_id=rows["class_id"].astype("int64")).sort_values(["case", "class_id"], ignore_index=True)
    numbers = rows[names].astype("float64").replace([np.inf, -np.inf], np.nan)
    known = [name for name in names if numbers[name].notna().any()]
    return pd.concat([rows[["case", "class_id", "class"]], numbers[known]], axis=1)


def case_values(values: pd.DataFrame) -> pd.DataFrame:
    """Aggregate measures to whole cases, as `auvseg rank` does.

    Args:
        values: result of `measure_values`.

    Returns:
        Columns `case` and the measures: the mean over the case's classes; for measures that compare with the cohort,
        the largest value. Sorted by case.
    """
    names = [name for name in values.columns if name in MEASURES]
    over_classes = {name: "max" if MEASURES[name].of_farthest else "mean" for name in names}
    return values.groupby("case", sort=True).agg(over_classes).reset_index()


def _failed(table: pd.DataFrame) -> dict[str, str]:
    rows = table[(table["status"] == "failed") & table["class_id"].isna()]
    return {str(case): str(reason) for case, reason in zip(rows["case"], rows["reason"], strict=True)}


def _is_label_free(table: pd.DataFrame) -> bool:
    return set(table["class_id"].dropna().unique()) == {WHOLE_IMAGE_ID}


def _run_keys(table: pd.DataFrame, metrics: Metrics) -> dict[Key, tuple[str, str]]:
    """Return status and reason of every key of the run."""
    rows = table[table["class_id"].notna()]
    entries = list(zip(*(rows[name] for name in ("case", "class_id", "class", "status", "reason")), strict=True))
    if not metrics.per_class:
        scored = {str(case) for case, _, _, status, _ in entries if status == "ok"}
        lacking = {str(case): str(reason) for case, _, _, _, reason in entries if str(case) not in scored}
        whole: dict[Key, tuple[str, str]] = {(case, None, ""): ("absent", reason) for case, reason in lacking.items()}
        return whole | {(case, None, ""): ("ok", "") for case in scored}
    keys: dict[Key, tuple[str, str]] = {
        (str(c), int(number), str(name)): (str(s), str(r)) for c, number, name, s, r in entries
    }
    if not _is_label_free(table):
        return keys
    classes = sorted({_own_class(row, metrics) for row in metrics.rows})
    return {(case, *one): found for (case, _, _), found in keys.items() for one in classes}


def _numbers_by_key(metrics: Metrics, known: Iterable[Key]) -> dict[Key, MetricRow]:
    """Return the metrics' rows by the run's keys."""
    if not metrics.per_class:
        return {(row.case, None, ""): row for row in metrics.rows}
    classes = {(number, name) for _, number, name in known if number is not None}
    times = Counter(name for _, name in classes)
    by_name = {name: (number, name) for number, name in classes if times[name] == 1}
    by_id = {number: (number, name) for number, name in classes if number is not None}
    found: dict[Key, MetricRow] = {}
    for row in metrics.rows:
        key = (row.case, *_class_in_run(row, by_name, by_id))
        if key in found:
            raise UsageError(f"case {row.case!r} has two values for the class {key[2]!r}; keep one of them")
        found[key] = row
    return found


def _class_in_run(
    row: MetricRow, by_name: Mapping[str, tuple[int, str]], by_id: Mapping[int, tuple[int, str]]
) -> tuple[int | None, str]:
    if row.class_name in by_name:
        return by_name[row.class_name]
    number = int(row.class_name) if row.class_id is None and row.class_name.isdecimal() else row.class_id
    if number is not None and number in by_id:
        nameless = by_id[number][1] in (str(number), f"label {number}")
        if nameless or row.class_name in ("", str(number), f"label {number}"):
            return by_id[number]
    return None, row.class_name or str(row.class_id)


def _own_class(row: MetricRow, metrics: Metrics) -> tuple[int, str]:
    """Identify a class of the metrics by its number; if not all have one, by its position among the names."""
    name = row.class_name or str(row.class_id)
    if all(one.class_id is not None for one in metrics.rows) and row.class_id is not None:
        return row.class_id, name
    return sorted({one.class_name for one in metrics.rows}).index(row.class_name) + 1, name


def _order(key: Key) -> tuple[str, int, str]:
    return key[0], -1 if key[1] is None else key[1], key[2]


def _account(
    key: Key,
    score: tuple[str, str] | None,
    number: MetricRow | None,
    failed_here: Mapping[str, str],
    metrics: Metrics,
) -> dict[str, object]:
    case, class_id, name = key
    value = math.nan if number is None else number.value
    row: dict[str, object] = {"case": case, "class_id": class_id, "class": name, "value": value}
    if number is None:
        return row | {"status": NOT_IN_METRICS, "reason": metrics.failed.get(case, "")}
    if score is None:
        lacking = f"it failed: {failed_here[case]}" if case in failed_here else ""
        return row | {"status": NOT_IN_RUN, "reason": lacking}
    if score[0] != "ok":
        return row | {"status": NOT_SCORED, "reason": score[1]}
    if math.isnan(value):
        return row | {"status": NO_NUMBER, "reason": number.reason}
    return row | {"status": MATCHED, "reason": ""}


def _with_measures(matched: pd.DataFrame, values: pd.DataFrame, *, per_class: bool, label_free: bool) -> pd.DataFrame:
    if per_class and not label_free:
        measured = values.drop(columns="class").astype({"class_id": "Int64"})
        rows = matched.merge(measured, on=["case", "class_id"], how="left", validate="one_to_one")
    else:
        rows = matched.merge(case_values(values), on="case", how="left", validate="many_to_one")
    return rows.sort_values(["class_id", "case"], kind="stable", ignore_index=True)


def _nothing_matches(table: pd.DataFrame, metrics: Metrics) -> str:
    cases = {str(case) for case in table["case"]}
    theirs = [row.case for row in metrics.rows]
    shared = [row for row in metrics.rows if row.case in cases]
    if not theirs:
        return f"{some_of(metrics.files)}: has no numbers"
    if not shared:
        return (
            f"no case of {some_of(metrics.files)} is in the run: there {theirs[0]!r}, here {sorted(cases)[0]!r}; "
            "case ids must agree"
        )
    if all(math.isnan(row.value) for row in shared):
        return f"{some_of(metrics.files)}: no case of the run has a numeric {metrics.metric}"
    here = some_of(sorted({str(name) for name in table["class"] if name}))
    there = some_of(sorted({row.class_name or str(row.class_id) for row in shared}))
    return f"no class of {some_of(metrics.files)} has a score in the run: there {there}, here {here}; names must agree"


SIZE = ("volume_ml", "slices")
"""Default covariates: a measure that only repeats them adds nothing."""

COLUMNS = ("measure", "class", "method", "given", "r", "low", "high", "n", "reason", "class_id", "cases", "useful_sign")

POOLED = "pooled"
"""`class` of results over all classes; `class_id` is then missing."""

ITSELF = "no partial correlation: it is what is given"

MIN_DIFFERING = 8
"""Number of rows that must differ from the most common value of their class before an interval is given.

If all cases but one have the same value, resamples without that one have no correlation, and all others have the same
sign. Of 300 samples of 40 and of 160 cases in which nothing was associated, the bootstrap's interval excluded 0 in
66 and 85 % with one case that differs, 15 and 23 % with three, 7 and 8 % with eight (Spearman; 5 % is what it claims).
"""


_REASONS = {"x does not vary": "the measure does not vary", "y does not vary": "the metric does not vary"}
_METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Correlations:
    """Result of a correlation.

    Attributes:
        pairs: matched rows, and those without a partner.
        given: names of the covariates; empty if the run has none of them.
        higher_is_better: whether a high metric is good.
        table: one row per measure, class, method and given, columns `COLUMNS`. `class` is `pooled` with a missing
            `class_id` for all classes together; `given` is empty or the names of the covariates; `r` in [-1, 1] with
            its interval `low`, `high`; `n` is the number of pairs, from `cases` cases; `reason` says why a value is
            missing; `useful_sign` is the sign that a useful measure has.
    """

    pairs: Pairs
    given: tuple[str, ...]
    higher_is_better: bool
    table: pd.DataFrame

    def select(self, method: Method, *, partial: bool, class_id: int | None = None) -> pd.DataFrame:
        """Return one method's rows, of a class or pooled, by measure: `r, low, high, n, reason, useful_sign`, ..."""
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
    """Correlate every measure of a run with a network's metric.

    Args:
        table: a scores table (`auvseg.load_scores`).
        metrics: result of `read_metrics`.
        given: covariates of the partial correlations; None takes volume and number of slices, as far as the run has
            them. The logarithm of a volume is used.
        higher_is_better: whether a high metric is good; None: yes, except for `hd95_mm`.
        seed: seed of the bootstrap.
        resamples: number of bootstrap resamples.
        progress: called with (done, total, measure).

    Returns:
        The correlations. Values that cannot be computed are NaN with a reason, such as the partial correlation of a
        covariate itself.

    Raises:
        UsageError: nothing of the run and the metrics matches, or a covariate is not a measure of the run.
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
            # A useful measure is high where the metric is bad.
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
        raise UsageError(f"{unknown[0]!r} cannot be a covariate, it is not a measure of this run; {known}")
    return tuple(dict.fromkeys(given))


def _scopes(pairs: Pairs) -> list[_Scope]:
    return [_Scope(number, name, pairs.rows[pairs.rows["class_id"] == number]) for number, name in pairs.classes]


def _correlations(measure: str, scope: _Scope, how: _How) -> list[dict[str, object]]:
    """Compute the rows of one measure in one scope: every method, without and with the covariates."""
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
    if found.value == found.value and differing < MIN_DIFFERING:
        what = "measure" if column == measure else "metric"
        reason = f"no interval: only {differing} rows differ from the {what}'s most common value"
        return Estimate(found.value, math.nan, math.nan, found.n, reason)
    return Estimate(found.value, found.low, found.high, found.n, reason)


def _differing(rows: pd.DataFrame, column: str) -> int:
    """Count the rows that differ from the most common value of their class."""
    times = rows.groupby(["class_id", column], dropna=False).size()
    return len(rows) - int(times.groupby(level=0, dropna=False).max().sum())


def _numbers(rows: pd.DataFrame, column: str) -> Float64[np.ndarray, "N"]:
    return rows[column].to_numpy(dtype=np.float64)


def _covariate(rows: pd.DataFrame, name: str) -> Float64[np.ndarray, "N"]:
    values = _numbers(rows, name)
    if MEASURES[name].scale != "multiple":
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
