import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.cohort.auv import FLOOR, auv, normalise_scale
from auvseg.cohort.order import rank
from auvseg.errors import UsageError

scales = st.lists(st.floats(1e-4, 1.0), min_size=2, max_size=30)


def make_table(rows):
    table = pd.DataFrame(rows, columns=["case", "subset", "class_id", "class", "status", "S"])
    return table.assign(class_id=table["class_id"].astype("Int64"), reason="")


@pytest.fixture
def table():
    return make_table(
        [
            ("a", "training", 1, "one", "ok", 0.2),
            ("a", "training", 2, "two", "ok", 0.4),
            ("b", "training", 1, "one", "ok", 0.8),
            ("b", "training", 2, "two", "absent", np.nan),
            ("c", "training", 1, "one", "ok", 0.4),
            ("c", "training", 2, "two", "ok", 0.8),
            ("d", "training", None, "", "failed", np.nan),
            ("v", "validation", 1, "one", "ok", 0.01),
        ]
    )


def test_auv_is_linear_in_the_logarithm_of_the_scale():
    np.testing.assert_allclose(auv([0.1, 0.2, 0.4, 0.8]), [1, 2 / 3, 1 / 3, 0], atol=1e-12)


def test_the_equation_of_the_paper_term_by_term():
    scale = np.array([0.31, 0.05, 0.77, 0.31, 0.6])
    log = np.log(scale)
    expected = [1 - (one - min(log)) / (max(log) - min(log)) for one in log]
    np.testing.assert_allclose(auv(scale), expected, atol=1e-12)


@given(scales)
def test_auv_lies_in_zero_to_one_and_falls_with_the_scale(scale):
    values = auv(scale)
    assert values.min() >= 0
    assert values.max() <= 1
    order = np.argsort(scale, kind="stable")
    assert np.all(np.diff(values[order]) <= 0)


@given(scales, st.floats(0.1, 10))
def test_a_common_factor_of_the_scale_does_not_matter(scale, factor):
    if np.ptp(np.log(scale)) > 1e-3:
        np.testing.assert_allclose(auv(np.array(scale) * factor), auv(scale), atol=1e-9)


@given(scales, st.randoms(use_true_random=False))
def test_the_order_of_the_cohort_does_not_matter(scale, random):
    order = list(range(len(scale)))
    random.shuffle(order)
    np.testing.assert_array_equal(auv(np.array(scale)[order]), auv(scale)[order])


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_what_is_missing_stays_missing_and_moves_nobody(missing):
    values = auv([0.1, missing, 0.2, 0.4])
    assert np.isnan(values[1])
    np.testing.assert_array_equal(values[[0, 2, 3]], auv([0.1, 0.2, 0.4]))


@pytest.mark.parametrize("scale", [[0.3], [0.3, 0.3, 0.3], [0.0, 0.0]])
def test_where_nobody_stands_out_everybody_has_zero(scale):
    np.testing.assert_array_equal(auv(scale), np.zeros(len(scale)))


def test_a_cohort_of_nobody_has_no_values():
    assert auv([]).shape == (0,)
    assert np.isnan(auv([np.nan, np.nan])).all()


def test_a_map_without_variation_gets_one_and_is_announced():
    with pytest.warns(RuntimeWarning, match="1 of 3 maps have no variation"):
        values = auv([0.0, 0.2, 0.4])
    expected = 1 - np.log(0.2 / FLOOR) / np.log(0.4 / FLOOR)
    np.testing.assert_allclose(values, [1, expected, 0], atol=1e-12)


def test_scales_above_the_floor_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        auv([FLOOR, 0.5])


def test_a_negative_scale_is_refused():
    with pytest.raises(UsageError, match=r"never negative; got -0\.2"):
        auv([0.3, -0.2])


def test_a_table_of_scales_is_refused():
    with pytest.raises(UsageError, match=r"\(2, 2\)"):
        auv([[0.1, 0.2], [0.3, 0.4]])


def auv_of(table, scope="case"):
    keys = ["case"] if scope == "case" else ["case", "class"]
    return rank(table, by="AUV", scope=scope).set_index(keys)


def test_the_scale_of_a_case_is_the_mean_over_the_classes_it_holds(table):
    scale = auv_of(table)["S"]
    assert scale["a"] == pytest.approx(0.3)
    assert scale["b"] == pytest.approx(0.8)
    assert "d" not in scale


def test_auv_of_cases_compares_the_training_cases_alone(table):
    cases = auv_of(table)["AUV"]
    assert cases["a"] == 1.0
    assert cases["b"] == 0.0
    assert cases["c"] == pytest.approx(np.log(0.8 / 0.6) / np.log(0.8 / 0.3))


def test_a_validation_case_is_held_against_the_training_cases_and_may_lie_beyond_them(table):
    assert auv_of(table).loc["v", "AUV"] == pytest.approx(1 + np.log(0.3 / 0.01) / np.log(0.8 / 0.3))


def test_where_there_is_no_training_case_all_are_compared(table):
    cases = auv_of(table.assign(subset="test"))["AUV"]
    assert cases["v"] == 1.0
    assert 0 < cases["a"] < 1.0


def test_auv_of_classes_compares_those_that_hold_the_class(table):
    classes = auv_of(table, scope="class")["AUV"]
    assert ("b", "two") not in classes.index
    assert classes["a", "one"] == 1.0
    assert classes["b", "one"] == 0.0
    assert classes["c", "one"] == pytest.approx(0.5)
    assert (classes["a", "two"], classes["c", "two"]) == (1.0, 0.0)


@pytest.mark.parametrize("scope", ["case", "class"])
def test_the_order_of_the_rows_does_not_matter(table, scope):
    shuffled = table.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(auv_of(table, scope=scope), auv_of(shuffled, scope=scope))


def test_a_run_without_scale_has_no_auv(table):
    with pytest.raises(UsageError, match="'AUV'"):
        rank(table.drop(columns="S"), by="AUV")


def test_beside_a_cohort_without_spread_others_lie_on_one_side_or_the_other():
    scale, cohort = np.array([0.2, 0.2, 0.1, 0.4]), np.array([True, True, False, False])
    np.testing.assert_array_equal(normalise_scale(scale, cohort), [0, 0, 1, -1])
    assert np.isnan(normalise_scale(scale, ~cohort & False)).all()
