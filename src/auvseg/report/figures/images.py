"""Images of cases: three planes with the label and the model's own mask, and sheets of thumbnails.

In radiological convention: the patient's right is on the left, anterior or head is up; sagittal planes have anterior on
the left.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from auvseg.bench.correlation.plots import printable
from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.normalisation import Normalisation, normalise
from auvseg.data.volume import Volume, load_volume
from auvseg.errors import RunError, UsageError, did_you_mean
from auvseg.report.figures.style import MAX_NAMED, new_figure
from auvseg.report.palette import colour_of
from auvseg.report.pictures import Region, model_mask, region_of, thumbnail_picture
from auvseg.scoring.run import read_run
from auvseg.scoring.view import CaseView, read_view

_PLANES = ("axial", "coronal", "sagittal")
_NAME_BELOW = 18


def planes(
    run_folder: str | Path, dataset: Dataset, case_id: str, *, whole_image: bool = False, title: str | None = None
) -> Figure:
    """Draw the axial, coronal and sagittal plane of a case that contain most of its structures.

    The label is a solid line, the model's own mask a dashed line, in the colour of the class.

    Args:
        run_folder: run folder of `auvseg score`.
        dataset: data set with the image.
        case_id: id of the case.
        whole_image: show everything, not only 25 mm around the structures. A head scan then shows the face.
        title: title of the figure; None: the case's id.

    Raises:
        UsageError: the data set has no such case, or the case has no structure and `whole_image` is not set.
        CaseError: the case cannot be read.
    """
    run = read_run(Path(run_folder))
    config = run.setup["config"]
    case = _case(dataset, case_id)
    channels = max(len(dataset.channel_names), 1)
    volume = load_volume(case, channel=int(config["channel"]), channel_count=channels)
    level, width = config["window_hu"]
    grey = normalise(volume, Normalisation(config["modality"], "raw", (float(level), float(width))), None)
    classes = dataset.classes or ()
    view = read_view(Path(run_folder), case_id)
    region = region_of(volume, classes, view, whole=whole_image)
    if region is None:
        raise UsageError(f"{case_id} has no structure to centre the view on; show the whole image")
    masks = _masks(volume, classes, view)
    place = _fullest(masks, view, region)
    figure = new_figure(3, 1, inches=(2.6, 2.8))
    drawn: set[int] = set()
    for axis, name in enumerate(_PLANES):
        axes = figure.add_subplot(1, 3, axis + 1)
        drawn |= _draw_plane(axes, grey, masks, (axis, place[axis]), region, volume.spacing_mm)
        axes.set_title(f"{name}, slice {place[axis]}", fontsize="small")
    figure.suptitle(printable(case_id if title is None else title), parse_math=False, fontsize="medium")
    _name_lines(figure, classes, sorted(drawn))
    return figure


def thumbnails(
    run_folder: str | Path,
    case_ids: Sequence[str],
    *,
    name_of: Callable[[str], str] = str,
    columns: int = 8,
) -> Figure:
    """Draw a sheet of thumbnails in the order of the ids, such as worst first.

    Args:
        run_folder: run folder of `auvseg score`.
        case_ids: cases to show.
        name_of: captions by case id.
        columns: pictures per row.

    Raises:
        RunError: none of them has a thumbnail.
    """
    views = [(case, read_view(Path(run_folder), case, masks=False)) for case in case_ids]
    shown = [(case, view.thumbnail) for case, view in views if view is not None and view.thumbnail is not None]
    if not shown:
        raise RunError(f"{run_folder} has no thumbnails of these cases; score them with views")
    columns = min(columns, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure = new_figure(columns, rows, inches=(1.1, 1.0))
    for number, (case, picture) in enumerate(shown, start=1):
        axes = figure.add_subplot(rows, columns, number)
        axes.imshow(thumbnail_picture(picture), interpolation="nearest")
        axes.set_axis_off()
        name = printable(name_of(case))[:_NAME_BELOW]
        axes.text(0.5, -0.04, name, fontsize=6, ha="center", va="top", transform=axes.transAxes, parse_math=False)
    return figure


_Masks = dict[int, tuple[Bool[np.ndarray, "D H W"] | None, Bool[np.ndarray, "D H W"] | None]]
"""The label's and the model's mask, by position of the class."""


def _masks(volume: Volume, classes: Sequence[ClassDef], view: CaseView | None) -> _Masks:
    depth, height, width = volume.image.shape
    found: _Masks = {}
    for position, one in enumerate(classes):
        label = None if volume.label is None else np.isin(volume.label, one.values)
        seen = None if view is None else view.classes.get(one.class_id)
        model = None if seen is None else model_mask(seen, (depth, height, width))
        if (label is not None and label.any()) or (model is not None and model.any()):
            found[position] = (label, model)
    return found


def _fullest(masks: _Masks, view: CaseView | None, region: Region) -> tuple[int, int, int]:
    """Return, along every axis, the plane with most structure voxels; axial ones only among the scored planes.

    The middle plane if there is no structure.
    """
    labels = [label if label is not None else model for label, model in masks.values()]
    held = np.any([one for one in labels if one is not None], axis=0) if labels else np.zeros(1, dtype=bool)
    scored = sorted({int(plane) for one in view.classes.values() for plane in one.planes}) if view is not None else []
    found = []
    for axis in range(3):
        if not held.any():
            found.append((region.low[axis] + region.high[axis]) // 2)
            continue
        counts = held.sum(axis=tuple(other for other in range(3) if other != axis))
        if axis == 0 and counts[scored].any():
            found.append(scored[int(np.argmax(counts[scored]))])
        else:
            found.append(int(np.argmax(counts)))
    return found[0], found[1], found[2]


def _draw_plane(
    axes: Axes,
    grey: Float32[np.ndarray, "D H W"],
    masks: _Masks,
    where: tuple[int, int],
    region: Region,
    spacing_mm: tuple[float, float, float],
) -> set[int]:
    """Draw one plane, axis and index; returns the positions of the classes that are in it."""
    axis, at = where
    shown = [other for other in range(3) if other != axis]
    rows, columns = (slice(region.low[other], region.high[other]) for other in shown)

    def cut_out(array: NDArray[Any]) -> NDArray[Any]:
        # Rows grow to the head or the front, columns to the right or the front: both are turned.
        return np.take(array, at, axis=axis)[rows, columns][::-1, ::-1]

    axes.imshow(cut_out(grey), cmap="gray", vmin=0, vmax=1, aspect=spacing_mm[shown[0]] / spacing_mm[shown[1]])
    drawn = set()
    for position, (label, model) in masks.items():
        # Across planes a mask of a few of them would be a pattern of stripes.
        seen = model if axis == 0 or (model is not None and _without_gaps(model)) else None
        for mask, line, wide in ((label, "solid", 0.9), (seen, "dashed", 1.8)):
            if mask is not None and (plane := cut_out(mask)).any() and min(plane.shape) > 1:
                axes.contour(plane, levels=[0.5], colors=[colour_of(position)], linewidths=wide, linestyles=line)
                drawn.add(position)
    axes.set_axis_off()
    return drawn


def _without_gaps(mask: Bool[np.ndarray, "D H W"]) -> bool:
    held = np.flatnonzero(mask.any(axis=(1, 2)))
    return len(held) > 0 and len(held) == int(held[-1]) - int(held[0]) + 1


def _name_lines(figure: Figure, classes: Sequence[ClassDef], positions: Sequence[int]) -> None:
    if not 0 < len(positions) <= MAX_NAMED:
        return
    lines = [Line2D([], [], color=colour_of(position)) for position in positions]
    lines += [Line2D([], [], color="gray"), Line2D([], [], color="gray", linestyle="dashed")]
    legend = figure.legend(
        lines, ["line"] * len(lines), loc="outside lower center", ncols=4, fontsize="small", frameon=False
    )
    names = [*(printable(classes[position].name) for position in positions), "label", "the model's mask"]
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)


def _case(dataset: Dataset, case_id: str) -> Case:
    for case in dataset.cases:
        if case.case_id == case_id:
            return case
    hint = did_you_mean(case_id, (case.case_id for case in dataset.cases))
    raise UsageError(f"{dataset.name} has no case {case_id!r}; {hint}")
