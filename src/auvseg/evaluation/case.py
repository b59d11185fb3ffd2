"""Every class of one case: a prediction against its label. Runs in a worker process."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auvseg.data.case import ClassDef
from auvseg.data.formats.header import Notes
from auvseg.evaluation.overlap import Contingency
from auvseg.evaluation.pair import Names, Pair, read_pair
from auvseg.evaluation.surface import SurfaceAgreement, surface_agreement


@dataclass(frozen=True)
class EvaluationTask:
    """One prediction to judge.

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
    """All classes of one case, what a reader should know of it, and what makes its distances doubtful."""

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
