import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

from auvseg.evaluation.surface import surface_agreement

SPACING = (2.0, 1.0, 0.5)


def block(start, shape=(16, 16, 16), size=6):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(s, s + size) for s in start)] = True
    return mask


def test_equal_masks_agree_and_lie_on_each_other():
    known = surface_agreement(block((3, 3, 3)), block((3, 3, 3)), SPACING, 0.0)
    assert (known.surface_dice, known.hd95_mm) == (1.0, 0.0)


def test_a_shift_within_the_tolerance_is_none():
    shifted = block((4, 3, 3))
    assert surface_agreement(block((3, 3, 3)), shifted, SPACING, 2.0).surface_dice == 1.0
    assert surface_agreement(block((3, 3, 3)), shifted, SPACING, 1.9).surface_dice < 0.9


def test_the_hausdorff_distance_of_a_shift_is_the_shift_in_mm():
    assert surface_agreement(block((3, 3, 3)), block((6, 3, 3)), SPACING, 1.0).hd95_mm == 6.0
    assert surface_agreement(block((3, 3, 3)), block((3, 3, 7)), SPACING, 1.0).hd95_mm == 2.0


def test_agreement_rises_with_the_tolerance_and_does_not_depend_on_order_or_axes():
    first, second = block((3, 3, 3)), block((4, 5, 3), size=7)
    by_tolerance = [surface_agreement(first, second, SPACING, t).surface_dice for t in (0.0, 0.5, 1.0, 2.0, 10.0)]
    assert by_tolerance == sorted(by_tolerance)
    assert by_tolerance[-1] == 1.0
    one = surface_agreement(first, second, SPACING, 1.0)
    assert surface_agreement(second, first, SPACING, 1.0) == one
    turned = surface_agreement(first.transpose(2, 0, 1)[::-1], second.transpose(2, 0, 1)[::-1], (0.5, 2.0, 1.0), 1.0)
    assert turned.surface_dice == pytest.approx(one.surface_dice, abs=1e-6)
    assert turned.hd95_mm == pytest.approx(one.hd95_mm)


def test_both_are_those_of_monai_on_the_whole_image():
    rng = np.random.default_rng(0)
    first = block((0, 3, 9)) | (rng.random((16, 16, 16)) < 0.01)
    second = block((1, 2, 8))
    tensors = [torch.from_numpy(mask[None, None]) for mask in (second, first)]
    known = surface_agreement(first, second, SPACING, 1.0)
    dice = compute_surface_dice(*tensors, [1.0], include_background=True, spacing=SPACING, use_subvoxels=True)
    distance = compute_hausdorff_distance(
        *(one.float() for one in tensors), include_background=True, percentile=95, spacing=SPACING
    )
    assert known.surface_dice == pytest.approx(float(dice))
    assert known.hd95_mm == pytest.approx(float(distance))


def test_a_structure_that_fills_the_image_has_a_surface():
    full = np.ones((4, 5, 6), dtype=bool)
    assert surface_agreement(full, full, SPACING, 0.0).surface_dice == 1.0


def test_a_single_plane_is_compared_by_its_outlines():
    first, second = (np.zeros((12, 12, 1), dtype=bool) for _ in range(2))
    first[2:8, 2:8], second[3:9, 2:8] = True, True
    known = surface_agreement(first, second, (1.0, 1.0, 5.0), 0.5)
    assert 0 < known.surface_dice < 1
    assert known.hd95_mm == 1.0
    other = surface_agreement(first, second, (1.0, 1.0, 1.0), 0.5)
    assert known == other


def test_a_structure_in_one_mask_or_none():
    empty = np.zeros((16, 16, 16), dtype=bool)
    neither, one = (
        surface_agreement(empty, empty, SPACING, 1.0),
        surface_agreement(empty, block((3, 3, 3)), SPACING, 1.0),
    )
    assert np.isnan([neither.surface_dice, neither.hd95_mm, one.hd95_mm]).all()
    assert one.surface_dice == 0.0
