"""What the page of one case shows beside the cohort's columns: sentences, planes, spectra, neighbours, and the images.

Axes: D scored planes, r directions.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auvseg.data.case import ClassDef
from auvseg.data.volume import Volume
from auvseg.report.cohort import numbers
from auvseg.report.explain import Cause, carrying_planes, causes, sentence
from auvseg.report.pictures import image_payload, label_payload, mask_payloads, region_of
from auvseg.report.private import Privacy
from auvseg.scoring.view import CaseView, ClassView

MOST_DIRECTIONS = 32
"""Of a spectrum: the rest holds next to nothing."""


class Explainer:
    """Says of every structure of a run why it stands out.

    Args:
        table: the run's scores table.
        z: of `auvseg.report.explain.deviations`.
        middle: of `auvseg.report.explain.medians`.
    """

    def __init__(self, table: pd.DataFrame, z: pd.DataFrame, middle: Mapping[int, Mapping[str, float]]) -> None:
        self._middle = middle
        names = list(z.columns)
        keys = list(zip(table["case"], table["class_id"], table["class"], table["status"], strict=True))
        values, far = table[names].to_numpy(dtype=np.float64), z.to_numpy(dtype=np.float64)
        self._rows: dict[str, list[tuple[int, str, dict[str, float], dict[str, float]]]] = {}
        for (case, class_id, name, status), row, distances in zip(keys, values, far, strict=True):
            if status == "ok":
                numbers_of_row = dict(zip(names, row.tolist(), strict=True))
                entry = (int(class_id), str(name), numbers_of_row, dict(zip(names, distances.tolist(), strict=True)))
                self._rows.setdefault(str(case), []).append(entry)

    def causes_of(self, case_id: str) -> dict[int, tuple[str, tuple[Cause, ...]]]:
        """Name and what stands out of every structure of a case that was scored, by class id."""
        return {
            class_id: (name, causes(values, z, self._middle.get(class_id, {})))
            for class_id, name, values, z in self._rows.get(case_id, [])
        }

    def sentences(self, case_id: str, view: CaseView | None) -> dict[int, str]:
        """A sentence a structure, by class id, the structure that stands out most first."""
        found = self.causes_of(case_id)
        order = sorted(found, key=lambda class_id: -sum(cause.z for cause in found[class_id][1]))
        return {class_id: sentence(*found[class_id], _planes(view, class_id, found[class_id][1])) for class_id in order}


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
        sentences: of `Explainer.sentences`.
        similar: by class id, the most similar clean cases.
        view: what was kept of it while it was scored; None where nothing was.
        privacy: how ids and sentences are cleaned.
    """
    views = {} if view is None else view.classes
    return {
        "id": privacy.case(case_id),
        "why": {str(class_id): privacy.text(words) for class_id, words in sentences.items()},
        "similar": {str(class_id): [privacy.case(one) for one in others] for class_id, others in similar.items()},
        "planes": {str(one.class_id): _strips(views[one.class_id]) for one in classes if one.class_id in views},
        "spectrum": {
            str(class_id): numbers(one.spectrum[:MOST_DIRECTIONS].astype(np.float64)) for class_id, one in views.items()
        },
    }


def volume_payload(
    volume: Volume, classes: Sequence[ClassDef], view: CaseView | None, *, whole: bool
) -> dict[str, Any]:
    """The images of one case: intensities, label and the model's own masks of the region that is shown."""
    region = region_of(volume, classes, whole=whole)
    shape = volume.image.shape
    masks = {} if view is None else mask_payloads(view.classes, (shape[0], shape[1], shape[2]), region)
    return {**image_payload(volume, region), "label": label_payload(volume, classes, region), "masks": masks}


def spectrum_bands(views: Mapping[str, CaseView]) -> dict[str, dict[str, list[float | None]]]:
    """Where the cohort's spectra lie: the 5th, 50th and 95th percentile of every direction's share, by class id."""
    rows: dict[int, list[NDArray[np.float64]]] = {}
    for view in views.values():
        for class_id, one in view.classes.items():
            share = np.zeros(MOST_DIRECTIONS)
            share[: len(one.spectrum)] = one.spectrum[:MOST_DIRECTIONS]
            if np.isfinite(share).all():
                rows.setdefault(class_id, []).append(share)
    bands = {}
    for class_id, shares in rows.items():
        low, middle, high = np.percentile(np.stack(shares), (5, 50, 95), axis=0)
        bands[str(class_id)] = {"low": numbers(low), "middle": numbers(middle), "high": numbers(high)}
    return bands


def _strips(view: ClassView) -> dict[str, list[Any]]:
    strips: dict[str, list[Any]] = {"index": view.planes.tolist()}
    for name in ("scale", "agreement", "confidence", "predicted_iou"):
        values = getattr(view, name)
        if values is not None and np.isfinite(values).any():
            strips[name] = list(numbers(values.astype(np.float64)))
    return strips


def _planes(view: CaseView | None, class_id: int, found: Sequence[Cause]) -> str:
    """Which planes carry what stands out: disagreement where the masks disagree, else the scale."""
    if view is None or class_id not in view.classes or not found:
        return ""
    one = view.classes[class_id]
    if any(cause.measure == "agreement" for cause in found):
        return carrying_planes(one.planes, 1.0 - np.nan_to_num(one.agreement, nan=1.0))
    return carrying_planes(one.planes, one.scale) if any(cause.measure == "S" for cause in found) else ""
