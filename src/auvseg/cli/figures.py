"""`auvseg figures`: draw the report's plots and images as files for a paper."""

from pathlib import Path
from typing import Annotated

import typer

from auvseg.choices import FigureFormat
from auvseg.cli import completion
from auvseg.cli.console import progress, say, say_warning
from auvseg.cli.report import dataset_of
from auvseg.cli.run_state import recommended, warn_if_unfinished
from auvseg.cli.values import names, share


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of auvseg score.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Output folder. Default: RUN/figures.")] = None,
    kind: Annotated[FigureFormat, typer.Option("--format", help="File format.")] = "png",
    by: Annotated[
        str | None,
        typer.Option(autocompletion=completion.ranked_by, help="Measure to rank by, as in auvseg report."),
    ] = None,
    bench: Annotated[Path | None, typer.Option(help="Folder of auvseg bench detect on this data.")] = None,
    measures: Annotated[
        str,
        typer.Option(
            autocompletion=completion.measures,
            help="Comma-separated measures to plot distributions of. Default: the first six.",
        ),
    ] = "",
    keep: Annotated[
        float, typer.Option(parser=share(0.01, 1), help="Share of cases to keep, where the cut is drawn.")
    ] = 0.95,
    case: Annotated[
        list[str] | None, typer.Option(help="Case to draw; may be repeated. Default: the most suspicious.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="Number of cases to draw if none is named.")] = 3,
    pseudonymize: Annotated[bool, typer.Option("--pseudonymize", help="As in auvseg report.")] = False,
    whole_image: Annotated[bool, typer.Option("--whole-image", help="As in auvseg report.")] = False,
    dataset: Annotated[
        Path | None, typer.Option(help="Current location of the data set, if it was moved after scoring.")
    ] = None,
) -> None:
    """Draw distributions, scatter plot, cut, thumbnails and single cases as PNG, SVG or PDF.

    The same run gives the same bytes. For single figures and more options use auvseg.report.figures in Python.

    Example: [bold]auvseg figures runs/hippocampus --format pdf --case hippocampus_001[/bold]
    """
    from auvseg.report import ReportOptions
    from auvseg.report.figures.folder import FigureOptions, write_figures

    known = dataset_of(run, dataset)
    warn_if_unfinished(run)
    if bench and not by:
        by = recommended(bench, run)
    options = FigureOptions(
        report=ReportOptions(by=by, pseudonymize=pseudonymize, whole_image=whole_image, bench=bench),
        measures=names(measures),
        keep=keep,
        cases=tuple(case or ()),
        top=top,
        kind=kind,
    )
    folder = output or run / "figures"
    with progress("drawing") as step:
        done = write_figures(run, folder, known, options, step)
    if done.no_order:
        say_warning(done.no_order)
    for name, reason in done.left_out:
        say_warning(f"{name} is left out: {reason}")
    say(f"{len(done.files)} figures in {folder}")
    if done.left_out:
        raise typer.Exit(1)
