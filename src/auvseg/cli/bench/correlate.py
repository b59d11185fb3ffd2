"""`auvseg bench correlate`: correlate the measures of a run with the Dice of a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auvseg.cli import completion
from auvseg.cli.bench.shortlist import Full, shortlist
from auvseg.cli.console import AsJson, out, progress, say, say_warning, show, show_json, show_table
from auvseg.cli.run_state import warn_if_unfinished
from auvseg.cli.values import names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auvseg.bench.correlation.correlate import Correlations
    from auvseg.data.case import ClassDef

MAX_CLASSES = 20
_METRIC = "The metric"
_BESIDE = ("S", "agreement", "volume_ml")
"""Measures that are always shown per class, next to the strongest ones."""


def command(
    run: Annotated[Path, typer.Argument(help="Run folder of auvseg score.")],
    metrics: Annotated[
        Path,
        typer.Argument(
            help="metrics.csv of auvseg evaluate; any CSV with the columns case, class (optional) and dice; nnU-Net's "
            "summary.json, or its results folder with fold_*/validation."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Output folder. Default: RUN/correlation.")
    ] = None,
    column: Annotated[
        str, typer.Option(rich_help_panel=_METRIC, help="Column of the file, or an nnU-Net metric.")
    ] = "dice",
    higher_is_better: Annotated[
        bool | None,
        typer.Option(
            "--higher-is-better/--lower-is-better",
            rich_help_panel=_METRIC,
            help="Whether high values are good. Default: higher is better, except for hd95_mm.",
            show_default=False,
        ),
    ] = None,
    given: Annotated[
        str,
        typer.Option(
            autocompletion=completion.measures,
            help="Comma-separated measures to control for (partial correlation). Default: volume_ml,slices.",
        ),
    ] = "",
    bench: Annotated[
        Path | None, typer.Option(help="Folder of auvseg bench detect on this data: adds the measure combined.")
    ] = None,
    plots: Annotated[bool, typer.Option(help="Draw one scatter plot per measure.")] = True,
    resamples: Annotated[int, typer.Option(min=100, help="Number of bootstrap samples.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Correlate each measure with the Dice of a network, with and without the effect of structure size.

    The Dice must be out-of-fold, from a network that has not seen the case. Correlations are pooled within classes, and
    listed per class in correlation.csv; 95 % intervals are bootstrapped over cases.

    Example: [bold]auvseg bench correlate runs/hippocampus fold_0/validation/metrics.csv[/bold]
    """
    from auvseg.bench.correlation.correlate import correlate
    from auvseg.bench.correlation.output import TABLE, check_folder, write
    from auvseg.bench.correlation.reading import read_metrics
    from auvseg.scoring.table import load_scores

    folder = output or run / "correlation"
    check_folder(folder)
    table = load_scores(run)
    warn_if_unfinished(run)
    if bench is not None:
        from auvseg.bench.combination import with_combined

        table = with_combined(table, run, bench)
    known = read_metrics(metrics, column, lambda: _classes_of(run))
    with progress("correlating") as step:
        result = correlate(
            table,
            known,
            given=names(given) or None,
            higher_is_better=higher_is_better,
            seed=seed,
            resamples=resamples,
            progress=step,
        )
    settings: dict[str, object] = {"metrics": list(known.files), "seed": seed, "resamples": resamples}
    with progress("drawing") as step:
        write(folder, result, settings=settings, plots=plots, progress=step)
    if as_json:
        show_json(_result(result))
    else:
        _show(result, full=full)
    for note in (*known.notes, *result.pairs.sentences()[1:]):
        say_warning(note)
    say(f"table: {folder / TABLE}" + (f"; scatter plots: {folder}" if plots else ""))
    if result.pairs.failed:
        for case, reason in result.pairs.failed.items():
            say_warning(f"{case}: {reason}")
        say(f"{len(result.pairs.failed)} cases failed")
        raise typer.Exit(1)


def _classes_of(run: Path) -> "Sequence[ClassDef] | None":
    """The classes of the run's data set, if it can still be read."""
    from auvseg.errors import DatasetError, RunError
    from auvseg.scoring.run import read_dataset_of

    try:
        return read_dataset_of(run).classes
    except (DatasetError, RunError):
        return None


def _result(result: "Correlations") -> dict[str, object]:
    """The `--json` output, documented in docs/command-line.md."""
    from auvseg.bench.correlation.conclusions import overview, sentences

    return {
        "metric": result.pairs.metric,
        "higher_is_better": result.higher_is_better,
        "given": result.given,
        "sentences": [result.pairs.sentences()[0], *sentences(result)],
        "measures": overview(result),
        "correlations": result.table,
        "failed": [{"case": case, "reason": reason} for case, reason in result.pairs.failed.items()],
    }


def _show(result: "Correlations", *, full: bool) -> None:
    from auvseg.bench.correlation.conclusions import overview, sentences

    for sentence in (result.pairs.sentences()[0], *sentences(result)):
        show(sentence)
    out.print()
    table = overview(result)
    strongest = [str(name) for name in table["measure"]]
    table = shortlist(table, full=full, always=_BESIDE)
    names = ("spearman_given", "spearman", "pearson_given", "pearson")
    shown = [name for name in names if result.given or not name.endswith("_given")]
    rows = [
        (
            str(row["measure"]),
            "+" if row["useful_sign"] > 0 else "-",
            str(row["verdict"]),
            *(_interval(*(float(row[part]) for part in (name, f"{name}_low", f"{name}_high"))) for name in shown),
            _pairs(row["n"], row["n_given"], given_any=bool(result.given)),
        )
        for row in table.to_dict("records")
    ]
    headings = {name: name.replace("_given", " given").capitalize() + " [95 %]" for name in shown}
    columns = ("measure", "useful r", "verdict", *headings.values(), "pairs")
    title = f"correlation of each measure with {result.pairs.metric}, pooled within classes"
    if result.given:
        title += f"; given: {', '.join(result.given)}"
    show_table(title, columns, rows, left=3)
    if len(result.pairs.classes) > 1:
        _show_classes(result, strongest)


def _show_classes(result: "Correlations", strongest: "Sequence[str]") -> None:
    partial = bool(result.given)
    known = [name for name in _BESIDE if name in strongest and not (partial and name in result.given)]
    shown = list(dict.fromkeys((*strongest[:3], *known)))
    rows = []
    for number, name in result.pairs.classes[:MAX_CLASSES]:
        of_class = result.select("spearman", partial=partial, class_id=number)
        most = int(of_class["n"].max())
        cells = of_class.loc[shown, ["r", "low", "high", "n"]].to_numpy(dtype=float).tolist()
        rows.append((name, str(most), *(_of(r, low, high, n, most) for r, low, high, n in cells)))
    out.print()
    title = "Spearman per class" + (" given size" if partial else "") + "; (n) if only n pairs have a value"
    show_table(title, ("class", "pairs", *shown), rows)
    if len(result.pairs.classes) > MAX_CLASSES:
        say(f"{len(result.pairs.classes) - MAX_CLASSES} more classes are in correlation.csv")


def _pairs(plain: int, given: int, *, given_any: bool) -> str:
    """The number of pairs; with a comma that of the partial correlations, if lower."""
    return f"{plain}" if not given_any or given in (0, plain) else f"{plain}, given {given}"


def _of(r: float, low: float, high: float, n: float, most: int) -> str:
    behind = f" ({n:.0f})" if r == r and n < most else ""
    return _interval(r, low, high) + behind


def _interval(r: float, low: float, high: float) -> str:
    if r != r:
        return ""
    return f"{r:+.2f}" if low != low else f"{r:+.2f} [{low:+.2f} {high:+.2f}]"
