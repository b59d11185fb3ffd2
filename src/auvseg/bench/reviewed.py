"""Judge every measure by reviewers' verdicts: how well does it find the cases that they rejected?

A case is faulty if its verdict is `exclude` or `fix`, sound if it is `keep`; `unsure` is ignored. Cases are compared by
the same value as in `auvseg filter`, so the area is that of the filter.

Shapes: F faulty and C sound cases, B resamples.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from auvseg.bench.statistics import Estimate, auroc, auroc_interval, bootstrap_interval
from auvseg.bench.verdict import FINDS, verdict_of
from auvseg.cohort.selection import training_rows
from auvseg.cohort.suspicion import find_criterion, suspicions
from auvseg.errors import UsageError
from auvseg.measures.catalogue import MEASURES
from auvseg.review.verdicts import Decision

MIN_VERDICTS = 5
"""Of each kind; with fewer the interval of nearly any area holds 0.5."""

_FAULTY = ("exclude", "fix")
_LED = 0.6
"""Area above which the reviewed cases count as chosen by a measure."""


@dataclass(frozen=True)
class Reviewed:
    """Measures judged by verdicts.

    Attributes:
        measures: one row per measure, largest area first: `measure, group, verdict, auroc, low, high` (95 %),
            `exclude, fix` (areas for one kind of verdict against the kept; NaN with fewer than `MIN_VERDICTS`),
            `beyond, beyond_low, beyond_high` (area minus that of the best trivial measure, on the same cases),
            `missing` (cases without this value, which rank last).
        counts: training cases by verdict, only those with values: `exclude`, `fix`, `keep`, `unsure`.
        training: number of training cases of the run.
        unscored: number of cases with a verdict but no values.
        elsewhere: number of verdicts on cases that are not training cases of the run.
        led_by: the measure from whose suspicious end the reviewed cases come, and its area against the unreviewed
            cases; None if there is no such measure, or everything was reviewed.
    """

    measures: pd.DataFrame
    counts: Mapping[str, int]
    training: int
    unscored: int
    elsewhere: int
    led_by: tuple[str, float] | None

    @property
    def faulty(self) -> int:
        """Cases that count as faulty."""
        return sum(self.counts[name] for name in _FAULTY)

    def sentences(self) -> list[str]:
        """Summarise the conclusions and their caveats."""
        return [self._who(), *self._best(), *self._paper(), *self._caveats()]

    def _best(self) -> list[str]:
        best = self.measures.iloc[0]
        if best["verdict"] != FINDS:
            return ["no usable signal: no measure separates these verdicts better than chance"]
        said = [
            f"{best['measure']} separates them best: AUROC {_interval(best, 'auroc', 'low', 'high')}; it was chosen "
            f"among {len(self.measures)} measures on these very cases, so expect less on others"
        ]
        trivial = self.measures[self.measures["group"] == "trivial"]
        if best["group"] == "trivial":
            return [*said, "it is a trivial measure: it needs no model"]
        if len(trivial):
            name, area = trivial["measure"].iloc[0], trivial["auroc"].iloc[0]
            numbers = _interval(best, "beyond", "beyond_low", "beyond_high")
            said.append(f"the best trivial measure, {name}, reaches {area:.2f}; {best['measure']} lies {numbers} above")
        return said

    def _paper(self) -> list[str]:
        of_paper = self.measures[self.measures["measure"] == "S"]
        if of_paper.empty or self.measures["measure"].iloc[0] == "S":
            return []
        row = of_paper.iloc[0]
        return [f"the paper's S: {row['verdict']}, AUROC {_interval(row, 'auroc', 'low', 'high')}"]

    def _who(self) -> str:
        parts = [f"{self.counts[name]} {words}" for name, words in zip(_FAULTY, ("to exclude", "to fix"), strict=True)]
        said = f"judged by {', '.join(parts)} and {self.counts['keep']} to keep, of {self.training} training cases"
        left = [("unsure", self.counts["unsure"]), ("without a score", self.unscored)]
        left += [("not training cases of this run", self.elsewhere)]
        named = [f"{count} {words}" for words, count in left if count]
        return f"{said}; left out: {', '.join(named)}" if named else said

    def _caveats(self) -> list[str]:
        said = []
        if self.led_by is not None:
            name, area = self.led_by
            said.append(
                f"the reviewed cases are not a random sample but from the suspicious end of {name} (AUROC {area:.2f} "
                "against the others): nothing is known about unreviewed cases"
            )
        return [*said, "raters saw these numbers in the report; verdicts given without them are a fairer test"]


def judge_by_review(table: pd.DataFrame, decisions: Mapping[str, Decision], *, seed: int = 0) -> Reviewed:
    """Judge every measure of a run by reviewers' verdicts.

    Args:
        table: a scores table.
        decisions: decisions by case id.
        seed: seed of the bootstrap behind `beyond`.

    Raises:
        UsageError: fewer than `MIN_VERDICTS` faulty or sound cases with values.
    """
    rows = training_rows(table)
    cases = sorted(rows["case"].unique())
    values = _by_case(rows, cases)
    scored = values[values.notna().any(axis=1)]
    verdicts = {case: str(one.verdict) for case, one in sorted(decisions.items()) if one.verdict is not None}
    known = pd.Series({case: verdict for case, verdict in verdicts.items() if case in scored.index}, dtype="object")
    counts = {name: int((known == name).sum()) for name in (*_FAULTY, "keep", "unsure")}
    _require_enough(counts)
    decided = known[known != "unsure"]
    unscored = len(set(verdicts) & set(cases)) - len(known)
    return Reviewed(
        measures=_judged(scored.loc[decided.index], decided, seed),
        counts=counts,
        training=len(cases),
        unscored=unscored,
        elsewhere=len(set(verdicts) - set(cases)),
        led_by=_led_by(scored, scored.index.isin(known.index)),
    )


def _by_case(rows: pd.DataFrame, cases: list[str]) -> pd.DataFrame:
    """Tabulate one row per case and one column per measure, high = suspicious; NaN if missing."""
    found = {}
    for name in MEASURES:
        if name in rows.columns and rows[name].notna().any():
            frame = suspicions(rows, find_criterion(rows, name), "case")
            found[name] = frame.set_index("case")["suspicion"].reindex(cases)
    return pd.DataFrame(found, index=cases)


def _require_enough(counts: Mapping[str, int]) -> None:
    faulty = sum(counts[name] for name in _FAULTY)
    if faulty < MIN_VERDICTS or counts["keep"] < MIN_VERDICTS:
        raise UsageError(
            f"{faulty} scored training cases are to be excluded or fixed and {counts['keep']} to be kept; judging a "
            f"measure needs at least {MIN_VERDICTS} of each: review more cases, including sound-looking ones"
        )


def _judged(values: pd.DataFrame, verdicts: pd.Series, seed: int) -> pd.DataFrame:
    faulty = verdicts.isin(_FAULTY).to_numpy()
    suspicion = {str(name): np.nan_to_num(values[name].to_numpy(), nan=-np.inf) for name in values}
    areas = {name: auroc_interval(one, faulty) for name, one in suspicion.items() if np.isfinite(one).any()}
    trivial = [name for name in areas if MEASURES[name].group == "trivial"]
    best = max(trivial, key=lambda name: areas[name].value, default=None)
    rows = []
    for name, area in areas.items():
        beyond = None if best is None else _beyond(suspicion[name], suspicion[best], faulty, seed)
        ends = {"beyond": np.nan, "beyond_low": np.nan, "beyond_high": np.nan}
        if beyond is not None:
            ends = {"beyond": beyond.value, "beyond_low": beyond.low, "beyond_high": beyond.high}
        rows.append(
            {"measure": name, "group": MEASURES[name].group, "verdict": verdict_of(area.low, area.high)}
            | {"auroc": area.value, "low": area.low, "high": area.high}
            | {kind: _area_of(suspicion[name], verdicts, kind) for kind in _FAULTY}
            | ends
            | {"missing": int(values[name].isna().sum())}
        )
    return pd.DataFrame(rows).sort_values("auroc", ascending=False, kind="stable", ignore_index=True)


def _area_of(suspicion: Float64[np.ndarray, "N"], verdicts: pd.Series, kind: str) -> float:
    chosen = verdicts.isin((kind, "keep")).to_numpy()
    faulty = (verdicts == kind).to_numpy()
    return auroc(suspicion[chosen], faulty[chosen]) if faulty.sum() >= MIN_VERDICTS else np.nan


def _beyond(
    one: Float64[np.ndarray, "N"], other: Float64[np.ndarray, "N"], faulty: Bool[np.ndarray, "N"], seed: int
) -> Estimate:
    """Area of one measure minus that of another, both on the same cases in every resample."""
    wins = _wins(one[faulty], one[~faulty]) - _wins(other[faulty], other[~faulty])
    places = (np.arange(size, dtype=np.float64) for size in wins.shape)
    return bootstrap_interval(_mean_of_drawn(wins), *places, seed=seed)


def _wins(faulty: Float64[np.ndarray, "F"], sound: Float64[np.ndarray, "C"]) -> Float64[np.ndarray, "F C"]:
    """1 where the faulty case is the more suspicious one, half where none is; its mean is the area."""
    return (faulty[:, None] > sound) + 0.5 * (faulty[:, None] == sound)


def _mean_of_drawn(wins: Float64[np.ndarray, "F C"]) -> Callable[..., Float64[np.ndarray, "B"]]:
    def mean(faulty: Float64[np.ndarray, "B F"], sound: Float64[np.ndarray, "B C"]) -> Float64[np.ndarray, "B"]:
        drawn = [_times_drawn(one, size) for one, size in zip((faulty, sound), wins.shape, strict=True)]
        return np.asarray(((drawn[0] @ wins) * drawn[1]).sum(axis=-1) / wins.size)

    return mean


def _times_drawn(places: Float64[np.ndarray, "B N"], size: int) -> Float64[np.ndarray, "B size"]:
    times = np.zeros((len(places), size))
    np.add.at(times, (np.arange(len(places))[:, None], places.astype(np.int64)), 1.0)
    return times


def _led_by(values: pd.DataFrame, reviewed: Bool[np.ndarray, "N"]) -> tuple[str, float] | None:
    areas = {str(name): auroc(values[name].to_numpy(), reviewed) for name in values}
    known = {name: area for name, area in areas.items() if area >= _LED}
    return max(known.items(), key=lambda one: one[1], default=None)


def _interval(row: "pd.Series", value: str, low: str, high: str) -> str:
    return Estimate(float(row[value]), float(row[low]), float(row[high]), 0).in_words()
