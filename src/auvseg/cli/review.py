"""`auvseg review`: merge the verdicts of several raters."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli.console import AsJson, command_line, say, say_warning, show, show_json, show_table
from auvseg.wording import counted

if TYPE_CHECKING:
    from auvseg.review import Agreement, Merged

MAX_SHOWN = 30

app = typer.Typer(no_args_is_help=True, help="Merge the verdicts of several raters.")


@app.callback()
def callback() -> None:
    """Merge the verdicts of several raters."""


@app.command("merge")
def merge_command(
    reviews: Annotated[list[Path], typer.Argument(help="Files exported from the report, one per rater.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="CSV file for the merged review.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap interval.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compute agreement between raters (Cohen's or Fleiss' kappa), list conflicts, and merge all reviews into one.

    The majority verdict counts; without a majority the case is unsure. A verdict given by one rater alone counts too,
    and is listed.

    Example: [bold]auvseg review merge anna.json ben.csv -o merged.csv[/bold]
    """
    from auvseg.errors import UsageError
    from auvseg.review import merge, read_review, write_review

    if output is not None and output.exists():
        raise UsageError(f"{output} already exists; choose another name with -o")
    merged = merge([read_review(path) for path in reviews], seed=seed)
    if as_json:
        show_json(_result(merged))
    else:
        _show(merged)
    if not merged.one_run:
        say_warning("these reviews come from reports of different files; check that they are about the same cases")
    if output is not None:
        write_review(output, merged.review)
        say(f"wrote {output}; next: {command_line('filter', 'RUN', '--reviewed', output)}")


def _result(merged: "Merged") -> dict[str, object]:
    """The `--json` output, documented in docs/command-line.md."""
    return {
        "raters": merged.raters,
        "agreement": merged.agreement,
        "one_run": merged.one_run,
        "conflicts": [
            {
                "case": one.case_id,
                "verdicts": dict(zip(merged.raters, one.verdicts, strict=True)),
                "merged": one.merged,
            }
            for one in merged.conflicts
        ],
        "merged": [
            {"case": case, "verdict": one.verdict, "note": one.note, "judged_by": one.judged_by}
            for case, one in merged.review.decisions.items()
        ],
    }


def _show(merged: "Merged") -> None:
    if merged.conflicts:
        rows = [
            (one.case_id, *(verdict or "–" for verdict in one.verdicts), one.merged)
            for one in merged.conflicts[:MAX_SHOWN]
        ]
        columns = ("case", *merged.raters, "merged")
        show_table("conflicts", columns, rows, left=len(columns))
    more = len(merged.conflicts) - MAX_SHOWN
    if more > 0:
        say(f"and {more} more")
    show(_in_words(merged.agreement, merged.judged))
    if merged.alone:
        show(_alone(merged))


def _in_words(found: "Agreement", judged: int) -> str:
    left = f"; {judged - found.cases} more were not judged by all raters" if judged > found.cases else ""
    if not found.cases:
        return f"{found.name} is undefined: none of the {judged} judged cases was judged by all raters"
    over = f"over {counted(found.cases, 'case')} judged by all raters, {found.equal} with the same verdict{left}"
    if found.value != found.value:
        return f"{found.name} is undefined because all verdicts are the same, {over}"
    interval = "" if found.low != found.low else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.name} {found.value:.2f}{interval} {over}"


def _alone(merged: "Merged") -> str:
    """Verdicts given by one rater alone."""
    from auvseg.data.layouts.naming import some_of

    by_rater = [(rater, [case for case, who in merged.alone if who == rater]) for rater in merged.raters]
    named = [f"{rater} {len(cases)} ({some_of(cases)})" for rater, cases in by_rater if cases]
    return f"{len(merged.alone)} of {merged.judged} verdicts were given by one rater alone: {'; '.join(named)}"
