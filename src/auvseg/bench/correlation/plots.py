"""Scatter plots of every measure against the metric, one colour per class, without a fitted line.

Matplotlib is used through its object interface, never pyplot, and imported when the first figure is drawn.
"""

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from auvseg.bench.correlation.correlate import Correlations
from auvseg.measures.catalogue import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES = (6.4, 4.8)
_DPI = 120
_MAX_NAMED = 20
"""Most classes in a legend; with more, colours are no longer distinguishable."""
_MAX_NAME = 40


def scatter_png(correlations: Correlations, measure: str) -> bytes:
    """Plot a measure against the metric as a PNG file, with rank correlations and intervals in the title.

    Args:
        correlations: the correlations.
        measure: one of `correlations.pairs.measures`.

    Raises:
        KeyError: no such measure.
    """
    from matplotlib import style

    # Independent of a matplotlibrc and of styles set elsewhere in this process: nnU-Net makes all text 2.5× as large.
    with style.context("default"), warnings.catch_warnings():
        # A class may be named in a script that the font does not have; its box in the legend says so.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        return _scatter_png(correlations, measure)


def _scatter_png(correlations: Correlations, measure: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = correlations.pairs.rows[["class_id", "class", "value", measure]].dropna(subset=[measure])
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_points(axes, rows, measure, correlations.pairs.classes)
    both_ends = MEASURES[measure].suspicious == "both"
    axes.set_xlabel(f"{measure}, distance from its class's median" if both_ends else measure, parse_math=False)
    axes.set_ylabel(printable(correlations.pairs.metric), parse_math=False)
    axes.set_title(title(correlations, measure), fontsize="medium", parse_math=False)
    if MEASURES[measure].scale == "multiple" and (rows[measure] > 0).any():
        axes.set_xscale("log")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def title(correlations: Correlations, measure: str) -> str:
    """Name the measure and its rank correlations, pooled within classes, without and with covariates."""
    lines = [f"{measure}, Spearman within classes: {_in_words(correlations, measure, partial=False)}"]
    if correlations.given:
        known = _in_words(correlations, measure, partial=True)
        lines.append(f"given {', '.join(correlations.given)}: {known}")
    return "\n".join(lines)


def printable(name: str) -> str:
    """Shorten a name to one line without control characters."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in name)
    return shown if len(shown) <= _MAX_NAME else shown[: _MAX_NAME - 3] + "..."


def _in_words(correlations: Correlations, measure: str, *, partial: bool) -> str:
    r, low, high, n = correlations.select("spearman", partial=partial).loc[measure, ["r", "low", "high", "n"]]
    if r != r:
        return "-"
    return f"{r:.2f}, n = {n:.0f}" if low != low else f"{r:.2f} [{low:.2f}, {high:.2f}], n = {n:.0f}"


def _draw_points(axes: "Axes", rows: pd.DataFrame, measure: str, classes: Sequence[tuple[int, str]]) -> None:
    from matplotlib import colormaps

    if not classes:
        axes.scatter(rows[measure], rows["value"], s=14, alpha=0.6, linewidths=0)
        return
    few = colormaps["tab10"] if len(classes) <= 10 else None
    for place, (number, _) in enumerate(classes):
        mine = rows[rows["class_id"] == number]
        colour = few(place) if few is not None else colormaps["turbo"]((place + 0.5) / len(classes))
        axes.scatter(mine[measure], mine["value"], s=14, alpha=0.6, linewidths=0, color=colour, label=f"class {place}")
    if 1 < len(classes) <= _MAX_NAMED:
        legend = axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
        # Set afterwards, for a label that begins with an underscore would be left out.
        for text, (_, name) in zip(legend.get_texts(), classes, strict=True):
            text.set_parse_math(False)
            text.set_text(printable(name))
