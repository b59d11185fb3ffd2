import math

import numpy as np
import pytest

from auvseg.measures import baselines


def halves(shape):
    mask = np.zeros(shape, dtype=bool)
    mask[:, :, : shape[2] // 2] = True
    return mask


def test_variance_is_that_of_the_intensities_inside(make_input):
    rng = np.random.default_rng(0)
    mask, image = halves((3, 8, 8)), rng.random((3, 8, 8)).astype(np.float32)
    case = make_input(np.zeros(mask.shape), mask, image=image)
    assert baselines.variance(case) == pytest.approx(image[mask].var(), rel=1e-5)
    assert baselines.variance(make_input(np.zeros(mask.shape), mask, image=np.ones(mask.shape))) == 0


def test_variance_sees_the_whole_structure_also_where_few_planes_were_scored(make_input):
    mask, image = halves((4, 8, 8)), np.zeros((4, 8, 8))
    image[3] = 1.0
    case = make_input(np.zeros((2, 8, 8)), mask, image=image)
    assert baselines.variance(case) == pytest.approx(0.25 * 0.75)


def test_fisher_by_hand(make_input):
    mask = halves((1, 2, 4))
    logits = np.array([[[1.0, 3.0, -1.0, -3.0], [1.0, 3.0, -1.0, -3.0]]])
    assert baselines.fisher(make_input(logits, mask)) == pytest.approx(4**2 / (1 + 1))


def test_fisher_does_not_change_with_scale_and_offset_of_the_map(make_input):
    rng = np.random.default_rng(1)
    mask = halves((2, 16, 16))
    logits = rng.normal(size=mask.shape) + 3 * mask
    value = baselines.fisher(make_input(logits, mask))
    assert baselines.fisher(make_input(5 * logits - 2, mask)) == pytest.approx(value, rel=1e-4)


def test_energy_is_minus_the_softplus_inside(make_input):
    mask = halves((1, 2, 4))
    logits = np.where(mask, 2.0, 50.0)
    assert baselines.energy(make_input(logits, mask)) == pytest.approx(-math.log1p(math.exp(2.0)), rel=1e-6)


def test_a_map_that_misses_the_structure_has_less_fisher_and_more_energy(make_input, draw_ball):
    mask = draw_ball((8, 32, 32), 8)
    rng = np.random.default_rng(0)
    sees, misses = (np.where(seen, 6.0, -6.0) + rng.normal(size=mask.shape) for seen in (mask, np.roll(mask, 8, 2)))
    assert baselines.fisher(make_input(misses, mask)) < baselines.fisher(make_input(sees, mask))
    assert baselines.energy(make_input(misses, mask)) > baselines.energy(make_input(sees, mask))


def test_maps_on_another_grid_are_compared_on_that_grid(make_input):
    coarse = halves((1, 8, 8))
    fine = coarse.repeat(3, axis=1).repeat(3, axis=2)
    logits = np.where(coarse, 1.0, -1.0) + 0.1 * np.random.default_rng(0).normal(size=coarse.shape)
    for measure in (baselines.fisher, baselines.energy):
        assert measure(make_input(logits, fine)) == pytest.approx(measure(make_input(logits, coarse)))


def test_ignored_pixels_do_not_count(make_input):
    mask = halves((1, 4, 8))
    valid = np.ones_like(mask)
    valid[:, :2] = False
    rng = np.random.default_rng(0)
    logits = rng.normal(size=mask.shape)
    other = logits.copy()
    other[:, :2] += 100
    for measure in (baselines.fisher, baselines.energy):
        one, two = (measure(make_input(z, mask.copy(), valid=valid)) for z in (logits, other))
        assert one == pytest.approx(two)


def test_without_a_label_or_a_map_there_is_no_baseline(make_input, of_label):
    mask = halves((1, 4, 8))
    for measure in (baselines.fisher, baselines.energy):
        assert measure(make_input(np.zeros(mask.shape))) is None
        assert measure(of_label(mask)) is None
    assert baselines.fisher(make_input(np.zeros(mask.shape), np.ones_like(mask))) is None
    assert baselines.fisher(make_input(np.zeros(mask.shape), mask)) is None
    assert baselines.variance(make_input(np.zeros(mask.shape))) is None
