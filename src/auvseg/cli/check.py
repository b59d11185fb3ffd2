"""`auvseg check`: find problems in a data set before scoring or training."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli.console import AsJson, progress, say, say_dataset, show, show_json, show_table
from auvseg.wording import cases_in_words, counted

if TYPE_CHECKING:
    from auvseg.data.check.findings import Finding

MAX_SEPARATE = 3
"""Rows that share one problem are listed separately up to this number, then as one row."""


def command(
    dataset: Annotated[
        Path,
        typer.Argument(help="nnU-Net or decathlon folder, MONAI datalist, CSV table, or image and label folders."),
    ],
    as_json: AsJson = False,
    splits: Annotated[
        Path | None,
        typer.Option(
            help="nnU-Net's splits_final.json to check as well. Default: the one next to the images or in "
            "nnUNet_preprocessed, if it exists."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Files read in parallel.")] = 2,
) -> None:
    """Report missing, misnamed, unreadable, mismatched, empty and duplicate files, and overlapping splits.

    Reports all problems in all cases; one bad file never stops the run. No file is changed.

    Example: [bold]auvseg check nnUNet_raw/Dataset004_Hippocampus[/bold]
    """
    from auvseg.data.check.dataset import check_dataset
    from auvseg.data.dataset import read_dataset

    known = read_dataset(dataset)
    say_dataset(known)
    for note in known.notes:
        say(f"  {note}")
    with progress("checking") as step:
        report = check_dataset(known, num_workers=workers, splits=splits, progress=step)
    if as_json:
        show_json(report.to_json())
    else:
        rows = _rows(report.findings)
        if rows:
            show_table("", ("case", "severity", "problem", "file", "what", "advice"), rows, left=6)
        show(f"{counted(len(known.cases), 'case')} checked: {report.errors} errors, {report.warnings} warnings")
    raise typer.Exit(1 if report.errors else 0)


def _rows(findings: "Sequence[Finding]") -> list[tuple[str, ...]]:
    """One row per finding; a finding that many cases share is one row for all of them."""
    alike: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for found in findings:
        alike[found.severity, found.kind, found.message, found.advice].append(found)
    rows: list[tuple[str, ...]] = []
    for found in findings:
        severity, kind, message, advice = key = (found.severity, found.kind, found.message, found.advice)
        same = alike[key]
        if len(same) <= MAX_SEPARATE:
            case = cases_in_words(found.cases) if found.cases else found.case_id
            rows.append((case, severity, kind, found.file, message, advice))
        elif found is same[0]:
            files = f"{found.file} ..." if found.file else ""
            rows.append((cases_in_words([one.case_id for one in same]), severity, kind, files, message, advice))
    return rows
