"""Data of one case's page: sentences, planes, spectra, similar cases and images.

Axes: D scored planes, r directions.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np

from auvseg.data.case import Case, ClassDef
from auvseg.data.volume import Volume
from auvseg.data.workers.pool import IsolatedPool
from auvseg.report.bands import MAX_DIRECTIONS
from auvseg.report.payload import numbers
from auvseg.report.pictures import image_payload, label_payload, mask_payloads, region_of
from auvseg.report.privacy import Privacy
from auvseg.report.ranked_run import Prepared
from auvseg.scoring.loading import LoadedCase, LoadTask, load_case
from auvseg.scoring.record import AboutCase
from auvseg.scoring.view import CaseView, ClassView


def case_payload(
    case_id: str,
    classes: Sequence[ClassDef],
    sentences: Mapping[int, str],
    similar: Mapping[int, Sequence[str]],
    view: CaseView | None,
    privacy: Privacy,
) -> dict[str, Any]:
    """Build the data of one case, without images.

    Args:
        case_id: id of the case.
        classes: classes of the data set.
        sentences: from `auvseg.cohort.reasons.Explainer`.
        similar: most similar clean cases, by class id.
        view: view data of the case; None if there are none.
        privacy: cleans ids and sentences.
    """
    views = {} if view is None else view.classes
    return {
        "id": privacy.case(case_id),
        "why": {str(class_id): words for class_id, words in sentences.items()},
        "similar": {str(class_id): [privacy.case(one) for one in others] for class_id, others in similar.items()},
        "planes": {str(one.class_id): _strips(views[one.class_id]) for one in classes if one.class_id in views},
        "spectrum": {
            str(class_id): numbers(one.spectrum[:MAX_DIRECTIONS].astype(np.float64)) for class_id, one in views.items()
        },
    }


def volume_payload(
    volume: Volume, classes: Sequence[ClassDef], view: CaseView | None, *, whole: bool
) -> dict[str, Any] | None:
    """Build the images of one case: intensities, label and the model's own masks of the shown region.

    None if there is no structure to show and the whole image was not requested.
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


_READ_TIMEOUT_S = 600.0


class CaseImages:
    """Reads the images of one case after the other, in the order of `wanted`; none is kept.

    Args:
        prepared: the run.
        wanted: case ids.

    Attributes:
        without: case and reason for every requested case without images.
    """

    def __init__(self, prepared: Prepared, wanted: Sequence[str]) -> None:
        self.without: list[tuple[str, str]] = []
        self._prepared = prepared
        self._facts = {case.case_id: case for case in prepared.cases}
        cases = {} if prepared.dataset is None else {case.case_id: case for case in prepared.dataset.cases}
        # A missing data set is reported once, not for every case.
        self._wanted = frozenset(wanted if prepared.dataset is not None else ())
        self._cases = {case_id: cases[case_id] for case_id in wanted if case_id in cases}
        self._outcomes = self._read()

    def __enter__(self) -> "CaseImages":
        return self

    def __exit__(self, *_: object) -> None:
        self._outcomes.close()

    def wants(self, case_id: str) -> bool:
        """Whether a case is shown with its images."""
        return case_id in self._wanted

    def of(self, case_id: str, view: CaseView | None) -> dict[str, Any] | None:
        """Return the images of a case in the page's format; None if not requested or not available.

        Args:
            case_id: id of the case.
            view: view data of the case.
        """
        if not self.wants(case_id):
            return None
        if case_id not in self._cases:
            self.without.append((case_id, "the case is no longer in the data set"))
            return None
        loaded = next(self._outcomes)
        volume = loaded.volume
        if volume is None:
            self.without.append((case_id, loaded.error or "it cannot be read"))
            return None
        if _changed(self._facts[case_id], self._cases[case_id], loaded):
            self.without.append((case_id, "its files have changed since; score it again with the same command"))
            return None
        prepared = self._prepared
        payload = volume_payload(volume, prepared.cohort.classes, view, whole=prepared.options.whole_image)
        if payload is None:
            self.without.append((case_id, "it has no structure to centre the view on; use --whole-image"))
        return payload

    def _read(self) -> Generator[LoadedCase, None, None]:
        dataset, config = self._prepared.dataset, self._prepared.run.setup["config"]
        channels = 1 if dataset is None else max(len(dataset.channel_names), 1)
        tasks = [
            LoadTask(case, int(config["channel"]), channels, with_label=True, known=None)
            for case in self._cases.values()
        ]
        with IsolatedPool(num_workers=1, timeout_s=_READ_TIMEOUT_S) as pool:
            for outcome in pool.map(load_case, tasks, ahead=1):
                yield outcome.result or LoadedCase.failed(outcome.error)


def _changed(facts: AboutCase, case: Case, loaded: LoadedCase) -> bool:
    """Whether the files have changed since they were scored.

    With several channels this is not checked, because an extractor may have hashed one or all of them.
    """
    before, now = facts.inputs, loaded.inputs
    if before.label_sha256 is not None and before.label_sha256 != now.label_sha256:
        return True
    return len(case.images) == 1 and before.image_sha256 not in (None, now.image_sha256)
