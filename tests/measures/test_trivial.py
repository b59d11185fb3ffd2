import numpy as np
import pytest

from auvseg.measures import trivial


def test_volume_is_voxels_times_voxel_size(make_input, draw_ball):
    mask = draw_ball((10, 20, 20), 5)
    case = make_input(np.zeros(mask.shape), mask, spacing_mm=(3.0, 0.5, 0.5))
    assert trivial.volume_ml(case) == pytest.approx(mask.sum() * 0.75 / 1000)
    assert trivial.volume_ml(make_input(np.zeros((2, 4, 4)))) is None


def test_volume_of_a_sheared_grid_is_that_of_the_slanted_voxels(make_input, draw_ball):
    mask = draw_ball((9, 16, 16), 4)
    # The planes are stacked askew, by 30 degrees.
    axes = np.array([[3 * np.cos(np.pi / 6), 3 * np.sin(np.pi / 6), 0], [0, 0.5, 0], [0, 0, 0.5]])
    case = make_input(np.zeros(mask.shape), mask, spacing_mm=(3.0, 0.5, 0.5), axes_mm=axes)
    assert trivial.volume_ml(case) == pytest.approx(mask.sum() * np.sqrt(3) / 2 * 0.75 / 1000)


def test_slices_counts_the_planes_that_hold_the_structure_not_those_scored(make_input, draw_ball):
    mask = draw_ball((4, 16, 16), 4)
    assert trivial.slices(make_input(np.zeros(mask.shape), mask, total=40)) == 40.0


def test_snr_recovers_the_planted_noise(make_input, draw_ball):
    rng = np.random.default_rng(0)
    mask = draw_ball((6, 64, 64), 20)
    image = 0.5 + rng.normal(0, 0.05, mask.shape)
    assert trivial.snr(make_input(np.zeros(mask.shape), mask, image=image)) == pytest.approx(10, rel=0.05)


def test_more_noise_lowers_snr(make_input, draw_ball):
    rng = np.random.default_rng(0)
    mask = draw_ball((6, 64, 64), 20)
    noise = rng.normal(0, 1, mask.shape)
    values = [trivial.snr(make_input(np.zeros(mask.shape), mask, image=0.5 + sd * noise)) for sd in (0.02, 0.05, 0.1)]
    assert values == sorted(values, reverse=True)


def test_snr_is_missing_where_no_noise_can_be_measured(make_input):
    assert trivial.snr(make_input(np.zeros((1, 2, 9)))) is None
    assert trivial.snr(make_input(np.zeros((2, 9, 9)))) is None
