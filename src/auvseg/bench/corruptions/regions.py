"""Shared by label faults: distances, the surroundings of a structure, and writing a changed structure back.

A fault of one class does not affect the others: it exchanges voxels only with the background and with the structure
around the class. That structure is the most frequent value in the class's outer shell: the liver for a lesion inside
it, the background for the liver.
"""

import math
from collections.abc import Mapping

import numpy as np
import scipy
from jaxtyping import Float64

from auvseg.bench.corruptions.base import Sample
from auvseg.bench.corruptions.scale import equivalent_radius_mm
from auvseg.shapes import LabelArray, MaskArray

Box = tuple[slice, slice, slice]

_LISTED = 4


def depth_mm(sample: Sample, mask: MaskArray, around: int) -> Float64[np.ndarray, "D H W"]:
    """How far inside the surface towards `around` each voxel of the structure is; 0 elsewhere.

    From the voxel's centre to the surface, which runs half an in-plane voxel before the outermost centres. Where
    nothing in the volume is `around`, the volume's diagonal.
    """
    spacing_mm = sample.spacing_mm
    result = np.zeros(mask.shape)
    # A ball is 1.2 times as deep as the disc with the mean area of its planes is wide.
    reach_mm = 1.5 * equivalent_radius_mm(mask, spacing_mm)
    box = box_around(mask, reach_mm, spacing_mm)
    depth = _distance_mm(sample.label[box] != around, spacing_mm)
    if depth[mask[box]].max() > reach_mm:
        # What surrounds it may be nearer outside the box than within.
        box = (slice(None), slice(None), slice(None))
        depth = _distance_mm(sample.label != around, spacing_mm)
    result[box] = np.where(mask[box], depth - half_voxel_mm(spacing_mm), 0)
    return result


def within(mask: MaskArray, layer_mm: float, spacing_mm: tuple[float, float, float]) -> MaskArray:
    """The voxels outside the mask whose centres a layer of that thickness on its surface covers."""
    reach_mm = layer_mm + half_voxel_mm(spacing_mm)
    box = box_around(mask, reach_mm, spacing_mm)
    result = np.zeros_like(mask)
    result[box] = ~mask[box] & (_distance_mm(~mask[box], spacing_mm) <= reach_mm)
    return result


def _distance_mm(mask: MaskArray, spacing_mm: tuple[float, float, float]) -> Float64[np.ndarray, "D H W"]:
    """Distance of every voxel inside to the nearest outside; the volume's diagonal where there is no outside."""
    if mask.all():
        diagonal = math.hypot(*(size * step for size, step in zip(mask.shape, spacing_mm, strict=True)))
        return np.full(mask.shape, diagonal)
    return np.asarray(scipy.ndimage.distance_transform_edt(mask, sampling=spacing_mm))


def half_voxel_mm(spacing_mm: tuple[float, float, float]) -> float:
    """How far before the centre of a structure's outermost voxels its surface runs, in plane."""
    return math.sqrt(spacing_mm[1] * spacing_mm[2]) / 2


def surroundings(label: LabelArray, mask: MaskArray) -> int:
    """The value of most voxels around the mask; 0 where it fills the volume."""
    shell = scipy.ndimage.binary_dilation(mask) & ~mask
    values, counts = np.unique(label[shell], return_counts=True)
    return int(values[counts.argmax()]) if values.size else 0


def put_back(sample: Sample, moved: LabelArray) -> LabelArray:
    """The sample's label with its classes where `moved` has them.

    Args:
        sample: the clean case.
        moved: (D, H, W) its classes elsewhere, 0 where none of them is.

    Returns:
        (D, H, W): what the classes left belongs to what surrounds them; what would cover another class is cut off.
    """
    around = surroundings(sample.label, sample.mask)
    result = np.where(sample.mask, around, sample.label).astype(np.int32)
    free = (moved != 0) & ((result == 0) | (result == around))
    result[free] = moved[free]
    return result


def box_around(mask: MaskArray, margin_mm: float, spacing_mm: tuple[float, float, float]) -> Box:
    """The smallest box that holds the mask, and so much around it as the volume has; at least one voxel."""
    slices = []
    for axis, step in enumerate(spacing_mm):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = max(1, math.ceil(margin_mm / step))
        slices.append(slice(max(0, int(held[0]) - margin), int(held[-1]) + 1 + margin))
    return slices[0], slices[1], slices[2]


def by_class(sizes: Mapping[int, float], name: str) -> dict[str, float]:
    """Parameters of a truth, one a class: the quantity's name, with its unit, and the class."""
    return {f"{name}_of_class_{value}": size for value, size in sizes.items()}


def listed(sizes: Mapping[int, float]) -> str:
    """Sizes for people; of many only the smallest and the largest."""
    if len(sizes) > _LISTED:
        return f"{min(sizes.values()):.3g} to {max(sizes.values()):.3g}"
    return ", ".join(f"{size:.3g}" for size in sizes.values())
