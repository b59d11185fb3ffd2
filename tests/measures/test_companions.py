import math

import numpy as np
import pytest

from auvseg.measures import companions


def as_logits(mask, height=8.0):
    return np.where(mask, height, -height)


def test_agreement_is_one_for_the_models_own_mask_and_zero_for_a_disjoint_one(make_input, draw_ball):
    mask = draw_ball((8, 32, 32), 6)
    assert companions.agreement(make_input(as_logits(mask), mask)) == 1.0
    assert companions.agreement(make_input(as_logits(mask), np.roll(mask, 16, axis=2))) == pytest.approx(0, abs=0.05)


def test_shifted_label_lowers_agreement_the_more_the_further(make_input, draw_ball):
    mask = draw_ball((8, 48, 48), 8)
    values = [companions.agreement(make_input(as_logits(mask), np.roll(mask, n, axis=1))) for n in range(0, 10, 3)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_agreement_is_dice_by_hand(make_input):
    predicted = np.zeros((1, 4, 4), dtype=bool)
    predicted[0, 0, :3] = True
    label = np.zeros((1, 4, 4), dtype=bool)
    label[0, 0, 1:] = True
    assert companions.agreement(make_input(as_logits(predicted), label)) == pytest.approx(2 * 2 / 6)


def test_agreement_is_measured_on_the_volumes_grid(make_input, draw_ball):
    coarse = draw_ball((4, 16, 16), 5)
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)
    assert companions.agreement(make_input(as_logits(coarse), fine)) > 0.95


def test_ignored_voxels_do_not_count_for_agreement(make_input, draw_ball):
    mask = draw_ball((8, 32, 32), 6)
    label = mask.copy()
    label[:, :16] = False
    valid = np.ones_like(mask)
    valid[:, :16] = False
    assert companions.agreement(make_input(as_logits(mask), label, valid=valid)) == 1.0


def test_agreement_is_missing_without_a_label_or_without_any_mask(make_input, draw_ball):
    mask = draw_ball((4, 16, 16), 4)
    assert companions.agreement(make_input(as_logits(mask))) is None
    nothing = np.zeros((4, 16, 16), dtype=bool)
    assert companions.agreement(make_input(as_logits(nothing), nothing)) is None


def test_stability_counts_the_uncertain_band(make_input):
    logits = np.full((1, 1, 10), -5.0)
    logits[0, 0, :4] = 5.0
    logits[0, 0, 4:8] = 0.0
    assert companions.stability(make_input(logits)) == 4 / 8
    assert companions.stability(make_input(np.full((1, 2, 2), -5.0))) is None


def test_confidence_is_the_mean_probability_inside_the_mask(make_input):
    logits = np.array([[[math.log(3), math.log(9), -4.0]]])
    assert companions.confidence(make_input(logits)) == pytest.approx((0.75 + 0.9) / 2, abs=1e-6)
    assert companions.confidence(make_input(-np.ones((1, 2, 2)))) is None


def test_boundary_entropy_by_hand_and_for_saturated_logits(make_input):
    # One certain pixel inside, one at p = 1/2: ln 2 nats over one predicted pixel.
    assert companions.boundary_entropy(make_input([[[200.0, 0.0, -200.0]]])) == pytest.approx(math.log(2), rel=1e-6)
    assert companions.boundary_entropy(make_input([[[200.0]]])) == pytest.approx(0, abs=1e-30)
    assert companions.boundary_entropy(make_input([[[-200.0]]])) is None


def test_softer_boundaries_are_less_stable_less_confident_and_have_more_entropy(make_input, draw_ball):
    sharp = as_logits(draw_ball((8, 32, 32), 8))
    soft = sharp / 4
    assert companions.stability(make_input(soft)) <= companions.stability(make_input(sharp))
    assert companions.confidence(make_input(soft)) < companions.confidence(make_input(sharp))
    assert companions.boundary_entropy(make_input(soft)) > companions.boundary_entropy(make_input(sharp))


def test_predicted_iou_is_averaged_over_planes_and_missing_where_the_model_has_none(make_input):
    assert companions.predicted_iou(make_input(np.zeros((2, 4, 4)), predicted_iou=[0.5, 1.0])) == 0.75
    assert companions.predicted_iou(make_input(np.zeros((2, 4, 4)))) is None
