"""Whatever happens to one case while it is scored becomes its record: numbers, or the reason why there are none."""

from collections.abc import Mapping
from typing import Any

from auvseg.data.case import Case, Dataset
from auvseg.data.volume import Volume
from auvseg.errors import CaseError
from auvseg.extractors.base import Extractor, HasOwnClasses
from auvseg.scoring.case import Course, classes_of, score_case
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.loading import LoadedCase
from auvseg.scoring.record import ClassScore, Record, Status
from auvseg.scoring.view import CaseView


def attempt(
    volume: Volume,
    dataset: Dataset,
    extractor: Extractor,
    config: ScoreConfig,
    course: Course,
    view: CaseView | None = None,
    *,
    consume: bool = False,
) -> tuple[tuple[ClassScore, ...], str]:
    """Score a case that was read; never raises for what is the case's own. Arguments are those of `score_case`.

    Returns:
        The scores and an empty reason, or no scores and the reason.
    """
    try:
        declared = dataset.classes
        if declared is None and volume.label is None and isinstance(extractor, HasOwnClasses):
            declared = extractor.own_classes
        classes = classes_of(volume, declared, dataset.ignore_value)
        ignore = dataset.ignore_value
        return score_case(volume, classes, ignore, extractor, config, course, view, consume=consume), ""
    except CaseError as problem:
        return (), str(problem)
    except MemoryError:
        return (), "not enough memory for this case; close other programs, or use --max-slices"
    except Exception as problem:  # noqa: BLE001 - whatever one case does, the others are scored, and it is reported
        return (), f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else 'no message'}"


def record_of(
    case: Case,
    loaded: LoadedCase,
    setup: Mapping[str, Any],
    setup_sha256: str,
    scores: tuple[ClassScore, ...],
    reason: str,
    remarks: tuple[str, ...] = (),
) -> Record:
    """The record of an attempt; a case that holds none of the classes is `absent`, with its reason.

    Args:
        case: the case.
        loaded: what was read of it.
        setup: of the run.
        setup_sha256: its fingerprint.
        scores: of its classes; empty where there is a reason.
        reason: why there are none.
        remarks: what the extractor did otherwise than it was asked to.
    """
    volume = loaded.volume
    nothing_found = not any(score.status != "absent" for score in scores)
    status: Status = "failed" if reason else "absent" if nothing_found else "ok"
    return Record(
        case_id=case.case_id,
        subset=case.subset,
        attributes=dict(case.attributes),
        inputs=loaded.inputs,
        setup=setup,
        setup_sha256=setup_sha256,
        status=status,
        reason=reason or ("the label holds no class at all" if nothing_found else ""),
        warnings=(() if volume is None else volume.warnings) + remarks,
        shape=() if volume is None else volume.image.shape,
        spacing_mm=() if volume is None else volume.spacing_mm,
        classes=() if reason else scores,
    )
