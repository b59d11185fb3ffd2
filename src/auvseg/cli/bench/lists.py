"""Options that hold several values, separated by commas."""

from collections.abc import Callable
from typing import TypeVar

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
