"""Read segmentations of 3D Slicer (`.seg.nrrd`): NRRD whose header names the structures, by value and layer.

Names count, as in a DICOM SEG: the same value may be another structure in the next file. Overlapping segments are in
layers, a fourth axis. Slicer crops the file to its segments, so it is placed on the image's grid by its position;
nothing is resampled.
"""

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Int32
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats import itk
from auvseg.data.formats.header import Header, Notes, RawArray
from auvseg.data.formats.painting import GRID_TOLERANCE, Voxels, label_map, structure_name
from auvseg.data.formats.reasons import Reason
from auvseg.data.formats.text_headers import nrrd_key_values
from auvseg.data.label_planes import numbered
from auvseg.data.label_values import as_label
from auvseg.errors import ReadError

_FIELD = re.compile(r"Segment(\d{1,6})_(ID|Name|LabelValue|Layer)")
_REPRESENTATION = ("Segmentation_SourceRepresentation", "Segmentation_MasterRepresentation")
_SPATIAL = 3
_MAX_NAMED = 3


Layer = NDArray[Any]
"""Three axes, as stored."""


@dataclass(frozen=True)
class Segment:
    """One structure of a file.

    Attributes:
        name: what it is called.
        value: what its voxels hold.
        layer: where on the fourth axis they lie.
    """

    name: str
    value: int
    layer: int


def names_segments(path: Path) -> bool:
    """Whether a file is NRRD whose header names segments; False where it cannot be read."""
    try:
        return bool(_stated(path))
    except (ReadError, OSError, ValueError):
        return False


def segments_of(path: Path) -> tuple[Segment, ...]:
    """The segments of a file, in its order.

    Raises:
        ReadError: it is no NRRD, or names or values do not tell the segments apart.
    """
    found: list[Segment] = []
    for number, fields in sorted(_stated(path).items()):
        name = structure_name(fields.get("Name"))
        if not name:
            raise Reason.SEGMENT_WITHOUT_NAME.of(path, number=number)
        # As Slicer reads files of before 2019: a layer a segment, in each of them 1.
        value = _whole(fields.get("LabelValue", "1"), path, number)
        segment = Segment(name, value, _whole(fields.get("Layer", str(number)), path, number))
        if value == 0 or segment.layer < 0:
            raise Reason.ODD_SEGMENT.of(path, number=number, stated=fields)
        if any(name == other.name for other in found):
            raise Reason.SEGMENT_TWICE.of(path, name=name)
        same = next((other for other in found if (other.value, other.layer) == (value, segment.layer)), None)
        if same is not None:
            raise Reason.SEGMENTS_ALIKE.of(path, one=same.name, other=name, value=value)
        found.append(segment)
    return tuple(found)


def read_label(path: Path, values: Mapping[str, int], grid: Header | None) -> RawArray:
    """The wanted segments as a label map on the image's grid.

    Args:
        path: the file.
        values: label value by the segment's name; others are left out.
        grid: header of the image that it belongs to; None leaves the label on its own grid.

    Raises:
        ReadError: the file is damaged, names no wanted segment, holds values without a name, is not on the image's
            grid, or its segments overlap.
    """
    stated, segments = nrrd_key_values(path), segments_of(path)
    wanted = [segment for segment in segments if segment.name in values]
    if not wanted:
        names = ", ".join(segment.name for segment in segments[:_MAX_NAMED])
        raise Reason.NO_WANTED_SEGMENT.of(path, names=names)
    if any("fractional" in str(stated.get(key, "")).lower() for key in _REPRESENTATION):
        raise Reason.FRACTIONAL_SEGMENTS.of(path)
    raw = itk.read_array(path, "label", layered=True)
    header = replace(raw.header, shape=raw.header.shape[:_SPATIAL])
    layers = [*np.moveaxis(raw.array.reshape(*header.shape, -1), -1, 0)]
    notes = [*header.notes, *_differences(wanted, values, len(layers))]
    place = None if grid is None else _place(header, grid)
    if grid is not None and math.prod(header.shape) == 1:
        # So Slicer writes a segmentation without any voxel.
        header = replace(grid, shape=grid.shape[:_SPATIAL])
        layers = [np.zeros(header.shape, layer.dtype) for layer in layers]
    elif grid is not None and place is not None:
        layers, placed = _on_grid(layers, place, grid, path)
        header, notes = replace(grid, shape=grid.shape[:_SPATIAL]), [*notes, *placed]
    elif grid is not None and header.shape != grid.shape[:_SPATIAL]:
        raise Reason.OTHER_GRID.of(path)
    missing = next((segment for segment in segments if segment.layer >= len(layers)), None)
    if missing is not None and any(layer.any() for layer in layers):
        raise Reason.NO_SUCH_LAYER.of(path, name=missing.name, layer=missing.layer, count=len(layers))
    paint = _paint_one if len(layers) == 1 else _paint_several
    return paint(layers, segments, values, replace(header, dtype=raw.header.dtype, notes=tuple(notes)), path)


def needed_export(path: Path, values: Mapping[str, int], grid: Header) -> str:
    """Why a program that knows values alone would not see what `read_label` gives; empty if it would.

    Args:
        path: the file.
        values: label value by the segment's name.
        grid: header of the image.

    Raises:
        ReadError: as `segments_of`, or its header is damaged.
    """
    header = itk.read_header(path, "label", layered=True)
    layers = header.shape[_SPATIAL] if len(header.shape) > _SPATIAL else 1
    notes = _differences([segment for segment in segments_of(path) if segment.name in values], values, layers)
    if notes:
        return notes[0].message
    same = header.shape[:_SPATIAL] == grid.shape[:_SPATIAL]
    return "" if same else "it has other voxels than its image, and is placed by its position"


def _stated(path: Path) -> dict[int, dict[str, str]]:
    """What the header says of every segment, by its number."""
    if not path.name.lower().endswith((".nrrd", ".nhdr")):
        return {}
    found: dict[int, dict[str, str]] = {}
    for key, value in nrrd_key_values(path).items():
        field = _FIELD.fullmatch(key)
        if field:
            found.setdefault(int(field[1]), {})[field[2]] = value
    # Numbers alone, without one name, are what a program that knows no names leaves behind.
    return found if any(fields.keys() & {"ID", "Name"} for fields in found.values()) else {}


def _whole(stated: str, path: Path, number: int) -> int:
    if not re.fullmatch(r"\s*[-+]?\d{1,18}\s*", stated):
        raise Reason.ODD_SEGMENT.of(path, number=number, stated=stated)
    return int(stated)


def _differences(wanted: Sequence[Segment], values: Mapping[str, int], layers: int) -> Notes:
    """What nnU-Net, which reads values and knows neither names nor layers, would see otherwise."""
    other = [segment for segment in wanted if values[segment.name] != segment.value]
    notes = []
    if layers > 1:
        notes.append(Problem(Kind.NEEDS_EXPORT, f"its segments lie in {layers} layers, which are put into one label"))
    elif other:
        said = ", ".join(f"{one.name!r} {values[one.name]} ({one.value} here)" for one in other[:_MAX_NAMED])
        more = f" and {len(other) - _MAX_NAMED} more" if len(other) > _MAX_NAMED else ""
        notes.append(Problem(Kind.RENUMBERED_LABEL, f"classes go by name: in the data set {said}{more}"))
    return tuple(notes)


@dataclass(frozen=True)
class _Place:
    """How a file lies in the image: how its axes are turned, and where its first voxel then is."""

    turn: NDArray[np.float64]
    start: tuple[int, int, int]


def _place(own: Header, grid: Header) -> _Place | None:
    """Where every voxel of the file is a voxel of the image's grid; None if it is not."""
    to_index = np.linalg.inv(grid.affine) @ own.affine
    axes = np.rint(to_index[:3, :3])
    if not np.array_equal(axes @ axes.T, np.eye(3)):
        return None
    # The corners are where errors of angles and spacing are largest.
    corners = np.array(np.meshgrid(*[[0, size - 1] for size in own.shape], indexing="ij")).reshape(3, -1)
    exact = to_index[:3, :3] @ corners + to_index[:3, 3:]
    index = axes @ corners + np.rint(to_index[:3, 3:])
    if np.abs(exact - index).max() > GRID_TOLERANCE:
        return None
    x, y, z = (int(first) for first in index.min(axis=1))
    matrix = np.eye(4)
    matrix[:3, :3] = axes
    return _Place(nib.orientations.io_orientation(matrix), (x, y, z))


def _on_grid(layers: list[Layer], place: _Place, grid: Header, path: Path) -> tuple[list[Layer], Notes]:
    """The layers as large as the image.

    Raises:
        ReadError: foreground lies outside the image.
    """
    shape = grid.shape[:_SPATIAL]
    turned = [nib.orientations.apply_orientation(layer, place.turn) for layer in layers]
    if turned[0].shape == shape and place.start == (0, 0, 0):
        return turned, ()
    target, source = [], []
    for start, size, length in zip(place.start, turned[0].shape, shape, strict=True):
        low, high = max(start, 0), min(start + size, length)
        target.append(slice(low, max(high, low)))
        source.append(slice(low - start, max(high, low) - start))
    placed = []
    for layer in turned:
        kept = layer[tuple(source)]
        outside = int(np.count_nonzero(layer) - np.count_nonzero(kept))
        if outside:
            raise Reason.OUTSIDE_IMAGE.of(path, count=outside)
        # Planes one after the other in memory, as they are stored.
        placed.append(np.zeros(shape, layer.dtype, order="F"))
        placed[-1][tuple(target)] = kept
    size, first = ("×".join(map(str, turned[0].shape)), ", ".join(map(str, place.start)))
    message = f"it has {size} voxels and is placed by its position, from voxel {first} of the image on"
    return placed, (Problem(Kind.NEEDS_EXPORT, message),)


def _paint_one(
    layers: list[Layer],
    segments: Sequence[Segment],
    values: Mapping[str, int],
    own: Header,
    path: Path,
) -> RawArray:
    """Every value replaced, plane by plane: in one layer nothing can overlap."""
    new = {0: 0, **{one.value: values.get(one.name, 0) for one in segments if one.layer == 0}}
    label = np.empty(own.shape, np.min_scalar_type(max(new.values())), order="F")
    for plane, out in zip(np.moveaxis(layers[0], -1, 0), np.moveaxis(label, -1, 0), strict=True):
        held, numbers = numbered(as_label(plane, path.name))
        _require_named(held[np.bincount(numbers, minlength=len(held)) > 0], new, path)
        out[...] = np.array([new.get(value, 0) for value in held.tolist()])[numbers].reshape(plane.shape)
    return RawArray(replace(own, dtype=label.dtype.name), label)


def _paint_several(
    layers: list[Layer],
    segments: Sequence[Segment],
    values: Mapping[str, int],
    own: Header,
    path: Path,
) -> RawArray:
    structures: dict[str, Voxels] = {}
    for number, stored in enumerate(layers):
        layer = as_label(stored, path.name)
        here = {one.value: one.name for one in segments if one.layer == number}
        _require_named(np.unique(layer), {0, *here}, path)
        structures |= {name: np.flatnonzero(layer == value) for value, name in here.items() if name in values}
    return label_map(structures, {name: values[name] for name in structures}, own, path.name, own.notes)


def _require_named(held: Int32[np.ndarray, " V"], known: Container[int], path: Path) -> None:
    unknown = next((value for value in held.tolist() if value not in known), None)
    if unknown is not None:
        raise Reason.VALUE_WITHOUT_NAME.of(path, value=unknown)
