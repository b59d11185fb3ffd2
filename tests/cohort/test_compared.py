import numpy as np
import pytest

from auvseg.cohort.compared import Held, compared_with, medians, usually_held, z_scores
from auvseg.cohort.suspicion import suspicious_z
from synthetic_scores import draw_scores


def table(**columns):
    return draw_scores(cases=30, **columns)


def test_one_class_is_never_compared_with_another():
    whole, alone = table(), table()
    alone = alone[alone["class_id"] == 2]
    assert np.allclose(z_scores(whole).loc[alone.index], z_scores(alone), equal_nan=True)


def test_suspicious_is_positive_whichever_end_is_the_suspicious_one():
    scores = table(noise=lambda rng, size: rng.normal(), offset_x_mm=lambda rng, size: rng.normal())
    scores.loc[0, ["S", "noise", "offset_x_mm"]] = [-5.0, 9.0, -99.0]
    z, turned = z_scores(scores), suspicious_z(z_scores(scores))
    assert (z.loc[0, ["S", "noise", "offset_x_mm"]] * [-1, 1, -1] > 3).all()
    assert (turned.loc[0, ["S", "noise", "offset_x_mm"]] > 3).all()


@pytest.mark.parametrize("factor", [8.0, 1 / 8])
def test_a_volume_is_as_odd_by_a_factor_up_as_down(factor):
    scores = table()
    middle = np.exp(np.median(np.log(scores.loc[scores["class_id"] == 1, "volume_ml"])))
    scores.loc[0, "volume_ml"] = middle * factor
    assert suspicious_z(z_scores(scores)).loc[0, "volume_ml"] == pytest.approx(np.log(8.0), rel=0.3)


def test_training_cases_are_the_cohort_and_a_class_that_none_of_them_holds_has_none():
    scores = table()
    validation = scores["case"] > "case_014"
    scores.loc[validation, "subset"] = "validation"
    scores.loc[validation & (scores["class_id"] == 1), "S"] = 50.0
    scores.loc[~validation & (scores["class_id"] == 2), "class_id"] = 3
    held = scores[(scores["class_id"] == 1) & ~validation]
    assert medians(scores)[1]["S"] == pytest.approx(held["S"].median())
    assert set(medians(scores)) == {1, 3}
    assert z_scores(scores)[scores["class_id"] == 2].isna().all(axis=None)
    assert set(medians(scores.assign(subset="test"))) == {1, 2, 3}


def test_what_half_of_the_cases_hold_is_usual():
    scores = table()
    second = scores["class_id"] == 2
    scores.loc[second & (scores["case"] >= "case_012"), "status"] = "absent"
    assert usually_held(scores) == {1: Held(30, 30)}
    scores.loc[second & (scores["case"] >= "case_012"), "status"] = "failed"
    assert usually_held(scores) == {1: Held(30, 30), 2: Held(30, 30)}


def test_a_structure_is_compared_with_the_training_cases_that_hold_it():
    scores = table()
    scores.loc[(scores["class_id"] == 2) & (scores["case"] >= "case_012"), "status"] = "absent"
    assert compared_with(scores) == {1: Held(30, 30), 2: Held(12, 30)}
    scores.loc[scores["case"] >= "case_010", "subset"] = "test"
    assert compared_with(scores) == {1: Held(10, 10), 2: Held(10, 10)}
    assert compared_with(scores.assign(subset="test"))[2] == Held(12, 30)
