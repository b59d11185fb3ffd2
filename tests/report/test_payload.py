import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.report.payload import as_json, exact, numbers
from hostile_text import HOSTILE


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_read_back_is_what_was_written(text):
    assert json.loads(as_json({text: [text]})) == {text: [text]}


@given(st.text(st.characters(), max_size=50))
def test_nothing_ends_an_element_or_a_line_and_everything_can_be_written(text):
    made = as_json([text])
    assert not set("<>&\u2028\u2029\n\r") & set(made)
    made.encode("utf-8")


def test_numbers_have_four_digits_and_missing_ones_are_null():
    assert numbers([0.123456, 123456.0, float("nan"), float("inf"), -1.0]) == [0.1235, 123500.0, None, None, -1.0]
    assert exact([0.1 + 0.2, float("nan")]) == [0.1 + 0.2, None]
