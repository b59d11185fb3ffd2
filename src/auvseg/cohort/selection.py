"""Decide which training cases to keep (METHOD section 4).

    F^-1(p) = inf { a : p <= F(a) },    keep x_i where suspicion(x_i) <= F^-1(p)

with F the empirical distribution of the suspicion over the training cases (scope `case`), or over the training cases
that contain a class (scope `class`). Suspicion is AUV (the paper) or any other numeric column, oriented so that high is
suspicious. Cases that are not scored are kept and listed. Validation and test cases are never touched.

A filter that removes 5 % of the cases can remove half of a rare class or of one scanner. `count_losses` counts this,
and `cautions` warns about it.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64

from auvseg.choices import Combine, Scope
from auvseg.cohort.auv import FLOOR, without_variation
from auvseg.cohort.compared import KEY_COLUMNS, refuse_twice, require_columns
from auvseg.cohort.order import doubt, no_order
from auvseg.cohort.suspicion import SIGN, find_criterion, suspicions, uncompared
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import AUV, Suspicious
from auvseg.wording import counted

SHARE_FACTOR = 2.0
"""A class or stratum gets a caution if its removed share is more than this times the overall one ..."""
SHARE_CASES = 2
"""... and it loses at least this many cases: one case of a small class proves nothing."""
MIN_LEFT = 5
"""A class or stratum that is left with fewer cases than this gets a caution whatever its share."""


@dataclass(frozen=True)
class Rule:
    """A selection rule.

    Attributes:
        by: `AUV` or the column that cases are compared by.
        suspicious: its suspicious end, or `both`.
        keep: p in (0, 1].
        scope: whether whole cases or classes are compared.
        combine: with scope `class`, whether a case is kept if any of its classes is kept (`union`, the paper) or only
            if all are (`intersection`).
        strata: column by whose values losses are counted.
    """

    by: str
    suspicious: Suspicious
    keep: float
    scope: Scope
    combine: Combine
    strata: str | None

    def in_words(self) -> str:
        """The rule on one line."""
        per = f"class, {self.combine}" if self.scope == "class" else "case"
        ends = "both ends are" if self.suspicious == "both" else f"{self.suspicious} is"
        return f"keep {self.keep:.6g} by {self.by}, {ends} suspicious, per {per}"


@dataclass(frozen=True)
class Unscored:
    """A case, or one class of it, that is kept because it has no value.

    Attributes:
        case_id: id of the case.
        class_name: name of the class; empty if nothing of the case was scored.
        reason: why there is no value.
    """

    case_id: str
    class_name: str
    reason: str


@dataclass(frozen=True, eq=False)
class Selection:
    """The decision of a rule on every training case.

    Attributes:
        rule: the rule.
        kept: training cases that are kept, in order, including unscored ones.
        removed: training cases that are removed, in order.
        unscored: cases and classes without a value.
        decisions: one row per training case, or with scope `class` per training case and class: `case`, `class_id`,
            `class`, `value` (if both ends are suspicious, the distance from the others' median in robust standard
            deviations), `suspicion` (the value, oriented so that high is suspicious), `threshold` (on the suspicion),
            `suspicious`, `reason` (in words), `held` (False for a class that the case lacks, if `by` scores absence),
            `removed` (whether the case is removed), `kept_for` (for a suspicious structure of a kept case, the names of
            the structures that keep it).
        classes: id and name of every class that a training case contains.
        warnings: what to read before using the selection, one sentence each.
        notes: what else was done, one sentence each.
    """

    rule: Rule
    kept: tuple[str, ...]
    removed: tuple[str, ...]
    unscored: tuple[Unscored, ...]
    decisions: pd.DataFrame
    classes: tuple[tuple[int, str], ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def suspicious_pairs(self) -> tuple[tuple[str, int], ...]:
        """Return case and class of every suspicious structure that is present, whatever `combine` is; scope `class`."""
        if self.rule.scope == "case":
            return ()
        found = self.decisions[self.decisions["suspicious"] & self.decisions["held"]]
        return tuple((str(case), int(number)) for case, number in zip(found["case"], found["class_id"], strict=True))


def filter_cases(
    table: pd.DataFrame,
    *,
    by: str | None = None,
    keep: float = 0.95,
    scope: Scope = "case",
    combine: Combine = "union",
    strata: str | None = None,
    suspicious: Suspicious | None = None,
) -> Selection:
    """Decide which training cases to keep (METHOD section 4).

    Args:
        table: a scores table (`auvseg.load_scores`); the order of its rows does not matter.
        by: `auv`, a measure of the table, or any numeric column of it; None takes the `default_measure`.
        keep: p of the quantile, in (0, 1]; 0.9 is best in the paper. Ties with the threshold are kept.
        scope: `case` compares cases by the mean over their classes; `class` compares every class with the same class in
            the other cases.
        combine: with scope `class`: `union` keeps a case if any of its classes is kept (the paper), `intersection` only
            if all of them are.
        strata: column (site, scanner) by whose values losses are counted and cautions given; one threshold holds for
            all.
        suspicious: the suspicious end of a column that is not a measure; measures know theirs.

    If the cases are identical or too few to compare, all are kept, and a warning says why.

    Raises:
        UsageError: an option does not fit the table, or no training case has a value of `by`.
    """
    if not 0 < keep <= 1:
        raise UsageError(f"keep is the share of cases to keep, above 0 and at most 1; got {keep:g}")
    rows = training_rows(table)
    criterion = find_criterion(rows, by, suspicious)
    rule = Rule(criterion.name, criterion.suspicious, keep, scope, combine, strata)
    compared = suspicions(rows, criterion, scope)
    unordered = no_order(rows, criterion, scope, compared)
    if compared["value"].isna().all() and not uncompared(rows, criterion):
        raise UsageError(f"no training case has a value of {criterion.name} to filter by: {unordered}")
    decisions = _decide(compared, rule)
    removed = _removed_cases(decisions, rule)
    decisions = with_outcome(decisions, removed)
    kept = tuple(case for case in sorted(rows["case"].unique()) if case not in removed)
    if not kept:
        raise UsageError("every training case is suspicious in some class; keep more, or combine by union")
    unscored = _unscored(rows, decisions)
    loss = count_losses(rows, removed, strata)
    if unordered:
        remarks = [f"nothing is removed by {rule.by}: {unordered}"]
    else:
        few = doubt(rows, criterion, scope)
        remarks = [*_remarks(compared, rule, removed, unscored), *([few] if few else [])]
    return Selection(
        rule=rule,
        kept=kept,
        removed=tuple(sorted(removed)),
        unscored=unscored,
        decisions=decisions,
        classes=held_classes(rows),
        warnings=(*remarks, *cautions(loss, strata)),
    )


def losses(selection: Selection, table: pd.DataFrame) -> pd.DataFrame:
    """Count training cases before and after the selection, by class and stratum; see `count_losses` for the columns."""
    return count_losses(training_rows(table), selection.removed, selection.rule.strata)


def training_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of training cases, sorted by case and class whatever the table's order.

    Raises:
        UsageError: there are none, a column is missing, or a case has a class twice.
    """
    require_columns(table, KEY_COLUMNS)
    rows = table[table["subset"] == "training"].copy()
    if rows.empty:
        raise UsageError("the table has no training cases; only training cases are filtered")
    rows["case"] = rows["case"].map(str)
    for name in ("class", "reason"):  # empty text comes back from a CSV file as a missing value
        rows[name] = rows[name].astype("object").where(rows[name].notna(), "")
    rows["class_id"] = rows["class_id"].astype("Int64")
    refuse_twice(rows)
    return rows.sort_values(["case", "class_id"], kind="stable", ignore_index=True)


def held_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of classes that their case contains, scored or not."""
    return rows[rows["class_id"].notna() & (rows["status"] != "absent")].reset_index(drop=True)


def held_classes(rows: pd.DataFrame) -> tuple[tuple[int, str], ...]:
    """Return id and name of every class that some case contains, ordered by id."""
    held = held_rows(rows).drop_duplicates("class_id").sort_values("class_id")
    return tuple((int(number), str(name)) for number, name in zip(held["class_id"], held["class"], strict=True))


def count_losses(rows: pd.DataFrame, removed: Collection[str], strata: str | None) -> pd.DataFrame:
    """Count training cases before and after: overall, by class and by stratum.

    Args:
        rows: the training rows of a scores table.
        removed: the cases that are removed.
        strata: column of the table with one value per case, or None.

    Returns:
        Columns `kind` (`all`, `class` or `stratum`), `class_id`, `name`, `before`, `after`, `removed`, `share`
        (removed / before, in [0, 1]).

    Raises:
        UsageError: the table has no such column, or a case has several values in it.
    """
    held = held_rows(rows)
    groups: list[tuple[str, int | None, str, pd.Series]] = [("all", None, "all", rows["case"])]
    for class_id, name in held_classes(rows):
        groups.append(("class", class_id, name, held.loc[held["class_id"] == class_id, "case"]))
    if strata is not None:
        groups += [("stratum", None, name, cases) for name, cases in _strata_of(rows, strata)]
    counts = []
    for kind, number, name, cases in groups:
        before = cases.nunique()
        lost = cases[cases.isin(list(removed))].nunique()
        counts.append((kind, number, name, before, before - lost, lost, lost / before))
    result = pd.DataFrame(counts, columns=["kind", "class_id", "name", "before", "after", "removed", "share"])
    return result.assign(class_id=result["class_id"].astype("Int64"))


def cautions(losses: pd.DataFrame, strata: str | None) -> list[str]:
    """Write a sentence for every class or stratum that loses too many cases (see the constants of this module)."""
    overall = float(losses.loc[losses["kind"] == "all", "share"].iloc[0])
    sentences = []
    for row in losses[losses["kind"] != "all"].to_dict("records"):
        who = f"class {row['name']!r}" if row["kind"] == "class" else f"{strata} {row['name']!r}"
        lost, before, after = int(row["removed"]), int(row["before"]), int(row["after"])
        if lost == 0:
            continue
        if after == 0:
            sentences.append(f"{who} would lose all of its {counted(before, 'training case')}")
        elif after < MIN_LEFT:
            sentences.append(f"{who} would be left with {after} of its {counted(before, 'training case')}")
        elif lost >= SHARE_CASES and row["share"] > SHARE_FACTOR * overall:
            sentences.append(
                f"{who} would lose {lost} of its {before} training cases: {row['share']:.0%}, overall {overall:.0%}"
            )
    return sentences


def decided(selection: Selection, *, ignores: bool = False) -> pd.DataFrame:
    """Tabulate the decisions of a selection with outcome and reason; suspicious ones first, worst on top.

    Args:
        selection: the selection.
        ignores: whether suspicious structures are set to ignore, as the export `ignore` does, and no case is removed.

    Returns:
        Columns `case`, with scope `class` also `class_id` and `class`, then `value` (what was compared; if both ends
        are suspicious, the distance from the others' median), `threshold` (the value beyond which a row is suspicious),
        `suspicious`, `outcome` (`removed`, `kept`, or `kept for` and the structures that keep the case of a suspicious
        one; with `ignores` `ignored`, `missing, nothing to ignore` or `kept`) and `reason`.
    """
    found = selection.decisions
    order = np.lexsort((-found["suspicion"].fillna(-np.inf), ~found["removed"], ~found["suspicious"]))
    found = found.iloc[order].reset_index(drop=True)
    keys = ["case", "class_id", "class"] if selection.rule.scope == "class" else ["case"]
    outcome = [_ignored(row) if ignores else _outcome_of(row) for row in found.to_dict("records")]
    frame = found.assign(threshold=SIGN[selection.rule.suspicious] * found["threshold"], outcome=outcome)
    return frame[[*keys, "value", "threshold", "suspicious", "outcome", "reason"]]


def inverse_cdf(values: Float64[np.ndarray, "N"], p: float) -> float:
    """Compute `inf { a : p <= F(a) }` of N >= 1 finite numbers; the result is one of them.

    `numpy.quantile(method="inverted_cdf")` has the same definition but multiplies `p` by N in floating point. If `p` is
    exactly a share k/N and the product is rounded up (0.55 of 380), it returns the next larger value. Comparing `p`
    with k/N avoids this.
    """
    ordered = np.sort(values)
    shares = np.arange(1, ordered.size + 1) / ordered.size
    return float(ordered[np.searchsorted(shares, p, side="left")])


def _decide(compared: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Add `threshold`, `suspicious` and a reason in words to the rows."""
    frame = compared.assign(threshold=np.nan)
    for members in frame.groupby("group").indices.values():
        suspicion = frame["suspicion"].to_numpy()[members]
        known = suspicion[np.isfinite(suspicion)]
        if known.size:
            frame.loc[members, "threshold"] = inverse_cdf(known, rule.keep)
    frame["suspicious"] = frame["suspicion"] > frame["threshold"]
    found = frame[frame["suspicious"]]
    frame.loc[frame["suspicious"], "reason"] = [
        ("" if held else "it is missing: ") + _in_words(rule, value, threshold)
        for value, threshold, held in zip(found["value"], found["threshold"], found["held"], strict=True)
    ]
    columns = ["case", "class_id", "class", "value", "suspicion", "threshold", "suspicious", "reason", "held"]
    return frame[columns]


def _in_words(rule: Rule, value: float, threshold: float) -> str:
    if rule.suspicious == "both":
        return f"{rule.by} is {value:.4g} robust SD from the others' median, more than {threshold:.4g}"
    side = "above" if rule.suspicious == "high" else "below"
    return f"{rule.by} {value:.4g} is {side} {SIGN[rule.suspicious] * threshold:.4g}"


def with_outcome(decisions: pd.DataFrame, removed: Collection[str]) -> pd.DataFrame:
    """Add the outcome of the decisions: the columns `removed` and `kept_for`."""
    gone = decisions["case"].isin(list(removed))
    keeping: dict[str, list[str]] = {}
    stays = decisions[~decisions["suspicious"] & decisions["held"] & ~gone]
    for case, name, number in zip(stays["case"], stays["class"], stays["value"], strict=True):
        keeping.setdefault(str(case), []).append(f"{name}" if number == number else f"{name}, which has no number")
    kept_for = [
        ", ".join(keeping.get(str(case), [])) if suspicious and not goes else ""
        for case, suspicious, goes in zip(decisions["case"], decisions["suspicious"], gone, strict=True)
    ]
    return decisions.assign(removed=gone, kept_for=pd.Series(kept_for, index=decisions.index, dtype="object"))


def _removed_cases(decisions: pd.DataFrame, rule: Rule) -> frozenset[str]:
    # A case cannot be kept for a structure that it lacks.
    by_case = decisions[decisions["held"] | decisions["suspicious"]].groupby("case")["suspicious"]
    gone = by_case.any() if rule.scope == "class" and rule.combine == "intersection" else by_case.all()
    return frozenset(str(case) for case in gone.index[gone])


def _unscored(rows: pd.DataFrame, decisions: pd.DataFrame) -> tuple[Unscored, ...]:
    """Return decisions without a value, and cases without a decision because nothing of them was scored."""
    missing = decisions[decisions["value"].isna()]
    found = [Unscored(str(row["case"]), str(row["class"]), str(row["reason"])) for row in missing.to_dict("records")]
    undecided = rows[~rows["case"].isin(decisions["case"])].drop_duplicates("case")
    found += [
        Unscored(str(case), "", str(reason) or "it contains none of the classes")
        for case, reason in zip(undecided["case"], undecided["reason"], strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (one.case_id, one.class_name)))


def _remarks(compared: pd.DataFrame, rule: Rule, removed: frozenset[str], unscored: tuple[Unscored, ...]) -> list[str]:
    sentences = []
    if unscored:
        cases = len({one.case_id for one in unscored})
        have = "has" if cases == 1 else "have"
        sentences.append(f"{counted(cases, 'case')} {have} structures without {rule.by}; unscored ones are kept")
    flat = int(without_variation(compared["scale"].to_numpy()).sum()) if rule.by == AUV else 0
    if flat:
        sentences.append(f"{flat} maps have no variation (S below {FLOOR:g}); check them: they stretch AUV's range")
    if rule.keep < 1 and not removed:
        sentences.append(_nothing_removed(compared, rule))
    return sentences


def _nothing_removed(compared: pd.DataFrame, rule: Rule) -> str:
    scored = compared.dropna(subset="value").groupby("group").size().max()
    if scored * (1 - rule.keep) < 1 - 1e-9:
        return f"nothing is removed by {rule.by}: {1 - rule.keep:.2g} of at most {scored} values is less than one"
    if rule.scope == "class" and rule.combine == "union":
        kept = "each is kept for at least one of its classes (see combine and the export ignore)"
        return f"no case is removed by {rule.by}: {kept}"
    return f"nothing is removed by {rule.by}: the most suspicious values are tied, and ties are kept"


def _outcome_of(row: dict[Hashable, Any]) -> str:
    if row["removed"]:
        return "removed"
    return f"kept for {row['kept_for']}" if row["kept_for"] else "kept"


def _ignored(row: dict[Hashable, Any]) -> str:
    if not row["suspicious"]:
        return "kept"
    return "ignored" if row["held"] else "missing, nothing to ignore"


def _strata_of(rows: pd.DataFrame, strata: str) -> list[tuple[str, pd.Series]]:
    if strata not in rows.columns:
        hint = did_you_mean(strata, map(str, rows.columns))
        raise UsageError(f"the scores table has no column {strata!r} for strata; {hint}")
    known = rows[strata].astype("object")
    values = known.where(known.notna() & (known != ""), "(missing)").astype(str)
    several = values.groupby(rows["case"]).nunique()
    if (several > 1).any():
        raise UsageError(f"case {several.idxmax()!r} has more than one {strata!r}; a case belongs to one stratum")
    return [(str(name), cases) for name, cases in rows["case"].groupby(values, sort=True)]
