"""Faults of an image: noise, blur, ghosts of a moving patient, thick slices.

Each works on the whole volume at once. None clips, because intensities may be in any unit; whoever writes a format of
limited range clips there.
"""

import math

import numpy as np
from scipy import ndimage

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.errors import CaseError
from auvseg.shapes import ImageArray

_RANGE_PERCENTILES = (0.5, 99.5)
_BLUR_VOXELS = 3.0
_MOTION_VOXELS = 2.0
_GHOST_SHARE = 0.5
_GHOST_DISTANCE = (0.12, 0.3)
_EXTRA_PLANES = 5.0


def add_noise(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Add white Gaussian noise of standard deviation `severity` × the foreground's intensity range.

    The range lies between the 0.5th and 99.5th percentile of the classes' voxels, or of all voxels where nothing is
    labelled.

    Raises:
        CaseError: the foreground is constant, so that its range gives no scale.
    """
    deviation = severity * _intensity_range(sample)
    noise = rng.standard_normal(sample.image.shape, dtype=np.float32)
    noisy = sample.image + np.float32(deviation) * noise
    return Effect(
        noisy, (), {"noise_sd": deviation}, f"white noise, standard deviation {deviation:.3g} intensity units"
    )


def _intensity_range(sample: Sample) -> float:
    foreground = sample.image[sample.mask] if sample.class_ids else sample.image.ravel()
    low, high = np.percentile(foreground, _RANGE_PERCENTILES)
    if not high > low:
        raise CaseError(
            "the image is constant or not finite where it is labelled: there is no scale for noise or ghosts"
        )
    return float(high - low)


def blur(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Convolve with a Gaussian of standard deviation `severity` × 3 in-plane voxels.

    It is as wide in mm along every axis.
    """
    deviation_mm = severity * _BLUR_VOXELS * math.sqrt(sample.spacing_mm[1] * sample.spacing_mm[2])
    deviations = [deviation_mm / step for step in sample.spacing_mm]
    blurred = ndimage.gaussian_filter(sample.image, deviations, mode="nearest")
    return Effect(blurred, (), {"blur_sd_mm": deviation_mm}, f"Gaussian blur, standard deviation {deviation_mm:.3g} mm")


def add_ghosts(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Add the ghosts of a patient who moves to and fro while k-space is read along one in-plane axis.

    The line at spatial frequency `f` (cycles per voxel) is read while the patient is displaced by `d cos(2π n f)`
    voxels, `d` = 2, which multiplies it by `m = exp(−2πi f d cos(2π n f))`: edges repeat at multiples of `n` voxels, as
    from breathing in MRI. The displacement is even in `f`, so that the image stays real. The patient is displaced for a
    part `w` of the time, which makes the factor `1 − w + w m`; `w` is such that the ghosts' root mean square in the
    foreground is `severity` × half its intensity range, and at most 1. Axis, `n` and the sign of `d` are random and the
    same in all planes.

    Raises:
        CaseError: the foreground is constant, so that its range gives no scale.
    """
    target = severity * _GHOST_SHARE * _intensity_range(sample)
    axis = int(rng.integers(1, 3))
    count = sample.image.shape[axis]
    distance = max(2, round(count * rng.uniform(*_GHOST_DISTANCE)))
    moved = _moving(sample.image, axis, _MOTION_VOXELS * float(rng.choice([-1.0, 1.0])), distance)
    ghosts = moved - sample.image
    foreground = ghosts[sample.mask] if sample.class_ids else ghosts
    strength = math.sqrt(float(np.square(foreground).mean(dtype=np.float64)))
    share = min(target / strength, 1.0) if strength > 0 else 0.0
    parameters = {"ghost_rms": share * strength, "ghost_distance_voxels": float(distance), "axis": float(axis)}
    words = (
        f"ghosts every {distance} voxels along {'DHW'[axis]}, root mean square {share * strength:.3g} intensity units"
    )
    return Effect(sample.image + np.float32(share) * ghosts, (), parameters, words)


def _moving(image: ImageArray, axis: int, amplitude: float, distance: int) -> ImageArray:
    frequency = np.fft.rfftfreq(image.shape[axis])
    factor = np.exp(-2j * np.pi * frequency * amplitude * np.cos(2 * np.pi * distance * frequency))
    shape = [1, 1, 1]
    shape[axis] = len(frequency)
    spectrum = np.fft.rfft(image, axis=axis) * factor.reshape(shape)
    return np.fft.irfft(spectrum, n=image.shape[axis], axis=axis).astype(np.float32)


def thicken_slices(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Replace each plane by the mean over a slab of 1 + `severity` × 5 planes, as overlapping thick slices show it."""
    planes = 1 + severity * _EXTRA_PLANES
    reach = (planes - 1) / 2
    whole = math.floor(reach)
    offsets = np.abs(np.arange(-whole - 1, whole + 2))
    weights = np.where(offsets <= whole, 1.0, reach - whole) / planes
    thick = ndimage.correlate1d(sample.image, weights, axis=0, mode="nearest")
    thickness_mm = planes * sample.spacing_mm[0]
    return Effect(thick, (), {"thickness_mm": thickness_mm}, f"slices {thickness_mm:.3g} mm thick")
