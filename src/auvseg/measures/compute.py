"""Compute measures by their name in the catalogue."""

import math
from collections.abc import Sequence

from auvseg.measures import baselines, boundary, companions, geometry, quality, trivial
from auvseg.measures.catalogue import MEASURES, ScaleOptions
from auvseg.measures.inputs import MeasureFunction, MeasureInput
from auvseg.measures.map_core import CoreOf

FUNCTIONS: dict[str, MeasureFunction] = {
    "agreement": companions.agreement,
    "stability": companions.stability,
    "confidence": companions.confidence,
    "boundary_entropy": companions.boundary_entropy,
    "predicted_iou": companions.predicted_iou,
    "fisher": baselines.fisher,
    "energy": baselines.energy,
    "variance": baselines.variance,
    "noise": quality.noise,
    "odd_plane": quality.odd_plane,
    "sharpness": quality.sharpness,
    "through_plane": quality.through_plane,
    "anisotropy": quality.anisotropy,
    "spike": quality.spike,
    "shading": quality.shading,
    "blank": quality.blank,
    "clipped": quality.clipped,
    "contrast": boundary.contrast,
    "edge": boundary.edge,
    "parts": geometry.parts,
    "largest_part": geometry.largest_part,
    "gaps": geometry.gaps,
    "extent_mm": geometry.extent_mm,
    "elongation": geometry.elongation,
    "compactness": geometry.compactness,
    "raggedness": geometry.raggedness,
    "roughness": geometry.roughness,
    "abruptness": geometry.abruptness,
    "share": geometry.share,
    "contact": geometry.contact,
    "offset_z_mm": geometry.offset_z_mm,
    "offset_y_mm": geometry.offset_y_mm,
    "offset_x_mm": geometry.offset_x_mm,
    "volume_ml": trivial.volume_ml,
    "slices": trivial.slices,
    "snr": trivial.snr,
}
"""Every measure except `S`, which has options of its own."""


def scale(case: MeasureInput, options: ScaleOptions) -> float | None:
    """Semantic perception scale of the class map (METHOD section 2), in [0, 1]; None if it is not defined."""
    value = case.once(CoreOf(options)).scale(options)
    return value if math.isfinite(value) else None


def compute_measures(case: MeasureInput, names: Sequence[str], options: ScaleOptions) -> dict[str, float | None]:
    """Compute the named measures of one class of one case.

    A value is None if it is not finite, or needs a map or a label that is missing.
    """
    values = {name: _value(case, name, options) for name in names}
    return {name: value if value is not None and math.isfinite(value) else None for name, value in values.items()}


def _value(case: MeasureInput, name: str, options: ScaleOptions) -> float | None:
    measure = MEASURES[name]
    if (measure.needs_map and not case.has_map) or (measure.needs_label and not case.has_label):
        return None
    return scale(case, options) if name == "S" else FUNCTIONS[name](case)
