"""`auvseg review`: what people decided in the report, brought together."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli.console import AsJson, command_line, say, say_warning, show, show_json, show_table
from auvseg.wording import counted

if TYPE_CHECKING:
    from auvseg.review import Agreement, Merged

_MOST_SHOWN = 30

app = typer.Typer(no_args_is_help=True, help="Bring the verdicts of several people together.")


@app.callback()
def callback() -> None:
    """Bring the verdicts of several people together."""


@app.command("merge")
def merge_command(
    reviews: Annotated[list[Path], typer.Argument(help="Files that the report exported, one a rater.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the merged review here, as CSV.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="What the agreement's interval is drawn from.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Agreement between raters (Cohen's or Fleiss' kappa), where they differ, and one review out of all.

    What most raters say stands; where none has more voices, the case is unsure. A verdict that one rater gave alone
    stands too, and is named.

    Example: [bold]auvseg review merge anna.json ben.csv -o merged.csv[/bold]
    """
    from auvseg.errors import UsageError
    from auvseg.review import merge, read_review, write_review

    if output is not None and output.exists():
        raise UsageError(f"{output} exists already; choose another name with -o")
    merged = merge([read_review(path) for path in reviews], seed=seed)
    if as_json:
        show_json(_result(merged))
    else:
        _show(merged)
    if not merged.one_run:
        say_warning("these reviews were made in reports of different files; are they about the same cases?")
    if output is not None:
        write_review(output, merged.review)
        say(f"wrote {output}; go on with: {command_line('filter', 'RUN', '--reviewed', output)}")


def _result(merged: "Merged") -> dict[str, object]:
    """What `--json` prints; its shape stands in docs/command-line.md."""
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
            for one in merged.conflicts[:_MOST_SHOWN]
        ]
        columns = ("case", *merged.raters, "merged")
        show_table("where they differ", columns, rows, left=len(columns))
    more = len(merged.conflicts) - _MOST_SHOWN
    if more > 0:
        say(f"and {more} more")
    show(_in_words(merged.agreement, merged.judged))
    if merged.alone:
        show(_alone(merged))


def _in_words(found: "Agreement", judged: int) -> str:
    left = f"; {judged - found.cases} more were not judged by all" if judged > found.cases else ""
    if not found.cases:
        return f"{found.name} is not defined: no case was judged by all, of {judged} that anybody judged"
    over = f"over {counted(found.cases, 'case')} that all judged; {found.equal} of them alike{left}"
    if found.value != found.value:
        return f"{found.name} is not defined, for all verdicts are the same, {over}"
    interval = "" if found.low != found.low else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.name} {found.value:.2f}{interval} {over}"


def _alone(merged: "Merged") -> str:
    """Whose verdicts nobody else has looked at."""
    from auvseg.data.layouts.naming import some_of

    by_rater = [(rater, [case for case, who in merged.alone if who == rater]) for rater in merged.raters]
    named = [f"{rater} {len(cases)} ({some_of(cases)})" for rater, cases in by_rater if cases]
    return f"{len(merged.alone)} of {merged.judged} verdicts are one rater's alone: {'; '.join(named)}"
