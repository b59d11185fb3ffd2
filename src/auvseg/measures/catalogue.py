"""Name, range, direction and scale of every measure, without the code that computes it.

Cohort, ranking and filtering need no more than this, so they start without torch. `auvseg.measures.compute` holds the
functions under the same names.
"""

import math
from dataclasses import dataclass
from typing import Literal

Group = Literal["scale", "companion", "baseline", "quality", "geometry", "trivial", "cohort"]
"""Origin of a measure: the paper's `scale`; a `companion` on the same map; a `baseline` of METHOD section 9; image
`quality`; label `geometry`; `trivial` ones, printed beside every claim; or the distance from the `cohort`, computed
when a table is read."""

IMAGE_OUTLIER = "image_outlier"
LABEL_OUTLIER = "label_outlier"
OUTLIER = "outlier"
COMBINED = "combined"

AUV = "AUV"
"""The paper's score of a case or structure. It depends on `S` and the cohort, so it is not a measure."""

Suspicious = Literal["low", "high", "both"]
"""The suspicious end of a measure; `both`: values far from the cohort's median on either side."""

Scale = Literal["linear", "multiple", "log"]
"""How values are compared: by difference (`linear`); by ratio, for positive values (`multiple`); `log`: the value is a
natural logarithm already, and people read its exponential."""


@dataclass(frozen=True)
class Measure:
    """Declaration of a measure: one value per case and class.

    Attributes:
        name: its column in every table.
        group: where it comes from.
        suspicious: the suspicious end of the range, or `both`.
        low: smallest possible value.
        high: largest possible value; infinity if unbounded.
        needs_label: whether it uses the label.
        needs_map: whether it uses a foundation model's map.
        summary: one line for people.
        scale: how values are compared.
        odd_at_both_ends: whether a sentence names it at either end, although ranking looks at one end only. A structure
            four times too large is as odd as one four times too small.
    """

    name: str
    group: Group
    suspicious: Suspicious
    low: float
    high: float
    needs_label: bool
    needs_map: bool
    summary: str
    scale: Scale = "linear"
    odd_at_both_ends: bool = False

    @property
    def needs_image(self) -> bool:
        """Whether it uses the image, and so depends on how intensities are normalised."""
        return self.group not in ("geometry", "trivial") or self.name in ("edge", "snr")

    @property
    def needs_scored_planes(self) -> bool:
        """Whether it uses only the scored planes of a structure."""
        return self.needs_map or self.name == "snr"

    @property
    def of_farthest(self) -> bool:
        """Whether a case takes the value of its farthest structure, not the mean over its structures."""
        return self.group == "cohort"

    @property
    def judges_absence(self) -> bool:
        """Whether a structure that the case lacks gets a value for being missing."""
        return self.name in (LABEL_OUTLIER, OUTLIER, COMBINED)


Unfold = Literal["D_HW", "H_DW", "W_DH"]
Energy = Literal["squared", "singular"]
ScaleOn = Literal["logits", "probabilities"]


@dataclass(frozen=True)
class ScaleOptions:
    """Variant of the semantic perception scale (METHOD section 2); the default is the paper's.

    Attributes:
        unfold: axis of a class map that becomes the rows.
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
    Measure(
        "volume_ml", "trivial", "low", 0.0, _INF, True, False, "volume of the labelled structure", "multiple", True
    ),
    Measure("slices", "trivial", "low", 0.0, _INF, True, False, "slices that contain the structure", "linear", True),
    Measure("snr", "trivial", "low", 0.0, _INF, False, False, "mean over noise, inside the structure or the image"),
)

_QUALITY = (
    Measure("noise", "quality", "high", 0.0, _INF, False, False, "standard deviation of the noise within planes"),
    Measure(
        "odd_plane",
        "quality",
        "high",
        0.0,
        _INF,
        False,
        False,
        "noise of the noisiest plane over the median's, log",
        "log",
    ),
    Measure("sharpness", "quality", "low", -_INF, _INF, False, False, "power of fine over coarse detail, log", "log"),
    Measure(
        "through_plane", "quality", "low", -_INF, _INF, False, False, "steps between slices over within, log", "log"
    ),
    Measure(
        "anisotropy", "quality", "both", -_INF, _INF, False, False, "detail along rows over along columns, log", "log"
    ),
    Measure("spike", "quality", "high", 0.0, _INF, False, False, "largest isolated point of k-space, log", "log"),
    Measure("shading", "quality", "high", 0.0, _INF, False, False, "variation of the intensity from block to block"),
    Measure("blank", "quality", "high", 0.0, 1.0, False, False, "share of voxels that equal their neighbours"),
    Measure("clipped", "quality", "high", 0.0, 1.0, False, False, "share of voxels at an end of the intensity range"),
    Measure("contrast", "quality", "low", 0.0, _INF, True, False, "contrast-to-noise ratio to the surroundings"),
)

_GEOMETRY = (
    Measure(
        "edge",
        "geometry",
        "low",
        -_INF,
        _INF,
        True,
        False,
        "intensity steps across the outline over others, log",
        "log",
    ),
    Measure("parts", "geometry", "high", 1.0, _INF, True, False, "connected parts"),
    Measure("largest_part", "geometry", "low", 0.0, 1.0, True, False, "share of the voxels in the largest part"),
    Measure("gaps", "geometry", "high", 0.0, _INF, True, False, "slices skipped between the first and the last"),
    Measure("extent_mm", "geometry", "both", 0.0, _INF, True, False, "diagonal of the bounding box"),
    Measure(
        "elongation", "geometry", "both", 0.0, _INF, True, False, "longest over shortest side of the box, log", "log"
    ),
    Measure("compactness", "geometry", "both", 0.0, 1.0, True, False, "sphericity of the surface"),
    Measure("raggedness", "geometry", "high", 0.0, 1.0, True, False, "1 - Dice of consecutive slices"),
    Measure(
        "roughness", "geometry", "high", 0.0, _INF, True, False, "length of the outline over that of the smoothed one"
    ),
    Measure("abruptness", "geometry", "high", 0.0, 1.0, True, False, "area of the end slices over the largest area"),
    Measure(
        "share", "geometry", "both", -_INF, _INF, True, False, "volume over that of all other structures, log", "log"
    ),
    Measure("contact", "geometry", "both", 0.0, 1.0, True, False, "share of the surface at other structures"),
    Measure("offset_z_mm", "geometry", "both", -_INF, _INF, True, False, "centre above that of the other structures"),
    Measure("offset_y_mm", "geometry", "both", -_INF, _INF, True, False, "centre in front of that of the others"),
    Measure("offset_x_mm", "geometry", "both", -_INF, _INF, True, False, "centre to the right of that of the others"),
)

COHORT_MEASURES = (
    Measure("mahalanobis", "cohort", "high", 0.0, _INF, False, True, "distance of the pooled features from the mean"),
    Measure(IMAGE_OUTLIER, "cohort", "high", 0.0, 10.0, False, False, "distance from the cohort in image quality"),
    Measure(LABEL_OUTLIER, "cohort", "high", 0.0, _INF, True, False, "distance from the cohort in label geometry"),
    Measure(OUTLIER, "cohort", "high", 0.0, _INF, False, False, "distance from the cohort in image and label together"),
    Measure(COMBINED, "cohort", "high", -_INF, _INF, True, False, "all of them, weighted by what found planted faults"),
)
"""Measures that need all cases: computed when a table is read, never recorded."""

_CASE = (*_MAP, *_QUALITY, *_GEOMETRY, *_TRIVIAL)

CASE_MEASURES: tuple[str, ...] = tuple(measure.name for measure in _CASE)
"""Names of the measures of a single case; only these are computed while scoring."""

MEASURES: dict[str, Measure] = {measure.name: measure for measure in (*_CASE, *COHORT_MEASURES)}
"""Every measure by name, in the order of the tables' columns."""
