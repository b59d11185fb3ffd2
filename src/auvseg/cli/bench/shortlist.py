"""Of forty measures those that a person should see; the others with `--full`."""

from collections.abc import Container
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli.console import say

if TYPE_CHECKING:
    import pandas as pd

_MOST = 6

Full = Annotated[bool, typer.Option("--full", help="Show every measure, not only the best.")]


def shortlist(table: "pd.DataFrame", *, full: bool, always: Container[str] = ()) -> "pd.DataFrame":
    """The first rows of a table of measures, and those of measures that are always shown.

    Args:
        table: a row a measure, the best first, with its name in the column `measure`.
        full: all rows.
        always: measures that are shown wherever they stand.
    """
    if full:
        return table
    chosen = [place < _MOST or name in always for place, name in enumerate(table["measure"])]
    if not all(chosen):
        say(f"these are {sum(chosen)} of {len(chosen)} measures; all of them: --full")
    return table[chosen]
