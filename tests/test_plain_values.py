import time

import pytest

from auvseg.plain_values import Int64, of_shape


def test_a_time_in_nanoseconds_needs_64_bits():
    now = time.time_ns()
    assert of_shape(Int64)(now)
    assert not of_shape(int)(now)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 1 << 63])
def test_what_is_no_whole_number_of_64_bits_is_refused(value):
    assert not of_shape(Int64)(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", 1 << 54])
def test_a_number_is_finite_and_exact(value):
    assert not of_shape(float)(value)


def test_an_object_may_hold_more_than_its_keys_but_no_less():
    fits = of_shape({"a": [(None, "x", int)]})
    assert fits({"a": [None, "x", 3], "b": 1})
    assert not fits({"a": ["y"]})
    assert not fits({"b": 1})
    assert not fits([])
