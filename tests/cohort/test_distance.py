import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.cohort.distance import absence, mahalanobis, outlyingness, robust_z, together, too_few

NAN = float("nan")
numbers = st.lists(st.integers(-1000, 1000).map(lambda n: n / 8), min_size=5, max_size=30)


def test_robust_z_of_a_hand_computed_cohort():
    z = robust_z(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_allclose(z, np.array([-2, -1, 0, 1, 2]) / 1.4826)


def test_robust_z_estimates_standard_deviations_of_a_normal_cohort():
    z = robust_z(np.random.default_rng(0).normal(7.0, 3.0, 20_000))
    assert z.std() == pytest.approx(1.0, abs=0.02)


@given(numbers, st.integers(-50, 50), st.sampled_from([0.25, 1.0, 8.0]))
def test_robust_z_does_not_change_with_unit_or_origin_and_turns_with_the_sign(values, shift, scale):
    z = robust_z(np.array(values))
    np.testing.assert_allclose(robust_z(scale * np.array(values) + shift), z, atol=1e-9)
    np.testing.assert_allclose(robust_z(-np.array(values)), -z, atol=1e-9)


@given(numbers, st.randoms())
def test_robust_z_does_not_depend_on_the_order(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    np.testing.assert_array_equal(robust_z(np.array(values)[order]), robust_z(np.array(values))[order])


def test_a_faulty_minority_does_not_move_the_others():
    sound = np.arange(21.0)
    z = robust_z(np.r_[sound, 1e6, 1e6])
    assert list(z[-2:]) == [10.0, 10.0]
    assert np.abs(z[:-2]).max() < 2


def test_missing_values_stay_missing_and_have_no_part():
    z = robust_z(np.array([1.0, NAN, 2.0, np.inf, 3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(np.isnan(z), [False, True, False, True, False, False, False])
    np.testing.assert_array_equal(z[[0, 2, 4, 5, 6]], robust_z(np.array([1.0, 2.0, 3.0, 4.0, 5.0])))


def test_without_spread_whoever_differs_stands_out():
    assert list(robust_z(np.array([1.0, 1.0, 1.0, 2.0, 0.0]))) == [0, 0, 0, 10, -10]
    assert list(robust_z(np.array([0.3, 0.1 + 0.2, 0.3, 0.3, 0.3]))) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("values", [[], [5.0], [1.0, 9.0], [1.0, 2.0, 3.0, 9.0], [1.0, 2.0, 3.0, NAN, 9.0]])
def test_fewer_than_five_values_have_no_distance(values):
    assert np.isnan(robust_z(np.array(values, dtype=np.float64))).all()
    assert not np.isnan(robust_z(np.array([*values, 1.0, 2.0, 3.0, 4.0, 5.0]))).all()


def test_too_few_are_counted_and_told_from_how_many_on():
    assert too_few("2 cases").startswith("2 cases: too few to compare, at least 5")


def test_cohort_measures_need_no_torch():
    code = "import sys, auvseg.cohort.distance\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_who_is_not_of_the_cohort_moves_nobody():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 30.0])
    cohort = np.array([True] * 5 + [False] * 2)
    z = robust_z(values, cohort)
    np.testing.assert_array_equal(z[:5], robust_z(values[:5]))
    assert z[5] == pytest.approx(6 / 1.4826)
    assert z[6] == 10.0
    assert np.isnan(robust_z(values, np.zeros(7, dtype=bool))).all()


def test_outlyingness_is_the_root_mean_square_of_the_largest():
    z = np.array([[0.0, -3.0, 1.0, 2.0, 0.5], [1.0, 1.0, 1.0, 1.0, 1.0]])
    np.testing.assert_allclose(outlyingness(z), [np.sqrt(14 / 3), 1.0])


def test_outlyingness_does_not_depend_on_signs_or_on_the_order_of_measures_and_grows_with_each():
    z = np.random.default_rng(0).normal(size=(50, 6))
    far = outlyingness(z)
    np.testing.assert_allclose(outlyingness(-z[:, ::-1]), far)
    assert (outlyingness(z * 1.5) > far).all()
    assert (outlyingness(np.c_[z, np.full(50, 8.0)]) > far).all()


def test_missing_measures_count_for_nothing():
    z = np.array([[NAN, 2.0, NAN, -1.0], [NAN] * 4])
    found = outlyingness(z)
    assert found[0] == pytest.approx(np.sqrt(2.5))
    assert np.isnan(found[1])


def test_absence_grows_with_the_share_that_holds_the_structure():
    values = [absence(holding, 40) for holding in range(41)]
    assert values[0] == 0
    assert (np.diff(values) > 0).all()
    assert values[20] < 3
    assert values[40] > 10


def test_absence_reaches_the_largest_distance_where_nineteen_of_twenty_hold_it():
    assert absence(18, 18) == pytest.approx(10.0)
    assert absence(999, 999) > absence(99, 99) > absence(18, 18) > absence(4, 4)


def test_absence_of_what_nobody_holds_is_nothing_odd():
    assert absence(0, 40) == 0


def features(count=30, length=64, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 6)) @ rng.normal(size=(6, length)) + 0.1 * rng.normal(size=(count, length))


def test_mahalanobis_is_that_of_scikit_learn():
    from sklearn.covariance import LedoitWolf

    for values in (features(), features(6, 200), features(300, 3), features(8, 1), 1e4 + 1e-3 * features()):
        expected = np.sqrt(LedoitWolf().fit(values).mahalanobis(values))
        np.testing.assert_allclose(mahalanobis(values), expected, rtol=1e-6)


def test_mahalanobis_of_many_cases_tends_to_the_textbook_distance():
    values = np.random.default_rng(0).normal(size=(20_000, 2)) @ np.array([[2.0, 0.0], [1.0, 0.5]])
    centred = values - values.mean(axis=0)
    exact = np.sqrt(np.einsum("nf,fg,ng->n", centred, np.linalg.inv(np.cov(values.T)), centred))
    np.testing.assert_allclose(mahalanobis(values), exact, rtol=0.02)


def test_mahalanobis_does_not_change_under_rotation_translation_and_unit():
    values = features()
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(64, 64)))[0]
    np.testing.assert_allclose(mahalanobis(7.0 * values @ rotation + 3.0), mahalanobis(values), rtol=1e-8)


def test_mahalanobis_does_not_depend_on_the_order():
    values, order = features(), np.random.default_rng(2).permutation(30)
    np.testing.assert_allclose(mahalanobis(values[order]), mahalanobis(values)[order], rtol=1e-9)


def test_a_planted_outlier_is_farthest():
    values = features()
    values[11] += 3.0 * np.random.default_rng(3).normal(size=64)
    assert mahalanobis(values).argmax() == 11


def test_a_case_outside_the_cohort_moves_no_distance():
    values = features()
    cohort = np.arange(30) < 25
    distances = mahalanobis(values, cohort)
    np.testing.assert_allclose(distances[:25], mahalanobis(values[:25]))
    assert np.isfinite(distances[25:]).all()
    assert np.median(distances[25:]) > np.median(distances[:25])


def test_too_few_cases_or_no_variation_have_no_distance():
    assert np.isnan(mahalanobis(features(count=4))).all()
    assert np.isfinite(mahalanobis(features(count=5))).all()
    assert np.isnan(mahalanobis(np.full((10, 3), 0.1))).all()


def test_distances_together_are_those_of_a_right_angle_and_a_missing_one_adds_nothing():
    far = together(np.array([[3.0, 4.0], [NAN, 7.0], [2.0, NAN], [NAN, NAN], [0.0, 0.0]]))
    np.testing.assert_array_equal(far, [5.0, 7.0, 2.0, NAN, 0.0])


@given(numbers, numbers)
def test_what_lies_farther_in_one_lies_farther_together(first, second):
    count = min(len(first), len(second))
    distances = np.abs(np.stack([first[:count], second[:count]], axis=1))
    farther = together(distances + np.array([1.0, 0.0]))
    assert (farther > together(distances)).all()
    assert (together(distances) >= distances.max(axis=1) - 1e-9).all()
