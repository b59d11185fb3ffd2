"""`auvseg report`: make an HTML report of a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auvseg.cli import completion
from auvseg.cli.console import progress, say, say_warning
from auvseg.cli.run_state import recommended, warn_if_unfinished
from auvseg.files.text import read_json
from auvseg.wording import counted

if TYPE_CHECKING:
    from auvseg.data.case import Dataset


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of auvseg score.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Output folder. Default: RUN/report.")] = None,
    by: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.ranked_by,
            help="AUV or a measure to rank by. Default: the measure that --bench recommends, else outlier.",
        ),
    ] = None,
    bench: Annotated[Path | None, typer.Option(help="Folder of auvseg bench detect on this data.")] = None,
    images: Annotated[
        int, typer.Option(min=0, help="Number of cases with images, most suspicious first; 0: none.")
    ] = 200,
    top: Annotated[
        int | None,
        typer.Option(min=1, help="Number of cases in the report, most suspicious first. Default: at most 10 000."),
    ] = None,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Write one self-contained file to send; best with --top.")
    ] = False,
    pseudonymize: Annotated[
        bool,
        typer.Option("--pseudonymize", help="Replace ids by case-0001 and so on; the key stays in the run folder."),
    ] = False,
    whole_image: Annotated[
        bool,
        typer.Option(
            "--whole-image",
            help="Show the whole image instead of a crop around the structures. A whole head shows the face.",
        ),
    ] = False,
    check: Annotated[
        Path | None, typer.Option(help="Output of auvseg check DATASET --json, to list its findings.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Current location of the data set, if it was moved after scoring.")
    ] = None,
) -> None:
    """Make an HTML report: the suspicious cases with images, why they stand out, and buttons for your verdict.

    The report opens from disk in any browser. It sends nothing and contains no path of this machine.
    Use the exported verdicts with: auvseg filter RUN --reviewed FILE

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
        findings=read_findings(check),
        bench=bench,
    )
    with progress("making the report") as step:
        done = write_report(run, output or run / "report", known, options, step)
    if done.no_order:
        say_warning(done.no_order)
    for case_id, reason in done.without_images[:5]:
        say_warning(f"{case_id} has no images in the report: {reason}")
    if len(done.without_images) > 5:
        say_warning(f"and {len(done.without_images) - 5} more")
    if done.key is not None:
        say(f"key of the pseudonyms: {done.key}; do not share it")
    if top is None and done.cases < done.total:
        say(f"the report shows the most suspicious of {done.total} cases; --top shows more, but the page gets slower")
    say(f"{counted(done.cases, 'case')}, {done.with_images} with images; open {done.index}")


def dataset_of(run: Path, named: Path | None) -> "Dataset | None":
    """The data set of a run; None, with a warning, if it is gone. Numbers and thumbnails need no data set.

    Raises:
        RunError: there is no run, or the named data set is another one.
        DatasetError: the named folder is not a data set.
    """
    from auvseg.errors import AuvsegError
    from auvseg.scoring.run import read_dataset_of, read_run

    read_run(run)
    try:
        return read_dataset_of(run, named)
    except AuvsegError as problem:
        if named is not None:
            raise
        say_warning(f"no images in the report: {problem}")
        return None


def read_findings(path: Path | None) -> list[dict[str, Any]]:
    """The findings in a file that `auvseg check --json` printed; empty without a file.

    Raises:
        UsageError: the file cannot be read, or is something else.
    """
    from auvseg.errors import UsageError

    if path is None:
        return []
    try:
        findings = read_json(path)["findings"]
        return [dict(one) for one in findings]
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is not the output of `auvseg check DATASET --json`") from None
