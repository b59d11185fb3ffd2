"""`auvseg measures`: list the measures."""

from typing import Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.console import AsJson, say, show_json, show_table

FACTS = ("name", "group", "suspicious", "low", "high", "needs_label", "needs_map", "summary")
"""What --json says of a measure; docs/command-line.md names them."""


def command(
    names: Annotated[
        list[str] | None, typer.Argument(autocompletion=completion.measures, help="Measures to show. Default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the measures: what each means, which end is suspicious, and what it needs.

    Measures are the columns of scores.csv and the values of --by and --measures.

    Example: [bold]auvseg measures agreement snr[/bold]
    """
    from auvseg.errors import UsageError, did_you_mean
    from auvseg.measures.catalogue import MEASURES

    unknown = [name for name in names or () if name not in MEASURES]
    if unknown:
        hint = did_you_mean(unknown[0], MEASURES, "auvseg measures")
        raise UsageError(f"there is no measure {unknown[0]!r}; {hint}")
    shown = [MEASURES[name] for name in names or MEASURES]
    if as_json:
        show_json({"measures": [{name: getattr(one, name) for name in FACTS} for one in shown]})
        return
    rows = [(one.name, one.group, one.suspicious, one.summary) for one in shown]
    show_table("", ("measure", "group", "suspicious", "meaning"), rows, left=4)
    say("AUV, the paper's measure, is computed from S over all cases: --by auv")
    say("which measure to use: docs/what-the-numbers-mean.md, or auvseg bench detect on your data")
