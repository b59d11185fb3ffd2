"""Save figures as PNG, SVG or PDF, by the file ending; the same figure gives the same bytes."""

import io
import warnings
from pathlib import Path
from typing import get_args

from matplotlib import rc_context
from matplotlib.figure import Figure

from auvseg.choices import FigureFormat
from auvseg.errors import UsageError
from auvseg.files import atomic

FORMATS: tuple[str, ...] = get_args(FigureFormat)

_DPI = 200
_WITHOUT_DATE: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save(figure: Figure, path: str | Path) -> Path:
    """Write a figure without date or program name in its metadata; an existing file is replaced.

    Args:
        figure: a figure of `auvseg.report.figures`.
        path: file ending in `.png`, `.svg` or `.pdf`.

    Raises:
        UsageError: the file has another ending.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UsageError(f"{path.name}: figures are written as {', '.join(FORMATS)}")
    content = io.BytesIO()
    # Ids of an SVG's parts are drawn at random unless they are salted.
    with rc_context({"svg.hashsalt": "auvseg"}), warnings.catch_warnings():
        # A class may be named in a script that the font does not have; its box in the figure says so.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(content, format=kind, dpi=_DPI, metadata=_WITHOUT_DATE[kind])
    atomic.write_bytes(path, content.getvalue())
    return path
