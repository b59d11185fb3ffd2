"""Rasterise an RTSTRUCT on the grid of its image: closed contours in the image's planes, filled by the even-odd rule.

A voxel belongs to a structure if its centre lies inside an odd number of the structure's contours in its plane, so a
contour within another one is a hole; holes that are connected by a slit (keyhole) need no rule. Nothing is interpolated
between planes.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.dicom.image import header_of
from auvseg.data.formats.dicom.quiet import quietly
from auvseg.data.formats.dicom.series import damaged_error
from auvseg.data.formats.header import LPS_TO_RAS, Header, Notes
from auvseg.data.formats.painting import Voxels, structure_name
from auvseg.errors import ReadError

PLANE_TOLERANCE = 0.2
"""How far a contour's points may lie from a plane of the image, as a share of the distance of planes."""

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_MIN_POINTS = 3
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
    crossings: list[Problem] = []
    for name, curves in contours.items():
        by_plane = _by_plane(curves, grid, path, name)
        structures[name], crossed = _fill(by_plane, grid.shape[:3])
        crossings += crossed.problems(name)
        notes += _doubts(sorted(by_plane), path, name)
    return structures, (*(Problem(Kind.ALTERED_LABEL, note) for note in notes), *crossings)


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
            if str(contour.get("ContourGeometricType")) in _CLOSED and len(points) >= _MIN_POINTS:
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


@dataclass
class _Crossings:
    """How often the contours of one structure contradict each other in a plane.

    Attributes:
        planes: where some cross.
        voxels: inside two of them that cross, or twice inside of one, which the even-odd rule takes for holes.
        twice: contours that are drawn twice and count once.
    """

    planes: set[int] = field(default_factory=set)
    voxels: int = 0
    twice: int = 0

    def problems(self, name: str) -> Iterator[Problem]:
        """What to say of a structure."""
        if self.planes:
            where = f"on {len(self.planes)} planes contours of {name!r} cross themselves or each other"
            yield Problem(Kind.CROSSING_CONTOURS, f"{where}; {self.voxels} voxels inside two of them count as outside")
        if self.twice:
            message = f"{self.twice} contours of {name!r} are drawn twice on their plane and count once"
            yield Problem(Kind.CROSSING_CONTOURS, message)


def _fill(by_plane: Mapping[int, Polygons], shape: tuple[int, ...]) -> tuple[Voxels, _Crossings]:
    parts = []
    crossings = _Crossings()
    for plane, polygons in by_plane.items():
        inside = np.zeros(shape[:2], dtype=bool)
        for mask in _masks(plane, polygons, inside.shape, crossings):
            inside ^= mask
        columns, rows = np.nonzero(inside)
        parts.append(np.ravel_multi_index((columns, rows, np.full_like(rows, plane)), shape))
    return np.sort(np.concatenate(parts)).astype(np.int64), crossings


def _masks(
    plane: int, polygons: Polygons, shape: tuple[int, ...], crossings: _Crossings
) -> list[Bool[np.ndarray, "W H"]]:
    """What lies inside of each contour of a plane; that of one that is drawn again is left out."""
    masks: list[Bool[np.ndarray, "W H"]] = []
    for polygon in polygons:
        mask = _inside(polygon, shape)
        odd, again = _winding_doubts(polygon, shape)
        crossed = again
        for other in masks:
            both = int(np.count_nonzero(mask & other))
            # One inside the other is a hole, which is what the even-odd rule is for.
            if both and both != min(np.count_nonzero(mask), np.count_nonzero(other)):
                odd, crossed = True, crossed + both
        if odd:
            crossings.planes.add(plane)
            crossings.voxels += crossed
        if mask.any() and any(np.array_equal(mask, other) for other in masks):
            crossings.twice += 1
        else:
            masks.append(mask)
    return masks


def _winding_doubts(polygon: Float64[np.ndarray, "P 2"], shape: tuple[int, ...]) -> tuple[bool, int]:
    """Whether a contour crosses itself, as far as voxel centres tell, and how many centres it goes round twice.

    A contour that does not cross itself goes round every point once, in one direction, or not at all.
    """
    around = _winding(polygon, shape)
    again = int(np.count_nonzero((around != 0) & (around % 2 == 0)))
    return again > 0 or bool(around.min() < 0 < around.max()), again


def _winding(polygon: Float64[np.ndarray, "P 2"], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """How often a contour goes round each voxel centre of a plane: the crossings of the ray that rises from it."""
    change = np.zeros((shape[0], shape[1] + 1), np.int64)
    for (x, y), (next_x, next_y) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        direction = 1 if next_x > x else -1
        low, high = sorted((x, next_x))
        columns = np.arange(max(math.ceil(low), 0), min(math.ceil(high), shape[0]))
        if columns.size:
            heights = y + (columns - x) * ((next_y - y) / (next_x - x))
            np.add.at(change, (columns, np.clip(np.ceil(heights), 0, shape[1]).astype(int)), direction)
    # Below a crossing are the centres whose ray meets it.
    return change[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]


def _inside(polygon: Float64[np.ndarray, "P 2"], shape: tuple[int, ...]) -> Bool[np.ndarray, "W H"]:
    """Where voxel centres lie in the polygon."""
    from matplotlib.path import Path as Outline

    inside = np.zeros(shape, dtype=bool)
    low = np.maximum(np.ceil(polygon.min(axis=0)).astype(int), 0)
    high = np.minimum(np.floor(polygon.max(axis=0)).astype(int) + 1, inside.shape)
    if (low >= high).any():
        return inside
    columns, rows = np.meshgrid(*(np.arange(start, stop) for start, stop in zip(low, high, strict=True)), indexing="ij")
    centres = np.column_stack([columns.ravel(), rows.ravel()])
    closed = np.concatenate([polygon, polygon[:1]])
    found: NDArray[np.bool_] = Outline(closed).contains_points(centres).reshape(columns.shape)
    inside[low[0] : high[0], low[1] : high[1]] = found
    return inside


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
