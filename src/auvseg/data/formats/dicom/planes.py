"""Order the planes of a series, and check that they form a volume: one grid without gaps.

Planes are ordered by their position along the normal of their orientation, never by number or name. If they do not form
one volume, the series is refused with the reason: by METHOD's rule, nothing is resampled or guessed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.header import LPS_TO_RAS, Notes
from auvseg.errors import SeriesError

ORIENTATION_TOLERANCE = 1e-3
"""Axes are the same where no coordinate of the unit vectors differs by more (0.06 degrees)."""

SPACING_TOLERANCE = 0.1
"""By what share of the usual distance two neighbours may be further apart or closer; scanners round positions."""

PIXEL_TOLERANCE = 1e-3
"""By what share pixel sizes of two planes may differ."""

SHIFT_TOLERANCE = 0.5
"""By how many pixels the planes of a series may be shifted against each other, over its whole length."""

_SAME_PLACE = 0.01
"""Planes that are closer than this share of the usual distance, or 0.01 mm, lie at the same place."""
_SAME_PLACE_MM = 0.01
_MAX_NAMED = 3


@dataclass(frozen=True)
class Plane:
    """One image plane as a file states it.

    Attributes:
        file: where it is.
        frame: its number in the file, from 0.
        shape: rows and columns.
        position: LPS millimetres of the centre of its first pixel.
        axes: unit vectors along a row (to the next column) and along a column (to the next row), LPS.
        pixel_mm: distance of neighbouring columns and of neighbouring rows.
        thickness_mm: slice thickness; 0 where it is not stated.
        slope: intensity = slope * stored + intercept.
        intercept: as above.
    """

    file: Path
    frame: int
    shape: tuple[int, int]
    position: Float64[np.ndarray, "3"]
    axes: Float64[np.ndarray, "2 3"]
    pixel_mm: tuple[float, float]
    thickness_mm: float
    slope: float
    intercept: float

    @property
    def normal(self) -> Float64[np.ndarray, "3"]:
        """Unit vector across the plane."""
        return np.cross(self.axes[0], self.axes[1])


@dataclass(frozen=True)
class Stack:
    """Planes that are one volume.

    Attributes:
        planes: in order along the normal.
        shape: columns, rows, planes.
        affine: (4, 4) indices of (column, row, plane) to RAS+ millimetres.
        notes: what had to be assumed.
    """

    planes: tuple[Plane, ...]
    shape: tuple[int, int, int]
    affine: Float64[np.ndarray, "4 4"]
    notes: Notes = ()


def planes_of(file: Path, header: Any) -> list[Plane]:
    """The planes of one file, from the header of a classic or an enhanced object.

    Raises:
        SeriesError: a plane without position, orientation or pixel size.
        Exception: whatever a header with values of the wrong type makes pydicom raise.
    """
    shape = (int(header.Rows), int(header.Columns))
    frames = header.get("PerFrameFunctionalGroupsSequence")
    if frames is None:
        return [_plane(file, 0, shape, [header])]
    shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
    return [_plane(file, number, shape, _groups(frame, shared)) for number, frame in enumerate(frames)]


def stack_of(planes: Sequence[Plane], name: str) -> Stack:
    """Order the planes and make them one grid.

    Args:
        planes: of all files, in any order.
        name: what the series is called in messages.

    Raises:
        SeriesError: no plane at all; orientations, pixel sizes or numbers of pixels that differ; several planes at one
            place; planes that are missing, unevenly spaced or shifted against each other.
    """
    if not planes:
        raise SeriesError(f"{name}: damaged: its header lists no plane")
    first = planes[0]
    _check_alike(planes, first, name)
    heights = np.array([float(plane.position @ first.normal) for plane in planes])
    order = np.argsort(heights, kind="stable")
    ordered = [planes[int(index)] for index in order]
    notes: Notes = ()
    if len(ordered) == 1:
        step, notes = _step_of_single(first)
    else:
        _check_heights(heights[order], ordered, name)
        step = (ordered[-1].position - ordered[0].position) / (len(ordered) - 1)
        _check_shift(ordered, name)
    matrix = np.eye(4)
    matrix[:3, 0] = first.axes[0] * first.pixel_mm[0]
    matrix[:3, 1] = first.axes[1] * first.pixel_mm[1]
    matrix[:3, 2] = step
    matrix[:3, 3] = ordered[0].position
    rows, columns = first.shape
    return Stack(tuple(ordered), (columns, rows, len(ordered)), LPS_TO_RAS @ matrix, notes)


def _groups(frame: Any, shared: Any) -> list[Any]:
    """The items in which a frame's attributes may stand: its own before those that all frames share."""
    found = []
    for holder in (frame, shared):
        for element in holder or ():
            if element.VR == "SQ" and element.value:
                found.append(element.value[0])
    return found


def _plane(file: Path, frame: int, shape: tuple[int, int], groups: Iterable[Any]) -> Plane:
    groups = list(groups)

    def stated(keyword: str) -> Any:
        return next((value for group in groups if (value := group.get(keyword)) is not None), None)

    position = _numbers(stated("ImagePositionPatient"), 3, "position", file)
    axes = _numbers(stated("ImageOrientationPatient"), 6, "orientation", file).reshape(2, 3)
    row_mm, column_mm = _numbers(stated("PixelSpacing"), 2, "pixel size", file)
    lengths = np.linalg.norm(axes, axis=1)
    if not np.allclose(lengths, 1, atol=ORIENTATION_TOLERANCE) or abs(axes[0] @ axes[1]) > ORIENTATION_TOLERANCE:
        raise SeriesError(f"{file.name}: the orientation is no pair of perpendicular unit vectors")
    if row_mm <= 0 or column_mm <= 0:
        raise SeriesError(f"{file.name}: the pixel size {column_mm:g}×{row_mm:g} mm is not positive")
    slope, intercept = stated("RescaleSlope"), stated("RescaleIntercept")
    return Plane(
        file=file,
        frame=frame,
        shape=shape,
        position=position,
        axes=axes / lengths[:, None],
        # PixelSpacing states the distance of rows first.
        pixel_mm=(float(column_mm), float(row_mm)),
        thickness_mm=float(stated("SpacingBetweenSlices") or stated("SliceThickness") or 0.0),
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
    )


def _numbers(value: Any, count: int, what: str, file: Path) -> Float64[np.ndarray, " n"]:
    numbers = np.array([] if value is None else [float(one) for one in value], dtype=np.float64)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise SeriesError(f"{file.name}: states no {what} in space, so that it is no plane of a volume")
    return numbers


def _check_alike(planes: Sequence[Plane], first: Plane, name: str) -> None:
    checks = (
        ("orientations", lambda plane: np.allclose(plane.axes, first.axes, rtol=0, atol=ORIENTATION_TOLERANCE)),
        ("numbers of rows and columns", lambda plane: plane.shape == first.shape),
        ("pixel sizes", lambda plane: np.allclose(plane.pixel_mm, first.pixel_mm, rtol=PIXEL_TOLERANCE, atol=0)),
    )
    for what, alike in checks:
        others = [plane for plane in planes if not alike(plane)]
        if others:
            raise SeriesError(
                f"{name}: mixes {what}: {len(planes) - len(others)} planes are as in {_called(first)}, {len(others)} "
                f"are not, such as {_called(others[0])}; a localizer?",
                "put each kind into a folder of its own",
            )


def _check_heights(heights: Float64[np.ndarray, " D"], ordered: Sequence[Plane], name: str) -> None:
    steps = np.diff(heights)
    apart = np.sort(steps[steps > _SAME_PLACE_MM])
    # The lower median, which is one of the distances: of 1 and 2 mm it is 1 mm, and a plane is missing.
    usual = float(apart[(apart.size - 1) // 2]) if apart.size else 0.0
    same = np.flatnonzero(steps <= max(_SAME_PLACE * usual, _SAME_PLACE_MM))
    if same.size:
        places = len(ordered) - same.size
        index = int(same[0])
        raise SeriesError(
            f"{name}: {len(ordered)} planes lie at {places} places, for example {_called(ordered[index])} and "
            f"{_called(ordered[index + 1])} at the same one: several acquisitions (b-values, echoes, phases) in one "
            "series, or a plane twice",
            "put each into a folder of its own",
        )
    wide = np.flatnonzero(steps > (1 + SPACING_TOLERANCE) * usual)
    narrow = np.flatnonzero(steps < (1 - SPACING_TOLERANCE) * usual)
    multiples = steps / usual
    if wide.size and not narrow.size and np.allclose(multiples[wide], np.rint(multiples[wide]), atol=SPACING_TOLERANCE):
        missing = int(np.rint(multiples[wide]).sum()) - wide.size
        where = ", ".join(
            f"between {heights[index]:.2f} and {heights[index + 1]:.2f} mm ({_called(ordered[index])} and "
            f"{_called(ordered[index + 1])})"
            for index in wide[:_MAX_NAMED].tolist()
        )
        more = " and elsewhere" if wide.size > _MAX_NAMED else ""
        raise SeriesError(
            f"{name}: {missing} of {len(ordered) + missing} planes are missing: planes are {usual:.4g} mm apart, but "
            f"not {where}{more}",
            "export the series again",
        )
    if wide.size or narrow.size:
        raise SeriesError(
            f"{name}: distances of neighbouring planes vary from {steps.min():.4g} to {steps.max():.4g} mm",
            "split the series into parts of even distance, or resample it",
        )


def _check_shift(ordered: Sequence[Plane], name: str) -> None:
    """Planes that are stacked askew (a tilted gantry) are no grid of right angles."""
    first = ordered[0]
    offsets = np.array([plane.position - first.position for plane in ordered])
    sideways = offsets @ first.axes.T
    if np.abs(sideways / first.pixel_mm).max() > SHIFT_TOLERANCE:
        far = float(np.linalg.norm(sideways, axis=1).max())
        raise SeriesError(
            f"{name}: the planes are shifted sideways against each other, by up to {far:.3g} mm, as with a tilted "
            "gantry",
            "resample the series onto a straight grid, as dcm2niix does",
        )


def _step_of_single(plane: Plane) -> tuple[NDArray[np.float64], Notes]:
    if plane.thickness_mm > 0:
        message = f"a single plane: its thickness, {plane.thickness_mm:g} mm, is taken from the header"
        return plane.normal * plane.thickness_mm, (Problem(Kind.UNSTATED_SPACING, message),)
    return plane.normal, (Problem(Kind.UNSTATED_SPACING, "a single plane without a thickness: 1 mm is assumed"),)


def _called(plane: Plane) -> str:
    return plane.file.name if plane.frame == 0 else f"{plane.file.name} frame {plane.frame + 1}"
