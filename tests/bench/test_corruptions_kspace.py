"""Ghosts and stripes are what their place in k-space says."""

import numpy as np
import pytest

from auvseg.bench.corruptions import CORRUPTIONS
from corruption_cases import SHAPE, SPACING_MM, corrupt, liver_case


def test_ghosts_have_the_stated_strength_and_keep_the_centre_of_k_space():
    image, label = liver_case()
    result = corrupt("ghosting", severity=0.7)
    ghosts = result.image - image
    axis = int(result.truth.parameters["axis"])
    assert np.sqrt(np.square(ghosts[label > 0]).mean()) == pytest.approx(result.truth.parameters["ghost_rms"], rel=1e-3)
    assert np.abs(ghosts.sum(axis=axis)).max() < 0.05


def test_ghosts_of_a_line_stand_at_the_stated_distance():
    image = np.zeros((2, 64, 64), dtype=np.float32)
    image[:, 32, :] = image[:, :, 32] = 100.0
    image[0] *= 1.01
    result = CORRUPTIONS["ghosting"].apply(
        image, np.zeros(image.shape, np.int32), severity=0.1, rng=np.random.default_rng(4)
    )
    axis = int(result.truth.parameters["axis"])
    ghosts = np.moveaxis(np.abs(result.image - image)[1], axis - 1, 0)[:, 5]
    distance = int(result.truth.parameters["ghost_distance_voxels"])
    beside = ghosts[32 + distance - 2 : 32 + distance + 3].max()
    between = ghosts[32 + distance // 2 - 1 : 32 + distance // 2 + 2].max()
    assert beside > 2 * between


def test_ghosts_reach_their_strength_in_a_smooth_image():
    grids = np.meshgrid(*[np.linspace(-1, 1, size) for size in SHAPE], indexing="ij")
    image = (1000 * np.exp(-sum(axis**2 for axis in grids))).astype(np.float32)
    label = (image > 600).astype(np.int32)
    strengths = [corrupt("ghosting", s, case=(image, label)).truth.parameters["ghost_rms"] for s in (0.1, 0.2, 0.4)]
    assert strengths == pytest.approx([strengths[0], 2 * strengths[0], 4 * strengths[0]])


@pytest.mark.parametrize("seed", range(6))
def test_spike_is_one_wave_of_k_space(seed):
    image, _ = liver_case()
    result = corrupt("spike", severity=0.5, seed=seed)
    truth = result.truth.parameters
    stripes = result.image.astype(np.float64) - image
    spectrum = np.abs(np.fft.fftn(stripes)) / stripes.size
    frequency = [truth[f"cycles_per_voxel_{axis}"] for axis in "dhw"]
    peak = tuple(round(f * size) % size for f, size in zip(frequency, SHAPE, strict=True))
    mirrored = tuple(-index % size for index, size in zip(peak, SHAPE, strict=True))
    for place in (peak, mirrored):
        assert spectrum[place] == pytest.approx(truth["wave_amplitude"] / 2, rel=1e-3)
        spectrum[place] = 0
    assert spectrum.max() < 1e-4 * truth["wave_amplitude"]


def test_spike_of_a_class_is_measured_by_its_range_and_stated_in_millimetres():
    image, label = liver_case()
    result = corrupt("spike", severity=0.4, seed=2, class_id=2)
    low, high = np.percentile(image[label == 2], [0.5, 99.5])
    assert result.truth.parameters["wave_amplitude"] == pytest.approx(0.4 * 0.75 * (high - low))
    frequency = [result.truth.parameters[f"cycles_per_voxel_{axis}"] for axis in "dhw"]
    per_mm = np.array(frequency) / SPACING_MM
    assert result.truth.parameters["period_mm"] == pytest.approx(1 / np.linalg.norm(per_mm))


def test_spike_of_a_tiny_plane_takes_the_lowest_frequency_it_has():
    image = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    result = corrupt("spike", case=(image, np.zeros(image.shape, np.int32)))
    assert result.truth.changed_voxels > 0
