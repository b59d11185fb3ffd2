"""Which number of the metrics belongs to which row of the run; what has no partner is listed with its reason."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from auvseg.bench.correlation.metrics import MetricRow, Metrics
from auvseg.cohort.compared import z_scores
from auvseg.data.layouts.naming import some_of
from auvseg.errors import UsageError
from auvseg.measures.catalogue import MEASURES

MATCHED = "matched"
NOT_SCORED = "no score"
NO_NUMBER = "no number"
NOT_IN_RUN = "not in the run"
NOT_IN_METRICS = "not in the metrics"

WHOLE_IMAGE_ID = 0
"""Class of the one row that a label-free run has of every case."""

Key = tuple[str, int | None, str]
"""Case, class number and class name; without class (None, "") for a whole case."""


@dataclass(frozen=True)
class Pairs:
    """A run beside metrics.

    Attributes:
        metric: name of the number.
        rows: what is compared, sorted: columns `case`, `class_id` (Int64, missing for whole cases), `class`, `value`
            and the measures.
        measures: names of the measures.
        accounts: every row of either side: columns `case`, `class_id`, `class`, `value`, `status` (`matched`, `no
            score`, `no number`, `not in the run`, `not in the metrics`) and `reason`.
        failed: by case that failed while scoring or evaluating, the reason.
        notes: of the metrics.
    """

    metric: str
    rows: pd.DataFrame
    measures: tuple[str, ...]
    accounts: pd.DataFrame
    failed: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def classes(self) -> tuple[tuple[int, str], ...]:
        """Number and name of every class that has a pair, by number; empty for whole cases."""
        known = self.rows.loc[self.rows["class_id"].notna(), ["class_id", "class"]].drop_duplicates("class_id")
        pairs = zip(known["class_id"], known["class"], strict=True)
        return tuple(sorted((int(number), str(name)) for number, name in pairs))

    def sentences(self) -> list[str]:
        """How many rows matched, and what did not, each kind with some of its names."""
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
                said.append(f"{len(rows)} {unit} have no part, {status}: {some_of(named)}")
        return said


def join(table: pd.DataFrame, metrics: Metrics) -> Pairs:
    """Join a scores table and metrics by case and class.

    A class of the metrics is that of the run with its name; where it has no name but a number, or the run's classes
    have none, that with its number. Numbers of whole cases meet the case's measures (`case_values`). A label-free run
    has one row a case, which meets every class of the metrics.

    Args:
        table: a scores table.
        metrics: what a network reached.

    Raises:
        UsageError: nothing of the two matches, or the run has no measure.
    """
    values = measure_values(table)
    names = tuple(name for name in values.columns if name in MEASURES)
    if not names:
        raise UsageError("no case of this run has a score; the reasons are in its scores.csv")
    failed_here = _failed(table)
    run = _run_keys(table, metrics)
    numbers = _numbers(metrics, run.keys())
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
    """The scored structures and every measure that has a number somewhere.

    A measure of which both ends are suspicious is turned into its distance from the median of its class in the cohort,
    in robust standard deviations, for its value has no direction. All others stay as they are.

    Args:
        table: a scores table (`auvseg.load_scores`).

    Returns:
        Columns `case`, `class_id` (int), `class` and the measures, NaN where there is no number; sorted by case and
        class. Rows that are absent or failed are not in it.
    """
    names = [name for name in MEASURES if name in table.columns]
    both = [name for name in names if MEASURES[name].suspicious == "both"]
    scored = table.assign(**{name: table[name].where(table["status"] == "ok") for name in both})
    rows = scored.assign(**{str(name): z.abs() for name, z in z_scores(scored, both).items()})
    rows = rows.loc[(rows["status"] == "ok") & rows["class_id"].notna(), ["case", "class_id", "class", *names]]
    rows = rows.assign(class_id=rows["class_id"].astype("int64")).sort_values(["case", "class_id"], ignore_index=True)
    numbers = rows[names].astype("float64").replace([np.inf, -np.inf], np.nan)
    known = [name for name in names if numbers[name].notna().any()]
    return pd.concat([rows[["case", "class_id", "class"]], numbers[known]], axis=1)


def case_values(values: pd.DataFrame) -> pd.DataFrame:
    """The measures of whole cases, as `auvseg rank` takes them.

    Args:
        values: of `measure_values`.

    Returns:
        Columns `case` and the measures: the mean over the classes that the case holds; of the measures that compare
        with the cohort the largest. Sorted by case.
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
    """Status and reason of everything that the run could be asked for."""
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


def _numbers(metrics: Metrics, known: Iterable[Key]) -> dict[Key, MetricRow]:
    """The metrics' rows under the run's keys."""
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
            raise UsageError(f"case {row.case!r} has two numbers of the class {key[2]!r}; keep one of them")
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
    """A class of the metrics by its own number; where not all have one, by its place among their names."""
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
        return f"{some_of(metrics.files)}: holds no number"
    if not shared:
        return (
            f"no case of {some_of(metrics.files)} is in the run: there {theirs[0]!r}, here {sorted(cases)[0]!r}; "
            "case ids must agree"
        )
    if all(math.isnan(row.value) for row in shared):
        return f"{some_of(metrics.files)}: no case of the run has a {metrics.metric} that is a number"
    here = some_of(sorted({str(name) for name in table["class"] if name}))
    there = some_of(sorted({row.class_name or str(row.class_id) for row in shared}))
    return f"no class of {some_of(metrics.files)} has a score in the run: there {there}, here {here}; names must agree"
