"""`auvseg models`: what `--extractor` may be."""

from typing import Annotated

import typer

from auvseg.cli.console import say, show_table


def command(
    name: Annotated[
        str | None, typer.Argument(help="One of them: everything about it, and what its classes are called.")
    ] = None,
) -> None:
    """Show the models that --extractor may name: what each is told, its classes, its licence, its memory.

    Example: [bold]auvseg models vista3d[/bold]
    """
    from auvseg.errors import UsageError, did_you_mean
    from auvseg.extractors.catalogue import EXTRACTORS, facts_of

    if name is None:
        rows = [(one.name, one.told, one.classes, one.modalities, one.licence, one.memory) for one in EXTRACTORS]
        columns = ("extractor", "told", "classes", "trained on", "licence of the weights", "memory")
        show_table("", columns, rows, left=len(columns))
        say("one of them in full: auvseg models NAME; weights: auvseg weights list")
        return
    facts = facts_of(name)
    if facts is None:
        known = did_you_mean(name, (one.name for one in EXTRACTORS), "auvseg models")
        raise UsageError(f"there is no extractor {name!r}; {known}")
    described = {
        "told": facts.told,
        "classes": facts.classes,
        "trained on": facts.modalities,
        "licence of the weights": facts.licence,
        "memory, beside the case": facts.memory,
        "--model": facts.takes,
    }
    show_table("", ("", ""), [*described.items()], left=2)
    if names := facts.class_names():
        which = "such as" if facts.told == "the class's name" else "called"
        say(f"classes {which} {', '.join(names)}")
