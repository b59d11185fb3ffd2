"""`auvseg measures`: what cases can be compared by."""

from typing import Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.console import AsJson, say, show_json, show_table


def command(
    names: Annotated[
        list[str] | None, typer.Argument(autocompletion=completion.measures, help="Some of them; all if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the measures: what each says, which end is the suspicious one, and what it needs.

    They are the columns of scores.csv, and what --by and --measures may name.

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
        show_json({"measures": shown})
        return
    rows = [(one.name, one.group, one.suspicious, one.summary) for one in shown]
    show_table("", ("measure", "group", "suspicious", "what it says"), rows, left=4)
    say("AUV, the paper's, is made of S over all cases: --by auv")
    say("which to trust for what: docs/what-the-numbers-mean.md, and auvseg bench detect on your own data")
