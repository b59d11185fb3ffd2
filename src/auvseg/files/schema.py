"""Validate JSON against types: dataclass fields without a default are required; unknown keys are ignored.

Only lists are converted, to tuples. Annotate numbers in files with the types below, since plain `int` and `float` are
unbounded.
"""

import sys
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from auvseg.files.text import TOO_DEEP

_T = TypeVar("_T")

Int: TypeAlias = Annotated[int, msgspec.Meta(ge=-(1 << 53), le=1 << 53)]
"""A whole number that float64 holds exactly."""

Int64: TypeAlias = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""A whole number of 64 bits, such as a time in nanoseconds."""

Float: TypeAlias = Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
"""A finite number."""

Number: TypeAlias = Int | Float
"""A finite number; whole ones stay whole, and float64 holds them exactly."""


def convert(value: Any, kind: type[_T]) -> _T:
    """Parsed JSON as a dataclass, or as whatever `kind` is.

    Raises:
        ValueError: it does not fit; the message names the place, as in "Expected `int`, got `str` - at `$.cases[3]`".
    """
    try:
        return msgspec.convert(value, kind)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def decode(content: bytes, kind: type[_T]) -> _T:
    """Parse JSON into a type, several times as fast as `convert`, and stricter: no NaN anywhere, no lone surrogate.

    Raises:
        ValueError: it is no JSON in UTF-8, is nested too deep, holds a number beyond float64, or does not fit.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
