import json
import time
from dataclasses import dataclass, make_dataclass
from typing import Any

import pytest

from auvseg.files.schema import Float, Int, Int64, Number, convert, decode

NAN, INFINITE = float("nan"), float("inf")


@dataclass(frozen=True)
class Part:
    name: str
    number: Number | None


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    rest: Any
    version: int = 1


def converted(value, kind):
    return convert({"value": value}, make_dataclass("Holder", [("value", kind)])).value


def fits(value, kind):
    try:
        return converted(value, kind) == value
    except ValueError:
        return False


def test_a_time_in_nanoseconds_needs_64_bits():
    now = time.time_ns()
    assert fits(now, Int64)
    assert not fits(now, Int)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 1 << 63, -(1 << 63) - 1, 1 << 70, 10**400])
def test_what_is_no_whole_number_of_64_bits_is_refused(value):
    assert not fits(value, Int64)


@pytest.mark.parametrize("value", [True, 1.0, "1", None, (1 << 53) + 1, -(1 << 53) - 1, 1 << 70, 10**400])
def test_what_is_no_whole_number_that_float64_holds_exactly_is_refused(value):
    assert not fits(value, Int)


@pytest.mark.parametrize("value", [NAN, INFINITE, -INFINITE, True, "1", 1 << 54, 10**400])
def test_a_number_is_finite_and_exact(value):
    assert not fits(value, Number)


@pytest.mark.parametrize("value", [0, 1, -(1 << 53), 1 << 53, 1.5, 1e300, 5e-324])
def test_a_number_keeps_its_type(value):
    found = converted(value, Number)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("value", [NAN, INFINITE, -INFINITE, True, "1", 10**400])
def test_a_float_is_finite(value):
    assert not fits(value, Float)


def test_an_object_may_hold_more_than_its_fields_but_no_less():
    content = {"parts": [{"name": "a", "number": None, "more": 1}], "rest": {"b": [1]}, "more": []}
    assert convert(content, Whole) == Whole((Part("a", None),), {"b": [1]})
    for damaged in (
        {"rest": 1},
        {"parts": [{"name": "a"}], "rest": 1},
        {"parts": [{"number": 1}], "rest": 1},
        [],
        None,
    ):
        assert not fits(damaged, Whole)


def test_the_message_names_the_place():
    with pytest.raises(ValueError, match=r"Expected `str`, got `int` - at `\$.parts\[1\].name`"):
        convert({"parts": [{"name": "a", "number": 1}, {"name": 1, "number": 1}], "rest": 1}, Whole)


def test_decoding_gives_what_converting_gives():
    content = {"parts": [{"name": "é", "number": 1}, {"name": "b", "number": 1.0}], "rest": {"c": 1 << 70}}
    assert decode(json.dumps(content).encode(), Whole) == convert(content, Whole)


@pytest.mark.parametrize(
    "rest",
    [b"NaN", b"Infinity", b"-Infinity", b"1e999", b'"\\ud800"', b'"\\udcff"', b'{"\\ud800": 1}', b'"\xff"', b"1,", b""],
)
def test_what_json_cannot_hold_is_refused_anywhere(rest):
    with pytest.raises(ValueError):
        decode(b'{"parts": [], "rest": ' + rest + b"}", Whole)


@pytest.mark.parametrize("key", ["rest", "more"])
def test_nesting_deeper_than_python_can_follow_is_refused(key):
    for content in ("[" * 100_000, "[" * 100_000 + "]" * 100_000, '{"a":' * 100_000):
        with pytest.raises(ValueError):
            decode(f'{{"parts": [], "rest": 1, "{key}": {content}}}'.encode(), Whole)


def test_a_number_of_thousands_of_digits_is_refused():
    with pytest.raises(ValueError):
        decode(b'{"parts": [], "rest": ' + b"1" * 5000 + b"}", Whole)


def test_names_in_another_encoding_can_be_converted():
    """A path's undecodable bytes are lone surrogates, which the JSON of auvseg's own files spells as escapes."""
    assert fits({"/a/\udcff": ["\udcff"]}, dict[str, list[str]])
