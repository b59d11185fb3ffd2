"""Blur and slices are as wide as stated; a cut view is a padded slab that leaves a part of every structure."""

import numpy as np
import pytest

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.errors import CaseError
from corruption_cases import LESION, LIVER, SHAPE, SPACING_MM, SPLEEN, corrupt, liver_case


def test_blur_keeps_the_mean_and_is_equally_wide_in_millimetres():
    image = np.zeros((31, 61, 61), dtype=np.float32)
    image[15, 30, 30] = 1000
    result = CORRUPTIONS["blur"].apply(
        image, np.zeros(image.shape, np.int32), severity=0.8, rng=np.random.default_rng(0), spacing_mm=(2.0, 1.0, 1.0)
    )
    assert result.image.sum() == pytest.approx(1000, rel=1e-3)
    for axis, (size, step) in enumerate(zip(image.shape, (2.0, 1.0, 1.0), strict=True)):
        profile = result.image.sum(axis=tuple(other for other in range(3) if other != axis))
        offsets_mm = (np.arange(size) - size // 2) * step
        width_mm = np.sqrt((profile * offsets_mm**2).sum() / profile.sum())
        assert width_mm == pytest.approx(result.truth.parameters["blur_sd_mm"], rel=0.05)


def test_thick_slices_average_their_neighbours():
    image = np.zeros(SHAPE, dtype=np.float32)
    image[7] = 60
    result = CORRUPTIONS["thick_slices"].apply(
        image, np.zeros(SHAPE, np.int32), severity=0.8, rng=np.random.default_rng(0), spacing_mm=SPACING_MM
    )
    assert result.image[:, 3, 3] == pytest.approx([0] * 5 + [12] * 5 + [0] * 4)
    assert result.truth.parameters["thickness_mm"] == pytest.approx(15)


def _structures(class_ids=(LIVER, SPLEEN, LESION)):
    _, label = liver_case()
    return [label == value for value in class_ids]


@pytest.mark.parametrize("seed", range(8))
def test_cut_view_is_a_slab_of_padding_at_one_border(seed):
    image, _ = liver_case()
    result = corrupt("truncated_view", severity=0.8, seed=seed)
    axis, cut_mm, padding = (result.truth.parameters[name] for name in ("axis", "cut_mm", "padding_value"))
    lines = np.moveaxis(result.image, int(axis), 0).reshape(SHAPE[int(axis)], -1)
    padded = (lines == padding).all(axis=1)
    assert padding == image.min()
    assert padded.sum() * SPACING_MM[int(axis)] == pytest.approx(cut_mm)
    assert np.count_nonzero(np.diff(padded)) == 1
    kept = np.moveaxis(image, int(axis), 0).reshape(lines.shape)
    assert np.array_equal(lines[~padded], kept[~padded])


@pytest.mark.parametrize("seed", range(8))
def test_severest_cut_takes_a_part_of_the_structures_and_none_whole(seed):
    _, label = liver_case()
    result = corrupt("truncated_view", severity=1.0, seed=seed)
    outside = result.image == result.truth.parameters["padding_value"]
    axis = int(result.truth.parameters["axis"])
    others = tuple(other for other in range(3) if other != axis)
    assert result.truth.parameters["foreground_lost_share"] == pytest.approx(np.mean(outside[label > 0]), abs=1e-3)
    left = [np.mean((mask & ~outside).any(axis=others)[mask.any(axis=others)]) for mask in _structures()]
    assert 0.5 <= min(left) < 0.65


def test_cut_comes_near_then_touches_then_cuts_in():
    lost = [
        [corrupt("truncated_view", s, seed, LESION).truth.parameters["foreground_lost_share"] for s in (0.49, 0.6, 1.0)]
        for seed in range(8)
    ]
    before, touched, cut = np.transpose(lost)
    assert before.max() == 0
    assert cut.min() > 0.3
    assert np.all(touched < cut)


def test_structure_at_the_border_is_cut_into_at_once():
    image, label = liver_case()
    label[:] = 0
    label[:, :, :20] = LIVER
    lost = [corrupt("truncated_view", 0.5, s, case=(image, label)).truth.parameters for s in range(8)]
    assert all(truth["foreground_lost_share"] > 0.2 for truth in lost if truth["axis"] != 2)


def test_structure_of_one_voxel_in_a_volume_of_its_own_cannot_be_cut():
    with pytest.raises(CaseError, match="no field of view"):
        corrupt("truncated_view", case=(np.ones((1, 1, 1), dtype=np.float32), np.ones((1, 1, 1), dtype=np.int32)))
