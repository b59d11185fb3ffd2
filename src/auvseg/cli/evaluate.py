"""`auvseg evaluate`: compare predictions with labels, per case and class."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.console import AsJson, out, progress, say, say_dataset, say_warning, show_json, show_table
from auvseg.cli.values import names
from auvseg.files.safe_csv import table_as_csv
from auvseg.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from auvseg.evaluation.evaluate import Evaluation

MAX_NAMED = 5
"""Cases named in one line."""


def command(
    predictions: Annotated[Path, typer.Argument(help="Folder with one file per case, named by case id.")],
    dataset: Annotated[Path, typer.Argument(help="Data set with the labels, in any layout that auvseg score reads.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="CSV file to write. Default: metrics.csv in the folder of the predictions."
        ),
    ] = None,
    classes: Annotated[
        str,
        typer.Option(autocompletion=completion.classes, help="Comma-separated class names or numbers. Default: all."),
    ] = "",
    tolerance_mm: Annotated[float, typer.Option(min=0, help="Tolerance of surface Dice, in mm.")] = 1.0,
    surfaces: Annotated[bool, typer.Option(help="Compute surface Dice and HD95, which take most of the time.")] = True,
    only_predicted: Annotated[
        bool, typer.Option("--only-predicted", help="Leave out cases without a prediction, for a single fold.")
    ] = False,
    worst: Annotated[int, typer.Option(min=0, help="Number of cases with the lowest Dice to show.")] = 5,
    as_json: AsJson = False,
    workers: Annotated[int, typer.Option(min=0, help="Cases compared in parallel; 0: in this process.")] = 2,
) -> None:
    """Compute Dice, IoU, surface Dice and HD95 for every case and class.

    Regions and the ignore label are handled as in nnU-Net. A class that is missing from both label and prediction has
    no value; one that is missing from only one has Dice 0 and no HD95. A mean over fewer cases than were evaluated
    says so: "4.1 (2 of 6)". Columns and JSON: docs/evaluate.md. Next: auvseg bench correlate RUN metrics.csv.

    Example: [bold]auvseg evaluate fold_0/validation nnUNet_raw/Dataset004_Hippocampus --only-predicted[/bold]
    """
    from auvseg.data.dataset import read_dataset
    from auvseg.evaluation.evaluate import evaluate
    from auvseg.files import atomic

    known = read_dataset(dataset)
    say_dataset(known)
    with progress("comparing") as step:
        result = evaluate(
            known,
            predictions,
            classes=names(classes),
            tolerance_mm=tolerance_mm if surfaces else None,
            only_predicted=only_predicted,
            num_workers=workers,
            progress=step,
        )
    target = output or predictions / "metrics.csv"
    atomic.write_text(target, table_as_csv(result.table))
    if as_json:
        show_json(_result(known.name, result, tolerance_mm if surfaces else None))
    else:
        _show_classes(result.table, surfaces=surfaces)
        _show_worst(result.table, worst)
    for note in (*_one_sided(result.table), *result.notes):
        say_warning(note)
    say(f"table: {target}")
    if len(result.failed):
        for row in result.failed.to_dict("records"):
            say_warning(f"{row['case']}: {row['reason']}")
        say(f"{counted(len(result.failed), 'case')} could not be evaluated")
        raise typer.Exit(1)


def _result(name: str, result: "Evaluation", tolerance_mm: float | None) -> dict[str, object]:
    """The `--json` output, documented in docs/evaluate.md."""
    from auvseg.evaluation.evaluate import COUNTS, METRICS, held_by_one, summarise

    held = held_by_one(result.table)
    summary = summarise(result.table)
    of_classes = summary[summary["class_id"].notna()].to_dict("records")
    of_all = summary.loc[summary["class_id"].isna(), ["cases", "of", *METRICS, *COUNTS.values(), "median_dice"]]
    return {
        "dataset": name,
        "tolerance_mm": tolerance_mm,
        "cases": int(result.table["case"].nunique()),
        "classes": [row | held[row["class_id"]] for row in of_classes],
        "mean_of_classes": next(iter(of_all.to_dict("records")), None),
        "rows": result.table,
        "notes": result.notes,
    }


def _show_classes(table: "pd.DataFrame", *, surfaces: bool) -> None:
    from auvseg.evaluation.evaluate import summarise

    of_surfaces = {"HD95 mm": "hd95_mm", "surface": "surface_dice"} if surfaces else {}
    means = {"Dice": "dice", **of_surfaces, "IoU": "iou", "median": "median_dice"}
    counts = ("missed", "extra", "absent")
    rows = [
        [
            str(row["class"]),
            *(_mean(row[name], row.get(f"{name}_n", row["cases"]), row["of"]) for name in means.values()),
            *(str(row[name]) for name in counts),
            _number(row["worst_dice"]),
            str(row["worst"]),
        ]
        for row in summarise(table).to_dict("records")
    ]
    title = f"means over {counted(table['case'].nunique(), 'case')}; (n of N) where only n have a value"
    show_table(title, ("class", *means, *counts, "lowest", "of case"), rows)


def _one_sided(table: "pd.DataFrame") -> Iterator[str]:
    """Structures that are missing from label or prediction, and the effect on the means."""
    from auvseg.evaluation.evaluate import held_by_one

    cases = table["case"].nunique()
    for class_id, held in held_by_one(table).items():
        rows = table[table["class_id"] == class_id]
        name = rows["class"].iloc[0]
        if len(held["absent"]) == len(rows):
            yield f"{name}: in no label and no prediction, so it has no value"
        for what, where in (("missed", "missing from the prediction"), ("extra", "missing from the label")):
            if held[what]:
                shown = ", ".join(held[what][:MAX_NAMED])
                more = f" and {len(held[what]) - MAX_NAMED} more" if len(held[what]) > MAX_NAMED else ""
                yield (
                    f"{name}: {where} in {len(held[what])} of {counted(cases, 'case')} ({shown}{more}); "
                    "Dice is 0, HD95 leaves them out"
                )


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


def _mean(value: float, count: int, of: int) -> str:
    """A mean, with the number of values if some are missing."""
    return _number(value) if count == of else f"{_number(value) or '–'} ({count} of {of})"
