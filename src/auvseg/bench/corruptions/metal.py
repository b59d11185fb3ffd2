"""Metal streaks as in CT: beam hardening and photon starvation along the rays through two implants.

The errors in the projections are modelled and reconstructed by filtered back-projection. The rods run through all
planes, so all projections are equal and one plane is computed for the whole volume.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.bench.corruptions.scale import equivalent_radius_mm, intensity_range

_STREAK_SHARE = 0.5
_METAL_RANGES = 8.0
_ROD_SHARE = 0.3
_ROD_FLATNESS = 0.6
_STARVATION = 0.4
_VIEWS = 180

Plane = Float64[np.ndarray, "H W"]


class _Rod(NamedTuple):
    """An elliptic cylinder along D; mm in the plane from its middle, radians from W towards H."""

    h_mm: float
    w_mm: float
    long_mm: float
    short_mm: float
    angle: float


class _Grid(NamedTuple):
    """Places of rows and columns, from the middle of the plane, and how large a pixel is."""

    h_mm: Float64[np.ndarray, "H 1"]
    w_mm: Float64[np.ndarray, "1 W"]
    pixel_mm: float


def add_streaks(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Add two rods of metal on opposite sides of a structure, and the streaks that they leave in the reconstruction.

    With `l₁` and `l₂` the lengths of a ray within the rods and `l` their sum over its maximum, a projection is wrong by
    `−l²` (beam hardening: a dark band between the rods, bright ones beside it) and by white noise of standard deviation
    `0.4 l` (photon starvation: fine streaks). Filtered back-projection of 180 parallel views makes the streaks; they
    are scaled to a root mean square of `severity` × 0.5 × a structure's intensity range within the structure. The
    rods' long half axis is 0.3 of the structure's equivalent radius, they stand as far outside it, and are brighter
    than what was there by `severity` × 8 ranges. Where several classes are to be corrupted one is drawn; where nothing
    is labelled the middle of the volume takes its place. Meant for CT; of MRI it makes no physical artefact.

    Raises:
        CaseError: every class is constant, so that nothing gives a scale.
    """
    scale = severity * intensity_range(sample)
    weights, radius_mm = _target(sample, rng)
    grid = _grid(weights, sample.spacing_mm)
    rods = _rods(weights, grid, radius_mm, rng)
    streaks = _reconstruct(rods, grid, rng)
    rms = math.sqrt(float((weights * streaks**2).sum() / weights.sum()))
    target = _STREAK_SHARE * scale
    plane = streaks * (target / rms if rms > 0 else 0.0)
    plane[_inside(rods, grid)] = _METAL_RANGES * scale
    parameters = {"streak_rms": target, "metal_excess": _METAL_RANGES * scale, "rod_half_axis_mm": rods[0].long_mm}
    parameters["rod_distance_mm"] = math.hypot(rods[0].h_mm - rods[1].h_mm, rods[0].w_mm - rods[1].w_mm)
    words = f"streaks of two rods of metal, root mean square {target:.3g} intensity units within the structure"
    return Effect(sample.image + plane.astype(np.float32), (), parameters, words)


def _target(sample: Sample, rng: np.random.Generator) -> tuple[Plane, float]:
    """How many of the structure's voxels stand over each pixel, and its equivalent radius in mm."""
    if sample.class_ids:
        mask = sample.label == int(rng.choice(sample.class_ids))
    else:
        mask = np.zeros_like(sample.label, dtype=bool)
        rows, columns = mask.shape[1] // 4, mask.shape[2] // 4
        mask[:, rows : mask.shape[1] - rows, columns : mask.shape[2] - columns] = True
    return np.count_nonzero(mask, axis=0).astype(np.float64), equivalent_radius_mm(mask, sample.spacing_mm)


def _grid(weights: Plane, spacing_mm: tuple[float, float, float]) -> _Grid:
    height, width = weights.shape
    h_mm = (np.arange(height) - (height - 1) / 2) * spacing_mm[1]
    w_mm = (np.arange(width) - (width - 1) / 2) * spacing_mm[2]
    return _Grid(h_mm[:, None], w_mm[None], math.sqrt(spacing_mm[1] * spacing_mm[2]))


def _rods(weights: Plane, grid: _Grid, radius_mm: float, rng: np.random.Generator) -> tuple[_Rod, _Rod]:
    """One on either side of the structure's silhouette, clear of it in whatever shape it has."""
    angle = rng.uniform(0, 2 * math.pi)
    rows, columns = np.nonzero(weights)
    rows_mm, columns_mm = grid.h_mm[rows, 0], grid.w_mm[0, columns]
    middle_h, middle_w = float(rows_mm.mean()), float(columns_mm.mean())
    long_mm = max(_ROD_SHARE * radius_mm, grid.pixel_mm)
    rods = []
    for side in (angle, angle + math.pi):
        sine, cosine = math.sin(side), math.cos(side)
        edge_mm = float(((rows_mm - middle_h) * sine + (columns_mm - middle_w) * cosine).max())
        reach_mm = edge_mm + 2 * long_mm
        place = (middle_h + reach_mm * sine, middle_w + reach_mm * cosine)
        rods.append(_Rod(*place, long_mm, _ROD_FLATNESS * long_mm, rng.uniform(0, math.pi)))
    return rods[0], rods[1]


def _inside(rods: tuple[_Rod, _Rod], grid: _Grid) -> Bool[np.ndarray, "H W"]:
    result = np.zeros((grid.h_mm.size, grid.w_mm.size), dtype=bool)
    for rod in rods:
        h, w = grid.h_mm - rod.h_mm, grid.w_mm - rod.w_mm
        along = w * math.cos(rod.angle) + h * math.sin(rod.angle)
        across = h * math.cos(rod.angle) - w * math.sin(rod.angle)
        result |= (along / rod.long_mm) ** 2 + (across / rod.short_mm) ** 2 <= 1
    return result


def _reconstruct(rods: tuple[_Rod, _Rod], grid: _Grid, rng: np.random.Generator) -> Plane:
    """Filtered back-projection of the projections' errors, in arbitrary units."""
    corner_mm = math.hypot(float(np.abs(grid.h_mm).max()), float(np.abs(grid.w_mm).max()))
    reach_mm = max(corner_mm, *(math.hypot(rod.h_mm, rod.w_mm) for rod in rods)) + 2 * rods[0].long_mm
    # Rods that are not wider than a pixel would fall between coarser rays.
    step_mm = min(grid.pixel_mm, rods[0].short_mm / 2)
    detector = np.arange(-reach_mm, reach_mm + step_mm, step_mm)
    views = np.arange(_VIEWS) * math.pi / _VIEWS
    lengths = np.stack([_path_mm(rods[0], view, detector) + _path_mm(rods[1], view, detector) for view in views])
    lengths /= lengths.max()
    errors = -(lengths**2) + _STARVATION * lengths * rng.standard_normal(lengths.shape)
    filtered = _ramp_filtered(errors)
    plane = np.zeros((grid.h_mm.size, grid.w_mm.size))
    for view, line in zip(views, filtered, strict=True):
        plane += np.interp(grid.w_mm * math.cos(view) + grid.h_mm * math.sin(view), detector, line)
    return plane / _VIEWS


def _ramp_filtered(projections: Float64[np.ndarray, "V S"]) -> Float64[np.ndarray, "V S"]:
    """Ramp filter under a Hann window; padded, because a projection does not repeat."""
    count = 2 * projections.shape[1]
    frequency = np.fft.rfftfreq(count)
    ramp = frequency * (0.5 + 0.5 * np.cos(2 * np.pi * frequency))
    return np.fft.irfft(np.fft.rfft(projections, n=count, axis=1) * ramp, n=count, axis=1)[:, : projections.shape[1]]


def _path_mm(rod: _Rod, view: float, detector: Float64[np.ndarray, " S"]) -> Float64[np.ndarray, " S"]:
    """Length of each ray within an ellipse: its Radon transform (Kak and Slaney 1988, section 3.1)."""
    half = math.hypot(rod.long_mm * math.cos(view - rod.angle), rod.short_mm * math.sin(view - rod.angle))
    offset = detector - (rod.w_mm * math.cos(view) + rod.h_mm * math.sin(view))
    return 2 * rod.long_mm * rod.short_mm / half**2 * np.sqrt(np.clip(half**2 - offset**2, 0, None))
