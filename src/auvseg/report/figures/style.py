"""Shared style of all figures: size, literal names, a colour and marker per class."""

import hashlib
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from auvseg.bench.correlation.plots import printable
from auvseg.data.case import ClassDef
from auvseg.report.palette import colour_of

MARK = "black"
"""Colour of highlights: a marked case, the cut."""

MAX_NAMED = 20
"""Most classes in a legend; with more, markers are no longer distinguishable."""

_SIGNS = "o^sDv<>p"
_INCH_A_PANEL = (3.2, 2.6)


def new_figure(columns: int = 1, rows: int = 1, inches: tuple[float, float] = _INCH_A_PANEL) -> Figure:
    """Create an empty figure for a number of panels of `inches` each."""
    figure = Figure(figsize=(columns * inches[0], rows * inches[1]), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def name_axes(axes: Axes, title: str = "", across: str = "", up: str = "") -> None:
    """Set titles as plain text, so that dollar signs in names are literal."""
    axes.set_title(printable(title), fontsize="medium", parse_math=False)
    axes.set_xlabel(printable(across), parse_math=False)
    axes.set_ylabel(printable(up), parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)


def sign_of(position: int) -> str:
    """Return the marker of the class at a position, from 0; colours alone are not accessible to everybody."""
    return _SIGNS[position % len(_SIGNS)]


def name_classes(axes: Axes, classes: Sequence[ClassDef], shown: Sequence[int]) -> None:
    """Add a legend of the classes at these positions."""
    if not 1 < len(shown) <= MAX_NAMED:
        return
    signs = [
        axes.plot([], [], color=colour_of(position), marker=sign_of(position), linestyle="none")[0]
        for position in shown
    ]
    legend = axes.legend(signs, ["class"] * len(shown), fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    # Set afterwards, for a label that begins with an underscore would be left out.
    for text, position in zip(legend.get_texts(), shown, strict=True):
        text.set_parse_math(False)
        text.set_text(printable(classes[position].name))


def draw_dots(
    axes: Axes, x: Sequence[float], y: Sequence[float], position: int, *, marked: Sequence[bool], size: float = 12.0
) -> None:
    """Draw one dot per structure in the colour and marker of its class; ring some of them."""
    axes.scatter(x, y, s=size, alpha=0.65, linewidths=0, c=colour_of(position), marker=sign_of(position))
    rings = [(one, other) for one, other, ringed in zip(x, y, marked, strict=True) if ringed]
    if rings:
        across, up = zip(*rings, strict=True)
        axes.scatter(across, up, s=6 * size, facecolors="none", edgecolors=MARK, linewidths=1.5)


def jitter(case_id: str) -> float:
    """Return a horizontal offset in [-0.35, 0.35] that depends on the case alone."""
    drawn = hashlib.sha256(case_id.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(drawn[:4], "big") / 0xFFFFFFFF - 0.5) * 0.7
