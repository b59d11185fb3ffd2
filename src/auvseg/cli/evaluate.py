"""`auvseg evaluate`: predictions against labels, per case and class."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli.console import out, progress, say, say_warning, show_table
from auvseg.spreadsheet import table_as_csv

if TYPE_CHECKING:
    import pandas as pd


def command(
    predictions: Annotated[Path, typer.Argument(help="Folder with one file a case, named after it.")],
    dataset: Annotated[Path, typer.Argument(help="The labels: any data set that auvseg score reads.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="CSV to write; without it, metrics.csv in the folder.")
    ] = None,
    classes: Annotated[str, typer.Option(help="Comma-separated names or numbers; all if not given.")] = "",
    tolerance_mm: Annotated[float, typer.Option(min=0, help="Distance at which surfaces still agree.")] = 1.0,
    surfaces: Annotated[bool, typer.Option(help="Surface Dice and HD95, which take most of the time.")] = True,
    only_predicted: Annotated[
        bool, typer.Option("--only-predicted", help="Leave out cases without a prediction (one fold of several).")
    ] = False,
    worst: Annotated[int, typer.Option(min=0, help="Cases of the lowest Dice to show.")] = 5,
    workers: Annotated[int, typer.Option(min=0, help="Cases compared at the same time; 0: in this process.")] = 2,
) -> None:
    """Dice, IoU, surface Dice and HD95 of every case and class, and what they come to.

    Regions and the ignore label count as nnU-Net counts them. A class that label and prediction both lack has no
    number; one that only one of them has is 0. Then: auvseg bench correlate RUN metrics.csv.

    Example: [bold]auvseg evaluate fold_0/validation nnUNet_raw/Dataset004_Hippocampus --only-predicted[/bold]
    """
    from auvseg import atomic
    from auvseg.data.dataset import read_dataset
    from auvseg.evaluation.evaluate import evaluate, summarise

    known = read_dataset(dataset)
    say(f"{known.name}: {known.layout}, {len(known.cases)} cases")
    with progress("comparing") as step:
        result = evaluate(
            known,
            predictions,
            classes=[name.strip() for name in classes.split(",") if name.strip()],
            tolerance_mm=tolerance_mm if surfaces else None,
            only_predicted=only_predicted,
            num_workers=workers,
            progress=step,
        )
    target = output or predictions / "metrics.csv"
    atomic.write_text(target, table_as_csv(result.table))
    _show_classes(summarise(result.table))
    _show_worst(result.table, worst)
    for note in result.notes:
        say_warning(note)
    say(f"table: {target}")
    if len(result.failed):
        for row in result.failed.to_dict("records"):
            say_warning(f"{row['case']}: {row['reason']}")
        say(f"{len(result.failed)} cases have no number")
        raise typer.Exit(1)


def _show_classes(summary: "pd.DataFrame") -> None:
    numbers = ("dice", "median_dice", "iou", "surface_dice", "hd95_mm")
    rows = [
        [
            str(row["class"]),
            str(row["worst"]),
            *(_number(row[name]) for name in numbers),
            *(_count(row[name]) for name in ("cases", "absent")),
            _number(row["worst_dice"]),
        ]
        for row in summary.to_dict("records")
    ]
    columns = ("class", "worst case", "Dice", "median", "IoU", "surface", "HD95 mm", "cases", "absent", "its Dice")
    show_table("means over the cases", columns, rows, left=2)


def _show_worst(table: "pd.DataFrame", count: int) -> None:
    lowest = table[table["dice"].notna()].sort_values(["dice", "case"], kind="stable").head(count)
    if not len(lowest):
        return
    rows = [
        [str(row["case"]), str(row["class"]), str(row["reason"]), *(_number(row[name]) for name in ("dice", "iou"))]
        for row in lowest.to_dict("records")
    ]
    out.print()
    show_table("lowest Dice", ("case", "class", "", "Dice", "IoU"), rows, left=3)


def _number(value: float) -> str:
    return "" if value != value else f"{value:.3f}"


def _count(value: float) -> str:
    return "" if value != value else f"{value:.0f}"
