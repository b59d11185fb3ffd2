"""Shorten a table of measures to the best ones; `--full` shows all."""

from collections.abc import Container
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli.console import say

if TYPE_CHECKING:
    import pandas as pd

MAX_MEASURES = 6

Full = Annotated[bool, typer.Option("--full", help="Show all measures, not only the best.")]


def shortlist(table: "pd.DataFrame", *, full: bool, always: Container[str] = ()) -> "pd.DataFrame":
    """The first rows of a table of measures, and the rows of measures that are always shown.

    Args:
        table: one row per measure, best first, with its name in the column `measure`.
        full: keep all rows.
        always: measures that are kept wherever they rank.
    """
    if full:
        return table
    chosen = [place < MAX_MEASURES or name in always for place, name in enumerate(table["measure"])]
    if not all(chosen):
        say(f"{sum(chosen)} of {len(chosen)} measures shown; --full shows all")
    return table[chosen]
