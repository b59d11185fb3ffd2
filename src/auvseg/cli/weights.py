"""`auvseg weights`: the files of foundation models, listed, fetched and verified."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.console import AsJson, say, say_error, show_json, show_table, transfer

if TYPE_CHECKING:
    from auvseg.weights.cache import Holding
    from auvseg.weights.catalogue import Model

app = typer.Typer(
    no_args_is_help=True,
    help="Weights of foundation models: which there are, on which terms, and whether yours are the published ones.",
)

_IN_PLACE = {"missing": "not here", "not recorded": "{}, sha256 not recorded yet", "differs": "{}, DIFFERS"}


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show every model with its size, its licence and where its weights are; files that are here are hashed.

    Example: [bold]auvseg weights list[/bold]
    """
    from auvseg.weights.cache import cache_folder, examine
    from auvseg.weights.catalogue import MODELS

    held = [examine(model) for model in MODELS]
    if as_json:
        show_json({"cache": cache_folder(), "weights": [_described(one) for one in held]})
        return
    rows = [
        (one.model.name, _size(one.model), one.model.research_only, _whereabouts(one), one.model.licence)
        for one in held
    ]
    show_table("", ("model", "size", "research only", "where", "licence"), rows, left=5)
    say(f"cache: {cache_folder()}; fetch one: auvseg weights pull MODEL")


@app.command("pull")
def pull(
    model: Annotated[str, typer.Argument(autocompletion=completion.weights, help="A name of auvseg weights list.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="The file, fetched by hand, where there is no connection.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence without being asked.")
    ] = False,
) -> None:
    """Fetch the weights of one model into the cache ($AUVSEG_WEIGHTS), and verify them.

    Interrupted? The same command goes on where it stopped.

    Example: [bold]auvseg weights pull medsam2[/bold]
    """
    from auvseg.weights.cache import location
    from auvseg.weights.catalogue import find_model
    from auvseg.weights.pull import pull as fetch

    known = find_model(model)
    path = location(known)
    if path is None or not path.exists():
        _have_licence_accepted(known, accepted=accept_licence)
    with transfer(known.file_name) as on_bytes:
        pulled = fetch(known, source=source, on_bytes=on_bytes, on_note=say)
    say(f"{known.title}: {pulled.how}, sha256 {pulled.sha256}")
    if pulled.first_use:
        say("no published sha256 is known; this one was recorded, and any other will be refused from now on")
    typer.echo(pulled.path)


@app.command("verify")
def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(autocompletion=completion.weights, help="Names; without them, all that are here."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hash weights again; exit status 1 if one is another file than it should be, or is named and missing.

    Example: [bold]auvseg weights verify[/bold]
    """
    from auvseg.weights.cache import advice, difference, examine
    from auvseg.weights.catalogue import MODELS, find_model

    held = [examine(model) for model in ([find_model(name) for name in models] if models else MODELS)]
    shown = [one for one in held if models or one.condition != "missing"]
    if as_json:
        show_json({"weights": [_described(one) for one in shown]})
    else:
        rows = [(one.model.name, _whereabouts(one), one.found) for one in shown]
        show_table("", ("model", "", "sha256"), rows, left=3)
    for one in shown:
        if one.condition == "differs":
            say_error(difference(one))
        elif not one.sound:
            say_error(f"{one.model.name}: {one.condition}; {advice(one.model)}")
    raise typer.Exit(0 if all(one.sound for one in shown) else 1)


def _have_licence_accepted(model: "Model", *, accepted: bool) -> None:
    """Show the terms; go on only when a person accepts them, now or before.

    Raises:
        UsageError: nobody did.
    """
    from auvseg.errors import UsageError
    from auvseg.weights.pull import accept_licence, licence_accepted

    if licence_accepted(model):
        return
    say(f"{model.title}: {model.what}")
    say(f"licence: {model.licence}; research only: {model.research_only}; {model.licence_url}")
    if not accepted:
        if not someone_is_here():
            raise UsageError(f"nobody is here to accept the licence of {model.title}; add --accept-licence if you do")
        if not typer.confirm("Accept these terms?", err=True):
            raise UsageError(f"the licence of {model.title} was not accepted; nothing was downloaded")
    accept_licence(model)


def someone_is_here() -> bool:
    """Whether a person can answer."""
    return sys.stdin.isatty()


def _whereabouts(held: "Holding") -> str:
    place = "in the package" if held.model.package else "in the cache"
    return _IN_PLACE.get(held.condition, "{}, " + held.condition).format(place)


def _described(held: "Holding") -> dict[str, object]:
    """What `--json` prints of a file; its shape stands in docs/command-line.md."""
    model = held.model
    return {
        "name": model.name,
        "title": model.title,
        "size_bytes": model.size_bytes,
        "licence": model.licence,
        "licence_url": model.licence_url,
        "research_only": model.research_only,
        "condition": held.condition,
        "path": held.path,
        "sha256": held.found or None,
        "expected_sha256": held.expected or None,
    }


def _size(model: "Model") -> str:
    if model.size_bytes is not None:
        return f"{model.size_bytes / 1e6:.0f} MB"
    return "not stated" if model.about_mb is None else f"{model.about_mb} MB"
