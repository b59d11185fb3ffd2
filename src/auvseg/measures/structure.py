"""One labelled structure in its bounding box: input of the geometry and boundary measures.

The box is a view of the volume, not a copy, with a margin for the surroundings. Slow measures use evenly spaced planes
of the box, at most `VOXELS` in all.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from auvseg.data.label_planes import numbered
from auvseg.measures.inputs import MeasureInput, Region, WholeCase, grown, is_class
from auvseg.shapes import ImageArray, LabelArray, MaskArray

MARGIN = 3
"""Voxels around the box in which the surroundings are looked at."""

VOXELS = 1 << 22
"""Voxels that boundary and outline are looked at in: every plane of most structures, some planes of the largest."""


Weighted = tuple[int, Float64[np.ndarray, "3"]]
"""Voxels of something, and a point along (D, H, W)."""


class Plane(NamedTuple):
    """One plane of a structure: its mask, the image there, and the mask's pixel count in each 5×5 neighbourhood."""

    mask: Bool[np.ndarray, "h w"]
    image: Float32[np.ndarray, "h w"]
    around: UInt8[np.ndarray, "h w"]

    @property
    def near(self) -> Bool[np.ndarray, "h w"]:
        """Mask the pixels at most two pixels from the structure, including the structure itself."""
        return self.around > 0


@dataclass(frozen=True, eq=False)
class Structure:
    """A class of a case, within its bounding box and a margin.

    Attributes:
        mask: (d, h, w) mask of the class.
        image: (d, h, w) normalised intensities there, a view.
        label: (d, h, w) label values there, a view.
        box: the tight box around the class, in the whole volume.
        inner: the tight box within `mask`.
        spacing_mm: voxel size along (D, H, W).
    """

    mask: MaskArray
    image: ImageArray
    label: LabelArray
    box: Region
    inner: Region
    spacing_mm: tuple[float, float, float]

    @cached_property
    def areas(self) -> Int64[np.ndarray, "D"]:
        """Voxels of the structure on each plane from the first to the last that contain it; 0 on a skipped plane."""
        return np.asarray(np.count_nonzero(self.mask[self.inner[0]], axis=(1, 2)))

    @cached_property
    def faces(self) -> tuple[int, int, int]:
        """Voxel faces between the structure and everything else across D, H and W; the volume's border counts."""
        return _faces(self.mask, 0), _faces(self.mask, 1), _faces(self.mask, 2)

    @property
    def size_mm(self) -> tuple[float, float, float]:
        """Sides of the tight box along (D, H, W), in mm."""
        depth, height, width = (
            (part.stop - part.start) * step for part, step in zip(self.box, self.spacing_mm, strict=True)
        )
        return depth, height, width

    @cached_property
    def planes(self) -> tuple[Plane, ...]:
        """Evenly spaced planes between the first and the last, without empty ones."""
        first, stop = self.inner[0].start, self.inner[0].stop
        step = max(math.ceil((stop - first) * self.mask[0].size / VOXELS), 1)
        indices = range(first + (stop - first - 1) % step // 2, stop, step)
        return tuple(
            Plane(self.mask[index], self.image[index], neighbours(self.mask[index], 2))
            for index in indices
            if self.mask[index].any()
        )

    def on_plane(self, index: int) -> Bool[np.ndarray, "h w"]:
        """The structure on a plane of the volume, within the rows and columns of its box; empty beyond its planes."""
        depth, rows, columns = self.inner
        inside = depth.start <= (own := index - self.box[0].start + depth.start) < depth.stop
        return self.mask[own, rows, columns] if inside else np.zeros_like(self.mask[0, rows, columns])


def structure_of(case: MeasureInput) -> Structure | None:
    """Cut out the structure of a class; None without a label, or if the label lacks the class. Cached per class."""
    return case.once(_structure)


def _structure(case: MeasureInput) -> Structure | None:
    if case.whole.label is None or case.box is None:
        return None
    cut = grown(case.box, (MARGIN, MARGIN, MARGIN), case.whole.image.shape)
    first, second, third = (
        slice(part.start - outer.start, part.stop - outer.start) for part, outer in zip(case.box, cut, strict=True)
    )
    label = case.whole.label[cut]
    mask = is_class(label, case.values)
    return Structure(mask, case.whole.image[cut], label, case.box, (first, second, third), case.spacing_mm)


def neighbours(mask: Bool[np.ndarray, "h w"], reach: int) -> UInt8[np.ndarray, "h w"]:
    """Count the mask's pixels in the square of side `2 reach + 1` around every pixel, itself included.

    `reach` is at most 7, so that the count fits into a byte.
    """
    height, width = mask.shape
    padded = np.zeros((height + 2 * reach, width + 2 * reach), dtype=np.uint8)
    padded[reach : reach + height, reach : reach + width] = mask
    by_row = padded[:height].copy()
    for step in range(1, 2 * reach + 1):
        by_row += padded[step : step + height]
    sums = by_row[:, :width].copy()
    for step in range(1, 2 * reach + 1):
        sums += by_row[:, step : step + width]
    return sums


def centroids_mm(whole: WholeCase) -> dict[int, Weighted]:
    """Voxels and centre along (D, H, W) in mm from the volume's corner, by label value above 0."""
    found: dict[int, Weighted] = {}
    if whole.label is None:
        return found
    width = whole.label.shape[2]
    for index, plane in enumerate(whole.label):
        # Most of a plane is background, which is not needed.
        where = np.flatnonzero(plane)
        if not where.size:
            continue
        values, numbers = numbered(plane.ravel()[where])
        rows, columns = np.divmod(where, width)
        sums = [np.bincount(numbers, weights) for weights in (None, rows, columns)]
        for number in np.flatnonzero(sums[0]):
            if (value := int(values[number])) > 0:
                known, total = found.get(value, (0, np.zeros(3)))
                count = int(sums[0][number])
                found[value] = (known + count, total + np.array([index * count, sums[1][number], sums[2][number]]))
    spacing = np.array(whole.spacing_mm)
    return {value: (count, spacing * total / count) for value, (count, total) in found.items()}


def _faces(mask: MaskArray, axis: int) -> int:
    view = np.moveaxis(mask, axis, 0)
    inside = np.count_nonzero(view[1:] != view[:-1])
    return int(inside + np.count_nonzero(view[0]) + np.count_nonzero(view[-1]))
