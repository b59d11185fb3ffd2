"""`auvseg bench reviewed`: test which measures agree with the verdicts of raters."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auvseg.cli.bench.shortlist import Full, shortlist
from auvseg.cli.console import AsJson, say, say_warning, show, show_json, show_table
from auvseg.cli.run_state import warn_if_unfinished
from auvseg.measures.catalogue import MEASURES

if TYPE_CHECKING:
    from auvseg.bench.reviewed import Reviewed


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of auvseg score.")],
    reviewed: Annotated[Path, typer.Argument(help="Review exported from a report, or merged by auvseg review merge.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file for the table.")] = None,
    bench: Annotated[
        Path | None, typer.Option(help="Folder of auvseg bench detect on this data: adds the measure combined.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Test which measure finds the cases that raters would exclude or fix.

    Shows the AUROC of each measure for separating cases to exclude or fix from cases to keep, with 95 % intervals, next
    to trivial measures. Verdicts on a random sample of cases, sound ones included, are the most informative.

    Example: [bold]auvseg bench reviewed runs/hippocampus anna.json[/bold]
    """
    from auvseg.bench.reviewed import judge_by_review
    from auvseg.errors import UsageError
    from auvseg.files import atomic
    from auvseg.files.safe_csv import table_as_csv
    from auvseg.review.of_run import read_review_of
    from auvseg.scoring.table import load_scores

    if output is not None and output.exists():
        raise UsageError(f"{output} already exists; choose another name with -o")
    table = load_scores(run)
    warn_if_unfinished(run)
    if bench is not None:
        from auvseg.bench.combination import with_combined

        table = with_combined(table, run, bench)
    known = read_review_of(reviewed, run)
    if known.remark:
        say_warning(known.remark)
    found = judge_by_review(table, known.review.decisions, seed=seed)
    if as_json:
        show_json(_result(found))
    else:
        for sentence in found.sentences():
            show(sentence)
        _show(found, full=full)
    if output is not None:
        atomic.write_text(output, table_as_csv(found.measures))
        say(f"wrote {output}")


def _result(found: "Reviewed") -> dict[str, object]:
    """The `--json` output, documented in docs/command-line.md."""
    return {
        "verdicts": found.counts,
        "training": found.training,
        "unscored": found.unscored,
        "elsewhere": found.elsewhere,
        "sentences": found.sentences(),
        "measures": found.measures,
    }


def _show(found: "Reviewed", *, full: bool) -> None:
    trivial = {name for name, measure in MEASURES.items() if measure.group == "trivial"}
    rows = [
        (
            str(row["measure"]),
            str(row["verdict"]),
            _interval(row, "auroc", "low", "high", sign=""),
            *("" if row[kind] != row[kind] else f"{row[kind]:.2f}" for kind in ("exclude", "fix")),
            _interval(row, "beyond", "beyond_low", "beyond_high", sign="+"),
            str(row["missing"] or ""),
        )
        for row in shortlist(found.measures, full=full, always={*trivial, "S"}).to_dict("records")
    ]
    columns = ("measure", "verdict", "AUROC [95 %]", "exclude", "fix", "above the best trivial [95 %]", "missing")
    title = f"{found.faulty} cases to exclude or fix, {found.counts['keep']} to keep"
    show_table(title, columns, rows, left=2)


def _interval(row: Mapping[Hashable, Any], *names: str, sign: str) -> str:
    value, low, high = (f"{float(row[name]):{sign}.2f}" for name in names)
    return "" if value.endswith("nan") else f"{value} [{low} {high}]"
