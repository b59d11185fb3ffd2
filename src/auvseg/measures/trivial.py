"""Trivial measures: the size of a structure and the noise of its image.

They are printed beside every claim (METHOD section 9): where volume alone ranks the cases as well as a foundation
model does, a user must see it.
"""

import math

import numpy as np
from jaxtyping import Float32

from auvseg.measures.inputs import MeasureInput

MINIMUM_SIDE = 3
"""A plane with fewer rows or columns has no second differences."""


def volume_ml(case: MeasureInput) -> float | None:
    """Volume of the labelled structure in the whole case, in millilitres; None without a label."""
    if case.volume_voxels is None:
        return None
    return case.volume_voxels * math.prod(case.spacing_mm) / 1000.0


def slices(case: MeasureInput) -> float | None:
    """Number of planes that hold the labelled structure, also where only some were scored; None without a label."""
    return float(case.class_map.planes_total) if case.has_label else None


def snr(case: MeasureInput) -> float | None:
    """Mean normalised intensity inside the structure over the standard deviation of the noise in its planes.

    Inside the whole image where there is no label. The noise is Immerkær's estimate (`noise_standard_deviation`). None
    where no noise is measurable or the planes are smaller than the 3×3 kernel.
    """
    image = case.whole.image
    if min(image.shape[1:]) < MINIMUM_SIDE:
        return None
    planes = case.class_map.planes
    total = voxels = 0.0
    if case.has_label:
        holding = []
        for index, (mask, _) in zip(planes, case.label_planes(), strict=True):
            total += float(image[index].sum(where=mask, dtype=np.float64))
            voxels += int(np.count_nonzero(mask))
            holding += [index] if mask.any() else []
        planes = tuple(holding)
    else:
        total = sum(float(image[index].sum(dtype=np.float64)) for index in planes)
        voxels = len(planes) * image[0].size
    noise = float(np.mean([noise_standard_deviation(image[index]) for index in planes])) if planes else 0.0
    return total / voxels / noise if voxels and noise > 0 else None


def noise_standard_deviation(plane: Float32[np.ndarray, "H W"]) -> float:
    """Standard deviation of the noise of a plane of at least 3×3 pixels.

    Immerkær (Computer Vision and Image Understanding 64, 1996): the mean absolute response to a Laplacian difference,
    which smooth anatomy hardly excites. The kernel is [1, -2, 1] along both axes.
    """
    rows = plane[:-2] - 2 * plane[1:-1] + plane[2:]
    response = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    # sqrt(pi/2)/6 turns the mean absolute response to this kernel into a Gaussian's standard deviation.
    return math.sqrt(math.pi / 2) / 6 * float(np.abs(response).mean(dtype=np.float64))
