"""What the text of an option says: names and numbers separated by commas, shares."""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import typer

Number = TypeVar("Number", int, float)


def names(text: str) -> tuple[str, ...]:
    """The names in `noise, shift`; spaces do not count."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def numbers(text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """The numbers in `0.5,1`.

    Args:
        text: as typed.
        kind: `int` or `float`.

    Raises:
        typer.BadParameter: one of them is no number.
    """
    try:
        return tuple(kind(part) for part in names(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no list of numbers such as 1,2") from None


def share(low: float, high: float) -> Callable[[Any], float]:
    """Reads a share of the whole, for `typer.Option(parser=...)`.

    Args:
        low: smallest share.
        high: largest share.

    Returns:
        A function of what was typed. It raises `typer.BadParameter` where that is no share; a percentage is shown as
        the share that it probably means.
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
        raise typer.BadParameter(f"{typed!r} is no share from {low:g} to {high:g}{hint}")

    # The name that Typer shows in the help.
    read.__name__ = "share"
    return read
