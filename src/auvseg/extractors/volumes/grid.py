"""Map voxels between grids, and resample linearly between them, one axis at a time.

A case keeps its own voxels; a model wants them at a distance of its own, and gives its logits there. All grids of a
case have the same axes, (D, H, W) along (S, A, R), and differ in where the first voxel is and how far the next: so a
volume is resampled by three small tables, without a grid of coordinates as large as the volume itself.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

_NOTHING = 1e-6
"""In voxels: where rounding of positions ends."""


@dataclass(frozen=True)
class Axis:
    """Voxels of a grid along one axis of a case.

    Attributes:
        start: position of the first, in voxels of the case: 0 is the middle of the case's first voxel.
        step: distance of two neighbours, in voxels of the case; above 0.
        count: how many.
        cut: whether something was cut away before the first, and after the last.
    """

    start: float
    step: float
    count: int
    cut: tuple[bool, bool] = (False, False)

    def cropped(self, first: int, stop: int) -> "Axis":
        """The voxels from `first` to before `stop`."""
        cut = (self.cut[0] or first > 0, self.cut[1] or stop < self.count)
        return replace(self, start=self.start + first * self.step, count=stop - first, cut=cut)

    def positions(self, of: "Axis") -> Float[np.ndarray, "N"]:
        """Where the voxels of another axis lie, in voxels of this one."""
        return (of.start + of.step * np.arange(of.count) - self.start) / self.step

    def covered(self, of: "Axis") -> slice:
        """Those voxels of another axis whose middle is not in what was cut away from this one."""
        where = self.positions(of)
        low = -0.5 - _NOTHING if self.cut[0] else -np.inf
        high = self.count - 0.5 + _NOTHING if self.cut[1] else np.inf
        inside = np.flatnonzero((where >= low) & (where <= high))
        return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)


Grid = tuple[Axis, Axis, Axis]
"""A grid in a case, along (D, H, W)."""


def case_grid(shape: tuple[int, ...]) -> Grid:
    """The grid of a (D, H, W) case itself."""
    depth, height, width = (Axis(0.0, 1.0, size) for size in shape)
    return depth, height, width


def spaced_grid(
    shape: tuple[int, ...],
    spacing_mm: tuple[float, float, float],
    wanted_mm: tuple[float, float, float],
    *,
    axcodes: str = "SAR",
) -> Grid:
    """The grid of a case at another spacing, as MONAI's `Spacing` lays it.

    The middle of the file's first voxel stays where it is, and the last voxel is the nearest to the case's last.

    Args:
        shape: of the case, (D, H, W).
        spacing_mm: of the case, along (D, H, W).
        wanted_mm: along (D, H, W).
        axcodes: orientation in which the first voxel is the first: that on disk, or the model's.
    """
    axes = []
    for letter, size, has, wants in zip("SAR", shape, spacing_mm, wanted_mm, strict=True):
        step = wants / has
        # As NumPy rounds, and so as MONAI: half to even.
        count = max(int(np.round((size - 1) / step + 1.0)), 1)
        from_end = letter not in axcodes
        axes.append(Axis((size - 1) - step * (count - 1) if from_end else 0.0, step, count))
    depth, height, width = axes
    return depth, height, width


def map_grid(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], wanted_mm: tuple[float, float, float]
) -> Grid:
    """The grid of a class map (`base.ClassMap`): all planes of the case, (h, w) pixels over its very field of view.

    Args:
        shape: of the case, (D, H, W).
        spacing_mm: of the case, along (D, H, W).
        wanted_mm: of the model, along (D, H, W): the pixels are about as large, and never smaller than the case's.
    """
    axes = [Axis(0.0, 1.0, shape[0])]
    for size, has, wants in zip(shape[1:], spacing_mm[1:], wanted_mm[1:], strict=True):
        count = min(max(round(size * has / wants), 1), size)
        axes.append(Axis((size / count - 1) / 2, size / count, count))
    depth, height, width = axes
    return depth, height, width


def resample(
    values: Float32[Tensor, "d h w"], source: Grid, target: Grid, *, outside: float | None = None
) -> Float32[Tensor, "D H W"]:
    """Values on one grid at the voxels of another, linear between neighbours and constant beyond the first and last.

    Args:
        values: (d, h, w) on `source`.
        source: where they are.
        target: where they are wanted.
        outside: what stands where `source` was cut; None: the lowest of `values`.
    """
    shape = tuple(axis.count for axis in target)
    covered = [has.covered(wants) for has, wants in zip(source, target, strict=True)]
    found = values
    # The axis that shrinks most first, so that the intermediate is small.
    for dim in sorted(range(3), key=lambda d: (covered[d].stop - covered[d].start) / max(values.shape[d], 1)):
        where = source[dim].positions(target[dim])[covered[dim]]
        found = _interpolated(found, dim, where)
    if tuple(found.shape) == shape:
        return found
    whole = values.new_full(shape, float(values.min()) if outside is None else outside)
    whole[covered[0], covered[1], covered[2]] = found
    return whole


def _interpolated(values: Float32[Tensor, "..."], dim: int, where: Float[np.ndarray, "N"]) -> Float32[Tensor, "..."]:
    """Values at positions along one axis, in voxels; beyond the ends those of the ends."""
    last = values.shape[dim] - 1
    where = np.clip(where, 0.0, last)
    nearest = np.round(where)
    # A position that is a voxel's but for rounding is that voxel's: its value is then kept bit for bit.
    where = np.where(np.abs(where - nearest) < _NOTHING, nearest, where)
    below = np.floor(where).astype(np.int64)
    if np.array_equal(where, np.arange(last + 1)):
        return values
    shape = [1] * values.ndim
    shape[dim] = -1
    share = torch.from_numpy((where - below).astype(np.float32)).to(values.device).view(shape)
    low = values.index_select(dim, torch.from_numpy(below).to(values.device))
    high = values.index_select(dim, torch.from_numpy(np.minimum(below + 1, last)).to(values.device))
    return torch.lerp(low, high, share)
