"""Trivial measures: the size of a structure and the noise of its image.

They are printed beside every claim (METHOD section 9): users must see it if volume alone ranks the cases as well as a
foundation model.
"""

import math

import numpy as np
from jaxtyping import Float32

from auvseg.measures.inputs import MeasureInput, WholeCase
from auvseg.measures.structure import structure_of

MINIMUM_SIDE = 3
"""A plane with fewer rows or columns has no second differences."""


def volume_ml(case: MeasureInput) -> float | None:
    """Volume of the labelled structure in the whole case, in millilitres; None without a label."""
    if case.volume_voxels is None:
        return None
    return case.volume_voxels * case.whole.voxel_mm3 / 1000.0


def slices(case: MeasureInput) -> float | None:
    """Number of planes that contain the labelled structure, scored or not; None without a label."""
    return float(case.class_map.planes_total) if case.has_label else None


def snr(case: MeasureInput) -> float | None:
    """Mean normalised intensity inside the structure over the standard deviation of the noise in its planes.

    Without a label the whole image is used. The noise is Immerkær's estimate (`noise_standard_deviation`). None if no
    noise is measurable or the planes are smaller than the 3×3 kernel.
    """
    image = case.whole.image
    if min(image.shape[1:]) < MINIMUM_SIDE:
        return None
    planes = case.class_map.planes
    sum_ = voxels = 0.0
    structure = structure_of(case)
    if structure is not None:
        masks = [(index, structure.on_plane(index)) for index in planes]
        planes = tuple(index for index, mask in masks if mask.any())
        sum_ = sum(float(image[index][structure.box[1:]].sum(where=mask, dtype=np.float64)) for index, mask in masks)
        voxels = sum(int(np.count_nonzero(mask)) for _, mask in masks)
    elif not case.has_label:
        sum_ = sum(float(image[index].sum(dtype=np.float64)) for index in planes)
        voxels = len(planes) * image[0].size
    noise = float(np.mean([noise_of_plane(case.whole, index) for index in planes])) if planes else 0.0
    return sum_ / voxels / noise if voxels and noise > 0 else None


def noise_of_plane(whole: WholeCase, index: int) -> float:
    """`noise_standard_deviation` of a plane of the image, cached for all classes."""
    known: dict[int, float] = whole.once(_noise_by_plane)
    if index not in known:
        known[index] = noise_standard_deviation(whole.image[index])
    return known[index]


def _noise_by_plane(whole: WholeCase) -> dict[int, float]:
    """Cache of the planes' noise."""
    return {}


def noise_standard_deviation(plane: Float32[np.ndarray, "H W"]) -> float:
    """Standard deviation of the noise of a plane of at least 3×3 pixels.

    Immerkær (Computer Vision and Image Understanding 64, 1996): the mean absolute response to a Laplacian difference,
    which smooth anatomy hardly excites. The kernel is [1, -2, 1] along both axes.
    """
    rows = plane[:-2] - 2 * plane[1:-1] + plane[2:]
    response = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    # sqrt(pi/2)/6 turns the mean absolute response to this kernel into a Gaussian's standard deviation.
    return math.sqrt(math.pi / 2) / 6 * float(np.abs(response).mean(dtype=np.float64))
