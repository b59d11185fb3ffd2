"""The command line: parses, calls one function each, prints. No logic; nothing heavy is imported before it is used."""

import sys

import typer

from auvseg.cli import check, demo, doctor, filter, rank, score, version
from auvseg.cli.console import say_error
from auvseg.errors import AuvsegError

app = typer.Typer(
    name="auvseg",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Find the cases and structures of a segmentation data set that are too noisy or ambiguous to learn from.\n\n"
        "[bold]auvseg score DATASET -o RUN[/bold] asks a frozen foundation model about every case; "
        "[bold]auvseg rank RUN[/bold] shows the suspicious ones; [bold]auvseg filter RUN[/bold] writes a training "
        "split without them.\n\nNo data set at hand? [bold]auvseg demo[/bold] makes one with known faults."
    ),
    epilog="Exit status: 0 done, 1 done, but cases failed or have errors (all listed), 2 wrong usage or input.",
)
app.callback()(version.callback)
app.command("demo")(demo.command)
app.command("check")(check.command)
app.command("score")(score.command)
app.command("rank")(rank.command)
app.command("filter")(filter.command)
app.command("doctor")(doctor.command)


def main() -> None:
    """Run the command line; an error that a user can cause is one line and exit status 2, never a traceback."""
    try:
        app()
    except AuvsegError as error:
        say_error(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        say_error("interrupted; the same command goes on where it stopped")
        sys.exit(130)
