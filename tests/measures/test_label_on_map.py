"""The label on the map's grid, beside PyTorch's interpolation by area of the whole plane."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from auvseg.measures.baselines import label_on_map


def by_area(mask, shape):
    shares = torch.from_numpy(mask).to(torch.float32)[:, None]
    return (functional.interpolate(shares, shape, mode="area")[:, 0] >= 0.5).numpy()


def whole(found, shape):
    planes = np.zeros((len(found.inside), *shape), dtype=bool)
    planes[:, found.rows, found.columns] = found.inside
    return planes


@pytest.mark.parametrize("grid", [(16, 16), (8, 8), (7, 5), (16, 9), (40, 33), (1, 1), (16, 1)])
@pytest.mark.parametrize("place", [np.s_[1:4, 3:9, 2:15], np.s_[:, :, :1], np.s_[2:, 15:, 15:]], ids=str)
def test_a_pixel_is_the_structures_where_half_of_what_it_covers_is(make_input, grid, place):
    rng = np.random.default_rng(0)
    mask = np.zeros((5, 16, 16), dtype=bool)
    mask[place] = rng.random(mask[place].shape) < 0.7
    found = label_on_map(make_input(np.zeros((5, *grid)), mask))
    np.testing.assert_array_equal(whole(found, grid), by_area(mask, grid))
    assert found.ignored == (None,) * 5


@pytest.mark.parametrize("grid", [(16, 16), (6, 7)])
def test_what_is_to_be_ignored_is_left_out(make_input, grid):
    rng = np.random.default_rng(1)
    mask, valid = rng.random((3, 16, 16)) < 0.5, rng.random((3, 16, 16)) < 0.6
    valid[2] = True
    found = label_on_map(make_input(np.zeros((3, *grid)), mask, valid=valid))
    means_something = by_area(valid, grid)
    np.testing.assert_array_equal(whole(found, grid), by_area(mask & valid, grid) & means_something)
    assert found.ignored[2] is None
    for ignored, meant in zip(found.ignored[:2], means_something, strict=False):
        np.testing.assert_array_equal(ignored, ~meant)


def test_without_a_label_or_a_map_there_is_none(make_input, of_label):
    assert label_on_map(make_input(np.zeros((2, 4, 4)))) is None
    assert label_on_map(of_label(np.ones((2, 4, 4), dtype=bool))) is None
    assert label_on_map(make_input(np.zeros((2, 4, 4)), np.zeros((2, 4, 4), dtype=bool))) is None
