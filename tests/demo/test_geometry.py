"""Implicit shapes have the size and place that they were given."""

import numpy as np
import pytest

from auvseg.demo.geometry import Grid, bent, ellipsoid, regular_space, smooth_noise, smooth_union, tube

GRID = Grid((40, 60, 60), (2.0, 1.0, 1.0))
SPACE = regular_space(GRID)
VOXEL_MM3 = 2.0


def test_positions_are_millimetres_from_the_middle():
    assert SPACE.s[0, 0, 0] == -39.0
    assert SPACE.a[0, -1, 0] == 29.5
    assert SPACE.r.mean() == pytest.approx(0, abs=1e-5)
    assert np.ptp(SPACE.around((0.0, 0.0, 5.0)).r) == np.ptp(SPACE.r)
    assert SPACE.around((0.0, 0.0, 5.0)).r[0, 0, 0] == SPACE.r[0, 0, 0] - 5


def test_ellipsoid_has_its_volume_and_centre():
    shape = ellipsoid(SPACE, (4.0, -3.0, 5.0), (20.0, 15.0, 10.0))
    inside = shape > 0
    assert np.count_nonzero(inside) * VOXEL_MM3 == pytest.approx(4 / 3 * np.pi * 20 * 15 * 10, rel=0.02)
    centre = [float(axis[inside].mean()) for axis in (SPACE.s, SPACE.a, SPACE.r)]
    assert centre == pytest.approx([4, -3, 5], abs=0.2)


def test_ellipsoid_is_the_distance_to_a_sphere_s_surface():
    radius = np.sqrt(SPACE.s**2 + SPACE.a**2 + SPACE.r**2)
    distance = ellipsoid(SPACE, (0.0, 0.0, 0.0), (12.0, 12.0, 12.0))
    assert np.abs(distance - (12 - radius)).max() < 1e-3


def test_tube_tapers_between_its_radii():
    shape = tube(SPACE, [(-30.0, 0.0, 0.0), (30.0, 0.0, 0.0)], [10.0, 4.0])
    areas = np.count_nonzero(shape > 0, axis=(1, 2))
    ends = [int(np.abs(SPACE.s[:, 0, 0] - place).argmin()) for place in (-29, 29)]
    assert areas[ends] == pytest.approx([np.pi * 9.9**2, np.pi * 4.1**2], rel=0.05)


def test_tube_outside_the_volume_leaves_nothing_inside():
    assert tube(SPACE, [(500.0, 0.0, 0.0), (600.0, 0.0, 0.0)], [10.0, 10.0]).max() < 0


@pytest.mark.parametrize(("points", "radii"), [([(0.0, 0.0, 0.0)], [1.0]), ([(0.0, 0.0, 0.0)] * 2, [1.0])])
def test_tube_needs_two_points_and_a_radius_for_each(points, radii):
    with pytest.raises(ValueError, match="tube"):
        tube(SPACE, points, radii)


def test_smooth_union_holds_both_shapes_and_no_more_than_the_seam():
    first = ellipsoid(SPACE, (0.0, 0.0, -8.0), (10.0, 10.0, 10.0))
    second = ellipsoid(SPACE, (0.0, 0.0, 8.0), (10.0, 10.0, 10.0))
    union, sharp = smooth_union(first, second, 4.0), np.maximum(first, second)
    assert (union >= sharp - 1e-5).all()
    assert (union <= sharp + 1.0 + 1e-5).all()
    far = np.abs(first - second) > 8
    assert union[far] == pytest.approx(sharp[far], abs=1e-3)


def test_noise_has_unit_variance_and_varies_over_its_length_in_millimetres():
    noise = smooth_noise(GRID, np.random.default_rng(0), 3.0)
    assert noise.std() == pytest.approx(1, abs=1e-3)
    assert noise.mean() == pytest.approx(0, abs=1e-3)
    # A Gaussian of standard deviation L leaves a correlation of exp(-x²/4L²) at distance x, here 4 mm along two axes.
    expected = np.exp(-(4.0**2) / (4 * 3.0**2))
    assert (noise[2:] * noise[:-2]).mean() == pytest.approx(expected, abs=0.06)
    assert (noise[:, 4:] * noise[:, :-4]).mean() == pytest.approx(expected, abs=0.06)


def test_bending_moves_positions_by_the_amplitude():
    moved = bent(SPACE, GRID, np.random.default_rng(0), amplitude_mm=2.0, length_mm=10.0)
    for old, new in ((SPACE.s, moved.s), (SPACE.a, moved.a), (SPACE.r, moved.r)):
        assert (new - old).std() == pytest.approx(2, rel=1e-3)
