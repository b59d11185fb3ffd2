"""`auvseg rank`: list cases or structures, most suspicious first."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auvseg.choices import Scope
from auvseg.cli import completion
from auvseg.cli.console import AsJson, out, say, say_warning, show, show_json, show_table
from auvseg.cli.run_state import recommended, warn_if_unfinished
from auvseg.files.safe_csv import table_as_csv
from auvseg.measures.catalogue import COMBINED, MEASURES, Suspicious
from auvseg.wording import counted

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from auvseg.bench.between_runs import BetweenRuns
    from auvseg.cohort.reasons import Ranked
    from auvseg.measures.catalogue import Suspicious
    from auvseg.scoring.view import ClassView

_WORDS = ("case", "class", "structure", "why")
_SHOWN_GROUPS = ("scale", "companion", "cohort")


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of auvseg score.")],
    other: Annotated[
        Path | None,
        typer.Argument(
            help="Second run of the same cases (another model, input or prompt), to compare the two rankings."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.ranked_by,
            help="AUV, a measure, combined (with --bench), or any numeric column of scores.csv. Default: outlier, the "
            "distance from the cohort; for two runs AUV, if both have it.",
        ),
    ] = None,
    scope: Annotated[Scope, typer.Option(help="Rank cases, or each structure of each case.")] = "case",
    suspicious: Annotated[
        Suspicious | None, typer.Option(help="Suspicious end of a column that is not a measure.")
    ] = None,
    bench: Annotated[
        Path | None, typer.Option(help="Folder of auvseg bench detect on this data: rank by the measure it recommends.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="Rows to show; 0: all.")] = 20,
    all_columns: Annotated[
        bool, typer.Option("--all-columns", help="Include image quality, label geometry and baselines.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the whole ranking as CSV instead of a table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the most suspicious cases or structures first, with the reason why.

    AUV is computed over the cohort when it is read, and never stored. By default the table shows the model's measures
    and the distances from the cohort; --csv and --json contain all columns and rows (docs/what-the-numbers-mean.md).
    With two runs, the output shows how well their rankings agree for each measure, and where they differ most.

    Example: [bold]auvseg rank runs/hippocampus --scope class --by agreement[/bold]
    """
    from auvseg.cohort.reasons import ranked
    from auvseg.scoring.table import load_scores

    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json contradict each other; omit one of the two")
    table = load_scores(run)
    warn_if_unfinished(run)
    if bench and not by:
        by = recommended(bench, run)
    if by == COMBINED:
        from auvseg.bench.combination import with_combined

        table = with_combined(table, run, bench)
    if other is not None:
        from auvseg.bench.between_runs import between_runs

        agreement = between_runs(table, load_scores(other), by=by, scope=scope, suspicious=suspicious)
        _show_agreement(agreement, scope, top, all_columns=all_columns, as_csv=as_csv, as_json=as_json)
        return
    rows = None if as_csv or as_json or top == 0 else top
    found = ranked(table, by=by, scope=scope, suspicious=suspicious, top=rows, view_of=lambda case: _views(run, case))
    failed = table[table["status"] == "failed"].drop_duplicates("case")
    if as_json:
        show_json({**_facts(found), "rows": found.rows, "failed": failed[["case", "reason"]]})
        return
    if as_csv:
        out.file.write(table_as_csv(found.rows))
    else:
        _show(found, all_columns=all_columns)
    if found.doubt:
        say_warning(found.doubt)
    if found.no_order and as_csv:
        say_warning(found.no_order)
    if len(failed):
        say_warning(f"{counted(len(failed), 'case')} without a score; the reasons are in {run / 'scores.csv'}")


def _views(run: Path, case: str) -> "Mapping[int, ClassView] | None":
    from auvseg.scoring.view import read_view

    view = read_view(run, case, masks=False)
    return view.classes if view else None


def _facts(found: "Ranked") -> dict[str, object]:
    """The `--json` fields that describe the ranking."""
    return {
        "by": found.criterion.name,
        "suspicious": found.criterion.suspicious,
        "scope": found.scope,
        "how_made": found.how_made,
        "no_order": found.no_order,
        "doubt": found.doubt,
    }


def _show(found: "Ranked", *, all_columns: bool) -> None:
    by, ranking = found.criterion.name, found.rows
    left = [name for name in ("case", "class") if name in ranking.columns]
    right = [name for name in ("structure", "why") if name in ranking.columns and not found.no_order]
    others = [name for name in ranking.columns if name not in (*_WORDS, "class_id", "rank", "n", by)]
    numbers = [by, *(name for name in others if all_columns or _is_shown(name))]
    if found.no_order or not all_columns:
        numbers = [name for name in numbers if ranking[name].notna().any()]
    cells = [
        [
            *(str(row[name]) for name in left),
            *(_number(row[name]) for name in numbers),
            *(_reason(name, row, found) for name in right),
        ]
        for row in ranking.to_dict("records")
    ]
    if numbers:
        show_table("", [*left, *numbers, *right], cells, left=len(left), right=len(right))
    if found.no_order:
        show(found.no_order)
        return
    if found.how_made:
        show(found.how_made)
    say(f"{len(ranking)} of {found.total}, most suspicious by {by} first")


def _reason(column: str, row: "Mapping[Hashable, Any]", found: "Ranked") -> str:
    name = str(row["structure"] if found.scope == "case" else row["class"])
    if column == "why":
        return str(row["why"]).removeprefix(f"{name}: ")  # the structure stands beside it already
    # The number of structures behind a mean matters only if it varies between cases.
    counts = name and not found.criterion.of_farthest and found.rows["n"].nunique() > 1
    return f"{name} (of {row['n']})" if counts else name


def _show_agreement(
    found: "BetweenRuns",
    scope: Scope,
    top: int,
    *,
    all_columns: bool,
    as_csv: bool,
    as_json: bool,
) -> None:
    if as_json:
        show_json({"scope": scope, **vars(found)})
        return
    if as_csv:
        out.file.write(table_as_csv(found.disagreements))
        if found.no_order:
            say_warning(found.no_order)
        return
    by = found.by
    rows = [
        (str(row["measure"]), str(row["reason"]), str(row["n"]), _interval(row), _number(row["worst_in_both"]))
        for row in found.measures.to_dict("records")
        if all_columns or row["measure"] == by or _is_shown(str(row["measure"]))
    ]
    columns = ("measure", "", "n", "Spearman [95 %]", "worst tenth in both")
    what = "cases" if scope == "case" else "structures"
    show_table(f"agreement between the rankings of {what} in the two runs", columns, rows, left=2)
    if found.no_order:
        show(found.no_order)
        return
    out.print()
    text_columns = [name for name in ("case", "class") if name in found.disagreements.columns]
    shown = found.disagreements if top == 0 else found.disagreements.head(top)
    differing = [
        [*(str(row[name]) for name in text_columns), *(f"{row[name]:g}" for name in ("first", "second"))]
        for row in shown.to_dict("records")
    ]
    show_table("", (*text_columns, "rank in the first", "in the second"), differing, left=len(text_columns))
    say(f"{len(shown)} of {len(found.disagreements)}, farthest apart by {by} first; rank 1 is the most suspicious")


def _interval(row: "Mapping[Hashable, Any]") -> str:
    value = _number(row["spearman"])
    return value if row["low"] != row["low"] else f"{value} [{row['low']:.2f}, {row['high']:.2f}]"


def _is_shown(name: str) -> bool:
    return name not in MEASURES or MEASURES[name].group in _SHOWN_GROUPS


def _number(value: float) -> str:
    return "" if value != value else f"{value:.3f}" if abs(value) < 100 else f"{value:.0f}"
