"""Local faults of a label's boundary: smoothly deformed, or ragged.

Both are drawn in millimetres on a box around the structure whose size does not depend on the severity, so the same seed
makes the same deformation, only larger.
"""

import math

import numpy as np
import scipy
from jaxtyping import Float32, Float64

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.bench.corruptions.regions import box_around, by_class, half_voxel_mm, listed, put_back, surroundings
from auvseg.bench.corruptions.scale import equivalent_radius_mm
from auvseg.shapes import LabelArray, MaskArray

_ELASTIC_SHARE = 0.5
"""Root mean square displacement at severity 1, in equivalent radii."""
_ELASTIC_STEP = 0.75
"""Distance of the control points, in equivalent radii."""
_RAGGED_SHARE = 0.35
"""Standard deviation of the boundary's place at severity 1, in equivalent radii."""
_RAGGED_LENGTH = 0.1
"""Length over which the raggedness forgets itself, in equivalent radii."""
_REACH = 3.0
"""Standard deviations for which the box has room."""


def deform(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Deform the classes together by a smooth random displacement, as a hand that follows the outline loosely.

    The displacement is a cubic B-spline with independent normal vectors at control points 0.75 radii apart, in mm in
    3D. Its root mean square is `severity` × 0.5 radii; its mean over the classes is taken off, because that would be
    a shift. The radius is the classes' mean equivalent radius, see `auvseg.bench.corruptions.scale`. What would cover
    another class is cut off, and the border of the volume holds what touches it.
    """
    radii_mm = [equivalent_radius_mm(sample.label == value, sample.spacing_mm) for value in sample.class_ids]
    radius_mm = float(np.mean(radii_mm))
    box = box_around(sample.mask, _REACH * _ELASTIC_SHARE * radius_mm, sample.spacing_mm)
    classes = np.where(sample.mask[box], sample.label[box], 0).astype(np.int32)
    field = _smooth_field(classes != 0, _ELASTIC_STEP * radius_mm, sample.spacing_mm, rng)
    rms_mm = severity * _ELASTIC_SHARE * radius_mm
    moved = np.zeros_like(sample.label)
    moved[box] = _sampled(classes, np.float32(rms_mm) * field, sample.spacing_mm)
    parameters = {"displacement_rms_mm": rms_mm, "control_point_distance_mm": _ELASTIC_STEP * radius_mm}
    words = f"deformed smoothly by {rms_mm:.3g} mm, root mean square"
    return Effect(put_back(sample, moved), sample.class_ids, parameters, words)


def _smooth_field(
    mask: MaskArray, step_mm: float, spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> Float32[np.ndarray, "3 D H W"]:
    """Displacements of zero mean over the mask and of root mean square length 1; none along an axis of one voxel."""
    bases = [_spline_basis(np.arange(size) * step / step_mm) for size, step in zip(mask.shape, spacing_mm, strict=True)]
    control = rng.standard_normal((3, *(basis.shape[1] for basis in bases)))
    field = np.einsum("cijk,di,hj,wk->cdhw", control, *bases, optimize=True).astype(np.float32)
    field -= field[:, mask].mean(axis=1)[:, None, None, None]
    field[np.array(mask.shape) == 1] = 0
    length = math.sqrt(float(np.square(field).sum(axis=0).mean(dtype=np.float64)))
    return field / np.float32(length) if length > 0 else field


def _spline_basis(places: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, "N K"]:
    """Uniform cubic B-splines at `places`, with knots on the whole numbers around them."""
    distance = np.abs(places[:, None] - np.arange(-1, math.floor(places[-1]) + 3))
    near = 2 / 3 - distance**2 + distance**3 / 2
    return np.where(distance < 1, near, np.clip(2 - distance, 0, None) ** 3 / 6)


def _sampled(
    classes: LabelArray, displacement_mm: Float32[np.ndarray, "3 D H W"], spacing_mm: tuple[float, float, float]
) -> LabelArray:
    """The label value at each voxel's displaced place; beyond the border, that of the border."""
    places = []
    for axis, (size, step) in enumerate(zip(classes.shape, spacing_mm, strict=True)):
        own = np.arange(size).reshape([-1 if other == axis else 1 for other in range(3)])
        places.append(np.clip(np.rint(own + displacement_mm[axis] / step), 0, size - 1).astype(np.intp))
    return classes[tuple(places)]


def roughen(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Make each class's boundary ragged: every place of it moves in or out by a step of a random Markov chain.

    The steps are normal with standard deviation `severity` × 0.35 equivalent radii and follow a Gauss–Markov process:
    their correlation falls as `exp(−(|Δd|+|Δh|+|Δw|)/λ)`, λ = 0.1 radii but at least one in-plane voxel, in mm in 3D. A
    voxel at a distance `t` from the outline so changes sides with probability Φ(−t/σ). As in `erode`, only the
    surface towards the structure around it moves, and the border of the volume is no surface.

    The model follows Yao et al. 2023 (arXiv 2308.02498, label noise as a Markov process that widens and narrows the
    boundary at random), with a process along the boundary in place of repeated flips, so that it is in mm.
    """
    result = sample.label.copy()
    deviations_mm = {}
    for value in sample.class_ids:
        mask = sample.label == value
        radius_mm = equivalent_radius_mm(mask, sample.spacing_mm)
        deviations_mm[value] = severity * _RAGGED_SHARE * radius_mm
        box = box_around(mask, _REACH * _RAGGED_SHARE * radius_mm, sample.spacing_mm)
        around = surroundings(sample.label, mask)
        voxel_mm = math.sqrt(sample.spacing_mm[1] * sample.spacing_mm[2])
        lengths = [max(_RAGGED_LENGTH * radius_mm, voxel_mm) / step for step in sample.spacing_mm]
        steps_mm = np.float32(deviations_mm[value]) * _markov_field(mask[box].shape, lengths, rng)
        grown, lost = _crossed(mask[box], sample.label[box] != around, steps_mm, sample.spacing_mm)
        result[box][lost] = around
        result[box][grown & np.isin(result[box], (0, around))] = value
    words = f"boundary ragged, standard deviation {listed(deviations_mm)} mm"
    return Effect(result, sample.class_ids, by_class(deviations_mm, "step_sd_mm"), words)


def _markov_field(
    shape: tuple[int, ...], lengths: list[float], rng: np.random.Generator
) -> Float32[np.ndarray, "D H W"]:
    """Standard normal numbers; along each axis a stationary first-order autoregression, its length in voxels."""
    field = rng.standard_normal(shape, dtype=np.float32)
    for axis, length in enumerate(lengths):
        memory = math.exp(-1 / length)
        lines = np.moveaxis(field, axis, -1)
        lines[..., 1:] *= math.sqrt(1 - memory**2)
        chains = scipy.signal.lfilter([1.0], [1.0, -memory], lines).astype(np.float32)
        field = np.moveaxis(chains, -1, axis)
    return field


def _crossed(
    mask: MaskArray,
    inner: MaskArray,
    steps_mm: Float32[np.ndarray, "D H W"],
    spacing_mm: tuple[float, float, float],
) -> tuple[MaskArray, MaskArray]:
    """Voxels that the moved boundary gives to the structure, and those that it takes.

    `inner` is whatever is not the structure around. Every voxel takes the step of the mask's voxel next to its place on
    the boundary, so that both sides of it move together. The outline runs half a voxel before the first voxel's centre.
    """
    half_mm = half_voxel_mm(spacing_mm)
    outer_mm, nearest = scipy.ndimage.distance_transform_edt(~mask, sampling=spacing_mm, return_indices=True)
    steps_mm = steps_mm[tuple(nearest)]
    grown = ~mask & (outer_mm - half_mm <= steps_mm)
    if inner.all():
        return grown, np.zeros_like(mask)
    depth_mm, nearest = scipy.ndimage.distance_transform_edt(inner, sampling=spacing_mm, return_indices=True)
    return grown, mask & (depth_mm - half_mm <= -steps_mm[tuple(nearest)])
