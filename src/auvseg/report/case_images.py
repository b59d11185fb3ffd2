"""The images of the cases that are to be looked at, one after the other, each read in a process of its own."""

from collections.abc import Generator, Sequence
from typing import Any

from auvseg.data.case import Case
from auvseg.data.isolation import IsolatedPool
from auvseg.report.case_payload import volume_payload
from auvseg.report.prepared import Prepared
from auvseg.scoring.loading import LoadedCase, LoadTask, load_case
from auvseg.scoring.record import AboutCase
from auvseg.scoring.view import CaseView

_READ_TIMEOUT_S = 600.0


class CaseImages:
    """Asked for one case after the other, in the order of `wanted`; none is kept.

    Args:
        prepared: the run.
        wanted: case ids.

    Attributes:
        without: case and reason of every case that was asked for and has none.
    """

    def __init__(self, prepared: Prepared, wanted: Sequence[str]) -> None:
        self.without: list[tuple[str, str]] = []
        self._prepared = prepared
        self._facts = {case.case_id: case for case in prepared.cases}
        cases = {} if prepared.dataset is None else {case.case_id: case for case in prepared.dataset.cases}
        # Without any data set that is said once, not of every case.
        self._wanted = frozenset(wanted if prepared.dataset is not None else ())
        self._cases = {case_id: cases[case_id] for case_id in wanted if case_id in cases}
        self._outcomes = self._read()

    def __enter__(self) -> "CaseImages":
        return self

    def __exit__(self, *_: object) -> None:
        self._outcomes.close()

    def wants(self, case_id: str) -> bool:
        """Whether a case is to be shown with its images."""
        return case_id in self._wanted

    def of(self, case_id: str, view: CaseView | None) -> dict[str, Any] | None:
        """The images of a case as the page reads them; None where they are not wanted or cannot be had.

        Args:
            case_id: the case.
            view: what was kept of it.
        """
        if not self.wants(case_id):
            return None
        if case_id not in self._cases:
            self.without.append((case_id, "the data set has no such case any more"))
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
            self.without.append((case_id, "it holds no structure to show the surroundings of; see --whole-image"))
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
    """Whether the files are others than those that were scored.

    Of several channels an extractor may have hashed all or one of them, so they are not compared.
    """
    before, now = facts.inputs, loaded.inputs
    if before.label_sha256 is not None and before.label_sha256 != now.label_sha256:
        return True
    return len(case.images) == 1 and before.image_sha256 not in (None, now.image_sha256)
