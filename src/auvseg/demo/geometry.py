"""Implicit shapes in millimetres and smooth random fields, from which the phantom's anatomy is built.

A shape is a field over the voxels: about the distance to the shape's surface in mm, positive inside. Shapes combine by
minimum (intersection), maximum (union) and negation. Ellipsoids use the first-order distance `|p/r| (1 − |p/r|) /
|p/r²|`, which is exact on the surface; nothing here is a true distance transform, because only the sign and the last
millimetres matter.

Positions are (s, a, r) in mm from the centre of the volume, growing towards superior, anterior and the patient's right,
which is the order of (D, H, W).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

Field = Float32[np.ndarray, "D H W"]
Point = tuple[float, float, float]
Frequency = Float64[np.ndarray, "..."]
Transfer = Callable[[Frequency], Frequency]
"""Gain of a filter at a frequency in cycles per mm."""

# More than the bending of the axes, so that a box read off the straight middle lines misses nothing.
_MARGIN_MM = 20.0


@dataclass(frozen=True)
class Grid:
    """The voxels of one volume.

    Attributes:
        shape: (D, H, W).
        spacing_mm: voxel size along (D, H, W).
    """

    shape: tuple[int, int, int]
    spacing_mm: Point


@dataclass(frozen=True)
class Space:
    """Where every voxel lies in the patient.

    Attributes:
        s: (D, H, W) mm towards superior.
        a: (D, H, W) mm towards anterior.
        r: (D, H, W) mm towards the patient's right.
    """

    s: Field
    a: Field
    r: Field

    def around(self, centre_mm: Point) -> "Space":
        """The same voxels, positions measured from `centre_mm`."""
        s, a, r = (np.float32(value) for value in centre_mm)
        return Space(self.s - s, self.a - a, self.r - r)


def regular_space(grid: Grid) -> Space:
    """Positions of the voxel centres, zero in the middle of the volume."""
    lines = [
        ((np.arange(count) - (count - 1) / 2) * step).astype(np.float32)
        for count, step in zip(grid.shape, grid.spacing_mm, strict=True)
    ]
    return Space(*np.meshgrid(*lines, indexing="ij"))


def bent(space: Space, grid: Grid, rng: np.random.Generator, *, amplitude_mm: float, length_mm: float) -> Space:
    """Displace the positions smoothly and at random, so that no organ is an ellipsoid."""
    shifts = [np.float32(amplitude_mm) * smooth_noise(grid, rng, length_mm) for _ in range(3)]
    return Space(space.s + shifts[0], space.a + shifts[1], space.r + shifts[2])


def ellipsoid(space: Space, centre_mm: Point, radii_mm: Point) -> Field:
    """An ellipsoid whose axes are the patient's; an infinite radius makes a cylinder."""
    local = space.around(centre_mm)
    scaled = [axis / np.float32(radius) for axis, radius in zip((local.s, local.a, local.r), radii_mm, strict=True)]
    norm = np.sqrt(sum(np.square(axis) for axis in scaled))
    gradient = np.sqrt(sum(np.square(axis / np.float32(radius)) for axis, radius in zip(scaled, radii_mm, strict=True)))
    inside = norm * (1 - norm) / np.maximum(gradient, np.float32(1e-6))
    # At the very centre both norms vanish; the distance there is the smallest radius.
    return np.where(norm < 1e-3, np.float32(min(radii_mm)), inside).astype(np.float32)


def tube(space: Space, points_mm: Sequence[Point], radii_mm: Sequence[float]) -> Field:
    """A chain of round cones through `points_mm`, with one radius a point; far from it the field is only "outside".

    Raises:
        ValueError: there are fewer than two points, or not one radius a point.
    """
    if len(points_mm) < 2 or len(points_mm) != len(radii_mm):
        raise ValueError(
            f"{len(points_mm)} points and {len(radii_mm)} radii: a tube needs two or more, one radius each"
        )
    result = np.full(space.s.shape, -_MARGIN_MM, dtype=np.float32)
    for index in range(len(points_mm) - 1):
        ends = np.asarray(points_mm[index : index + 2], dtype=np.float32)
        start_radius, end_radius = radii_mm[index : index + 2]
        box = _box(space, ends, max(start_radius, end_radius) + _MARGIN_MM)
        near = Space(space.s[box], space.a[box], space.r[box])
        if near.s.size:
            result[box] = np.maximum(result[box], _round_cone(near, ends, start_radius, end_radius))
    return result


def _round_cone(space: Space, ends: Float32[np.ndarray, "2 3"], start_radius: float, end_radius: float) -> Field:
    local = space.around((float(ends[0, 0]), float(ends[0, 1]), float(ends[0, 2])))
    s, a, r = ends[1] - ends[0]
    length_squared = np.maximum(s * s + a * a + r * r, np.float32(1e-6))
    along = np.clip((local.s * s + local.a * a + local.r * r) / length_squared, 0, 1)
    distance = np.sqrt((local.s - along * s) ** 2 + (local.a - along * a) ** 2 + (local.r - along * r) ** 2)
    return np.float32(start_radius) + np.float32(end_radius - start_radius) * along - distance


def _box(space: Space, ends: Float32[np.ndarray, "2 3"], margin_mm: float) -> tuple[slice, slice, slice]:
    """The voxels within `margin_mm` of a segment, read off the middle line of each axis."""
    depth, height, width = (count // 2 for count in space.s.shape)
    lines = (space.s[:, height, width], space.a[depth, :, width], space.r[depth, height, :])
    slices = []
    for line, low, high in zip(lines, ends.min(axis=0), ends.max(axis=0), strict=True):
        near = np.flatnonzero((line > low - margin_mm) & (line < high + margin_mm))
        slices.append(slice(int(near[0]), int(near[-1]) + 1) if near.size else slice(0, 0))
    return slices[0], slices[1], slices[2]


def smooth_union(first: Field, second: Field, width_mm: float) -> Field:
    """The union of two shapes whose seam is rounded over `width_mm` (polynomial smooth maximum)."""
    overlap = np.clip(np.float32(0.5) + (second - first) / np.float32(2 * width_mm), 0, 1)
    return first + (second - first) * overlap + np.float32(width_mm) * overlap * (1 - overlap)


def smooth_noise(grid: Grid, rng: np.random.Generator, length_mm: float) -> Field:
    """A random field of zero mean and unit standard deviation that varies over about `length_mm`."""
    return filtered_noise(grid, rng, lambda frequency: np.exp(-2 * (np.pi * length_mm * frequency) ** 2))


def filtered_noise(grid: Grid, rng: np.random.Generator, transfer: Transfer) -> Field:
    """White noise through an isotropic filter, scaled to zero mean and unit standard deviation.

    It is filtered in the frequency domain, hence periodic at the borders of the volume.
    """
    axes = np.meshgrid(
        np.fft.fftfreq(grid.shape[0], grid.spacing_mm[0]),
        np.fft.fftfreq(grid.shape[1], grid.spacing_mm[1]),
        np.fft.rfftfreq(grid.shape[2], grid.spacing_mm[2]),
        indexing="ij",
        sparse=True,
    )
    frequency = np.sqrt(axes[0] ** 2 + axes[1] ** 2 + axes[2] ** 2)
    spectrum = np.fft.rfftn(rng.standard_normal(grid.shape)) * transfer(frequency)
    field = np.fft.irfftn(spectrum, s=grid.shape, axes=(0, 1, 2))
    field -= field.mean()
    return (field / max(float(field.std()), 1e-12)).astype(np.float32)
