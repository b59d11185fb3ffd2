"""Parse the text of options: comma-separated names and numbers, and shares."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import typer

Number = TypeVar("Number", int, float)


def names(text: str) -> tuple[str, ...]:
    """The names in `noise, shift`, without spaces."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def numbers(text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """The numbers in `0.5,1`.

    Args:
        text: comma-separated numbers.
        kind: `int` or `float`.

    Raises:
        typer.BadParameter: an element is not a number.
    """
    try:
        return tuple(kind(part) for part in names(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 1,2") from None


def share(low: float, high: float) -> Callable[[Any], float]:
    """A parser of shares (fractions), for `typer.Option(parser=...)`.

    Args:
        low: smallest share allowed.
        high: largest share allowed.

    Returns:
        A parser that raises `typer.BadParameter` for anything but a share in the range; for a percentage the message
        suggests the share that is probably meant.
    """

    def read(text: Any) -> float:
        typed = str(text).strip()
        try:
            value = float(typed.removesuffix("%"))
        except ValueError:
            value = math.nan
        if low <= value <= high and not typed.endswith("%"):
            return value
        meant = value / 100
        hint = f"; did you mean {meant:g}?" if low <= meant <= high else ", such as 0.5"
        raise typer.BadParameter(f"{typed!r} is not a share between {low:g} and {high:g}{hint}")

    # The name that Typer shows in the help.
    read.__name__ = "share"
    return read
