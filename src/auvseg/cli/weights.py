"""`auvseg weights`: list, download and verify weights of foundation models."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.console import AsJson, say, say_error, show_json, show_table, transfer

if TYPE_CHECKING:
    from auvseg.weights.cache import Holding
    from auvseg.weights.models import Model

app = typer.Typer(
    no_args_is_help=True,
    help="List, download and verify weights of foundation models.",
)

_IN_PLACE = {"missing": "not downloaded", "not recorded": "{}, sha256 not recorded yet", "differs": "{}, DIFFERS"}


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List all models with size, licence and location of the weights. Files that are present are hashed.

    Example: [bold]auvseg weights list[/bold]
    """
    from auvseg.weights.cache import cache_folder, examine
    from auvseg.weights.models import MODELS

    held = [examine(model) for model in MODELS]
    if as_json:
        show_json({"cache": cache_folder(), "weights": [_described(one) for one in held]})
        return
    rows = [
        (one.model.name, _size(one.model), one.model.research_only, _whereabouts(one), one.model.licence)
        for one in held
    ]
    show_table("", ("model", "size", "research only", "where", "licence"), rows, left=5)
    say(f"cache: {cache_folder()}; download with: auvseg weights pull MODEL")


@app.command("pull")
def pull(
    model: Annotated[str, typer.Argument(autocompletion=completion.weights, help="Name from auvseg weights list.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="File that you downloaded yourself, for machines without internet.")
    ] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the licence without a prompt.")
    ] = False,
) -> None:
    """Download the weights of one model into the cache ($AUVSEG_WEIGHTS), and verify them.

    If interrupted, run the same command to resume.

    Example: [bold]auvseg weights pull medsam2[/bold]
    """
    from auvseg.weights.cache import location
    from auvseg.weights.models import find_model
    from auvseg.weights.pull import pull as fetch

    known = find_model(model)
    path = location(known)
    if path is None or not path.exists():
        _have_licence_accepted(known, accepted=accept_licence)
    with transfer(known.file_name) as on_bytes:
        pulled = fetch(known, source=source, on_bytes=on_bytes, on_note=say)
    say(f"{known.title}: {pulled.how}, sha256 {pulled.sha256}")
    if pulled.first_use:
        say("no published sha256 is known; this one is recorded, and any other will be refused from now on")
    typer.echo(pulled.path)


@app.command("verify")
def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(autocompletion=completion.weights, help="Names. Default: all weights on this machine."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hash weights again. Exit status 1 if a file differs from the published one, or a named file is missing.

    Example: [bold]auvseg weights verify[/bold]
    """
    from auvseg.weights.cache import advice, difference, examine
    from auvseg.weights.models import MODELS, find_model

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
    """Show the licence, and continue only if the user accepts it or has accepted it before.

    Raises:
        UsageError: the licence was not accepted.
    """
    from auvseg.errors import UsageError
    from auvseg.weights.pull import accept_licence, licence_accepted

    if licence_accepted(model):
        return
    say(f"{model.title}: {model.what}")
    say(f"licence: {model.licence}; research only: {model.research_only}; {model.licence_url}")
    if not accepted:
        if not is_interactive():
            raise UsageError(f"the licence of {model.title} must be accepted; read it and add --accept-licence")
        if not typer.confirm("Accept these terms?", err=True):
            raise UsageError(f"the licence of {model.title} was not accepted; nothing was downloaded")
    accept_licence(model)


def is_interactive() -> bool:
    """Whether a user can answer a prompt."""
    return sys.stdin.isatty()


def _whereabouts(held: "Holding") -> str:
    place = "in the package" if held.model.package else "in the cache"
    return _IN_PLACE.get(held.condition, "{}, " + held.condition).format(place)


def _described(held: "Holding") -> dict[str, object]:
    """The `--json` output for one file, documented in docs/command-line.md."""
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
