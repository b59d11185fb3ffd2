"""Whether values that came from a file are of the shape that a dataclass is built from; nothing is converted.

A shape is a type (`str`, `bool`; `int` for whole numbers that float64 holds exactly, `Int64` for all of 64 bits;
`float` for any finite number, `Finite` for whatever holds no number that is not), a tuple of alternatives (values and
shapes), `[shape]` for a list, `{str: shape}` for an object of any keys, or `{"key": shape, ...}` for an object that has
these keys.
"""

import math
from collections.abc import Callable
from typing import Any

Test = Callable[[Any], bool]

_LARGEST_INTEGER = 1 << 53


class Int64:
    """The shape of a whole number that no float64 has to hold, such as a time in nanoseconds."""


class Finite:
    """The shape of whatever JSON can hold by its standard, which knows no NaN and no infinity."""


def of_shape(shape: Any) -> Test:
    """A test whether a value has a shape.

    Args:
        shape: as this module describes it.
    """
    if isinstance(shape, dict):
        return _mapping(of_shape(shape[str])) if list(shape) == [str] else _object(shape)
    if isinstance(shape, list):
        return _list_of(of_shape(shape[0]))
    if isinstance(shape, tuple):
        return _one_of(shape)
    tests: dict[Any, Test] = {
        str: _is_text,
        bool: _is_flag,
        int: _is_integer,
        float: _is_number,
        Int64: _is_int64,
        Finite: _is_finite,
    }
    return tests[shape]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return type(value) is int and abs(value) <= _LARGEST_INTEGER


def _is_int64(value: Any) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _is_number(value: Any) -> bool:
    return math.isfinite(value) if type(value) is float else _is_integer(value)


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return type(value) is not float or math.isfinite(value)


def _list_of(fits: Test) -> Test:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _mapping(fits: Test) -> Test:
    return lambda value: isinstance(value, dict) and all(map(fits, value.values()))


def _object(shape: dict[str, Any]) -> Test:
    tests = {key: of_shape(one) for key, one in shape.items()}
    return lambda value: (
        isinstance(value, dict) and all(key in value and fits(value[key]) for key, fits in tests.items())
    )


def _one_of(alternatives: tuple[Any, ...]) -> Test:
    literals = [one for one in alternatives if one is None or isinstance(one, str)]
    tests = [of_shape(one) for one in alternatives if one is not None and not isinstance(one, str)]

    def fits(value: Any) -> bool:
        return ((value is None or isinstance(value, str)) and value in literals) or any(test(value) for test in tests)

    return fits
