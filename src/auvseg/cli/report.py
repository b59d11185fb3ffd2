"""`auvseg report`: the run as pages to look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auvseg.cli import completion
from auvseg.cli.console import progress, say, say_warning
from auvseg.cli.rank import recommended, warn_if_unfinished
from auvseg.files.text import read_json
from auvseg.wording import counted

if TYPE_CHECKING:
    from auvseg.data.case import Dataset


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of auvseg score.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where the report is made; RUN/report by default.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.ranked_by,
            help="What cases are ranked by: AUV or a measure; what --bench recommends, else outlier.",
        ),
    ] = None,
    bench: Annotated[Path | None, typer.Option(help="Folder of auvseg bench detect on this data.")] = None,
    images: Annotated[
        int, typer.Option(min=0, help="So many cases, worst first, are shown with their images; 0: none.")
    ] = 200,
    top: Annotated[
        int | None, typer.Option(min=1, help="Only so many cases, worst first; not given: at most 10 000.")
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Everything in one file, to be sent; best with --top.")
    ] = False,
    pseudonymize: Annotated[
        bool, typer.Option("--pseudonymize", help="case-0001 instead of ids; the key stays in the run folder.")
    ] = False,
    whole_image: Annotated[
        bool,
        typer.Option("--whole-image", help="Show all of the image, not only around structures: a head has a face."),
    ] = False,
    check: Annotated[
        Path | None, typer.Option(help="What auvseg check DATASET --json printed: its findings are shown too.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Where the data set is now, if it was moved since it was scored.")
    ] = None,
) -> None:
    """Make pages to look at: the suspicious cases with their images, why they stand out, and a place to decide.

    One folder that opens from disk in any browser. Nothing is sent anywhere, and no path of this machine is in it.
    What is decided there comes back with: auvseg filter RUN --reviewed FILE

    Example: [bold]auvseg report runs/hippocampus[/bold]
    """
    from auvseg.report import ReportOptions, write_report

    known = dataset_of(run, dataset)
    warn_if_unfinished(run)
    if bench and not by:
        by = recommended(bench, run)
    options = ReportOptions(
        by=by,
        images=images,
        top=top,
        single_file=single_file,
        pseudonymize=pseudonymize,
        whole_image=whole_image,
        findings=_findings(check),
        bench=bench,
    )
    with progress("making the report") as step:
        done = write_report(run, output or run / "report", known, options, step)
    if done.no_order:
        say_warning(done.no_order)
    for case_id, reason in done.without_images[:5]:
        say_warning(f"{case_id} has no images in the report: {reason}")
    if len(done.without_images) > 5:
        say_warning(f"and {len(done.without_images) - 5} more have none")
    if done.key is not None:
        say(f"who is who: {done.key}; keep it to yourself")
    if top is None and done.cases < done.total:
        say(f"these are the most suspicious of {done.total} cases; --top shows more, and the page will be slower")
    say(f"{counted(done.cases, 'case')}, {done.with_images} with images; open {done.index}")


def dataset_of(run: Path, named: Path | None) -> "Dataset | None":
    """The data set that a run was made of; None where it is gone: numbers and thumbnails remain.

    Raises:
        RunError: there is no run, or another data set was named.
        DatasetError: what was named is none.
    """
    from auvseg.errors import AuvsegError
    from auvseg.scoring.run import read_dataset_of, read_run

    read_run(run)
    try:
        return read_dataset_of(run, named)
    except AuvsegError as problem:
        if named is not None:
            raise
        say_warning(f"there will be no images: {problem}")
        return None


def _findings(path: Path | None) -> list[dict[str, Any]]:
    from auvseg.errors import UsageError

    if path is None:
        return []
    try:
        findings = read_json(path)["findings"]
        return [dict(one) for one in findings]
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is not what `auvseg check DATASET --json` prints") from None
