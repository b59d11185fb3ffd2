"""RTSTRUCT on the grid of its image: closed contours in the image's planes, filled by the even-odd rule.

A voxel belongs to a structure if its centre lies inside an odd number of the structure's contours in its plane, so that
a contour within another one is a hole; a hole that is connected by a slit of no width (keyhole) needs no rule. Nothing
is interpolated between planes.
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

from auvseg.data.findings import Kind, Problem
from auvseg.data.formats.dicom.image import header_of
from auvseg.data.formats.dicom.instance import structure_name
from auvseg.data.formats.dicom.painting import Voxels
from auvseg.data.formats.dicom.quiet import quietly
from auvseg.data.formats.dicom.series import damaged_error
from auvseg.data.formats.header import LPS_TO_RAS, Header, Notes
from auvseg.errors import ReadError

PLANE_TOLERANCE = 0.2
"""How far a contour's points may lie from a plane of the image, as a share of the distance of planes."""

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_FEWEST_POINTS = 3
_ANOTHER_SERIES = "name the series that it was drawn on as the image"

Polygons = list[Float64[np.ndarray, "P 2"]]
"""Contours of one plane, each (points, 2) in columns and rows of the image."""


@quietly()
def read_structures(path: Path, values: Mapping[str, int], grid: Header) -> tuple[dict[str, Voxels], Notes]:
    """The voxels of the wanted structures.

    Args:
        path: the structure set.
        values: the wanted structures, by the names that the file calls them.
        grid: the image's header.

    Returns:
        Voxels by name, and what a person should know.

    Raises:
        ReadError: the file is damaged, or contours lie between or outside the image's planes.
    """
    header = header_of(path)
    try:
        contours, skipped = _contours(header, values)
    except Exception as error:  # noqa: BLE001 - values of the wrong type make pydicom raise anything
        raise damaged_error(path, error) from None
    notes = [f"{count} contours of {name!r} are no closed curves and are left out" for name, count in skipped.items()]
    structures: dict[str, Voxels] = {}
    for name, curves in contours.items():
        by_plane = _by_plane(curves, grid, path, name)
        structures[name] = _fill(by_plane, grid.shape[:3])
        notes += _doubts(sorted(by_plane), path, name)
    return structures, tuple(Problem(Kind.ALTERED_LABEL, note) for note in notes)


def _contours(
    header: Any, values: Mapping[str, int]
) -> tuple[dict[str, list[Float64[np.ndarray, "P 3"]]], dict[str, int]]:
    """Points in LPS millimetres of every closed contour, by name, and how many others there are."""
    names = {int(roi.ROINumber): structure_name(roi.get("ROIName")) for roi in header.StructureSetROISequence}
    found: dict[str, list[Float64[np.ndarray, "P 3"]]] = defaultdict(list)
    skipped: dict[str, int] = defaultdict(int)
    for roi in header.get("ROIContourSequence") or ():
        name = names.get(int(roi.ReferencedROINumber), "")
        for contour in (roi.get("ContourSequence") or ()) if name in values else ():
            points = np.array(contour.get("ContourData") or [], dtype=np.float64).reshape(-1, 3)
            if str(contour.get("ContourGeometricType")) in _CLOSED and len(points) >= _FEWEST_POINTS:
                found[name].append(points)
            else:
                skipped[name] += 1
    return found, skipped


def _by_plane(curves: list[Float64[np.ndarray, "P 3"]], grid: Header, path: Path, name: str) -> dict[int, Polygons]:
    to_index = np.linalg.inv(grid.affine) @ LPS_TO_RAS
    found: dict[int, Polygons] = defaultdict(list)
    for points in curves:
        index = points @ to_index[:3, :3].T + to_index[:3, 3]
        plane = int(np.rint(np.median(index[:, 2])))
        off = float(np.abs(index[:, 2] - plane).max())
        if off > PLANE_TOLERANCE:
            raise ReadError(
                f"{path.name}: a contour of {name!r} lies {off * grid.spacing_mm[2]:.3g} mm off the nearest plane of "
                "the image; was it drawn on another series?",
                _ANOTHER_SERIES,
            )
        last = [size - 1 for size in grid.shape[:2]]
        beyond = (index[:, :2] < -1).any() or (index[:, :2] > np.add(last, 1)).any()
        if not 0 <= plane < grid.shape[2] or beyond:
            raise ReadError(
                f"{path.name}: a contour of {name!r} lies outside the image; was it drawn on another series?",
                _ANOTHER_SERIES,
            )
        found[plane].append(index[:, :2])
    return found


def _fill(by_plane: Mapping[int, Polygons], shape: tuple[int, ...]) -> Voxels:
    parts = []
    for plane, polygons in by_plane.items():
        inside = np.zeros(shape[:2], dtype=bool)
        for polygon in polygons:
            _toggle(inside, polygon)
        columns, rows = np.nonzero(inside)
        parts.append(np.ravel_multi_index((columns, rows, np.full_like(rows, plane)), shape))
    return np.sort(np.concatenate(parts)).astype(np.int64)


def _toggle(inside: Bool[np.ndarray, "W H"], polygon: Float64[np.ndarray, "P 2"]) -> None:
    """Exchange inside and outside where voxel centres lie in the polygon."""
    from matplotlib.path import Path as Outline

    low = np.maximum(np.ceil(polygon.min(axis=0)).astype(int), 0)
    high = np.minimum(np.floor(polygon.max(axis=0)).astype(int) + 1, inside.shape)
    if (low >= high).any():
        return
    columns, rows = np.meshgrid(*(np.arange(start, stop) for start, stop in zip(low, high, strict=True)), indexing="ij")
    centres = np.column_stack([columns.ravel(), rows.ravel()])
    closed = np.concatenate([polygon, polygon[:1]])
    found: NDArray[np.bool_] = Outline(closed).contains_points(centres).reshape(columns.shape)
    inside[low[0] : high[0], low[1] : high[1]] ^= found


def _doubts(planes: list[int], path: Path, name: str) -> list[str]:
    """Planes between those with contours that have none: a structure of two parts, or one drawn on every second plane.

    Raises:
        ReadError: contours on every second, third ... plane throughout.
    """
    steps = np.diff(planes)
    if len(steps) > 1 and steps.min() > 1 and (steps == steps[0]).all():
        raise ReadError(
            f"{path.name}: {name!r} is drawn on every {steps[0]}. plane of the image only",
            "interpolate it where it was drawn, since auvseg does not",
        )
    empty = int((steps - 1).sum()) if len(steps) else 0
    between = f"{name!r} is drawn on {len(planes)} planes, and {empty} between them are empty"
    return [between] if empty else []
