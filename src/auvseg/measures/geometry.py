"""Measures of a label's shape and position, independent of the image: they reveal slips of the annotator.

All are None without a label. Sizes are in mm, so resampling changes little; planes are counted. Few values are wrong by
themselves: a case is compared with the same structure in the other cases.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int64
from scipy import ndimage

from auvseg.measures.inputs import MeasureInput
from auvseg.measures.structure import Weighted, centroids_mm, structure_of
from auvseg.shapes import MaskArray

_EVERY_NEIGHBOUR = np.ones((3, 3, 3), dtype=bool)
_HALF_OF_25 = 12
_MAX_LABELLED = 1 << 23
"""Most voxels in which parts are counted; larger boxes are subsampled, every n-th row and column."""


def parts(case: MeasureInput) -> float | None:
    """Number of connected components (26 neighbours) of the whole structure."""
    sizes = case.once(_part_sizes)
    return float(sizes.size) if sizes.size else None


def largest_part(case: MeasureInput) -> float | None:
    """Share of the structure's voxels in its largest connected part, in (0, 1]."""
    sizes = case.once(_part_sizes)
    return float(sizes.max() / sizes.sum()) if sizes.size else None


def gaps(case: MeasureInput) -> float | None:
    """Planes without the structure between the first and the last that hold it."""
    structure = structure_of(case)
    return None if structure is None else float(np.count_nonzero(structure.areas == 0))


def extent_mm(case: MeasureInput) -> float | None:
    """Diagonal of the tight box around the structure, in mm."""
    structure = structure_of(case)
    return None if structure is None else math.hypot(*structure.size_mm)


def elongation(case: MeasureInput) -> float | None:
    """Logarithm of the longest over the shortest side of the tight box, in mm; at least 0."""
    structure = structure_of(case)
    if structure is None:
        return None
    sides = structure.size_mm
    return math.log(max(sides) / min(sides))


def compactness(case: MeasureInput) -> float | None:
    """Sphericity of the voxel surface, in (0, 1): `π^(1/3) (6 V)^(2/3) / A`.

    A is the area of all voxel faces between the structure and the rest, in mm²; a ball of voxels has about 2/3.
    """
    structure = structure_of(case)
    if structure is None or not case.volume_voxels:
        return None
    area = sum(count * face for count, face in zip(structure.faces, case.whole.faces_mm2, strict=True))
    return float(math.pi ** (1 / 3) * (6 * case.volume_voxels * case.whole.voxel_mm3) ** (2 / 3) / area)


def raggedness(case: MeasureInput) -> float | None:
    """Mean of 1 - Dice between the structure on consecutive planes, in [0, 1].

    None for a single plane. A skipped plane counts as no overlap.
    """
    structure = structure_of(case)
    if structure is None or len(structure.areas) < 2:
        return None
    mask, areas = structure.mask[structure.inner], structure.areas.astype(np.float64)
    common = np.array([np.count_nonzero(lower & upper) for lower, upper in pairwise(mask)])
    together = areas[:-1] + areas[1:]
    dice = np.divide(2 * common, together, out=np.zeros_like(together), where=together > 0)
    return float(1 - dice.mean())


def roughness(case: MeasureInput) -> float | None:
    """Length of the outlines in the planes over that of the smoothed outlines, above 0; about 1 if smooth.

    Lengths are counted in pixel sides. Smoothing is a 5×5 median filter. None if the filter removes the whole, thin
    structure.
    """
    structure = structure_of(case)
    if structure is None:
        return None
    own = smooth = 0
    for plane in structure.planes:
        own += _outline(plane.mask)
        smooth += _outline(plane.around > _HALF_OF_25)
    return own / smooth if smooth else None


def abruptness(case: MeasureInput) -> float | None:
    """Mean area of the first and the last plane over the largest area, in (0, 1]; low for organs that taper off."""
    structure = structure_of(case)
    if structure is None:
        return None
    areas = structure.areas
    return float((areas[0] + areas[-1]) / 2 / areas.max())


def share(case: MeasureInput) -> float | None:
    """Logarithm of the structure's volume over that of all other labelled structures; None if there are no others."""
    others = _others(case)
    if others is None or not case.volume_voxels:
        return None
    return math.log(case.volume_voxels / others[0])


def contact(case: MeasureInput) -> float | None:
    """Share of the structure's voxel faces that touch another labelled structure, in [0, 1]."""
    structure = structure_of(case)
    if structure is None:
        return None
    others = (structure.label > 0) & ~structure.mask
    if case.whole.ignore_value is not None:
        others &= structure.label != case.whole.ignore_value
    return sum(_touching(structure.mask, others, axis) for axis in range(3)) / sum(structure.faces)


def offset_z_mm(case: MeasureInput) -> float | None:
    """Height of the structure's centre above that of all other labels, in mm; above the image's centre if alone.

    Signed, one axis at a time: the plain distance would be the same for two structures that were swapped.
    """
    return _offset_mm(case, 0)


def offset_y_mm(case: MeasureInput) -> float | None:
    """The same offset towards the front: anterior is positive."""
    return _offset_mm(case, 1)


def offset_x_mm(case: MeasureInput) -> float | None:
    """The same offset towards the patient's right."""
    return _offset_mm(case, 2)


def _part_sizes(case: MeasureInput) -> Int64[np.ndarray, "N"]:
    """Voxels of every connected part; in a large box rows and columns are subsampled alike."""
    structure = structure_of(case)
    if structure is None:
        return np.zeros(0, dtype=np.int64)
    mask = structure.mask[structure.inner]
    step = max(math.ceil(math.sqrt(mask.size / _MAX_LABELLED)), 1)
    labelled, _ = ndimage.label(mask[:, ::step, ::step], _EVERY_NEIGHBOUR)
    return np.bincount(labelled.ravel())[1:]


def _outline(mask: Bool[np.ndarray, "h w"]) -> int:
    inside = np.count_nonzero(mask[1:] != mask[:-1]) + np.count_nonzero(mask[:, 1:] != mask[:, :-1])
    return int(inside + sum(np.count_nonzero(border) for border in (mask[0], mask[-1], mask[:, 0], mask[:, -1])))


def _touching(mask: MaskArray, others: MaskArray, axis: int) -> int:
    one, two = np.moveaxis(mask, axis, 0), np.moveaxis(others, axis, 0)
    return int(np.count_nonzero(one[1:] & two[:-1]) + np.count_nonzero(one[:-1] & two[1:]))


def _others(case: MeasureInput) -> Weighted | None:
    """Voxels and centre in mm of everything labelled except this class and the ignore label."""
    not_theirs = {*case.values, case.whole.ignore_value}
    return _united([found for value, found in case.whole.once(centroids_mm).items() if value not in not_theirs])


def _offset_mm(case: MeasureInput, axis: int) -> float | None:
    known = case.whole.once(centroids_mm)
    own = _united([known[value] for value in case.values if value in known])
    if own is None:
        return None
    others = _others(case)
    middle = (case.whole.image.shape[axis] - 1) / 2 * case.spacing_mm[axis] if others is None else others[1][axis]
    return float(own[1][axis] - middle)


def _united(
    parts: Sequence[Weighted],
) -> Weighted | None:
    voxels = sum(count for count, _ in parts)
    if not voxels:
        return None
    return voxels, np.sum([count * centre for count, centre in parts], axis=0) / voxels
