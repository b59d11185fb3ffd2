"""`auvseg bench`: is a measure any good on this data, and does filtering by it help?"""

import typer

from auvseg.cli.bench.correlate import command as correlate
from auvseg.cli.bench.detect import command as detect
from auvseg.cli.bench.reviewed import command as reviewed
from auvseg.cli.bench.train import command as train

app = typer.Typer(
    no_args_is_help=True,
    help="Is a measure any good on your data and model? Planted faults, Dice, people's verdicts, trainings compared.",
)
app.command("detect")(detect)
app.command("train")(train)
app.command("correlate")(correlate)
app.command("reviewed")(reviewed)
