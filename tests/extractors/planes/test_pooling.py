import numpy as np
import pytest
import torch

from auvseg.extractors.planes.pooling import region_weights, weighted_mean
from auvseg.extractors.planes.prompts import Box

SIDE = 8


def whole(shape):
    return Box(0, 0, shape[0] - 1, shape[1] - 1)


@pytest.mark.parametrize("shape", [(8, 8), (5, 7), (3, 20), (40, 16), (64, 64), (1, 1)])
def test_weights_add_up_to_the_pixels_of_the_region(shape):
    region = np.random.default_rng(0).random(shape) < 0.4
    assert region_weights(region, whole(shape), shape, SIDE).sum() == pytest.approx(region.sum(), rel=1e-5)


def test_a_plane_of_as_many_pixels_as_cells_is_its_own_weight():
    region = np.random.default_rng(0).random((SIDE, SIDE)) < 0.5
    np.testing.assert_array_equal(region_weights(region, whole(region.shape), region.shape, SIDE), region)


def test_a_cell_holds_the_area_that_falls_into_it():
    region = np.zeros((16, 16), dtype=bool)
    region[2:4, 4:7] = True  # cells are 2x2 pixels: row 1, columns 2 and half of 3
    expected = np.zeros((SIDE, SIDE))
    expected[1, 2], expected[1, 3] = 4, 2
    np.testing.assert_allclose(region_weights(region, whole((16, 16)), (16, 16), SIDE), expected)


def test_padding_of_a_plane_that_is_not_square_has_no_weight():
    weights = region_weights(None, whole((8, 4)), (8, 4), SIDE)
    assert weights[:, 4:].sum() == 0
    assert weights[:, :4].min() > 0


def test_a_box_cut_out_of_the_plane_gives_the_weights_of_the_plane():
    plane = np.zeros((13, 21), dtype=bool)
    plane[4:9, 10:17] = np.random.default_rng(1).random((5, 7)) < 0.6
    box = Box(3, 9, 9, 18)
    cut = plane[3:10, 9:19]
    np.testing.assert_allclose(
        region_weights(cut, box, plane.shape, SIDE), region_weights(plane, whole(plane.shape), plane.shape, SIDE)
    )


def test_no_region_is_the_whole_box():
    box, shape = Box(2, 1, 6, 8), (11, 9)
    everything = np.ones((5, 8), dtype=bool)
    np.testing.assert_allclose(
        region_weights(None, box, shape, SIDE), region_weights(everything, box, shape, SIDE), rtol=1e-5
    )


def test_the_mean_of_features_is_weighted_by_area():
    features = torch.arange(SIDE * SIDE * 3, dtype=torch.float32).view(-1, 3)
    weights = np.zeros((SIDE, SIDE), dtype=np.float32)
    weights[0, 1], weights[7, 2] = 3, 1
    expected = (3 * features[1] + features[58]) / 4
    torch.testing.assert_close(weighted_mean(features, weights), expected)


def test_constant_features_pool_to_themselves_whatever_the_region():
    features = torch.tensor([0.5, -2.0]).expand(SIDE * SIDE, 2)
    region = np.random.default_rng(2).random((30, 19)) < 0.3
    pooled = weighted_mean(features, region_weights(region, whole(region.shape), region.shape, SIDE))
    torch.testing.assert_close(pooled, torch.tensor([0.5, -2.0]))


def test_nothing_pools_to_nothing():
    assert weighted_mean(torch.ones(SIDE * SIDE, 2), np.zeros((SIDE, SIDE), dtype=np.float32)) is None


def test_a_stretched_plane_fills_all_cells():
    region = np.zeros((4, 16), dtype=bool)
    region[1, 2:4] = True  # cells are half a pixel high and two pixels wide
    weights = region_weights(region, whole((4, 16)), (4, 16), SIDE, stretched=True)
    expected = np.zeros((SIDE, SIDE))
    expected[2:4, 1] = 1
    np.testing.assert_allclose(weights, expected)
    assert region_weights(None, whole((4, 16)), (4, 16), SIDE, stretched=True).min() > 0
