import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice

from auvseg.evaluation.metrics import surface_agreement

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


def monai(first, second, spacing, tolerance_mm):
    """Both numbers as MONAI computes them; of an image of one plane, those of the plane."""
    if first.shape[2] == 1:
        first, second, spacing = first[..., 0], second[..., 0], spacing[:2]
    tensors = [torch.from_numpy(mask[None, None].copy()) for mask in (second, first)]
    options = {"include_background": True, "spacing": spacing}
    dice = compute_surface_dice(*tensors, [tolerance_mm], use_subvoxels=True, **options)
    distance = compute_hausdorff_distance(*(one.float() for one in tensors), percentile=95, **options)
    return float(dice), float(distance)


@pytest.mark.parametrize("depth", [1, 2, 9])
@pytest.mark.parametrize("share", [0.03, 0.3, 0.5, 0.9])
def test_both_are_those_of_monai_whatever_the_shape_and_the_spacing(share, depth):
    rng = np.random.default_rng(depth)
    for spacing in ((1.0, 1.0, 1.0), (0.7, 0.9, 3.1), (2.0, 0.31, 0.5)):
        first = rng.random((8, 11, depth)) < share
        second = np.roll(first, 1, axis=0) & (rng.random(first.shape) < 0.9)
        first[4, 5, 0] = second[3, 5, 0] = True
        tolerance_mm = rng.uniform(0, 2)
        known = surface_agreement(first, second, spacing, tolerance_mm)
        dice, distance = monai(first, second, spacing, tolerance_mm)
        assert known.surface_dice == pytest.approx(dice, abs=1e-6)
        assert known.hd95_mm == pytest.approx(distance, abs=1e-5)


def test_a_tolerance_of_whole_voxels_holds_although_spacings_are_stored_as_float32():
    first, second = block((3, 3, 3)), block((6, 3, 3))
    spacing = (float(np.float32(0.1)), 1.0, 1.0)
    assert surface_agreement(first, second, spacing, 0.3).surface_dice == 1.0
    assert surface_agreement(first, second, (0.1, 1.0, 1.0), 0.3).surface_dice == 1.0


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
