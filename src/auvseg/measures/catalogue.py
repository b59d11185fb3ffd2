"""Every measure's name, range and direction, without the code that computes it.

Ranking and filtering need no more than this, so that they start without torch. `auvseg.measures.compute` holds the
functions under the same names.
"""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measure:
    """A number a case and class, with what a reader must know to use it.

    Attributes:
        name: its column in every table.
        suspicious: which end of the range is the suspicious one.
        low: smallest possible value.
        high: largest possible value; infinity where there is no bound.
        needs_label: whether it compares with, or counts, the label.
        summary: one line for people.
    """

    name: str
    suspicious: Literal["low", "high"]
    low: float
    high: float
    needs_label: bool
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


_ALL = (
    Measure("S", "low", 0.0, 1.0, False, "semantic perception scale: how evenly the map's energy is spread"),
    Measure("agreement", "low", 0.0, 1.0, True, "Dice of the model's own mask with the label"),
    Measure("stability", "low", 0.0, 1.0, False, "voxels with logit > +2 over voxels with logit > -2"),
    Measure("confidence", "low", 0.0, 1.0, False, "mean probability inside the model's own mask"),
    Measure("boundary_entropy", "high", 0.0, math.inf, False, "binary entropy of the map per predicted voxel, in nats"),
    Measure("predicted_iou", "low", -math.inf, math.inf, False, "the model's own estimate of its mask's quality"),
    Measure("volume_ml", "low", 0.0, math.inf, True, "trivial: volume of the labelled structure"),
    Measure("slices", "low", 0.0, math.inf, True, "trivial: planes that hold the structure"),
    Measure("snr", "low", 0.0, math.inf, False, "trivial: mean over noise, inside the structure or the image"),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
"""Every measure by name, in the order of the tables' columns."""
