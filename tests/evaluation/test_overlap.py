import numpy as np
import pytest
import torch
from monai.metrics import compute_dice, compute_iou

from auvseg.evaluation.metrics import Contingency


def maps(seed=0, top=4):
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(0, top, (5, 6, 7)).astype(np.int32) for _ in range(2))


def test_dice_and_iou_are_those_of_monai():
    reference, prediction = maps()
    counts = Contingency(reference, prediction)
    one_hot = [torch.stack([torch.from_numpy(m == c) for c in range(4)])[None].float() for m in (prediction, reference)]
    dice = compute_dice(*one_hot, include_background=False)[0]
    iou = compute_iou(*one_hot, include_background=False)[0]
    for value in (1, 2, 3):
        assert counts.overlap([value]).dice == pytest.approx(float(dice[value - 1]))
        assert counts.overlap([value]).iou == pytest.approx(float(iou[value - 1]))


def test_a_region_is_the_union_of_its_values():
    reference, prediction = maps()
    region = Contingency(reference, prediction).overlap([1, 3])
    first, second = np.isin(reference, [1, 3]), np.isin(prediction, [1, 3])
    assert (region.both, region.labelled, region.predicted) == ((first & second).sum(), first.sum(), second.sum())


def test_exchanging_the_maps_changes_neither_dice_nor_iou():
    reference, prediction = maps()
    forth, back = Contingency(reference, prediction), Contingency(prediction, reference)
    for value in (1, 2, 3):
        assert forth.overlap([value]).dice == back.overlap([value]).dice
        assert forth.overlap([value]).iou == back.overlap([value]).iou


def test_dice_is_two_iou_over_one_plus_iou():
    counts = Contingency(*maps())
    one = counts.overlap([2])
    assert one.dice == pytest.approx(2 * one.iou / (1 + one.iou))


def test_large_and_negative_values_count_like_small_ones():
    reference, prediction = maps()
    known = Contingency(reference, prediction)
    large = np.array([0, 70_000, -5, 2_000_000_000], dtype=np.int32)
    renumbered = Contingency(large[reference], large[prediction])
    for small, value in enumerate(large.tolist()):
        assert renumbered.overlap([value]) == known.overlap([small])
    assert renumbered.labelled_values == frozenset(large.tolist())


def test_a_class_in_neither_map_has_no_number_and_one_in_a_single_map_is_zero():
    reference, prediction = maps()
    prediction[prediction == 2] = 0
    counts = Contingency(reference, prediction)
    assert np.isnan(counts.overlap([9]).dice)
    assert np.isnan(counts.overlap([9]).iou)
    assert counts.overlap([2]).dice == counts.overlap([2]).iou == 0
    assert 2 in counts.labelled_values
    assert 2 not in counts.predicted_values
