"""`auvseg bench`: test which measures work on your data, and whether filtering helps."""

import typer

from auvseg.cli.bench.correlate import command as correlate
from auvseg.cli.bench.detect import command as detect
from auvseg.cli.bench.reviewed import command as reviewed
from auvseg.cli.bench.train import command as train

app = typer.Typer(
    no_args_is_help=True,
    help="Test which measures work on your data: with planted faults, Dice, verdicts of raters, or trainings.",
)
app.command("detect")(detect)
app.command("train")(train)
app.command("correlate")(correlate)
app.command("reviewed")(reviewed)
