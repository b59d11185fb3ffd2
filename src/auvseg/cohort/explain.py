"""One sentence that says why a structure stands out, built from its numbers and the cohort's.

A robust z (`auvseg.cohort.deviation`) says how far a number lies from the same structure's in the other cases; the
farthest on the suspicious side are named, in the field's words, with the cohort's median beside them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from auvseg.measures.catalogue import MEASURES
from auvseg.measures.cohort import FEWEST, too_few
from auvseg.wording import counted

NAMED = 3
"""So many numbers make a sentence; more would not be read."""

NOTABLE = 2.5
"""Robust standard deviations from the median at which a number is worth a word."""

WORDS = {
    "S": "S",
    "agreement": "the model's mask agrees",
    "stability": "stability of the model's mask",
    "confidence": "the model is sure of its mask",
    "boundary_entropy": "doubt at the boundary of the model's mask",
    "predicted_iou": "the model rates its own mask",
    "fisher": "contrast of the model's map",
    "energy": "energy of the model's map",
    "variance": "variance of the image inside",
    "noise": "noise",
    "odd_plane": "one plane noisier than the others",
    "sharpness": "fine detail",
    "through_plane": "detail between planes",
    "anisotropy": "detail along rows against columns",
    "spike": "isolated point of k-space",
    "shading": "shading of the image",
    "blank": "voxels equal to their neighbours",
    "clipped": "voxels at an end of the intensity range",
    "contrast": "contrast to the surroundings",
    "edge": "intensity step at the outline",
    "parts": "connected parts",
    "largest_part": "share of the largest part",
    "gaps": "planes left out",
    "extent_mm": "extent",
    "elongation": "elongation",
    "compactness": "compactness",
    "raggedness": "change of the outline from plane to plane",
    "roughness": "roughness of the outline",
    "abruptness": "abruptness of the ends",
    "share": "size against the other structures",
    "contact": "contact with other structures",
    "offset_z_mm": "height among the other structures",
    "offset_y_mm": "place in front of the others",
    "offset_x_mm": "place to the right of the others",
    "volume_ml": "volume",
    "slices": "planes",
    "snr": "signal to noise",
}
"""What each measure is, in a sentence."""

_UNITS = {"volume_ml": " ml", "extent_mm": " mm", "offset_x_mm": " mm", "offset_y_mm": " mm", "offset_z_mm": " mm"}

_RATIOS = ("volume_ml", "slices", "extent_mm", "noise")
"""Numbers that people think of as multiples."""

_LOGARITHMS = frozenset(name for name, measure in MEASURES.items() if measure.summary.endswith(", log"))
"""Natural logarithms, which nobody reads: their distance from the median is a multiple."""

_SAME = 1.05
"""A multiple nearer to one than this is told by the numbers themselves."""

_SHARE = 0.5
"""Of what the planes contribute, so much carries it."""


@dataclass(frozen=True)
class Cause:
    """One number that stands out.

    Attributes:
        measure: which.
        value: the structure's.
        median: the cohort's.
        z: robust standard deviations from it, positive: towards the suspicious end, or away from both.
    """

    measure: str
    value: float
    median: float
    z: float

    def in_words(self) -> str:
        """The number among the cohort's, such as `volume 4.1× the cohort's median`."""
        name = WORDS[self.measure]
        if self.measure in _RATIOS and self.median > 0 and not 0.5 < self.value / self.median < 2:
            return f"{name} {_number(self.value / self.median)}× the cohort's median"
        if self.measure in _LOGARITHMS and abs(self.value - self.median) > math.log(_SAME):
            return f"{name} {_number(math.exp(self.value - self.median))}× the cohort's median"
        unit = _UNITS.get(self.measure, "")
        value, median = _told_apart(self.value, self.median)
        return f"{name} {value}{unit} (median {median}{unit})"


@dataclass(frozen=True)
class Held:
    """How many cases hold a structure, of how many that were scored."""

    holding: int
    cases: int


def causes(
    values: Mapping[str, float], z: Mapping[str, float], middle: Mapping[str, float], first: str = ""
) -> tuple[Cause, ...]:
    """What stands out of one structure, farthest first; at most `NAMED`, none nearer than `NOTABLE`.

    Args:
        values: of the structure, by measure.
        z: robust standard deviations from the cohort's median, positive: towards the suspicious end.
        middle: the cohort's medians.
        first: a measure that is named first where it stands out, however far the others do.
    """
    far = (name for name, one in z.items() if one >= NOTABLE)
    notable = sorted(far, key=lambda name: (name != first, -z[name], name))
    return tuple(Cause(name, values[name], middle[name], z[name]) for name in notable[:NAMED])


def sentence(class_name: str, found: Sequence[Cause], planes: str = "", held: Held | None = None) -> str:
    """Why a structure stands out: `left tumour: volume 4.1× the cohort's median; slices 40–52 carry it`.

    Args:
        class_name: the structure.
        found: what stands out.
        planes: which planes carry it, as `carrying_planes` says; empty where that is not known.
        held: the cases that it is compared with, which are named where not all of the cohort are; None: all.
    """
    if held is not None and held.holding < FEWEST:
        return too_few(f"{class_name} in {counted(held.holding, 'case')}")
    if not found:
        return f"{class_name}: no number lies far from the cohort's"
    parts = [cause.in_words() for cause in found]
    if planes:
        parts.append(planes)
    if held is not None and held.holding < held.cases:
        parts.append(f"among the {held.holding} of {held.cases} cases that have it")
    return f"{class_name}: {'; '.join(parts)}"


def missing(class_name: str, held: Held) -> str:
    """Why a structure stands out by not being there."""
    return f"{class_name}: missing; {held.holding} of {held.cases} cases have it"


def carrying_planes(planes: Int[np.ndarray, "D"], contributions: Float[np.ndarray, "D"]) -> str:
    """The shortest run of planes that makes half of what all contribute, in words; empty where that says nothing.

    Of several of one length that which makes most.

    Args:
        planes: (D,) indices in the volume.
        contributions: (D,) not negative; NaN counts as 0.
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
    return f"slice {first} carries it" if first == last else f"slices {first}–{last} carry it"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}" if abs(value) < 10 else f"{value:.1f}"


def _told_apart(value: float, median: float) -> tuple[str, str]:
    """Both with as many digits as show that they differ."""
    texts = _number(value), _number(median)
    for digits in range(3, 7):
        if texts[0] != texts[1]:
            break
        texts = f"{value:.{digits}g}", f"{median:.{digits}g}"
    return texts
