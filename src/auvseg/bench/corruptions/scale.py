"""Reference sizes of faults: the intensity range and the radius of a structure.

They make a severity comparable between Hounsfield units and arbitrary units, and between a crop and a whole body.
"""

import math

import numpy as np

from auvseg.bench.corruptions.base import Sample
from auvseg.errors import CaseError
from auvseg.shapes import MaskArray

_RANGE_PERCENTILES = (0.5, 99.5)
_NEGATIVE_SHARE = 0.02
"""How far below zero, as a share of its highest intensities, interpolation may have taken a magnitude image."""


def intensity_range(sample: Sample) -> float:
    """From the 0.5th to the 99.5th percentile of a class's intensities, median of the classes; of all if unlabelled.

    Class by class: of bone, lung and liver together the range is that of the body, and what is mild for it drowns each
    of them.

    Raises:
        CaseError: every class is constant, so that nothing gives a scale.
    """
    parts = [sample.image[sample.label == class_id] for class_id in sample.class_ids] or [sample.image]
    limits = np.array([np.percentile(part, _RANGE_PERCENTILES) for part in parts])
    ranges = limits[:, 1] - limits[:, 0]
    if not (ranges > 0).any():
        raise CaseError("the image is constant or not finite where it is labelled: there is no scale for its faults")
    return float(np.median(ranges[ranges > 0]))


def require_magnitudes(sample: Sample, fault: str) -> None:
    """Refuse an image that cannot be the magnitude of an MRI signal: Hounsfield units, or standardised intensities.

    The test is that its 0.5th percentile is negative by more than 2 % of its 99.5th.

    Raises:
        CaseError: the image holds negative intensities.
    """
    low, high = np.percentile(sample.image, _RANGE_PERCENTILES)
    if low < -_NEGATIVE_SHARE * abs(high):
        raise CaseError(
            f"the image holds intensities down to {low:.3g}, so it is no magnitude image (CT, or standardised MRI) "
            f"and cannot have {fault}"
        )


def equivalent_radius_mm(mask: MaskArray, spacing_mm: tuple[float, float, float]) -> float:
    """Radius of the disc with the structure's mean area on the planes that hold it."""
    planes = np.count_nonzero(mask.any(axis=(1, 2)))
    return math.sqrt(np.count_nonzero(mask) / planes * spacing_mm[1] * spacing_mm[2] / math.pi)
