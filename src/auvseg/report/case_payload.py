"""What the page of one case shows beside the cohort's columns: sentences, planes, spectra, neighbours, and the images.

Axes: D scored planes, r directions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from auvseg.data.case import ClassDef
from auvseg.data.volume import Volume
from auvseg.report.bands import MOST_DIRECTIONS
from auvseg.report.payload import numbers
from auvseg.report.pictures import image_payload, label_payload, mask_payloads, region_of
from auvseg.report.private import Privacy
from auvseg.scoring.view import CaseView, ClassView


def case_payload(
    case_id: str,
    classes: Sequence[ClassDef],
    sentences: Mapping[int, str],
    similar: Mapping[int, Sequence[str]],
    view: CaseView | None,
    privacy: Privacy,
) -> dict[str, Any]:
    """One case without its images.

    Args:
        case_id: the case.
        classes: of the data set.
        sentences: of `auvseg.cohort.explainer`.
        similar: by class id, the most similar clean cases.
        view: what was kept of it while it was scored; None where nothing was.
        privacy: how ids and sentences are cleaned.
    """
    views = {} if view is None else view.classes
    return {
        "id": privacy.case(case_id),
        "why": {str(class_id): words for class_id, words in sentences.items()},
        "similar": {str(class_id): [privacy.case(one) for one in others] for class_id, others in similar.items()},
        "planes": {str(one.class_id): _strips(views[one.class_id]) for one in classes if one.class_id in views},
        "spectrum": {
            str(class_id): numbers(one.spectrum[:MOST_DIRECTIONS].astype(np.float64)) for class_id, one in views.items()
        },
    }


def volume_payload(
    volume: Volume, classes: Sequence[ClassDef], view: CaseView | None, *, whole: bool
) -> dict[str, Any] | None:
    """The images of one case: intensities, label and the model's own masks of the region that is shown.

    None where there is no structure to show, and the whole image was not asked for.
    """
    region = region_of(volume, classes, view, whole=whole)
    if region is None:
        return None
    depth, height, width = volume.image.shape
    masks = {} if view is None else mask_payloads(view, (depth, height, width), region)
    return {**image_payload(volume, region), "label": label_payload(volume, classes, region), "masks": masks}


def _strips(view: ClassView) -> dict[str, list[Any]]:
    strips: dict[str, list[Any]] = {"index": view.planes.tolist()}
    for name in ("scale", "agreement", "confidence", "predicted_iou"):
        values = getattr(view, name)
        if values is not None and np.isfinite(values).any():
            strips[name] = list(numbers(values.astype(np.float64)))
    return strips
