"""Every measure's name, range and direction, without the code that computes it.

Ranking and filtering need no more than this, so that they start without torch. `auvseg.measures.compute` holds the
functions under the same names.
"""

import math
from dataclasses import dataclass
from typing import Literal

Group = Literal["scale", "companion", "baseline", "quality", "geometry", "trivial"]
"""Where a measure comes from: the paper's `scale`; a `companion` on the same map; a `baseline` of METHOD section 9; the
image's `quality`; the label's `geometry`; or what is `trivial` and printed beside every claim."""

Suspicious = Literal["low", "high", "both"]
"""Which end is the suspicious one; `both`: what lies far from the cohort's middle, on either side."""


@dataclass(frozen=True)
class Measure:
    """A number a case and class, with what a reader must know to use it.

    Attributes:
        name: its column in every table.
        group: where it comes from.
        suspicious: which end of the range is the suspicious one, or `both`.
        low: smallest possible value.
        high: largest possible value; infinity where there is no bound.
        needs_label: whether it compares with, or counts, the label.
        needs_map: whether it looks at a foundation model's map.
        summary: one line for people.
    """

    name: str
    group: Group
    suspicious: Suspicious
    low: float
    high: float
    needs_label: bool
    needs_map: bool
    summary: str


Unfold = Literal["D_HW", "H_DW", "W_DH"]
Energy = Literal["squared", "singular"]
ScaleOn = Literal["logits", "probabilities"]


@dataclass(frozen=True)
class ScaleOptions:
    """Which variant of the semantic perception scale is computed (METHOD section 2); the default is the paper's.

    Attributes:
        unfold: which axis of a class map becomes the rows.
        energy: `squared` singular values (the paper) or `singular` values themselves (the authors' code).
        centre: whether column means are removed first.
        on: logits (the paper) or probabilities.
    """

    unfold: Unfold = "D_HW"
    energy: Energy = "squared"
    centre: bool = False
    on: ScaleOn = "logits"


_INF = math.inf

_MAP = (
    Measure("S", "scale", "low", 0.0, 1.0, False, True, "semantic perception scale: how evenly a map's energy spreads"),
    Measure("agreement", "companion", "low", 0.0, 1.0, True, True, "Dice of the model's own mask with the label"),
    Measure("stability", "companion", "low", 0.0, 1.0, False, True, "voxels with logit > +2 over those with > -2"),
    Measure("confidence", "companion", "low", 0.0, 1.0, False, True, "mean probability inside the model's own mask"),
    Measure("boundary_entropy", "companion", "high", 0.0, _INF, False, True, "entropy per predicted voxel, in nats"),
    Measure("predicted_iou", "companion", "low", -_INF, _INF, False, True, "the model's own estimate of its mask"),
    Measure("fisher", "baseline", "low", 0.0, _INF, True, True, "Fisher ratio of the map, structure against the rest"),
    Measure("energy", "baseline", "high", -_INF, 0.0, True, True, "mean free energy of the map inside the structure"),
    Measure("variance", "baseline", "high", 0.0, 0.25, True, False, "variance of the image inside the structure"),
)

_TRIVIAL = (
    Measure("volume_ml", "trivial", "low", 0.0, _INF, True, False, "volume of the labelled structure"),
    Measure("slices", "trivial", "low", 0.0, _INF, True, False, "planes that hold the structure"),
    Measure("snr", "trivial", "low", 0.0, _INF, False, False, "mean over noise, inside the structure or the image"),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in (*_MAP, *_TRIVIAL)}
"""Every measure by name, in the order of the tables' columns."""
