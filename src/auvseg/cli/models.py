"""`auvseg models`: list the extractors."""

from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.console import AsJson, say, show, show_json, show_table

if TYPE_CHECKING:
    from auvseg.extractors.families import Facts


def command(
    name: Annotated[
        str | None,
        typer.Argument(
            autocompletion=completion.extractors,
            help="Extractor to show in full, with its class names.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the models for --extractor: prompt, classes, training data, licence, memory and status.

    Example: [bold]auvseg models vista3d[/bold]
    """
    from auvseg.extractors.families import EXTRACTORS

    if as_json:
        shown = EXTRACTORS if name is None else (_known(name),)
        show_json({"extractors": [_described(one) for one in shown]})
        return
    if name is None:
        rows = [
            (one.name, one.told, one.classes, one.modalities, one.licence, one.memory, one.status) for one in EXTRACTORS
        ]
        columns = ("extractor", "prompt", "classes", "trained on", "licence of the weights", "memory", "status")
        show_table("", columns, rows, left=len(columns))
        say("details: auvseg models NAME; weights: auvseg weights list")
        return
    facts = _known(name)
    described = {
        "prompt": facts.told,
        "classes": facts.classes,
        "trained on": facts.modalities,
        "licence of the weights": facts.licence,
        "memory, in addition to the case": facts.memory,
        "--model": facts.takes,
    }
    if facts.status:
        described["status"] = facts.status
    show_table("", ("", ""), [*described.items()], left=2)
    if names := facts.class_names():
        which = "such as" if facts.told == "the class's name" else "called"
        show(f"classes {which} {', '.join(names)}")


def _known(name: str) -> "Facts":
    from auvseg.errors import UsageError, did_you_mean
    from auvseg.extractors.families import EXTRACTORS, facts_of

    facts = facts_of(name)
    if facts is None:
        hint = did_you_mean(name, (one.name for one in EXTRACTORS), "auvseg models")
        raise UsageError(f"there is no extractor {name!r}; {hint}")
    return facts


def _described(facts: "Facts") -> dict[str, object]:
    """The `--json` output for one model, documented in docs/command-line.md."""
    return {
        "name": facts.name,
        "told": facts.told,
        "classes": facts.classes,
        "class_names": facts.class_names(),
        "modalities": facts.modalities,
        "licence": facts.licence,
        "memory": facts.memory,
        "model_option": facts.takes,
        "status": facts.status or None,
    }
