"""What stands before a command: `auvseg --version`, and how much is told."""

from typing import Annotated

import typer

from auvseg._version import __version__
from auvseg.cli.command import Quiet, Verbose


def _show(wanted: bool) -> None:
    if wanted:
        typer.echo(f"auvseg {__version__}")
        raise typer.Exit


def callback(
    version: Annotated[
        bool, typer.Option("--version", callback=_show, is_eager=True, help="Show the version and exit.")
    ] = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Options of the program itself."""
