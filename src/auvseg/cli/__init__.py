"""The command line: parse, call one function, print. No logic here; heavy modules are imported where they are used."""

import os
import sys
from typing import Annotated

import typer

from auvseg._version import __version__
from auvseg.cli.bench import app as bench
from auvseg.cli.check import command as check
from auvseg.cli.command import Quiet, Verbose, with_shared_options
from auvseg.cli.console import say_error
from auvseg.cli.convert import command as convert
from auvseg.cli.demo import command as demo
from auvseg.cli.doctor import command as doctor
from auvseg.cli.evaluate import command as evaluate
from auvseg.cli.figures import command as figures
from auvseg.cli.filter import command as filter_
from auvseg.cli.measures import command as measures
from auvseg.cli.models import command as models
from auvseg.cli.rank import command as rank
from auvseg.cli.report import command as report
from auvseg.cli.review import app as review
from auvseg.cli.score import command as score
from auvseg.cli.train import nnunet_export, nnunet_path, train
from auvseg.cli.weights import app as weights_app
from auvseg.data.lean_nibabel import hide_pydicom_from_nibabel
from auvseg.errors import AuvsegError

app = typer.Typer(
    name="auvseg",
    no_args_is_help=True,
    rich_markup_mode="rich",
    # Local variables may hold patient data.
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Find cases and structures of a segmentation data set that are too noisy or ambiguous to learn from.\n\n"
        "[bold]auvseg score DATASET -o RUN[/bold] runs a frozen foundation model on every case; "
        "[bold]auvseg rank RUN[/bold] lists the suspicious cases, [bold]auvseg report RUN[/bold] shows them; "
        "[bold]auvseg filter RUN[/bold] writes a training split without them.\n\n"
        "No data set at hand? [bold]auvseg demo[/bold] makes one with known faults."
    ),
    epilog="Exit status: 0 success, 1 some cases failed or have errors (all are listed), 2 wrong usage or input.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"auvseg {__version__}")
        raise typer.Exit


@app.callback()
def callback(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Options of the program itself."""


_FIRST = "First steps"
_EVIDENCE = "Evidence, verdicts, figures"
_TRAINING = "Training"
_REST = "Data sets, models, installation"
app.command("demo", rich_help_panel=_FIRST)(demo)
app.command("check", rich_help_panel=_FIRST)(check)
app.command("score", rich_help_panel=_FIRST)(score)
app.command("rank", rich_help_panel=_FIRST)(rank)
app.command("report", rich_help_panel=_FIRST)(report)
app.command("filter", rich_help_panel=_FIRST)(filter_)
app.command("evaluate", rich_help_panel=_EVIDENCE)(evaluate)
app.add_typer(bench, name="bench", rich_help_panel=_EVIDENCE)
app.add_typer(review, name="review", rich_help_panel=_EVIDENCE)
app.command("figures", rich_help_panel=_EVIDENCE)(figures)
app.command("train", rich_help_panel=_TRAINING)(train)
app.command("nnunet-path", rich_help_panel=_TRAINING)(nnunet_path)
app.command("nnunet-export", rich_help_panel=_TRAINING)(nnunet_export)
app.command("convert", rich_help_panel=_REST)(convert)
app.command("models", rich_help_panel=_REST)(models)
app.command("measures", rich_help_panel=_REST)(measures)
app.add_typer(weights_app, name="weights", rich_help_panel=_REST)
app.command("doctor", rich_help_panel=_REST)(doctor)
with_shared_options(app)


def main() -> None:
    """Run the command line. User errors print one line and exit with status 2, never a traceback."""
    # Spinning threads block each other: a two-thread run took ten times as long next to another busy process.
    # Must be set before torch starts its threads. A value set by the user wins.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    hide_pydicom_from_nibabel()
    try:
        app()
    except AuvsegError as error:
        say_error(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        say_error("interrupted; run the same command to resume")
        sys.exit(130)
