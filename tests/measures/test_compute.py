import numpy as np
import pytest

from auvseg.measures.catalogue import CASE_MEASURES, MEASURES, ScaleOptions
from auvseg.measures.compute import FUNCTIONS, compute_measures


def test_every_measure_of_the_catalogue_has_a_function_and_the_other_way_round():
    assert set(FUNCTIONS) | {"S"} == set(CASE_MEASURES)


def test_every_measure_lies_in_the_range_the_catalogue_gives(make_input, draw_ball):
    rng = np.random.default_rng(1)
    mask = draw_ball((8, 32, 32), 8)
    case = make_input(
        np.where(mask, 4.0, -4.0) + rng.normal(0, 1, mask.shape),
        mask,
        image=rng.random(mask.shape),
        predicted_iou=rng.random(8),
    )
    for name, value in compute_measures(case, list(CASE_MEASURES), ScaleOptions()).items():
        assert MEASURES[name].low <= value <= MEASURES[name].high, name


def test_an_absent_map_has_no_scale(make_input):
    assert compute_measures(make_input(np.zeros((4, 8, 8))), ["S"], ScaleOptions())["S"] is None


@pytest.mark.parametrize(
    "options", [ScaleOptions(energy="singular"), ScaleOptions(centre=True), ScaleOptions(on="probabilities")]
)
def test_every_variant_of_the_scale_is_another_number(make_input, draw_ball, options):
    case = make_input(np.where(draw_ball((8, 32, 32), 8), 3.0, -3.0))
    assert compute_measures(case, ["S"], options)["S"] != compute_measures(case, ["S"], ScaleOptions())["S"]
