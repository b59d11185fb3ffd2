"""The scanner: how dense anatomy becomes a CT image, and where that image lies in space.

Noise has the spectrum of filtered back-projection, which rises with frequency and is cut off by the reconstruction
kernel; it is stronger in the middle of a thick patient, where fewest photons arrive. No beam hardening, no streaks.
"""

from dataclasses import dataclass

import numpy as np

from auvseg.demo.geometry import Field, Frequency, Grid, Space, filtered_noise
from auvseg.demo.patient import Patient
from auvseg.shapes import ImageArray

HU_RANGE = (-1024, 3071)
"""What twelve bits hold."""

_MATRIX = (104, 112, 120)
_SLICE_MM = (3.0, 4.0, 5.0)
_CORNER_PER_MM = 0.05


@dataclass(frozen=True)
class Protocol:
    """How one patient is scanned.

    Attributes:
        grid: the voxels.
        noise_hu: standard deviation of the noise.
        origin_mm: where the first voxel of the canonical array lies, along (S, A, R).
    """

    grid: Grid
    noise_hu: float
    origin_mm: tuple[float, float, float]


def draw_protocol(patient: Patient, rng: np.random.Generator) -> Protocol:
    """Draw matrix, field of view around the patient, slices and dose."""
    pixels = int(rng.choice(_MATRIX))
    pixel_mm = round(2 * patient.half_width_mm * rng.uniform(1.06, 1.14) / pixels, 4)
    grid = Grid((int(rng.integers(22, 27)), pixels, pixels), (float(rng.choice(_SLICE_MM)), pixel_mm, pixel_mm))
    corner_mm = -pixel_mm * (pixels - 1) / 2
    origin_mm = (rng.uniform(-700, -200), corner_mm + rng.uniform(-30, 10), corner_mm + rng.uniform(-10, 10))
    return Protocol(grid, rng.uniform(8, 14), origin_mm)


def acquire(density_hu: Field, plain: Space, protocol: Protocol, rng: np.random.Generator) -> ImageArray:
    """Add the noise of the acquisition and round to whole HU within twelve bits."""
    pixel_mm = protocol.grid.spacing_mm[1]

    def kernel(frequency: Frequency) -> Frequency:
        return frequency / (frequency + _CORNER_PER_MM) * np.exp(-2 * (np.pi * 0.35 * pixel_mm * frequency) ** 2)

    noise = filtered_noise(protocol.grid, rng, kernel)
    reach_mm = np.float32(0.5 * pixel_mm * protocol.grid.shape[2])
    strength = np.float32(1.15) - np.float32(0.45) * np.square(np.hypot(plain.a, plain.r) / reach_mm)
    noisy = density_hu + np.float32(protocol.noise_hu) * strength * noise
    return np.clip(np.rint(noisy), *HU_RANGE).astype(np.float32)
