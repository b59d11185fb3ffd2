"""Explain in one sentence why a structure stands out from the cohort.

A robust z (`auvseg.cohort.compared.z_scores`) says how far a value lies from that of the same structure in the cohort.
The sentence names the values farthest on the suspicious side, each with the cohort's median.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from auvseg.choices import Scope
from auvseg.cohort.compared import Held, cohort_of, compared_with, medians, usually_held, z_scores
from auvseg.cohort.distance import MIN_CASES, too_few
from auvseg.cohort.order import behind, doubt, enough_for_auv, how_made, no_order, rank
from auvseg.cohort.suspicion import Criterion, find_criterion, suspicious_z
from auvseg.measures.catalogue import AUV, COMBINED, IMAGE_OUTLIER, LABEL_OUTLIER, MEASURES, OUTLIER, Suspicious
from auvseg.wording import counted

MAX_CAUSES = 3
"""Most values that a sentence names."""

NOTABLE = 2.5
"""Robust standard deviations from the median from which on a value is mentioned."""

WORDS = {
    "S": "S",
    "agreement": "Dice with the model's mask",
    "stability": "stability of the model's mask",
    "confidence": "confidence of the model's mask",
    "boundary_entropy": "boundary entropy of the model's mask",
    "predicted_iou": "IoU predicted by the model",
    "fisher": "contrast of the model's map",
    "energy": "energy of the model's map",
    "variance": "variance of the image inside",
    "noise": "noise",
    "odd_plane": "noise of the noisiest slice",
    "sharpness": "fine detail",
    "through_plane": "detail across slices",
    "anisotropy": "detail along rows relative to columns",
    "spike": "k-space spike",
    "shading": "shading of the image",
    "blank": "voxels equal to their neighbours",
    "clipped": "clipped voxels",
    "contrast": "contrast to the surroundings",
    "edge": "intensity step at the outline",
    "parts": "connected parts",
    "largest_part": "share of the largest part",
    "gaps": "slices skipped",
    "extent_mm": "extent",
    "elongation": "elongation",
    "compactness": "compactness",
    "raggedness": "change of the outline from slice to slice",
    "roughness": "roughness of the outline",
    "abruptness": "end slices",
    "share": "size relative to the other structures",
    "contact": "contact with other structures",
    "offset_z_mm": "height above the other structures",
    "offset_y_mm": "offset in front of the others",
    "offset_x_mm": "offset to the right of the others",
    "volume_ml": "volume",
    "slices": "slices",
    "snr": "signal-to-noise ratio",
}
"""Each measure as a sentence names it."""

_UNITS = {"volume_ml": " ml", "extent_mm": " mm", "offset_x_mm": " mm", "offset_y_mm": " mm", "offset_z_mm": " mm"}

_RATIOS = ("volume_ml", "slices", "extent_mm", "noise")
"""Measures that are given as a multiple of the median."""

_SAME = 1.05
"""For a multiple closer to one than this, both values are given instead."""

_NOBODY = Held(0, 0)

_SHARE = 0.5
"""The run of worst slices makes this share of what all slices contribute."""


_OF_PLANES = ("agreement", "S")
"""Measures for which a view holds the contribution of each plane."""

_AT_BOTH_ENDS = (IMAGE_OUTLIER, LABEL_OUTLIER, OUTLIER, COMBINED)


class StructureView(Protocol):
    """View data of one structure, stored while it was scored (`auvseg.scoring.view`)."""

    @property
    def planes(self) -> Int[np.ndarray, "D"]:
        """(D,) scored planes, as indices into the volume."""
        ...

    @property
    def agreement(self) -> Float[np.ndarray, "D"]:
        """(D,) Dice of the model's mask with the label, per plane."""
        ...

    @property
    def scale(self) -> Float[np.ndarray, "D"]:
        """(D,) contribution of each plane to `S`."""
        ...


Views = Callable[[], Mapping[int, StructureView] | None]
"""Reads the view data of a case, by class id; None if there are none. Called only if a sentence needs them."""


@dataclass(frozen=True)
class Cause:
    """One value that stands out.

    Attributes:
        measure: name of the measure.
        value: value of the structure.
        median: median of the cohort.
        z: robust standard deviations from the median; positive towards the suspicious end, or away from the median if
            both ends are suspicious.
    """

    measure: str
    value: float
    median: float
    z: float

    def in_words(self) -> str:
        """Describe the value relative to the cohort, such as `volume 4.1× the cohort's median`."""
        name = WORDS[self.measure]
        if self.measure == "abruptness":
            value, median = _told_apart(100 * self.value, 100 * self.median)
            prefix = "ends abruptly: " if self.value > self.median else ""
            return f"{prefix}{name} {value} % of the largest (median {median} %)"
        if self.measure in _RATIOS and self.median > 0 and not 0.5 < self.value / self.median < 2:
            return f"{name} {_number(self.value / self.median)}× the cohort's median"
        if MEASURES[self.measure].scale == "log" and abs(self.value - self.median) > math.log(_SAME):
            return f"{name} {_number(math.exp(self.value - self.median))}× the cohort's median"
        unit = _UNITS.get(self.measure, "")
        value, median = _told_apart(self.value, self.median)
        return f"{name} {value}{unit} (median {median}{unit})"


def causes(
    values: Mapping[str, float], z: Mapping[str, float], middle: Mapping[str, float], first: str = ""
) -> tuple[Cause, ...]:
    """Find the values of a structure that stand out, farthest first: at most `MAX_CAUSES`, each at least `NOTABLE`.

    Args:
        values: values of the structure, by measure.
        z: robust standard deviations from the cohort's median; positive towards the suspicious end.
        middle: medians of the cohort, by measure.
        first: measure that comes first if it stands out, however far the others do.
    """
    far = (name for name, one in z.items() if one >= NOTABLE)
    notable = sorted(far, key=lambda name: (name != first, -z[name], name))
    return tuple(Cause(name, values[name], middle[name], z[name]) for name in notable[:MAX_CAUSES])


def sentence(class_name: str, found: Sequence[Cause], planes: str = "", held: Held | None = None) -> str:
    """Say why a structure stands out: `left tumour: volume 4.1× the cohort's median; worst on slices 40–52`.

    Args:
        class_name: name of the structure.
        found: values that stand out.
        planes: the worst planes, from `carrying_planes`; empty if unknown.
        held: the cases that it is compared with, mentioned if they are not the whole cohort; None: all.
    """
    if held is not None and held.holding < MIN_CASES:
        return too_few(f"{class_name} in {counted(held.holding, 'case')}")
    if not found:
        return f"{class_name}: no measure lies far from the cohort"
    parts = [cause.in_words() for cause in found]
    if planes:
        parts.append(planes)
    if held is not None and held.holding < held.cases:
        parts.append(f"compared with the {held.holding} of {held.cases} cases that have it")
    return f"{class_name}: {'; '.join(parts)}"


def missing(class_name: str, held: Held) -> str:
    """Say that a structure is missing, and how many cases have it."""
    return f"{class_name}: missing; {held.holding} of {held.cases} cases have it"


def carrying_planes(planes: Int[np.ndarray, "D"], contributions: Float[np.ndarray, "D"]) -> str:
    """Name the shortest run of planes that makes half of the sum over all planes; empty if it is not short.

    Of several runs of that length, the one with the largest sum is taken.

    Args:
        planes: (D,) indices into the volume.
        contributions: (D,) contribution of each plane, not negative; NaN counts as 0.
    """
    amounts = np.nan_to_num(contributions.astype(np.float64), nan=0.0)
    total = amounts.sum()
    if len(planes) < 4 or total <= 0:
        return ""
    sums = np.concatenate([[0.0], np.cumsum(amounts)])
    ends = np.searchsorted(sums, sums[:-1] + _SHARE * total - 1e-12 * total)
    lengths = ends - np.arange(len(amounts))
    lengths[ends >= len(sums)] = len(amounts) + 1
    length = int(lengths.min())
    if length > len(planes) // 2:
        return ""
    start = int(np.argmax(sums[length:] - sums[: len(sums) - length]))
    first, last = int(planes[start]), int(planes[start + length - 1])
    return f"worst on slice {first}" if first == last else f"worst on slices {first}–{last}"


class Explainer:
    """Writes the sentences about the structures of a run.

    Args:
        table: scores table of the run.
        z: result of `auvseg.cohort.compared.z_scores`.
        asked: the cases to explain; None: all.
        by: the column that cases are ranked by; it comes first if it stands out. A distance from the cohort covers both
            ends of every measure, so values far at either end are named.
        behind: by case, the class that decides its rank; its sentence comes first.
        every_absence: explain every structure that a case lacks, even one that few cases have.
        cohort: (N,) rows of the cohort, as for `auvseg.cohort.compared.z_scores`.

    Attributes:
        usual: result of `auvseg.cohort.compared.usually_held`.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        z: pd.DataFrame,
        asked: Sequence[str] | None = None,
        *,
        by: str = "",
        behind: Mapping[str, int] | None = None,
        every_absence: bool = False,
        cohort: Bool[np.ndarray, "N"] | None = None,
    ) -> None:
        self._middle, self._compared = medians(table, cohort), compared_with(table, cohort)
        self.usual = usually_held(table, cohort)
        self._by, self._behind = by, behind or {}
        if asked is not None:
            wanted = table["case"].isin(asked)
            table, z = table[wanted], z[wanted]
        names = list(z.columns)
        keys = list(zip(table["case"], table["class_id"], table["class"], table["status"], strict=True))
        far = (z.abs() if by in _AT_BOTH_ENDS else suspicious_z(z)).to_numpy(dtype=np.float64)
        values = table[names].to_numpy(dtype=np.float64)
        self._rows: dict[str, list[tuple[int, str, dict[str, float], dict[str, float]]]] = {}
        for (case, class_id, name, status), row, distances in zip(keys, values, far, strict=True):
            if status == "ok":
                numbers_of_row = dict(zip(names, row.tolist(), strict=True))
                entry = (int(class_id), str(name), numbers_of_row, dict(zip(names, distances.tolist(), strict=True)))
                self._rows.setdefault(str(case), []).append(entry)
        self._missing: dict[str, dict[int, str]] = {}
        for case, class_id, name, status in keys:
            if status != "absent" or pd.isna(class_id):
                continue
            number = int(class_id)
            if every_absence or number in self.usual or number == self._behind.get(str(case)):
                words = missing(str(name), self.usual.get(number) or self._compared.get(number, _NOBODY))
                self._missing.setdefault(str(case), {})[number] = words

    def causes_of(self, case_id: str) -> dict[int, tuple[str, tuple[Cause, ...]]]:
        """Return the name and the causes of every scored structure of a case, by class id."""
        return {
            class_id: (name, causes(values, z, self._middle.get(class_id, {}), self._by))
            for class_id, name, values, z in self._rows.get(case_id, [])
        }

    def sentences(self, case_id: str, view: Views) -> dict[int, str]:
        """Write one sentence per structure, by class id.

        The structure that decides the rank of the case comes first, then missing structures, then the others by how far
        they stand out.

        Args:
            case_id: the case.
            view: reads the view data of the case.
        """
        found = self.causes_of(case_id)
        order = sorted(found, key=lambda class_id: -sum(cause.z for cause in found[class_id][1]))
        there = {
            class_id: sentence(
                *found[class_id], _planes(view, class_id, found[class_id][1]), self._compared.get(class_id, _NOBODY)
            )
            for class_id in order
        }
        said = {**self._missing.get(case_id, {}), **there}
        first = self._behind.get(case_id)
        return {first: said[first], **said} if first in said else said


@dataclass(frozen=True)
class Ranked:
    """A ranking with its reasons.

    Attributes:
        rows: the first rows of `auvseg.rank`, with columns that explain their rank. For cases: `structure` (the one
            that decides the rank; empty if there is no order), `n` (number of structures that have the value that was
            ranked by) and `why`. For structures: `why` alone.
        total: number of rows of the whole ranking.
        criterion: what was ranked by.
        scope: `case` or `class`.
        how_made: how the value of a case follows from its structures, in one sentence; empty for structures.
        no_order: why the rows are ordered by id alone, in one sentence; empty if they are ranked.
        doubt: which cases or structures are too few to be compared, in one sentence; empty if none are.
    """

    rows: pd.DataFrame
    total: int
    criterion: Criterion
    scope: Scope
    how_made: str
    no_order: str
    doubt: str


def ranked(
    table: pd.DataFrame,
    *,
    by: str | None = None,
    scope: Scope = "case",
    suspicious: Suspicious | None = None,
    top: int | None = None,
    view_of: Callable[[str], Mapping[int, StructureView] | None] = lambda case: None,
) -> Ranked:
    """Rank a run and explain the ranks.

    Args:
        table: a scores table (`auvseg.load_scores`).
        by: as for `auvseg.rank`.
        scope: as for `auvseg.rank`.
        suspicious: as for `auvseg.rank`.
        top: number of rows to return, most suspicious first; None: all.
        view_of: reads the view data of a case, by class id; called only if a sentence needs them.

    Raises:
        UsageError: as `auvseg.rank`.
    """
    criterion = find_criterion(table, by, suspicious, to="rank")
    unordered = no_order(table, criterion, scope)
    doubted = "" if unordered else doubt(table, criterion, scope)
    ranking = rank(table, by=criterion.name, scope=scope, suspicious=suspicious)
    made = {} if unordered or scope == "class" else behind(table, criterion)
    if AUV in ranking and criterion.name != AUV:
        ranking[AUV] = ranking[AUV].where(enough_for_auv(table, ranking))
    rows = ranking.head(len(ranking) if top is None else top)
    cases = list(rows["case"].unique())
    first = {case: one.class_id for case, one in made.items()}
    asked = set(rows["class_id"] if scope == "class" else map(first.get, cases))
    cohort = cohort_of(table)
    if None not in asked:
        # A case may have a hundred structures; explain only those that are shown.
        shown = table["class_id"].isin(asked)
        table, cohort = table[shown], cohort[shown.to_numpy()]
    explainer = Explainer(
        table,
        z_scores(table, cohort=cohort),
        cases,
        by=criterion.column,
        behind=first,
        every_absence=scope == "class",
        cohort=cohort,
    )
    said = {case: explainer.sentences(case, partial(view_of, case)) for case in cases}
    if scope == "class":
        keys = zip(rows["case"], rows["class_id"], strict=True)
        rows = rows.assign(why=[said[case].get(int(class_id), "") for case, class_id in keys])
    else:
        rows = rows.assign(
            structure=[made[case].name if case in made else "" for case in rows["case"]],
            n=[made[case].structures if case in made else 0 for case in rows["case"]],
            why=[next(iter(said[case].values()), "") for case in rows["case"]],
        )
    return Ranked(
        rows=rows,
        total=len(ranking),
        criterion=criterion,
        scope=scope,
        how_made=how_made(criterion) if scope == "case" else "",
        no_order=unordered,
        doubt=doubted,
    )


def _planes(view: Views, class_id: int, found: Sequence[Cause]) -> str:
    """Name the worst planes: by disagreement if the masks disagree, else by the scale."""
    carried = [name for name in _OF_PLANES if any(cause.measure == name for cause in found)]
    known = view() if carried else None
    if known is None or class_id not in known:
        return ""
    one = known[class_id]
    if carried[0] == "agreement":
        return carrying_planes(one.planes, 1.0 - np.nan_to_num(one.agreement, nan=1.0))
    return carrying_planes(one.planes, one.scale)


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}" if abs(value) < 10 else f"{value:.1f}"


def _told_apart(value: float, median: float) -> tuple[str, str]:
    """Format both values with enough digits to differ."""
    texts = _number(value), _number(median)
    for digits in range(3, 7):
        if texts[0] != texts[1]:
            break
        texts = f"{value:.{digits}g}", f"{median:.{digits}g}"
    return texts
