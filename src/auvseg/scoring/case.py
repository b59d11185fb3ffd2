"""Score one case: normalise it, let the extractor make its class maps, measure each."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auvseg.data.case import ClassDef
from auvseg.data.normalisation import Normalisation, normalise
from auvseg.data.volume import Volume
from auvseg.errors import CaseError
from auvseg.extractors.base import (
    WHOLE_IMAGE,
    ClassMap,
    Extractor,
    ExtractorInput,
    HasOwnClasses,
    RawImage,
    ReadsRawChannels,
)
from auvseg.extractors.memory import is_out_of_memory
from auvseg.measures.compute import compute_measures
from auvseg.measures.inputs import MeasureInput, WholeCase
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.record import ClassScore, packed
from auvseg.scoring.view import CaseView

_MAX_DENSE_VALUES = 1 << 16
"""Above this range of label values counting by table would take more memory than sorting a plane."""


@dataclass
class Course:
    """How the scoring of a case went.

    Attributes:
        network: seconds in it.
        measures: seconds for them.
        other: seconds for everything else.
        remarks: what was done otherwise than it was asked for, one sentence each.
    """

    network: float = 0.0
    measures: float = 0.0
    other: float = 0.0
    remarks: tuple[str, ...] = ()


def classes_of(volume: Volume, declared: Sequence[ClassDef] | None, ignore_value: int | None) -> tuple[ClassDef, ...]:
    """The classes to look for: the declared ones, or where none are declared the values that the label holds."""
    if declared is not None:
        return tuple(declared)
    found = sorted(value for value in label_counts(volume) if value > 0 and value != ignore_value)
    return tuple(ClassDef(value, f"label {value}", (value,)) for value in found)


def label_counts(volume: Volume) -> Counter[int]:
    """Voxels a label value; empty without a label. Plane by plane: sorting a whole CT takes longer than reading it."""
    counts: Counter[int] = Counter()
    if volume.label is not None:
        for plane in volume.label:
            lowest = int(plane.min())
            if int(plane.max()) - lowest < _MAX_DENSE_VALUES:
                voxels = np.bincount((plane - lowest).ravel())
                counts.update({int(value) + lowest: int(voxels[value]) for value in np.flatnonzero(voxels)})
            else:
                counts.update(dict(zip(*(a.tolist() for a in np.unique(plane, return_counts=True)), strict=True)))
    return counts


def score_case(
    volume: Volume,
    classes: Sequence[ClassDef],
    ignore_value: int | None,
    extractor: Extractor,
    config: ScoreConfig,
    course: Course,
    view: CaseView | None = None,
    *,
    consume: bool = False,
) -> tuple[ClassScore, ...]:
    """Measures of every class of one case, in the order of `classes`; with prompt `none` of the whole image.

    A network with classes of its own needs no prompt: with `none` it has a row a class too, made without the label.

    Args:
        volume: the case.
        classes: what to look for; a class that the label does not hold becomes a row `absent`, never a number.
        ignore_value: nnU-Net's ignore label.
        extractor: the foundation model.
        config: the run's configuration.
        course: receives how it went.
        view: receives what a person wants to see of the case; None: nobody does.
        consume: whether the volume's image may be overwritten, which spares a copy; nobody may look at it afterwards.

    Raises:
        CaseError: the case cannot be scored with this configuration.
    """
    started = time.perf_counter()
    raw = isinstance(extractor, ReadsRawChannels)
    prepared = _prepare(volume, classes, config, raw=raw, consume=consume)
    label_free = not config.prompted_by_label
    counts = label_counts(volume)
    expected = [WHOLE_IMAGE] if label_free and not isinstance(extractor, HasOwnClasses) else list(classes)
    wanted = expected if label_free else [c for c in classes if _voxels(c, counts)]
    whole = WholeCase(prepared.image, prepared.label, volume.spacing_mm, ignore_value, volume.axes_mm)
    scores: dict[int, ClassScore] = {}
    before = time.perf_counter()
    for class_map in extractor.class_maps(prepared, wanted):
        course.network += time.perf_counter() - before
        before = time.perf_counter()
        voxels = None if label_free else _voxels(class_map.class_def, counts)
        score = _measured_where_there_is_room(class_map, whole, voxels, config, view, course)
        scores[score.class_id] = score
        course.measures += time.perf_counter() - before
        before = time.perf_counter()
    course.network += time.perf_counter() - before
    if view is not None:
        view.picture(whole, classes)
    course.other += time.perf_counter() - started - course.network - course.measures
    reasons = extractor.unmatched(classes) if isinstance(extractor, HasOwnClasses) else {}
    return tuple(
        scores.get(c.class_id) or _without_map(c, _voxels(c, counts), reasons.get(c.class_id)) for c in expected
    )


def _measured_where_there_is_room(
    class_map: ClassMap,
    whole: WholeCase,
    voxels: int | None,
    config: ScoreConfig,
    view: CaseView | None,
    course: Course,
) -> ClassScore:
    """Measure a map where it is; on the processor where its device has no memory left, and say so."""
    try:
        return _measured(class_map, whole, voxels, config, view)
    except RuntimeError as problem:
        if class_map.logits.device.type == "cpu" or not is_out_of_memory(problem):
            raise
    device = class_map.logits.device.type
    course.remarks = (f"not enough memory on {device}: some structures were measured on the processor",)
    return _measured(class_map.on_processor(), whole, voxels, config, view)


def _measured(
    class_map: ClassMap, whole: WholeCase, voxels: int | None, config: ScoreConfig, view: CaseView | None
) -> ClassScore:
    measured = MeasureInput(class_map, whole, class_map.class_def.values, voxels)
    score = ClassScore(
        class_id=class_map.class_def.class_id,
        name=class_map.class_def.name,
        status="ok",
        reason="",
        planes_scored=len(class_map.planes),
        planes_total=class_map.planes_total,
        measures=compute_measures(measured, config.measures, config.scale),
        embedding=None if class_map.embedding is None else packed(class_map.embedding.tolist()),
    )
    if view is not None:
        view.take(measured, config.scale)
    return score


def _prepare(
    volume: Volume, classes: Sequence[ClassDef], config: ScoreConfig, *, raw: bool, consume: bool
) -> ExtractorInput:
    needs_label = config.prompted_by_label or config.input == "mask"
    if needs_label and volume.label is None:
        raise CaseError("no label; score label-free with --prompt none --input raw")
    how = Normalisation(input=config.input, modality=config.modality, window_hu=config.window_hu)
    foreground = None
    if config.input == "mask" and volume.label is not None:
        values = [value for c in classes for value in c.values]
        foreground = np.empty(volume.label.shape, dtype=bool)
        # Plane by plane: a search in the whole label takes several times the label's memory.
        for plane, found in zip(volume.label, foreground, strict=True):
            found[:] = np.isin(plane, values)
    return ExtractorInput(
        image=normalise(volume, how, foreground, in_place=consume and not raw),
        label=volume.label if config.prompted_by_label else None,
        spacing_mm=volume.spacing_mm,
        raw=RawImage(volume.channels(), volume.axcodes, volume.nnunet_spacing) if raw else None,
    )


def _voxels(class_def: ClassDef, counts: Counter[int]) -> int:
    return sum(counts[value] for value in class_def.values)


def _without_map(class_def: ClassDef, voxels: int, unmatched: str | None) -> ClassScore:
    absent = voxels == 0 or unmatched is not None
    reason = "the label does not hold this class" if absent else "the extractor made no map of this class"
    return ClassScore(
        class_id=class_def.class_id,
        name=class_def.name,
        status="absent" if absent else "failed",
        reason=unmatched or reason,
        planes_scored=0,
        planes_total=0,
        measures={},
        embedding=None,
    )
