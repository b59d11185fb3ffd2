"""Measures of how well the label's boundary follows the image's own edges, without a model.

Both work within planes, on the structure and two voxels around it, and are None without a label.
"""

import math

import numpy as np

from auvseg.measures.inputs import MeasureInput
from auvseg.measures.structure import Structure, structure_of


def edge(case: MeasureInput) -> float | None:
    """Logarithm of the mean intensity step across the outline over that between all other neighbours near it.

    Above 0 if the outline follows the image's edges. A label that is shifted, too small, too large or guessed cuts
    through tissue and falls to 0 or below.
    """
    structure = structure_of(case)
    if structure is None:
        return None
    across, elsewhere = np.zeros(2), np.zeros(2)
    for plane in structure.planes:
        mask, image, near = plane.mask, plane.image, plane.near
        for axis in (0, 1):
            first, second = (np.s_[1:], np.s_[:-1]) if axis == 0 else (np.s_[:, 1:], np.s_[:, :-1])
            step = np.abs(image[first] - image[second])
            outline = mask[first] != mask[second]
            beside = near[first] & near[second] & ~outline
            across += (np.count_nonzero(outline), step.sum(where=outline, dtype=np.float64))
            elsewhere += (np.count_nonzero(beside), step.sum(where=beside, dtype=np.float64))
    if not (across > 0).all() or not (elsewhere > 0).all():
        return None
    return math.log(across[1] / across[0] / (elsewhere[1] / elsewhere[0]))


def contrast(case: MeasureInput) -> float | None:
    """Contrast-to-noise ratio of the structure and the two voxels around it, at least 0.

    |mu_1 - mu_0| / sqrt(s_1² + s_0²)
    """
    structure = structure_of(case)
    if structure is None:
        return None
    inside, around = _moments(structure, shell=False), _moments(structure, shell=True)
    if inside is None or around is None:
        return None
    spread = inside[1] + around[1]
    return abs(inside[0] - around[0]) / math.sqrt(spread) if spread > 0 else None


def _moments(structure: Structure, *, shell: bool) -> tuple[float, float] | None:
    """Mean and variance of the intensities inside the structure or in the shell around it."""
    sums = np.zeros(3)
    for plane in structure.planes:
        values = plane.image[plane.near & ~plane.mask if shell else plane.mask].astype(np.float64) - 0.5
        sums += (values.size, values.sum(), np.square(values).sum())
    if not sums[0]:
        return None
    mean = sums[1] / sums[0]
    return float(mean), max(float(sums[2] / sums[0] - mean**2), 0.0)
