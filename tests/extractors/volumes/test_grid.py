"""Where voxels lie: as MONAI lays them, and there and back again."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Spacing

from auvseg.extractors.volumes.grid import case_grid, map_grid, resample, spaced_grid


def volume(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def ramp(shape):
    """A volume that is linear in the position."""
    d, h, w = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij")
    return torch.from_numpy((2.0 * d - 3.0 * h + 0.5 * w).astype(np.float32))


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "LAI"])
@pytest.mark.parametrize("spacing", [(3.0, 3.0, 3.0), (5.0, 0.7, 0.83), (1.5, 1.5, 1.5), (0.6, 2.2, 1.4)])
def test_resampling_is_that_of_monai(axcodes, spacing):
    image = volume(11, 14, 13)
    grid = spaced_grid(image.shape, spacing, (1.5, 1.5, 1.5), axcodes=axcodes)
    ours = resample(image, case_grid(image.shape), grid)
    flipped = [dim for dim, letter in enumerate("SAR") if letter not in axcodes]
    stored = MetaTensor(torch.flip(image, flipped)[None], affine=np.diag([*spacing, 1.0]))
    theirs = torch.flip(Spacing(pixdim=(1.5, 1.5, 1.5), mode="bilinear")(stored)[0].as_tensor(), flipped)
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_the_same_spacing_changes_no_bit():
    image = volume(5, 6, 7)
    grid = spaced_grid(image.shape, (2.0, 0.7, 0.7), (2.0, 0.7, 0.7))
    assert grid == case_grid(image.shape) == map_grid(image.shape, (2.0, 0.7, 0.7), (2.0, 0.7, 0.7))
    assert torch.equal(resample(image, case_grid(image.shape), grid), image)


@pytest.mark.parametrize("axcodes", ["RAS", "LPI"])
def test_what_is_linear_comes_back_as_it_was(axcodes):
    image, spacing = ramp((9, 20, 22)), (3.0, 1.0, 0.9)
    grid = spaced_grid(image.shape, spacing, (1.5, 1.5, 1.5), axcodes=axcodes)
    pixels = map_grid(image.shape, spacing, (1.5, 1.5, 1.5))
    there = resample(image, case_grid(image.shape), grid)
    back, direct = resample(there, grid, pixels), resample(image, case_grid(image.shape), pixels)
    # At the border a grid may end half a voxel before the case does: from there on it is constant.
    inner = (slice(1, -1), slice(1, -1), slice(1, -1))
    assert torch.allclose(back[inner], direct[inner], atol=1e-4)


def test_a_map_has_every_plane_and_covers_the_field_of_view():
    pixels = map_grid((40, 512, 100), (5.0, 0.75, 3.0), (1.5, 1.5, 1.5))
    assert [axis.count for axis in pixels] == [40, 256, 100]
    for axis, size in zip(pixels, (40, 512, 100), strict=True):
        assert axis.start - axis.step / 2 == pytest.approx(-0.5)
        assert axis.start + axis.step * (axis.count - 0.5) == pytest.approx(size - 0.5)


def test_what_was_cut_away_gets_the_lowest_value_and_nothing_else_does():
    image = volume(8, 8, 8)
    grid = case_grid(image.shape)
    cropped = tuple(axis.cropped(2, 6) for axis in grid)
    found = resample(image[2:6, 2:6, 2:6], cropped, grid)
    assert torch.equal(found[2:6, 2:6, 2:6], image[2:6, 2:6, 2:6])
    outside = torch.ones(8, 8, 8, dtype=torch.bool)
    outside[2:6, 2:6, 2:6] = False
    assert (found[outside] == image[2:6, 2:6, 2:6].min()).all()
    low = tuple(axis.cropped(0, 6) for axis in grid)
    assert resample(image[:6, :6, :6], low, grid, outside=-9.0)[7, 0, 0] == -9.0


def test_a_single_plane_is_enough():
    image = volume(1, 4, 4)
    grid = spaced_grid(image.shape, (5.0, 1.5, 1.5), (1.5, 1.5, 1.5))
    assert [axis.count for axis in grid] == [1, 4, 4]
    assert torch.equal(resample(image, case_grid(image.shape), grid), image)
