"""`auvseg figures`: the report's pictures as files for a paper."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.console import progress, say, say_warning
from auvseg.cli.rank import recommended, warn_if_unfinished
from auvseg.cli.report import dataset_of
from auvseg.cli.values import names, share


class KindName(str, Enum):
    """The format of the files."""

    png = "png"
    svg = "svg"
    pdf = "pdf"


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of auvseg score.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where they are drawn; RUN/figures by default.")
    ] = None,
    kind: Annotated[KindName, typer.Option("--format", help="Of the files.")] = KindName.png,
    by: Annotated[
        str | None,
        typer.Option(autocompletion=completion.ranked_by, help="What cases are ranked by, as for auvseg report."),
    ] = None,
    bench: Annotated[Path | None, typer.Option(help="Folder of auvseg bench detect on this data.")] = None,
    measures: Annotated[
        str,
        typer.Option(
            autocompletion=completion.measures, help="Of the distributions, comma-separated; the first six if empty."
        ),
    ] = "",
    keep: Annotated[
        float, typer.Option(parser=share(0.01, 1), help="Where the cut is drawn, as for auvseg filter.")
    ] = 0.95,
    case: Annotated[
        list[str] | None, typer.Option(help="A case to draw; may be given several times. Not given: the worst.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="So many cases, worst first, where none is named.")] = 3,
    pseudonymize: Annotated[bool, typer.Option("--pseudonymize", help="As for auvseg report.")] = False,
    whole_image: Annotated[bool, typer.Option("--whole-image", help="As for auvseg report.")] = False,
    dataset: Annotated[
        Path | None, typer.Option(help="Where the data set is now, if it was moved since it was scored.")
    ] = None,
) -> None:
    """Draw the report's pictures as PNG, SVG or PDF: distributions, scatter, cut, thumbnails and single cases.

    The same run gives the same bytes. One by one and with other options: auvseg.report.figures in Python.

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
        kind=kind.value,
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
