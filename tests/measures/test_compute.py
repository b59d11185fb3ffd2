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
        other=draw_ball((8, 32, 32), 12),
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


def test_without_a_map_the_label_and_the_image_are_measured_and_nothing_else(of_label, draw_ball):
    mask = draw_ball((8, 32, 32), 8)
    image = np.random.default_rng(0).random(mask.shape)
    case = of_label(mask, image=image, other=draw_ball((8, 32, 32), 12))
    values = compute_measures(case, CASE_MEASURES, ScaleOptions())
    assert {name for name, value in values.items() if value is None} == {n for n in values if MEASURES[n].needs_map}


def test_without_a_label_the_image_is_measured_and_nothing_else(of_image):
    case = of_image(np.random.default_rng(0).random((8, 32, 32)))
    values = compute_measures(case, CASE_MEASURES, ScaleOptions())
    measured = {name for name, value in values.items() if value is not None}
    assert measured == {n for n in values if not MEASURES[n].needs_label and not MEASURES[n].needs_map}
