"""`auvseg check`: every problem of every case, before any time is spent on scoring or training."""

from pathlib import Path
from typing import Annotated

import typer

from auvseg.cli.console import AsJson, progress, say, show_json, show_table


def command(
    dataset: Annotated[
        Path, typer.Argument(help="nnU-Net or decathlon folder, MONAI datalist, CSV, or image/label folders.")
    ],
    as_json: AsJson = False,
    workers: Annotated[int, typer.Option(min=1, help="Files read at the same time.")] = 2,
) -> None:
    """Look for unreadable, mismatched, empty and duplicate files; stops at none, changes none.

    Example: [bold]auvseg check nnUNet_raw/Dataset004_Hippocampus[/bold]
    """
    from auvseg.data.check import check_dataset
    from auvseg.data.dataset import read_dataset

    known = read_dataset(dataset)
    say(f"{known.name}: {known.layout}, {len(known.cases)} cases")
    for note in known.notes:
        say(f"  {note}")
    with progress("checking") as step:
        report = check_dataset(known, num_workers=workers, progress=step)
    if as_json:
        show_json(report.to_json())
    else:
        rows = [(f.case_id, f.severity, f.kind, f.file, f.message, f.advice) for f in report.findings]
        if rows:
            show_table("", ("case", "severity", "problem", "file", "what", "advice"), rows, left=6)
        say(f"{len(known.cases)} cases checked: {report.errors} errors, {len(rows) - report.errors} warnings")
    raise typer.Exit(1 if report.errors else 0)
