"""Baseline measures, computed with the label resampled to the grid of the class map.

Resampling the label, not the map, avoids copies of the volume's size. A pixel of the map's grid belongs to the
structure if at least half of the voxels that it covers do. It covers the voxels whose share of the plane overlaps its
own, as in PyTorch's area interpolation.

Shapes: D scored planes, h, w the map's grid, H, W the volume's, r, c rows and columns of the grid.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor
from torch.nn import functional

from auvseg.measures.inputs import MeasureInput
from auvseg.measures.map_sums import total
from auvseg.measures.structure import structure_of


@dataclass(frozen=True)
class LabelOnMap:
    """Mask of a structure on the grid of its map.

    Attributes:
        rows: rows of the map's grid that may hold the structure.
        columns: columns of the map's grid that may hold it.
        inside: (r, c) per scored plane, where the structure is and its label is not ignored.
        ignored: (h, w) per scored plane, where the label is ignored; None if it is ignored nowhere.
    """

    rows: slice
    columns: slice
    inside: tuple[Bool[np.ndarray, "r c"], ...]
    ignored: tuple[Bool[np.ndarray, "h w"] | None, ...]


def label_on_map(case: MeasureInput) -> LabelOnMap | None:
    """Resample the label to the map's grid; None without a label, map or structure. `MeasureInput.once` caches it."""
    structure = structure_of(case)
    if structure is None or not case.has_map:
        return None
    shape, grid = case.whole.image.shape[1:], tuple(case.class_map.logits.shape[1:])
    axes = [_Covered.of(size, new) for size, new in zip(shape, grid, strict=True)]
    windows = [axis.within(part) for axis, part in zip(axes, structure.box[1:], strict=True)]
    inside, ignored = [], []
    for index in case.class_map.planes:
        found = _at_least_half(structure.on_plane(index), *windows)
        nothing = case.ignored(index)
        if nothing is not None:
            # Voxels that are not ignored must cover half of a pixel too.
            nothing = ~_at_least_half(~nothing, *axes)
            found &= ~nothing[windows[0].pixels, windows[1].pixels]
        inside.append(found)
        ignored.append(nothing)
    return LabelOnMap(windows[0].pixels, windows[1].pixels, tuple(inside), tuple(ignored))


@dataclass(frozen=True)
class _Covered:
    """The voxels that each pixel of the map covers along an axis.

    Attributes:
        pixels: indices of the pixels.
        first: first voxel of each pixel.
        stop: one after its last voxel.
        sizes: number of voxels it covers; more than `stop - first` if some lie outside the given part of the volume.
    """

    pixels: slice
    first: Int64[np.ndarray, "r"]
    stop: Int64[np.ndarray, "r"]
    sizes: Int64[np.ndarray, "r"]

    @classmethod
    def of(cls, size: int, new: int) -> "_Covered":
        pixels = np.arange(new, dtype=np.int64)
        first, stop = pixels * size // new, -(-(pixels + 1) * size // new)
        return cls(slice(0, new), first, stop, stop - first)

    def within(self, part: slice) -> "_Covered":
        """Return the pixels that cover a part of the volume, with the part's voxels that each covers."""
        low = int(np.searchsorted(self.stop, part.start, side="right"))
        high = int(np.searchsorted(self.first, part.stop, side="left"))
        pixels = slice(low, high)
        first = np.maximum(self.first[pixels], part.start) - part.start
        stop = np.minimum(self.stop[pixels], part.stop) - part.start
        return _Covered(pixels, first, stop, self.sizes[pixels])


def _at_least_half(mask: Bool[np.ndarray, "H W"], rows: _Covered, columns: _Covered) -> Bool[np.ndarray, "r c"]:
    if (rows.sizes == 1).all() and (columns.sizes == 1).all():
        return mask[rows.first[:, None], columns.first]
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), dtype=np.int32)
    np.cumsum(np.cumsum(mask, axis=0, dtype=np.int32), axis=1, out=sums[1:, 1:])
    below, above = sums[rows.stop], sums[rows.first]
    covered = below[:, columns.stop] - above[:, columns.stop] - below[:, columns.first] + above[:, columns.first]
    found: Bool[np.ndarray, "r c"] = 2 * covered >= rows.sizes[:, None] * columns.sizes
    return found


def variance(case: MeasureInput) -> float | None:
    """Variance of the normalised intensities inside the structure, in [0, 0.25]; the population's, not the sample's."""
    structure = structure_of(case)
    if structure is None:
        return None
    count, sum_, squares = 0, 0.0, 0.0
    for image, mask in zip(structure.image[structure.inner], structure.mask[structure.inner], strict=True):
        # Centred on the middle of the range, so that the difference of two sums does not cancel digits.
        inside = image[mask].astype(np.float64) - 0.5
        count += inside.size
        sum_ += float(inside.sum())
        squares += float(np.square(inside).sum())
    return max(squares / count - (sum_ / count) ** 2, 0.0) if count else None


def fisher(case: MeasureInput) -> float | None:
    """Fisher discriminant ratio of the map between the pixels inside and outside the structure, at least 0.

        (mu_1 - mu_0)² / (s_1² + s_0²)

    None if either side has no pixel or both are constant.
    """
    label = case.once(label_on_map)
    if label is None:
        return None
    whole, inside = _Moments(), _Moments()
    # Subtracting one value from all keeps the ratio, makes a constant map exactly 0, and few digits cancel.
    offset = case.class_map.logits[0, 0, 0].double()
    for logits, mask, ignored in zip(case.class_map.logits, label.inside, label.ignored, strict=True):
        values = logits.double() - offset
        inside.add(values[label.rows, label.columns][torch.from_numpy(mask).to(values.device)])
        whole.add(values if ignored is None else values[torch.from_numpy(~ignored).to(values.device)])
    outside = whole.without(inside)
    if not inside.count or not outside.count:
        return None
    spread = inside.variance + outside.variance
    return (inside.mean - outside.mean) ** 2 / spread if spread > 0 else None


def energy(case: MeasureInput) -> float | None:
    """Mean free energy of the map inside the structure, below 0; high means that the model sees little there.

    One class against the rest has the logits {z, 0}, so with temperature T = 1

        E(z) = -T log(exp(z / T) + exp(0)) = -softplus(z)

    (Liu et al., Energy-based out-of-distribution detection, NeurIPS 2020, behind the paper's EAOA.)
    """
    label = case.once(label_on_map)
    if label is None:
        return None
    count, sum_ = 0, 0.0
    for odds, mask in zip(case.odds, label.inside, strict=True):
        values = odds[label.rows, label.columns][torch.from_numpy(mask).to(odds.device)]
        count += values.numel()
        sum_ -= float(total(functional.softplus(values)[None]))
    return sum_ / count if count else None


@dataclass
class _Moments:
    """Count, sum and sum of squares of values that are added in parts."""

    count: int = 0
    sum: float = 0.0
    squares: float = 0.0

    def add(self, values: Float64[Tensor, "..."]) -> None:
        rows = values if values.dim() > 1 else values[None]
        self.count += values.numel()
        self.sum += float(total(rows))
        self.squares += float(total(rows.square()))

    def without(self, others: "_Moments") -> "_Moments":
        return _Moments(self.count - others.count, self.sum - others.sum, self.squares - others.squares)

    @property
    def mean(self) -> float:
        return self.sum / self.count

    @property
    def variance(self) -> float:
        return max(self.squares / self.count - self.mean**2, 0.0)
