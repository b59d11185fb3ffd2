"""Read a prediction and its label on the same grid.

Nothing is resampled. A prediction stored with other axes than its label is reoriented by the headers, if that brings it
onto the label's grid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from jaxtyping import Int32

from auvseg.data.check.findings import OF_SIZES
from auvseg.data.formats.header import Notes
from auvseg.data.label_values import as_label
from auvseg.data.reading import Header, RawArray, names_structures, own_values, read_array, read_header, read_label
from auvseg.data.volume import grid_difference
from auvseg.errors import CaseError

LabelMap = Int32[np.ndarray, "X Y Z"]
"""Along the label's own axes, as stored: what is measured does not depend on their order or direction."""


@dataclass(frozen=True)
class Pair:
    """A label and a prediction of it.

    Attributes:
        reference: (X, Y, Z) label values; 0 where the label says "ignore".
        prediction: (X, Y, Z) predicted values; 0 in the same places.
        spacing_mm: along the same axes.
        voxel_mm3: volume of a voxel.
        notes: what a reader should know, one sentence each.
        doubts: what makes distances and volumes doubtful: sizes that the label's header leaves open or contradicts.
    """

    reference: LabelMap
    prediction: LabelMap
    spacing_mm: tuple[float, float, float]
    voxel_mm3: float
    notes: tuple[str, ...] = ()
    doubts: Notes = ()


@dataclass(frozen=True)
class Names:
    """Values of named structures, for files that name their structures instead of numbering them (DICOM, 3D Slicer).

    Attributes:
        label_values: label value by the structure's name, of the label; empty where it names none.
        class_values: label value by class, of the data set, for a prediction; empty where the data set has no classes.
        image: the case's image, on whose grid such a label lies.
    """

    label_values: Mapping[str, int]
    class_values: Mapping[str, int]
    image: Path


def read_pair(label: Path, prediction: Path, ignore_value: int | None = None, names: Names | None = None) -> Pair:
    """Read a label and its prediction onto the label's grid.

    Args:
        label: the label file.
        prediction: the predicted file.
        ignore_value: label value of voxels that do not count, whatever is predicted there; None without one.
        names: what their structures' names mean; None for files of numbers.

    Raises:
        ReadError: a file cannot be read.
        CaseError: a file is not three-dimensional or not of whole numbers, or the shapes differ.
    """
    stored, predicted = _read_both(label, prediction, names)
    predicted, notes = _onto(stored.header, predicted, prediction.name)
    reference = as_label(stored.array, label.name)
    values = as_label(predicted.array, prediction.name)
    if ignore_value is not None:
        ignored = reference == ignore_value
        reference[ignored] = 0
        values[ignored] = 0
    header = stored.header
    doubts = tuple(note for note in header.notes if note.kind in OF_SIZES)
    return Pair(reference, np.ascontiguousarray(values), header.spacing_mm, header.voxel_mm3, notes, doubts)


def _read_both(label: Path, prediction: Path, names: Names | None) -> tuple[RawArray, RawArray]:
    if names is None:
        return _read(label), _read(prediction)
    by_name = names_structures(label)
    stored = _read(label, names.label_values, read_header(names.image)) if by_name else _read(label)
    if not names_structures(prediction):
        return stored, _read(prediction)
    return stored, _read(prediction, names.class_values or own_values(prediction), stored.header)


def _read(path: Path, values: Mapping[str, int] | None = None, grid: Header | None = None) -> RawArray:
    raw = read_array(path, part="label") if values is None else read_label(path, values, grid)
    if len(raw.header.shape) != 3:
        shape = "×".join(map(str, raw.header.shape))
        raise CaseError(f"{path.name}: has {len(raw.header.shape)} axes {shape}; a label map has 3")
    return raw


def _onto(label: Header, predicted: RawArray, name: str) -> tuple[RawArray, tuple[str, ...]]:
    """The prediction with the label's axes, and what had to be assumed."""
    for candidate in (predicted, _turned(predicted, label.axcodes)):
        if candidate.header.shape == label.shape and grid_difference(label, candidate.header) is None:
            return candidate, ()
    if predicted.header.shape != label.shape:
        here, there = ("×".join(map(str, shape)) for shape in (predicted.header.shape, label.shape))
        raise CaseError(f"{name}: the prediction has {here} voxels, the label {there}; resample it onto the label")
    # A header that was lost on the way is more frequent than a prediction of the same shape somewhere else.
    return predicted, (f"{name}: lies on another grid than the label; compared voxel by voxel, as nnU-Net does",)


def _turned(raw: RawArray, axcodes: str) -> RawArray:
    """The same voxels in the same place, with axes that point to `axcodes`."""
    header = raw.header
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(tuple(header.axcodes)), nib.orientations.axcodes2ornt(tuple(axcodes))
    )
    array = nib.orientations.apply_orientation(raw.array, turn)
    affine = header.affine @ nib.orientations.inv_ornt_aff(turn, header.shape)
    x, y, z = (float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
    return RawArray(
        replace(header, shape=array.shape, affine=affine, spacing_mm=(x, y, z), axcodes=axcodes), np.asarray(array)
    )
