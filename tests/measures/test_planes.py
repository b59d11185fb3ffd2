import itertools

import numpy as np
import pytest
import torch

from auvseg.measures import companions, planes
from auvseg.measures.catalogue import ScaleOptions
from auvseg.measures.map_core import core_of
from auvseg.measures.scale import energy_spectrum, semantic_scale

OPTIONS = [
    ScaleOptions(unfold=unfold, energy=energy, centre=centre)
    for unfold, energy, centre in itertools.product(("D_HW", "H_DW"), ("squared", "singular"), (False, True))
]


def maps(depth=6, height=9, width=8):
    return torch.randn(depth, height, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_spectrum_is_that_of_s(options):
    found = planes.scale_by_plane(core_of(maps(), options), options)
    expected = energy_spectrum(maps(), unfold=options.unfold, energy=options.energy, centre=options.centre)
    np.testing.assert_allclose(found.spectrum, expected, atol=1e-6)


@pytest.mark.parametrize("options", [one for one in OPTIONS if one.unfold == "D_HW"], ids=str)
def test_the_planes_contributions_add_up_to_s(options):
    found = planes.scale_by_plane(core_of(maps(), options), options)
    expected = semantic_scale(maps(), energy=options.energy, centre=options.centre)
    assert found.scale.min() >= 0
    assert found.scale.sum() == pytest.approx(expected.item(), abs=1e-6)


def test_one_plane_contributes_all():
    found = planes.scale_by_plane(core_of(maps(depth=1), ScaleOptions()), ScaleOptions())
    assert found.scale.tolist() == [pytest.approx(semantic_scale(maps(depth=1)).item())]


def test_planes_that_are_alike_contribute_alike_and_one_of_its_own_contributes_most():
    same = torch.ones(4, 5, 5)
    other = torch.zeros(1, 5, 5)
    other[0, 0, 0] = 4.0
    found = planes.scale_by_plane(core_of(torch.cat([same, other]), ScaleOptions()), ScaleOptions())
    np.testing.assert_allclose(found.scale[:4], found.scale[0])
    assert found.scale[4] > 2 * found.scale[0]


def test_rows_that_are_no_planes_and_maps_without_energy_have_no_contributions():
    assert np.isnan(
        planes.scale_by_plane(core_of(maps(), ScaleOptions(unfold="H_DW")), ScaleOptions(unfold="H_DW")).scale
    ).all()
    assert np.isnan(
        planes.scale_by_plane(core_of(maps(depth=60, height=3, width=3), ScaleOptions()), ScaleOptions()).scale
    ).all()
    for empty in (torch.zeros(3, 4, 4), torch.full((3, 4, 4), torch.nan)):
        found = planes.scale_by_plane(core_of(empty, ScaleOptions()), ScaleOptions())
        assert np.isnan(found.scale).all()
        assert np.isnan(found.spectrum).all()


def test_the_own_mask_is_on_the_volumes_grid(make_input, draw_ball):
    coarse = draw_ball((4, 16, 16), 5)
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :, :61]
    case = make_input(np.where(coarse, 8.0, -8.0), fine)
    bits = planes.own_mask(case)
    assert bits.shape == (4, -(-64 * 61 // 8))
    mask = np.stack([planes.unpack_plane(one, 64, 61) for one in bits])
    assert 2 * (mask & fine).sum() / (mask.sum() + fine.sum()) > 0.9


def test_agreement_by_plane_is_the_planes_dice_and_its_parts_make_the_whole(make_input, draw_ball):
    mask = draw_ball((8, 32, 32), 6)
    case = make_input(np.where(np.roll(mask, 3, axis=2), 8.0, -8.0), mask)
    by_plane = planes.agreement_by_plane(case)
    assert np.isnan(by_plane[~mask.any(axis=(1, 2))]).all()
    plane = 4
    predicted = np.roll(mask, 3, axis=2)[plane]
    assert by_plane[plane] == pytest.approx(2 * (predicted & mask[plane]).sum() / (predicted.sum() + mask[plane].sum()))
    both, total = np.array(planes.overlaps(case)).sum(axis=0)
    assert companions.agreement(case) == pytest.approx(2 * both / total)
    assert np.isnan(planes.agreement_by_plane(make_input(np.ones((3, 4, 4))))).all()


def test_confidence_by_plane_is_that_of_the_plane_alone(make_input):
    logits = np.full((2, 3, 3), -4.0)
    logits[0, 0, 0] = 2.0
    found = planes.confidence_by_plane(make_input(logits))
    assert found[0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert np.isnan(found[1])
