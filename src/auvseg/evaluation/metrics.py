"""Overlap and surface metrics of one case."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations, product
from pathlib import Path

import numpy as np
import scipy
from jaxtyping import Bool, Float64, Int32, Int64, UInt8

from auvseg.data.case import ClassDef
from auvseg.data.formats.header import Notes
from auvseg.evaluation.pair import Names, Pair, read_pair

_MAX_VALUES = 4096
"""Label maps whose largest value reaches this, or with negative values, are renumbered first."""


@dataclass(frozen=True)
class Overlap:
    """Voxels of one class.

    Attributes:
        both: in the label and the prediction (TP).
        predicted: in the prediction (TP + FP).
        labelled: in the label (TP + FN).
    """

    both: int
    predicted: int
    labelled: int

    @property
    def dice(self) -> float:
        """In [0, 1]; NaN where the class is in neither map."""
        total = self.predicted + self.labelled
        return 2 * self.both / total if total else math.nan

    @property
    def iou(self) -> float:
        """In [0, 1]; NaN where the class is in neither map."""
        union = self.predicted + self.labelled - self.both
        return self.both / union if union else math.nan


class Contingency:
    """Voxel counts by label value and predicted value.

    Args:
        reference: (X, Y, Z) label values.
        prediction: (X, Y, Z) predicted values.
    """

    def __init__(self, reference: Int32[np.ndarray, "X Y Z"], prediction: Int32[np.ndarray, "X Y Z"]) -> None:
        self._values, first, second = _numbered(reference, prediction)
        count = len(self._values)
        self._counts = np.zeros((count, count), dtype=np.int64)
        # Plane by plane, so that memory stays that of the maps.
        for one, other in zip(first, second, strict=True):
            pairs = one.astype(np.int64) * count + other
            self._counts += np.bincount(pairs.ravel(), minlength=count * count).reshape(count, count)

    @property
    def labelled_values(self) -> frozenset[int]:
        """Values of the label."""
        return frozenset(self._values[self._counts.any(axis=1)].tolist())

    @property
    def predicted_values(self) -> frozenset[int]:
        """Values of the prediction."""
        return frozenset(self._values[self._counts.any(axis=0)].tolist())

    def overlap(self, values: Sequence[int]) -> Overlap:
        """Voxels of the class that these values make up; several for a region."""
        own = np.isin(self._values, list(values))
        return Overlap(
            both=int(self._counts[np.ix_(own, own)].sum()),
            predicted=int(self._counts[:, own].sum()),
            labelled=int(self._counts[own].sum()),
        )


def _numbered(
    reference: Int32[np.ndarray, "X Y Z"], prediction: Int32[np.ndarray, "X Y Z"]
) -> tuple[
    Int64[np.ndarray, "V"],
    Int32[np.ndarray, "X Y Z"] | Int64[np.ndarray, "X Y Z"],
    Int32[np.ndarray, "X Y Z"] | Int64[np.ndarray, "X Y Z"],
]:
    """Values, and both maps as numbers of values."""
    low = min(int(reference.min()), int(prediction.min()))
    high = max(int(reference.max()), int(prediction.max()))
    if low >= 0 and high < _MAX_VALUES:
        return np.arange(high + 1), reference, prediction
    values, numbers = np.unique(np.stack([reference, prediction]), return_inverse=True)
    first, second = numbers.reshape(2, *reference.shape)
    return values.astype(np.int64), first, second


_PIECES: Mapping[int, Mapping[tuple[int, ...], float]] = {
    0b00000000: {},
    0b00000001: {(1, 1, 1): 1 / 8},
    0b00000011: {(1, 1, 0): 1 / 2},
    0b00000110: {(1, 1, 1): 1 / 4},
    0b00000111: {(1, 0, 0): 1 / 2, (1, 1, 1): 3 / 8},
    0b00001111: {(1, 0, 0): 1},
    0b00010110: {(1, 1, 1): 3 / 8},
    0b00010111: {(1, 1, 1): 3 / 4},
    0b00011000: {(1, 1, 1): 1 / 4},
    0b00011001: {(0, 1, 1): 1 / 2, (1, 1, 1): 1 / 8},
    0b00011011: {(0, 1, 1): 1 / 4, (1, 0, 1): 1 / 4, (1, 1, 1): 1 / 2},
    0b00011110: {(1, 0, 0): 1 / 2, (1, 1, 1): 1 / 2},
    0b00111100: {(1, 1, 0): 1},
    0b01101001: {(1, 1, 1): 1 / 2},
}
"""The surface in a cube of eight voxels, of which the bits say which are inside, the first voxel in the highest bit:
its pieces' normals, up to their signs, and areas where a voxel is 1 mm wide. All other cubes are these fourteen,
turned, mirrored, or with inside and outside exchanged, under which the areas of marching cubes do not change."""

_OUTLINES: Mapping[int, Mapping[tuple[int, ...], float]] = {
    0b0000: {},
    0b0001: {(1, 1): 1 / 2},
    0b0011: {(1, 0): 1},
    0b0110: {(1, 1): 1},
}
"""The same in a plane, of four pixels: lengths."""

_ROUNDING = 1e-6
"""Relative: spacings are stored in float32, so that a distance of three voxels need not be three times the spacing."""


@dataclass(frozen=True)
class SurfaceAgreement:
    """Surface metrics of one structure.

    Attributes:
        surface_dice: in [0, 1]; NaN where the structure is in neither map, 0 where it is in one.
        hd95_mm: not negative; NaN where the structure is not in both maps.
    """

    surface_dice: float
    hd95_mm: float


def surface_agreement(
    reference: Bool[np.ndarray, "X Y Z"],
    prediction: Bool[np.ndarray, "X Y Z"],
    spacing_mm: tuple[float, float, float],
    tolerance_mm: float,
) -> SurfaceAgreement:
    """Compare two masks by their surfaces; an image of one plane by its outlines.

    Args:
        reference: (X, Y, Z) where the label has the structure.
        prediction: (X, Y, Z) where it is predicted.
        spacing_mm: voxel size along the same axes.
        tolerance_mm: distance up to which surfaces count as the same.
    """
    if not reference.any() or not prediction.any():
        neither = not reference.any() and not prediction.any()
        return SurfaceAgreement(math.nan if neither else 0.0, math.nan)
    box, axes = _box(reference | prediction), _plane_axes(reference.shape)
    first, second = (np.pad(np.squeeze(mask[box], axis=axes), 1) for mask in (reference, prediction))
    spacing = [size for axis, size in enumerate(spacing_mm) if axis not in axes]
    return SurfaceAgreement(_surface_dice(first, second, spacing, tolerance_mm), _hd95_mm(first, second, spacing))


def _surface_dice(
    first: Bool[np.ndarray, "*padded"], second: Bool[np.ndarray, "*padded"], spacing: Sequence[float], tolerance: float
) -> float:
    """Of two padded masks that are not empty."""
    sizes = _sizes(tuple(spacing))
    codes = [_codes(mask) for mask in (first, second)]
    one, other = ((code > 0) & (code < len(sizes) - 1) for code in codes)
    areas = np.concatenate([sizes[codes[0][one]], sizes[codes[1][other]]])
    near = np.concatenate(_distances_mm(one, other, spacing)) <= tolerance * (1 + _ROUNDING)
    return float(areas[near].sum() / areas.sum())


def _hd95_mm(
    first: Bool[np.ndarray, "*padded"], second: Bool[np.ndarray, "*padded"], spacing: Sequence[float]
) -> float:
    """Of two padded masks that are not empty."""
    distances = _distances_mm(first & ~_inside(first), second & ~_inside(second), spacing)
    return max(float(np.percentile(distance, 95)) for distance in distances)


def _distances_mm(
    first: Bool[np.ndarray, "*grid"], second: Bool[np.ndarray, "*grid"], spacing: Sequence[float]
) -> tuple[Float64[np.ndarray, "F"], Float64[np.ndarray, "S"]]:
    """Return the distances of every point of each set to the other set."""
    one, other = (np.argwhere(held) * np.asarray(spacing, dtype=np.float64) for held in (first, second))
    from_one, _ = scipy.spatial.cKDTree(other, leafsize=32).query(one)
    from_other, _ = scipy.spatial.cKDTree(one, leafsize=32).query(other)
    return np.asarray(from_one), np.asarray(from_other)


def _inside(mask: Bool[np.ndarray, "*padded"]) -> Bool[np.ndarray, "*padded"]:
    """Voxels all of whose neighbours by a face are held too; a padded mask holds nothing at its rim."""
    inside = mask.copy()
    for axis in range(mask.ndim):
        inside &= np.roll(mask, 1, axis) & np.roll(mask, -1, axis)
    return inside


def _codes(mask: Bool[np.ndarray, "*padded"]) -> UInt8[np.ndarray, "*corners"]:
    """Which of the voxels around every corner are held, as bits."""
    codes = np.zeros([size - 1 for size in mask.shape], dtype=np.uint8)
    for offset in product((0, 1), repeat=mask.ndim):
        codes <<= 1
        codes |= mask[tuple(slice(start, start + size) for start, size in zip(offset, codes.shape, strict=True))]
    return codes


@cache
def _sizes(spacing: tuple[float, ...]) -> Float64[np.ndarray, "codes"]:
    """Area in mm² of the surface at a corner, by code; of an outline its length in mm."""
    axes = len(spacing)
    # A piece is as large as its shadows along the axes are together; a shadow grows with the spacing of the other axes.
    shadows = math.prod(spacing) / np.array(spacing)
    sizes = np.zeros(2 ** (2**axes))
    for code, pieces in (_PIECES if axes == 3 else _OUTLINES).items():
        for other, order in _alike(code, axes):
            sizes[other] = sum(
                part * np.linalg.norm(np.array(normal)[list(order)] * shadows) for normal, part in pieces.items()
            )
    return sizes


def _alike(code: int, axes: int) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Codes of the same cube turned, mirrored and inside out, and which axis of the cube lies along which."""
    voxels = 2**axes
    cube = np.array([code >> (voxels - 1 - bit) & 1 for bit in range(voxels)]).reshape((2,) * axes)
    weights = 1 << np.arange(voxels)[::-1]
    for order in permutations(range(axes)):
        for mirrored in product((slice(None), slice(None, None, -1)), repeat=axes):
            other = int(cube.transpose(order)[mirrored].ravel() @ weights)
            yield other, order
            yield 2**voxels - 1 - other, order


def _plane_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axis to drop from an image of a single plane, which has outlines and no surface."""
    flat = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return flat[:1]


def _box(mask: Bool[np.ndarray, "X Y Z"]) -> tuple[slice, ...]:
    """The smallest box around a mask that is not empty; beyond it there is no surface."""
    ranges = []
    for axis in range(mask.ndim):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        ranges.append(slice(int(held[0]), int(held[-1]) + 1))
    return tuple(ranges)


@dataclass(frozen=True)
class EvaluationTask:
    """One prediction to evaluate.

    Attributes:
        case_id: the case.
        label: its label file.
        prediction: its predicted file.
        classes: what to compare; None for every value that the label or the prediction holds.
        declared: values that a prediction may hold; None where the data set does not say.
        ignore_value: label value of voxels that do not count; None without one.
        tolerance_mm: of the surface Dice; None leaves surfaces out.
        names: what the names of structures in the files mean.
    """

    case_id: str
    label: Path
    prediction: Path
    classes: tuple[ClassDef, ...] | None
    declared: frozenset[int] | None
    ignore_value: int | None
    tolerance_mm: float | None
    names: Names | None = None


@dataclass(frozen=True)
class ClassEvaluation:
    """One class of one case.

    Attributes:
        class_def: the class.
        dice: in [0, 1]; NaN where label and prediction lack the class, 0 where one of them does.
        iou: likewise.
        surface_dice: likewise; NaN where surfaces were left out.
        hd95_mm: NaN where the class is not in both.
        volume_ml: of the label.
        predicted_ml: of the prediction.
    """

    class_def: ClassDef
    dice: float
    iou: float
    surface_dice: float
    hd95_mm: float
    volume_ml: float
    predicted_ml: float


@dataclass(frozen=True)
class CaseEvaluation:
    """All classes of one case, with notes, and reasons why its distances are unreliable."""

    classes: tuple[ClassEvaluation, ...]
    notes: tuple[str, ...]
    doubts: Notes = ()


def evaluate_case(task: EvaluationTask) -> CaseEvaluation:
    """Read a label and its prediction, and compare them class by class.

    Raises:
        ReadError: a file cannot be read.
        CaseError: a file is no label map, or the shapes differ.
    """
    pair = read_pair(task.label, task.prediction, task.ignore_value, task.names)
    counts = Contingency(pair.reference, pair.prediction)
    notes = list(pair.notes)
    if task.declared is not None and (unknown := counts.predicted_values - task.declared - {0}):
        named = ", ".join(str(value) for value in sorted(unknown)[:3])
        notes.append(f"{task.prediction.name}: predicts values that the data set does not declare ({named})")
    classes = task.classes
    if classes is None:
        values = sorted((counts.labelled_values | counts.predicted_values) - {0})
        classes = tuple(ClassDef(value, str(value), (value,)) for value in values)
    rows = tuple(_evaluate_class(pair, counts, one, task.tolerance_mm) for one in classes)
    return CaseEvaluation(rows, tuple(notes), pair.doubts)


def _evaluate_class(
    pair: Pair, counts: Contingency, class_def: ClassDef, tolerance_mm: float | None
) -> ClassEvaluation:
    overlap = counts.overlap(class_def.values)
    voxel_ml = pair.voxel_mm3 / 1000.0
    surfaces = SurfaceAgreement(math.nan, math.nan)
    if tolerance_mm is not None and overlap.labelled + overlap.predicted:
        reference, prediction = (np.isin(one, class_def.values) for one in (pair.reference, pair.prediction))
        surfaces = surface_agreement(reference, prediction, pair.spacing_mm, tolerance_mm)
    return ClassEvaluation(
        class_def=class_def,
        dice=overlap.dice,
        iou=overlap.iou,
        surface_dice=surfaces.surface_dice,
        hd95_mm=surfaces.hd95_mm,
        volume_ml=overlap.labelled * voxel_ml,
        predicted_ml=overlap.predicted * voxel_ml,
    )
