import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.measures.cohort import robust_z

NAN = float("nan")
numbers = st.lists(st.integers(-1000, 1000).map(lambda n: n / 8), min_size=3, max_size=30)


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
    z = robust_z(np.array([1.0, NAN, 2.0, np.inf, 3.0]))
    np.testing.assert_array_equal(np.isnan(z), [False, True, False, True, False])
    np.testing.assert_array_equal(z[[0, 2, 4]], robust_z(np.array([1.0, 2.0, 3.0])))


def test_without_spread_whoever_differs_stands_out():
    assert list(robust_z(np.array([1.0, 1.0, 1.0, 2.0, 0.0]))) == [0, 0, 0, 10, -10]
    assert list(robust_z(np.array([0.3, 0.1 + 0.2, 0.3, 0.3]))) == [0, 0, 0, 0]


@pytest.mark.parametrize("values", [[], [5.0], [1.0, 9.0], [1.0, NAN, 9.0]])
def test_fewer_than_three_values_say_nothing(values):
    z = robust_z(np.array(values, dtype=np.float64))
    assert list(z[np.isfinite(values)]) == [0.0] * np.isfinite(values).sum()


def test_cohort_measures_need_no_torch():
    code = "import sys, auvseg.measures.cohort\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
