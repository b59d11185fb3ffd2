"""MRI faults that arise in k-space: ghosts of a moving patient, spikes.

Each works on the whole volume at once, and none clips; see `intensity`.
"""

import math

import numpy as np

from auvseg.bench.corruptions.base import Effect, Sample
from auvseg.bench.corruptions.scale import intensity_range
from auvseg.errors import CaseError
from auvseg.shapes import ImageArray

_MOTION_VOXELS = (2.0, 3.0, 4.0, 6.0, 8.0)
_GHOST_SHARE = 0.5
_GHOST_DISTANCE = (0.12, 0.3)
_SPIKE_SHARE = 0.75
_SPIKE_FREQUENCY = (0.08, 0.25)
_SPIKE_TILT = 0.1


def add_ghosts(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Add the ghosts of a patient who moves to and fro while k-space is read along one in-plane axis.

    The line at spatial frequency `f` (cycles per voxel) is read while the patient is displaced by `d cos(2π n f)`
    voxels, which multiplies it by `m = exp(−2πi f d cos(2π n f))`: edges repeat at multiples of `n` voxels, as from
    breathing in MRI. The displacement is even in `f`, so that the image stays real. The patient is displaced for a
    part `w` of the time, which makes the factor `1 − w + w m`; `w` is such that the ghosts' root mean square in the
    foreground is `severity` × half a structure's intensity range. `d` is 2, or the smallest of 3, 4, 6 and 8 that
    makes ghosts so strong; where even 8 does not, `w` is 1. Axis, `n` and the sign of `d` are random and the same
    in all planes.

    Raises:
        CaseError: every class is constant, so that nothing gives a scale.
    """
    target = severity * _GHOST_SHARE * intensity_range(sample)
    axis = int(rng.integers(1, 3))
    count = sample.image.shape[axis]
    distance = max(2, round(count * rng.uniform(*_GHOST_DISTANCE)))
    sign = float(rng.choice([-1.0, 1.0]))
    foreground = sample.mask if sample.class_ids else np.ones(sample.image.shape, dtype=bool)
    for amplitude in _MOTION_VOXELS:
        ghosts = _moving(sample.image, axis, sign * amplitude, distance) - sample.image
        strength = math.sqrt(float(np.square(ghosts[foreground]).mean(dtype=np.float64)))
        if strength >= target:
            break
    share = min(target / strength, 1.0) if strength > 0 else 0.0
    parameters = {"ghost_rms": share * strength, "ghost_distance_voxels": float(distance), "axis": float(axis)}
    parameters |= {"motion_voxels": amplitude, "displaced_share": share}
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


def add_spike(sample: Sample, severity: float, rng: np.random.Generator) -> Effect:
    """Add the stripes that one wrong sample of k-space leaves, from a spark or a loose contact.

    A sample at the frequency `k` (cycles per voxel, along D, H, W) adds a plane wave `a cos(2π k·r + φ)` to the whole
    volume. Its amplitude is `severity` × 0.75 × a structure's intensity range. Phase and `k` are random: 0.08 to
    0.25 cycles per voxel in plane, at most 0.1 through the planes, on the grid of k-space.

    Raises:
        CaseError: every class is constant, so that nothing gives a scale, or a plane is a single voxel.
    """
    amplitude = severity * _SPIKE_SHARE * intensity_range(sample)
    frequency = _spike_frequency(sample.image.shape, rng)
    start = rng.random()
    # A wave's phase is a sum over the axes; whole turns are taken off first to keep single precision exact enough.
    turns = [
        np.asarray(np.arange(size) * f % 1.0, dtype=np.float32)
        for size, f in zip(sample.image.shape, frequency, strict=True)
    ]
    phase = turns[0][:, None, None] + turns[1][:, None] + turns[2] + np.float32(start)
    striped = sample.image + np.float32(amplitude) * np.cos(np.float32(2 * np.pi) * phase)
    steps = zip(frequency, sample.spacing_mm, strict=True)
    period_mm = 1 / math.hypot(*(f / step for f, step in steps))
    names = ("cycles_per_voxel_d", "cycles_per_voxel_h", "cycles_per_voxel_w")
    parameters = {"wave_amplitude": amplitude, "period_mm": period_mm} | dict(zip(names, frequency, strict=True))
    words = f"stripes every {period_mm:.3g} mm, amplitude {amplitude:.3g} intensity units"
    return Effect(striped, (), parameters, words)


def _spike_frequency(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[float, float, float]:
    size = rng.uniform(*_SPIKE_FREQUENCY)
    angle = rng.uniform(0, 2 * math.pi)
    wanted = (rng.uniform(-_SPIKE_TILT, _SPIKE_TILT), size * math.sin(angle), size * math.cos(angle))
    depth, height, width = (round(count * value) for count, value in zip(shape, wanted, strict=True))
    if height == width == 0:
        # Planes of few voxels have no frequency as low as this; the lowest that they have takes its place.
        if max(shape[1:]) == 1:
            raise CaseError("planes of a single voxel cannot show the stripes of a spike")
        height, width = (1, 0) if shape[1] >= shape[2] else (0, 1)
    return depth / shape[0], height / shape[1], width / shape[2]
