"""Metal lies beside the structure, is the same in every plane, and streaks as strongly as stated."""

import math

import numpy as np
import pytest

from auvseg.bench.corruptions.metal import _path_mm, _Rod
from corruption_cases import LIVER, SHAPE, SPACING_MM, SPLEEN, corrupt, liver_case


def _added(severity=0.5, seed=0, class_id=LIVER):
    image, label = liver_case()
    result = corrupt("metal_streaks", severity, seed, class_id)
    return result.image.astype(np.float64) - image, label, result.truth.parameters


@pytest.mark.parametrize("seed", range(6))
def test_streaks_are_alike_in_all_planes_and_as_strong_as_stated_within_the_structure(seed):
    added, label, truth = _added(seed=seed, class_id=SPLEEN)
    assert np.ptp(added, axis=0).max() < 1e-3
    assert np.sqrt(np.mean(added[label == SPLEEN] ** 2)) == pytest.approx(truth["streak_rms"], rel=1e-4)


def test_fault_is_proportional_to_severity():
    half, whole = _added(0.5)[0], _added(1.0)[0]
    assert np.allclose(2 * half, whole, atol=1e-2)


@pytest.mark.parametrize("seed", range(6))
def test_rods_stand_beside_the_structure_and_are_bright(seed):
    added, label, truth = _added(seed=seed, class_id=SPLEEN)
    metal = np.isclose(added, truth["metal_excess"], rtol=1e-4)
    assert not np.any(metal & (label == SPLEEN))
    # One of the two may lie outside the view: the spleen is close to its border.
    area_mm2 = metal[0].sum() * SPACING_MM[1] * SPACING_MM[2]
    ellipse_mm2 = math.pi * truth["rod_half_axis_mm"] ** 2 * 0.6
    assert 0.4 * ellipse_mm2 < area_mm2 < 2.6 * ellipse_mm2


@pytest.mark.parametrize("seed", range(6))
def test_band_between_the_rods_is_dark(seed):
    shape = (1, 161, 161)
    rows, columns = np.meshgrid(np.arange(161) - 80, np.arange(161) - 80, indexing="ij")
    label = (np.hypot(rows, columns) < 25)[None].astype(np.int32)
    image = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    result = corrupt("metal_streaks", 1.0, seed, case=(image, label), spacing_mm=(1.0, 1.0, 1.0))
    added = (result.image - image)[0]
    metal = np.isclose(added, result.truth.parameters["metal_excess"], rtol=1e-4)
    place = np.argwhere(metal) - 80
    # The rods are mirror images through the disc's middle: the moment's first axis joins them.
    direction = np.linalg.eigh(place.T @ place)[1][:, 1]
    across = np.abs(rows * -direction[1] + columns * direction[0])
    disc = label[0] > 0
    assert added[disc & (across < 2)].mean() < added[disc & (across > 8)].mean() - result.truth.parameters["streak_rms"]
    ends = np.abs(place @ direction)
    assert 2 * ends.mean() == pytest.approx(result.truth.parameters["rod_distance_mm"], rel=0.02)


def test_streaks_run_through_the_whole_plane_without_a_mean():
    added, _, truth = _added(severity=1.0)
    assert np.count_nonzero(added) > 0.99 * np.prod(SHAPE)
    metal = np.isclose(added, truth["metal_excess"], rtol=1e-4)
    assert abs(added[~metal].mean()) < truth["streak_rms"]


@pytest.mark.parametrize("view", [0.0, 0.4, math.pi / 2, 2.5])
def test_projection_of_an_ellipse_holds_its_area_at_its_place(view):
    rod = _Rod(h_mm=5.0, w_mm=-3.0, long_mm=8.0, short_mm=3.0, angle=0.7)
    detector = np.arange(-30, 30, 0.01)
    path = _path_mm(rod, view, detector)
    assert path.sum() * 0.01 == pytest.approx(math.pi * 8 * 3, rel=1e-3)
    centre = (path * detector).sum() / path.sum()
    assert centre == pytest.approx(-3 * math.cos(view) + 5 * math.sin(view), abs=0.02)
