"""Image quality without a reference: noise, blur, thick slices, ghosts, spikes, shading, blank and clipped parts.

All work on the normalised image without the label, so they are the same for every class of a case and computed once.
In-plane measures use evenly spaced planes, at most `VOXELS` in all, so a thousand-plane CT takes seconds. No value is
good or bad by itself: a case is compared with the cohort, scanned alike.

Each returns None if the planes are too small or hold no variation at all.
"""

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Float64
from scipy import ndimage

from auvseg.measures.inputs import MeasureInput, WholeCase
from auvseg.measures.trivial import MINIMUM_SIDE, noise_of_plane

VOXELS = 1 << 23
"""Most voxels that the in-plane measures use: 32 planes of a CT, every plane of a small MRI."""

_MIN_SIDE = 8
"""Fewest rows and columns for which a plane has a usable spectrum."""

_FINE = (0.2, 0.35)
_COARSE = (0.05, 0.15)
"""Spatial frequencies in cycles a voxel; the finest are left out, since noise dominates there."""

_BLOCKS = 6
"""Blocks along each axis for the shading of an image."""

_DARK = 0.05
"""Voxels below this are taken for air and left out."""


def noise(case: MeasureInput) -> float | None:
    """Standard deviation of the noise within the planes, in units of the normalised range; median of the planes."""
    by_plane = case.whole.once(_noise_by_plane)
    return None if by_plane is None else float(np.median(by_plane))


def odd_plane(case: MeasureInput) -> float | None:
    """Logarithm of the noisiest plane's noise over the median plane's: high where a few planes differ from the rest."""
    by_plane = case.whole.once(_noise_by_plane)
    if by_plane is None or not np.median(by_plane) > 0:
        return None
    return math.log(float(by_plane.max() / np.median(by_plane)))


def sharpness(case: MeasureInput) -> float | None:
    """Logarithm of the image's power at fine over that at coarse detail (0.2 to 0.35, 0.05 to 0.15 cycles a voxel).

    A ratio, so that contrast does not matter; blur lowers it.
    """
    return case.whole.once(_sharpness)


def through_plane(case: MeasureInput) -> float | None:
    """Logarithm of the mean intensity step between planes over that within planes, both a millimetre.

    Thick or smoothed slices lower it.
    """
    return case.whole.once(_through_plane)


def anisotropy(case: MeasureInput) -> float | None:
    """Logarithm of the mean second difference along the rows' axis over that along the columns'.

    Ghosting and motion change only one of the two axes, the phase-encoding direction.
    """
    return case.whole.once(_anisotropy)


def spike(case: MeasureInput) -> float | None:
    """Logarithm of the largest spectral coefficient of any plane over the geometric mean of its neighbours.

    A single wrong point in k-space makes a stripe pattern over the whole plane.
    """
    return case.whole.once(_spike)


def shading(case: MeasureInput) -> float | None:
    """Coefficient of variation of the mean intensities of 6×6×6 blocks, without air; a coil's bias field raises it."""
    return case.whole.once(_shading)


def blank(case: MeasureInput) -> float | None:
    """Share of voxels that equal their next neighbours along every axis, in [0, 1]: padding, truncation, blanking."""
    return case.whole.once(_blank)


def clipped(case: MeasureInput) -> float | None:
    """Share of voxels at either end of the normalised range, in [0, 1]: streaks, spikes, a window that does not fit."""
    return case.whole.once(_clipped)


def some_planes(whole: WholeCase) -> Float32[np.ndarray, "P H W"]:
    """Return evenly spaced planes of the image, at most `VOXELS` voxels in all and at least one plane."""
    depth, height, width = whole.image.shape
    return whole.image[_evenly(depth, max(VOXELS // (height * width), 1))]


def _evenly(depth: int, most: int) -> slice:
    step = max(math.ceil(depth / most), 1)
    return slice((depth - 1) % step // 2, None, step)


def _noise_by_plane(whole: WholeCase) -> Float64[np.ndarray, "D"] | None:
    if min(whole.image.shape[1:]) < MINIMUM_SIDE:
        return None
    return np.array([noise_of_plane(whole, index) for index in range(len(whole.image))])


def _spectra(whole: WholeCase) -> Float32[np.ndarray, "P H K"] | None:
    """Magnitude of the 2D spectrum of sampled planes, after removing the mean and applying a Hann window.

    Without the window the jump between opposite borders would fill the axes of k-space.
    """
    planes = some_planes(whole)
    _, height, width = planes.shape
    if min(height, width) < _MIN_SIDE:
        return None
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]).astype(np.float32)
    centred = [plane - plane.mean(dtype=np.float64).astype(np.float32) for plane in planes]
    return np.stack([np.abs(np.fft.rfft2(plane * window)).astype(np.float32) for plane in centred])


def _sharpness(whole: WholeCase) -> float | None:
    spectra = whole.once(_spectra)
    if spectra is None:
        return None
    rows, columns = np.fft.fftfreq(spectra.shape[1]), np.arange(spectra.shape[2]) / whole.image.shape[2]
    frequency = np.hypot(rows[:, None], columns[None, :])
    power = np.mean([np.square(plane, dtype=np.float64) for plane in spectra], axis=0)
    fine, coarse = (float(power[(frequency >= low) & (frequency < high)].mean()) for low, high in (_FINE, _COARSE))
    return math.log(fine / coarse) if fine > 0 and coarse > 0 else None


def _through_plane(whole: WholeCase) -> float | None:
    image, spacing = whole.image, whole.spacing_mm
    if min(image.shape) < 2:
        return None
    step = _evenly(image.shape[0] - 1, max(VOXELS // image[0].size, 1))
    between = _mean_size(
        np.subtract(upper, lower) for lower, upper in zip(image[:-1][step], image[1:][step], strict=True)
    )
    within = sum(
        _mean_size(np.diff(plane, axis=axis) for plane in some_planes(whole)) / spacing[axis + 1] for axis in (0, 1)
    )
    return math.log(2 * between / spacing[0] / within) if between > 0 and within > 0 else None


def _anisotropy(whole: WholeCase) -> float | None:
    if min(whole.image.shape[1:]) < MINIMUM_SIDE:
        return None
    rows, columns = (_mean_size(np.diff(plane, n=2, axis=axis) for plane in some_planes(whole)) for axis in (0, 1))
    return math.log(rows / columns) if rows > 0 and columns > 0 else None


def _mean_size(parts: Iterable[Float32[np.ndarray, "..."]]) -> float:
    """Mean absolute value over arrays of one size."""
    return float(np.mean([np.abs(part).mean(dtype=np.float64) for part in parts]))


def _spike(whole: WholeCase) -> float | None:
    spectra = whole.once(_spectra)
    if spectra is None:
        return None
    return max((value for plane in spectra if (value := _isolation(plane)) is not None), default=None)


def _isolation(magnitude: Float32[np.ndarray, "H K"]) -> float | None:
    floor = 1e-3 * float(magnitude.mean(dtype=np.float64))
    if not floor > 0:
        return None
    logarithm = np.log(magnitude + np.float32(floor))
    size = 7
    around = ndimage.uniform_filter(logarithm, size, mode="nearest") * (size * size)
    inner = ndimage.uniform_filter(logarithm, 3, mode="nearest") * 9
    # The Hann window spreads a point over its 3×3 neighbours, so it is compared with points farther away.
    return float((logarithm - (around - inner) / (size * size - 9)).max())


def _shading(whole: WholeCase) -> float | None:
    image = whole.image
    blocks = [np.array_split(np.arange(size), min(_BLOCKS, size)) for size in image.shape]
    means = []
    for planes in blocks[0]:
        slab = image[planes[0] : planes[-1] + 1][:: max(len(planes) * image[0].size * _BLOCKS // VOXELS, 1)]
        lit = slab > _DARK
        for rows in blocks[1]:
            for columns in blocks[2]:
                where = np.s_[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                voxels = np.count_nonzero(lit[where])
                if 2 * voxels >= lit[where].size:
                    means.append(float(slab[where].sum(where=lit[where], dtype=np.float64)) / voxels)
    return float(np.std(means) / np.mean(means)) if len(means) > 1 else None


def _blank(whole: WholeCase) -> float | None:
    planes = some_planes(whole)
    if min(planes.shape[1:]) < 2:
        return None
    same = [(plane[1:, 1:] == plane[:-1, 1:]) & (plane[1:, 1:] == plane[1:, :-1]) for plane in planes]
    return float(np.mean([np.count_nonzero(part) / part.size for part in same]))


def _clipped(whole: WholeCase) -> float | None:
    planes = some_planes(whole)
    return float(np.mean([np.count_nonzero((plane <= 0) | (plane >= 1)) / plane.size for plane in planes]))
