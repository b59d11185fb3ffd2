"""Intensity faults: white noise, Rician noise, bias field.

Each works on the whole volume at once. None clips, because intensities may be in any unit; writers of formats with a
limited range clip.
"""

import math

import numpy as np
from jaxtyping import Float64

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.bench.corruptions.scale import intensity_range, require_magnitudes
from auvseg.errors import CaseError

BIAS_RATIO = 9.0
"""Gain of the brightest over that of the dimmest place of the volume at severity 1."""

_BIAS_DEGREE = 3


def add_noise(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Add white Gaussian noise of standard deviation `severity` × a structure's intensity range.

    The range lies between the 0.5th and 99.5th percentile of a class's voxels, median of the classes (of all voxels
    where nothing is labelled).

    Raises:
        CaseError: every class is constant, so that nothing gives a scale.
    """
    deviation = severity * intensity_range(sample)
    noise = rng.standard_normal(sample.image.shape, dtype=np.float32)
    noisy = sample.image + np.float32(deviation) * noise
    return Effect(
        noisy, (), {"noise_sd": deviation}, f"white noise, standard deviation {deviation:.3g} intensity units"
    )


def add_rician_noise(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Replace an intensity `x` by `|x + n₁ + i n₂|`, as the magnitude image of a noisy complex MRI signal holds it.

    `n₁` and `n₂` are white and Gaussian with standard deviation `σ`, `severity` × a structure's intensity range.
    Where there is signal the noise is nearly Gaussian; where there is none it lifts the background to `σ √(π/2)`. The
    second moment is `x² + 2 σ²`.

    Raises:
        CaseError: the image holds negative intensities, so that it is no magnitude, or every class is constant.
    """
    require_magnitudes(sample, "Rician noise")
    deviation = severity * intensity_range(sample)
    magnitude = np.maximum(sample.image, 0)
    real = magnitude + np.float32(deviation) * rng.standard_normal(magnitude.shape, dtype=np.float32)
    imaginary = np.float32(deviation) * rng.standard_normal(magnitude.shape, dtype=np.float32)
    # The few negative values that interpolation left stay what they were without noise.
    noisy = sample.image - magnitude + np.hypot(real, imaginary)
    words = f"Rician noise, standard deviation {deviation:.3g} intensity units in either channel"
    return Effect(noisy, (), {"channel_noise_sd": deviation}, words)


def add_bias_field(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Multiply by a smooth gain, as an MRI coil of uneven sensitivity does.

    The logarithm of the gain is a random polynomial of third degree in millimetres, from 0 at the dimmest to
    `severity` × ln 9 at the brightest place of the volume; less its mean over the foreground (over all voxels where
    nothing is labelled), so that the foreground keeps its geometric mean brightness.

    Raises:
        CaseError: the image holds negative intensities, which no gain makes brighter, or it is a single voxel.
    """
    require_magnitudes(sample, "a bias field")
    field = _polynomial(sample.image.shape, sample.spacing_mm, rng)
    spread = np.ptp(field)
    if spread == 0:
        raise CaseError("the image is a single voxel, which cannot have a bias field")
    foreground = sample.mask if sample.class_ids else np.ones(field.shape, dtype=bool)
    log_gain = (field - field[foreground].mean()) * (severity * math.log(BIAS_RATIO) / spread)
    ratio = math.exp(np.ptp(log_gain))
    inside = math.exp(np.ptp(log_gain[foreground]))
    biased = sample.image * np.exp(log_gain).astype(np.float32)
    words = f"bias field, {ratio:.3g} times brighter at one end of the volume, {inside:.3g} within the foreground"
    return Effect(biased, (), {"gain_ratio": ratio, "foreground_gain_ratio": inside}, words)


def _polynomial(
    shape: tuple[int, ...], spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> Float64[np.ndarray, "D H W"]:
    """Legendre polynomials up to third degree; the volume's longest side is from -1 to 1, the others in proportion."""
    sides_mm = [(size - 1) * step for size, step in zip(shape, spacing_mm, strict=True)]
    longest_mm = max(*sides_mm, 1e-9)
    bases = [
        np.polynomial.legendre.legvander(np.linspace(-side, side, size) / longest_mm, _BIAS_DEGREE)
        for side, size in zip(sides_mm, shape, strict=True)
    ]
    degree = np.indices((_BIAS_DEGREE + 1,) * 3).sum(axis=0)
    weights = np.where((degree >= 1) & (degree <= _BIAS_DEGREE), 1 / np.maximum(degree, 1), 0)
    weights = weights * rng.standard_normal(weights.shape)
    return np.asarray(np.einsum("ijk,di,hj,wk->dhw", weights, *bases, optimize=True))
