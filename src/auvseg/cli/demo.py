"""`auvseg demo`: the whole pipeline on a phantom with known faults."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli.console import AsJson, command_line, progress, say, say_warning, show_json, show_table
from auvseg.cli.run_log import keep_log

if TYPE_CHECKING:
    import pandas as pd

    from auvseg.data.case import Dataset
    from auvseg.demo.found import Found


def command(
    folder: Annotated[Path, typer.Argument(help="Folder for the phantom and the run.")] = Path("auvseg-demo"),
    cases: Annotated[int, typer.Option(min=9, help="Number of cases; a third of them get a fault.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Random seed.")] = 0,
    max_slices: Annotated[int, typer.Option(min=1, help="Maximum number of slices per structure.")] = 4,
    as_json: AsJson = False,
) -> None:
    """Make a small CT-like data set with known faults, then check, score, filter and report it. Offline, in minutes.

    Example: [bold]auvseg demo[/bold]
    """
    from auvseg.cohort.selection import filter_cases
    from auvseg.data.check.dataset import check_dataset
    from auvseg.data.dataset import read_dataset
    from auvseg.demo.found import compare, read_truth
    from auvseg.demo.phantom import DATASET_NAME
    from auvseg.demo.planted import write_planted_dataset
    from auvseg.filtering.exports import export_selection
    from auvseg.report import ReportOptions, write_report

    keep_log(folder / "run", "run.json")
    truth_file = folder / "truth.csv"
    if truth_file.exists():
        say(f"1/6 using the phantom in {folder / DATASET_NAME}")
    else:
        say(f"1/6 drawing {cases} phantoms, a third of them with faults, into {folder / DATASET_NAME}")
        write_planted_dataset(folder, cases=cases, seed=seed)
    dataset = read_dataset(folder / DATASET_NAME)
    truth = read_truth(truth_file)
    if not as_json:
        _show_truth(truth)
    say("2/6 checking every file")
    with progress("checking") as step:
        report = check_dataset(dataset, progress=step)
    say(f"    {len(dataset.cases)} cases: {report.errors} errors, {len(report.findings) - report.errors} warnings")
    say("3/6 scoring with LiteMedSAM")
    run = folder / "run"
    table = _score(dataset, folder, run, max_slices)
    say("4/6 comparing the measures with the planted faults")
    found = compare(table, truth)
    if not as_json:
        _show_found(found, truth)
    say("5/6 filtering by AUV, as in the paper, and by the best measure here")
    planted = set(truth.loc[truth["fault"] != "none", "case"])
    for by in ("auv", found[0].measure):
        selection = filter_cases(table, by=by, keep=1 - len(planted) / len(truth) / 2, scope="case")
        removed = ", ".join(f"{case}{' (planted)' if case in planted else ''}" for case in selection.removed)
        say(f"    by {by}: {len(selection.removed)} of {len(truth)} cases removed: {removed or 'none'}")
    written = export_selection("exclude", selection, dataset, run)
    say(f"    wrote {', '.join(file.path.name for file in written.files)} into {run / 'filter'}")
    say("6/6 making the report")
    findings = report.to_json()["findings"]
    with progress("making the report") as step:
        made = write_report(run, run / "report", dataset, ReportOptions(findings=findings), step)
    next_command = command_line("rank", run, "--scope", "class")
    say(f"ground truth: {truth_file}; table: {run / 'scores.csv'}; next: {next_command}")
    say_warning("a phantom shows that the pipeline works, not which measure to trust on patient data")
    say(f"open the report: {made.index}")
    if as_json:
        planted_rows = truth[truth["fault"] != "none"]
        show_json({"planted": planted_rows, "measures": found, "run": run, "report": made.index})


def _score(dataset: "Dataset", folder: Path, run: Path, max_slices: int) -> "pd.DataFrame":
    from auvseg.scoring.config import ScoreConfig
    from auvseg.scoring.engines import choose_device
    from auvseg.scoring.score import score
    from auvseg.scoring.scorer import CaseDone
    from auvseg.scoring.table import load_scores

    with progress("scoring") as step:

        def on_case(case: CaseDone) -> None:
            step(case.done, case.total, case.case_id)

        config = ScoreConfig(modality="ct", max_slices=max_slices)
        summary = score(dataset, run, config, device=choose_device("auto"), on_case=on_case)
    say(f"    {summary.in_words()}")
    return load_scores(run)


def _show_truth(truth: "pd.DataFrame") -> None:
    planted = truth[truth["fault"] != "none"]
    rows = [(row["case"], row["fault"], row["class"], row["detail"]) for row in planted.to_dict("records")]
    show_table("planted", ("case", "fault", "where", "how"), rows, left=4)


def _show_found(found: list["Found"], truth: "pd.DataFrame") -> None:
    rows = [
        (
            one.measure,
            f"{one.auroc:.2f}",
            f"{one.interval[0]:.2f} to {one.interval[1]:.2f}",
            f"{one.auroc_image:.2f}",
            f"{one.auroc_label:.2f}",
            f"{one.among_worst} of {one.planted}",
        )
        for one in found
    ]
    columns = ("measure", "AUROC", "95 % interval", "image faults", "label faults", "among the worst")
    show_table("separating faulty from sound cases: 1 perfect, 0.5 chance, below 0.5 reversed", columns, rows)
    if "missing structure" in set(truth["fault"]):
        say("    a missing structure has no measures: it is an `absent` row")
