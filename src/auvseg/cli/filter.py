"""`auvseg filter`: select the cases to keep, and write them in the format of the training framework."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.choices import Combine, ExportName, Scope
from auvseg.cli import completion
from auvseg.cli.console import AsJson, command_line, progress, say, say_warning, show, show_json, show_table
from auvseg.cli.run_state import recommended, warn_if_unfinished
from auvseg.cli.values import share
from auvseg.measures.catalogue import COMBINED, Suspicious
from auvseg.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from auvseg.cohort.selection import Selection
    from auvseg.filtering.manifest import Export

MAX_SHOWN = 20
AUTO = "auto"


def _check_keep(keep: str) -> str:
    if keep != AUTO:
        share(0.01, 1)(keep)
    return keep


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of auvseg score.")],
    keep: Annotated[
        str,
        typer.Option(
            callback=_check_keep,
            help="Share of training cases to keep (quantile p), or auto with --bench.",
        ),
    ] = "0.95",
    by: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.ranked_by,
            help="AUV, a measure, or any numeric column of scores.csv. Default: the measure that --bench recommends, "
            "else outlier.",
        ),
    ] = None,
    scope: Annotated[
        Scope, typer.Option(help="Compare cases, or each structure with the same structure of other cases.")
    ] = "case",
    combine: Annotated[
        Combine, typer.Option(help="With --scope class: keep a case if any of its classes is kept, or only if all are.")
    ] = "union",
    reviewed: Annotated[
        Path | None, typer.Option(help="Verdicts from the report (JSON or CSV); they override every measure.")
    ] = None,
    strata: Annotated[str | None, typer.Option(help="Column (site, scanner) to count removed cases by.")] = None,
    suspicious: Annotated[
        Suspicious | None, typer.Option(help="Suspicious end of a column that is not a measure.")
    ] = None,
    bench: Annotated[
        Path | None, typer.Option(help="Folder of auvseg bench detect on this data: recommends the measure.")
    ] = None,
    faulty_share: Annotated[
        float, typer.Option(parser=share(0.001, 0.999), help="auto: expected share of faulty cases.")
    ] = 0.1,
    cost: Annotated[
        float,
        typer.Option(
            min=0.001, help="auto: cost of losing a good case, relative to the gain of removing a faulty one."
        ),
    ] = 1.0,
    export: Annotated[ExportName, typer.Option(help="Output format.")] = "exclude",
    splits: Annotated[
        Path | None, typer.Option(help="nnU-Net's splits_final.json to filter; a backup is kept.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Output path. Default: the run folder.")] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Current location of the data set, if it was moved after scoring.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed; write nothing.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Undo every export of this run.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep the least suspicious training cases. Validation cases, test cases and original files are never changed.

    With --bench, cases are compared by the measure that found most planted faults, and --keep auto takes the threshold
    that would have gained most on them.

    Example: [bold]auvseg filter runs/hippocampus --keep 0.9 --export splits --splits .../splits_final.json[/bold]
    """
    if undo:
        _undo(run, as_json=as_json)
        return
    from auvseg.cohort.selection import decided, filter_cases, losses
    from auvseg.cohort.suspicion import default_measure
    from auvseg.errors import UsageError
    from auvseg.filtering.exports import export_selection
    from auvseg.review.of_run import read_review_of
    from auvseg.review.verdicts import apply_verdicts
    from auvseg.scoring.run import read_dataset_of
    from auvseg.scoring.table import load_scores

    table = load_scores(run)
    warn_if_unfinished(run)
    if bench and not by:
        by = recommended(bench, run)
        if by is None:
            raise UsageError(f"{bench} recommends filtering by no measure; to filter anyway, name one with --by")
    by = by or default_measure(table)
    if by == COMBINED:
        from auvseg.bench.combination import with_combined

        table = with_combined(table, run, bench)
    share = _advised(run, bench, table, by, scope, suspicious, faulty_share, cost) if keep == AUTO else float(keep)
    selection = filter_cases(
        table,
        by=by,
        keep=share,
        scope=scope,
        combine=combine,
        strata=strata,
        suspicious=suspicious,
    )
    if reviewed is not None:
        known = read_review_of(reviewed, run)
        if known.remark:
            say_warning(known.remark)
        selection = apply_verdicts(selection, known.review.decisions)
    scored = read_dataset_of(run, dataset)
    written = export_selection(export, selection, scored, run, splits_path=splits, target=to, dry_run=dry_run)
    decisions = decided(selection, ignores=export == "ignore")
    if as_json:
        lost = losses(selection, table)
        show_json({**_facts(selection, written, export, dry_run=dry_run), "decisions": decisions, "losses": lost})
    elif export == "ignore":
        _show_decisions(decisions)
        show(_ignored_in_words(selection))
    else:
        _show_losses(losses(selection, table))
        _show_decisions(decisions)
        show(f"{selection.rule.in_words()}: {len(selection.kept)} kept, {len(selection.removed)} removed")
    _say_done(run, selection, written, dry_run=dry_run)


def _facts(selection: "Selection", written: "Export", export: ExportName, *, dry_run: bool) -> dict[str, object]:
    return {
        "rule": selection.rule,
        "export": export,
        "dry_run": dry_run,
        "kept": selection.kept,
        "removed": selection.removed,
        "unscored": [{"case": o.case_id, "class": o.class_name, "reason": o.reason} for o in selection.unscored],
        "notes": selection.notes,
        "warnings": [*selection.warnings, *written.warnings],
        "files": [{"path": one.path, "backup": one.backup} for one in written.files],
    }


def _say_done(run: Path, selection: "Selection", written: "Export", *, dry_run: bool) -> None:
    for note in selection.notes:
        say(note)
    for warning in (*selection.warnings, *written.warnings):
        say_warning(warning)
    for file in written.files:
        backup = f" (yours is kept as {file.backup.name})" if file.backup else ""
        say(f"{'would write' if dry_run else 'wrote'} {file.path}{backup}")
    if not dry_run:
        say(f"undo with: {command_line('filter', run, '--undo')}")


def _advised(
    run: Path,
    bench: Path | None,
    table: "pd.DataFrame",
    by: str,
    scope: Scope,
    suspicious: Suspicious | None,
    faulty_share: float,
    cost: float,
) -> float:
    from auvseg.bench.advice import advise_run
    from auvseg.bench.combination import measures_behind
    from auvseg.bench.detection.folder import check_same_setup
    from auvseg.errors import UsageError

    if bench is None:
        raise UsageError("--keep auto needs --bench: the folder of auvseg bench detect on the same data set")
    check_same_setup(bench, run, measures_behind(by, bench))
    with progress("judging the bench") as step:
        advice = advise_run(
            bench,
            table,
            by=by,
            scope=scope,
            suspicious=suspicious,
            faulty_share=faulty_share,
            cost=cost,
            on_copy=lambda done, total: step(done, total, ""),
        )
    say(advice.in_words())
    return advice.keep


def _show_losses(losses: "pd.DataFrame") -> None:
    rows = [
        (str(row["kind"]), str(row["name"]), str(row["before"]), str(row["after"]), f"{100 * row['share']:.1f} %")
        for row in losses.to_dict("records")
    ]
    show_table("training cases", ("", "", "before", "after", "removed"), rows, left=2)


def _show_decisions(decisions: "pd.DataFrame") -> None:
    """Show the suspicious rows and their outcome."""
    suspicious = decisions[decisions["suspicious"]]
    columns = [name for name in ("case", "class", "outcome", "reason") if name in decisions.columns]
    shown = [[str(row[name]) for name in columns] for row in suspicious.head(MAX_SHOWN).to_dict("records")]
    if shown:
        headings = ["why" if name == "reason" else name for name in columns]
        show_table("suspicious", headings, shown, left=len(columns))
    if len(suspicious) > len(shown):
        say(f"and {len(suspicious) - len(shown)} more; --json lists them all")


def _ignored_in_words(selection: "Selection") -> str:
    pairs = selection.suspicious_pairs
    structures, cases = counted(len(pairs), "structure"), counted(len({case for case, _ in pairs}), "case")
    return f"{selection.rule.in_words()}: {structures} of {cases} ignored, no case removed"


def _undo(run: Path, *, as_json: bool) -> None:
    from auvseg.filtering.exports import FILTER_FOLDER
    from auvseg.filtering.undo import undo

    undone = undo(run / FILTER_FOLDER)
    if as_json:
        left = [{"path": path, "reason": reason} for path, reason in undone.left]
        show_json({"restored": undone.restored, "removed": undone.removed, "left": left})
    for path in undone.restored:
        say(f"restored {path}")
    for path in undone.removed:
        say(f"removed {path}")
    for path, reason in undone.left:
        say_warning(f"left {path}: {reason}")
    raise typer.Exit(1 if undone.left else 0)
