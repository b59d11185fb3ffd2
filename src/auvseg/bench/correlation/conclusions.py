"""Conclusions from correlations in words: which intervals exclude 0, and how many would by chance."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from auvseg.bench.correlation.correlate import SIZE, Correlations
from auvseg.bench.statistics.association import Method
from auvseg.bench.statistics.estimate import CONFIDENCE

USEFUL = "useful sign"
WRONG = "wrong sign"
NOTHING = "nothing shown"
NO_NUMBER = "-"
_MAX_NAMED = 8
_METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class Count:
    """Number of measures that are associated with the metric, by one method.

    Attributes:
        tested: number of measures with an interval.
        useful: names of those whose interval excludes 0 with the sign of a useful measure, strongest first.
        wrong: names of those whose interval excludes 0 with the other sign, strongest first.
        by_chance: expected number of intervals that exclude 0 if no measure were associated with the metric.
    """

    tested: int
    useful: tuple[str, ...]
    wrong: tuple[str, ...]
    by_chance: float


def verdict(r: float, low: float, high: float, useful_sign: float) -> str:
    """Interpret one interval.

    Returns:
        `useful sign` or `wrong sign` if it excludes 0; `nothing shown` if it contains 0; `-` if there is none.
    """
    if low != low or r != r:
        return NO_NUMBER
    if low <= 0 <= high:
        return NOTHING
    return USEFUL if r * useful_sign > 0 else WRONG


def count(correlations: Correlations, method: Method, *, partial: bool, class_id: int | None = None) -> Count:
    """Count the measures whose interval excludes 0; measures without interval, such as covariates, are not tested.

    Args:
        correlations: the correlations.
        method: `pearson` or `spearman`.
        partial: given the covariates, or not.
        class_id: of one class; None: pooled.
    """
    rows = correlations.select(method, partial=partial, class_id=class_id)
    rows = rows.sort_values("r", key=lambda r: -r.abs(), kind="stable")
    verdicts = {str(name): verdict(row["r"], row["low"], row["high"], row["useful_sign"]) for name, row in _each(rows)}
    tested = sum(one != NO_NUMBER for one in verdicts.values())
    by_kind = {kind: tuple(name for name, one in verdicts.items() if one == kind) for kind in (USEFUL, WRONG)}
    return Count(tested, by_kind[USEFUL], by_kind[WRONG], tested * (1 - CONFIDENCE))


def overview(correlations: Correlations) -> pd.DataFrame:
    """Tabulate one row per measure, pooled, by descending absolute partial Spearman correlation.

    Returns:
        Columns `measure`, `useful_sign`; for each of `spearman_given`, `spearman`, `pearson_given` and `pearson` the
        value and its interval (`..._low`, `..._high`); `verdict` and `reason` of the partial Spearman, or of the plain
        one without covariates; and the number of pairs `n` of the plain one and `n_given` of the partial one.
    """
    plain = correlations.select("spearman", partial=False)
    judged = correlations.select("spearman", partial=bool(correlations.given))
    result = plain[["useful_sign", "n"]].assign(
        verdict=[verdict(row["r"], row["low"], row["high"], row["useful_sign"]) for _, row in _each(judged)],
        reason=judged["reason"],
        n_given=judged["n"],
    )
    for method in _METHODS:
        for partial in (True, False):
            rows = correlations.select(method, partial=partial).reindex(plain.index)
            name = f"{method}_given" if partial else method
            result = result.assign(**{name: rows["r"], f"{name}_low": rows["low"], f"{name}_high": rows["high"]})
    keys = ["spearman_given", "spearman"]
    order = result[keys].abs().sort_values(keys, ascending=False, na_position="last", kind="stable").index
    return result.loc[order].reset_index()


def sentences(correlations: Correlations) -> list[str]:
    """What a person should take away; Spearman, pooled within classes."""
    metric, given = correlations.pairs.metric, correlations.given
    known = count(correlations, "spearman", partial=False)
    said = [_about(known, correlations, "with nothing given")]
    if size := _size_alone(correlations):
        said.append(f"size alone: Spearman of {size}")
    if given:
        known = count(correlations, "spearman", partial=True)
        said.append(_about(known, correlations, f"given {' and '.join(given)}"))
        said.append(f"{' and '.join(given)}: no partial correlation, because it is a covariate itself")
    else:
        said.append("no partial correlations: the run has neither volume_ml nor slices, so size may explain it all")
    without = [name for name in _without_interval(correlations) if name not in given]
    if without:
        said.append(f"no interval, too few cases differ or have a value: {_named(tuple(without))}")
    if known.tested:
        said.append(
            f"many measures were tested: about {known.by_chance:.1f} of {known.tested} intervals would exclude 0 by "
            f"chance if no measure were associated with {metric}; this is not corrected for multiple testing"
        )
    return said


def _about(known: Count, correlations: Correlations, when: str) -> str:
    excluding = len(known.useful) + len(known.wrong)
    if not known.tested:
        return f"{when}: no measure has an interval"
    if not excluding:
        return f"{when}: no measure's interval excludes 0 ({known.tested} tested)"
    end = "low" if correlations.higher_is_better else "high"
    where = f"suspicious where {correlations.pairs.metric} is {end}"
    parts = [f"{len(known.useful)} of them {where}: {_named(known.useful)}"] if known.useful else []
    if known.wrong:
        parts.append(f"{len(known.wrong)} the other way round: {_named(known.wrong)}")
    return f"{when}: the intervals of {excluding} of {known.tested} measures exclude 0; " + "; ".join(parts)


def _size_alone(correlations: Correlations) -> str:
    rows = correlations.select("spearman", partial=False)
    known = [(name, row) for name, row in _each(rows) if name in SIZE and row["low"] == row["low"]]
    return ", ".join(f"{name} {row['r']:.2f} [{row['low']:.2f}, {row['high']:.2f}]" for name, row in known)


def _without_interval(correlations: Correlations) -> list[str]:
    rows = correlations.select("spearman", partial=bool(correlations.given))
    return [name for name, row in _each(rows) if row["low"] != row["low"]]


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_MAX_NAMED]) + (" ..." if len(names) > _MAX_NAMED else "")


def _each(rows: pd.DataFrame) -> list[tuple[str, dict[str, float]]]:
    columns = ("r", "low", "high", "useful_sign")
    numbers = rows[list(columns)].to_numpy(dtype=np.float64)
    return [
        (str(name), dict(zip(columns, map(float, row), strict=True)))
        for name, row in zip(rows.index, numbers, strict=True)
    ]
