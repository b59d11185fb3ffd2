"""How far the surfaces of a structure and of its prediction lie apart, through MONAI.

- **Surface Dice** (normalised surface distance, Nikolov et al. 2018, arXiv 1809.04430): the share of both surfaces,
  by area, that lies within a tolerance of the other one.
- **HD95**: the larger of the two 95th percentiles of the distances from one surface to the other.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool


@dataclass(frozen=True)
class SurfaceAgreement:
    """Two numbers of one structure.

    Attributes:
        surface_dice: in [0, 1]; NaN where the structure is in neither map, 0 where it is in one.
        hd95_mm: not negative; NaN where the structure is not in both maps.
    """

    surface_dice: float
    hd95_mm: float


def surface_agreement(
    reference: Bool[np.ndarray, "X Y Z"],
    prediction: Bool[np.ndarray, "X Y Z"],
    spacing_mm: tuple[float, float, float],
    tolerance_mm: float,
) -> SurfaceAgreement:
    """Compare two masks by their surfaces.

    Args:
        reference: (X, Y, Z) where the label has the structure.
        prediction: (X, Y, Z) where it is predicted.
        spacing_mm: voxel size along the same axes.
        tolerance_mm: distance up to which surfaces count as the same.
    """
    if not reference.any() or not prediction.any():
        neither = not reference.any() and not prediction.any()
        return SurfaceAgreement(math.nan if neither else 0.0, math.nan)
    import torch
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from monai.metrics.surface_dice import compute_surface_dice

    box, axes = _box(reference | prediction), _plane_axes(reference.shape)
    cut = (np.ascontiguousarray(np.squeeze(mask[box], axis=axes)) for mask in (prediction, reference))
    one, other = (torch.from_numpy(mask)[None, None] for mask in cut)
    spacing = [size for axis, size in enumerate(spacing_mm) if axis not in axes]
    surface_dice = compute_surface_dice(
        one, other, [tolerance_mm], include_background=True, spacing=spacing, use_subvoxels=True
    )
    hd95 = compute_hausdorff_distance(
        one.float(), other.float(), include_background=True, percentile=95, spacing=spacing
    )
    return SurfaceAgreement(float(surface_dice), float(hd95))


def _plane_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axis to drop from an image of a single plane, which has outlines and no surface."""
    flat = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return flat[:1]


def _box(mask: Bool[np.ndarray, "X Y Z"]) -> tuple[slice, ...]:
    """The smallest box around a mask that is not empty; beyond it there is no surface."""
    ranges = []
    for axis in range(mask.ndim):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        ranges.append(slice(int(held[0]), int(held[-1]) + 1))
    return tuple(ranges)
