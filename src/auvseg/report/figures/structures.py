"""Plots of one structure of one case: its singular spectrum against the cohort, and the contribution of each plane."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from auvseg.bench.correlation.plots import printable
from auvseg.errors import RunError
from auvseg.report.bands import MAX_DIRECTIONS, PERCENTILES, SpectrumBands
from auvseg.report.figures.style import name_axes, new_figure
from auvseg.report.palette import colour_of
from auvseg.scoring.table import load_cases
from auvseg.scoring.view import ClassView, read_view

_STRIPS = {
    "scale": "contribution to S",
    "agreement": "Dice with the model's mask",
    "confidence": "confidence of the model",
    "predicted_iou": "IoU predicted by the model",
}


def spectrum(
    run_folder: str | Path,
    case_id: str,
    class_id: int,
    *,
    position: int | None = None,
    title: str | None = None,
    bands: SpectrumBands | None = None,
) -> Figure:
    """Plot the singular spectrum of a class map against the band of the same class in the other cases.

    Args:
        run_folder: of `auvseg score`.
        case_id: the case.
        class_id: the class.
        position: of the class among the data set's, from 0, for its colour; None: `class_id - 1`.
        title: above it; None: the case's id.
        bands: of the run (`bands_of`), so that several figures need them once; None: they are read.

    Raises:
        RunError: there are no view data of this structure.
    """
    run = Path(run_folder)
    own = _view(run, case_id, class_id).spectrum[:MAX_DIRECTIONS]
    bands = bands_of(run) if bands is None else bands
    figure = new_figure(inches=(4.6, 3.2))
    axes = figure.add_subplot()
    directions = np.arange(1, MAX_DIRECTIONS + 1)
    if class_id in (known := bands.percentiles()):
        low, middle, high = known[class_id]
        words = f"{PERCENTILES[0]}th to {PERCENTILES[-1]}th percentile"
        axes.fill_between(directions, _shown(low), _shown(high), color="black", alpha=0.15, linewidth=0, label=words)
        axes.plot(directions, _shown(middle), color="black", linewidth=1, linestyle="--", label="median")
    axes.plot(directions[: len(own)], _shown(own), color=_colour(class_id, position), linewidth=2, label="this case")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize="small", frameon=False)
    name_axes(axes, case_id if title is None else title, "direction", "share of the energy")
    return figure


def bands_of(run_folder: Path, case_ids: Sequence[str] | None = None) -> SpectrumBands:
    """Compute the bands of a run's cases; None: of all."""
    bands = SpectrumBands()
    for case in [one.case_id for one in load_cases(run_folder)] if case_ids is None else case_ids:
        if (view := read_view(run_folder, case, masks=False)) is not None:
            bands.take(view)
    return bands


def contributions(
    run_folder: str | Path, case_id: str, class_id: int, *, position: int | None = None, title: str | None = None
) -> Figure:
    """Plot the contribution of each scored plane to S and to the companion measures, one strip each.

    Args:
        run_folder: of `auvseg score`.
        case_id: the case.
        class_id: the class.
        position: as for `spectrum`.
        title: above it; None: the case's id.

    Raises:
        RunError: there are no view data of this structure.
    """
    view = _view(Path(run_folder), case_id, class_id)
    strips = {name: getattr(view, name) for name in _STRIPS}
    shown = {name: values for name, values in strips.items() if values is not None and np.isfinite(values).any()}
    figure = new_figure(1, max(len(shown), 1), inches=(5.4, 1.3))
    for number, (name, values) in enumerate(shown.items(), start=1):
        axes = figure.add_subplot(len(shown), 1, number)
        axes.bar(view.planes, np.nan_to_num(values), width=0.85, color=_colour(class_id, position))
        if name != "scale":
            axes.set_ylim(0, max(1.0, float(np.nanmax(values))))
        above = f"{printable(case_id if title is None else title)}: " if number == 1 else ""
        name_axes(axes, "", "slice" if number == len(shown) else "")
        axes.set_title(f"{above}{_STRIPS[name]}", fontsize="small", loc="left", parse_math=False)
    return figure


def _view(run: Path, case_id: str, class_id: int) -> ClassView:
    view = read_view(run, case_id, masks=False)
    if view is None or class_id not in view.classes:
        raise RunError(f"{run} has no map of class {class_id} of {case_id}: it was not scored, or scored without views")
    return view.classes[class_id]


def _colour(class_id: int, position: int | None) -> str:
    return colour_of(max(class_id - 1, 0) if position is None else position)


def _shown(
    shares: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]",
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Replace 0, which a logarithmic axis cannot show."""
    values = shares.astype(np.float64)
    return np.where(values > 1e-9, values, np.nan)
