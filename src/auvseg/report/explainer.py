"""Says of every structure of a run why it stands out, and where in the volume."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from auvseg.report.deviation import medians, suspicious, usually_held
from auvseg.report.explain import Cause, carrying_planes, causes, missing, sentence
from auvseg.scoring.view import CaseView


class Explainer:
    """Sentences about the structures of a run.

    Args:
        table: the run's scores table.
        z: of `auvseg.report.deviation.signed`.
        asked: the cases that sentences are asked for; None: all.

    Attributes:
        usual: of `auvseg.report.deviation.usually_held`.
    """

    def __init__(self, table: pd.DataFrame, z: pd.DataFrame, asked: Sequence[str] | None = None) -> None:
        self._middle, self.usual = medians(table), usually_held(table)
        if asked is not None:
            wanted = table["case"].isin(asked)
            table, z = table[wanted], z[wanted]
        names = list(z.columns)
        keys = list(zip(table["case"], table["class_id"], table["class"], table["status"], strict=True))
        values, far = table[names].to_numpy(dtype=np.float64), suspicious(z).to_numpy(dtype=np.float64)
        self._rows: dict[str, list[tuple[int, str, dict[str, float], dict[str, float]]]] = {}
        for (case, class_id, name, status), row, distances in zip(keys, values, far, strict=True):
            if status == "ok":
                numbers_of_row = dict(zip(names, row.tolist(), strict=True))
                entry = (int(class_id), str(name), numbers_of_row, dict(zip(names, distances.tolist(), strict=True)))
                self._rows.setdefault(str(case), []).append(entry)
        self._missing: dict[str, dict[int, str]] = {}
        for case, class_id, name, status in keys:
            if status == "absent" and class_id in self.usual:
                self._missing.setdefault(str(case), {})[int(class_id)] = missing(str(name), self.usual[class_id])

    def causes_of(self, case_id: str) -> dict[int, tuple[str, tuple[Cause, ...]]]:
        """Name and what stands out of every structure of a case that was scored, by class id."""
        return {
            class_id: (name, causes(values, z, self._middle.get(class_id, {})))
            for class_id, name, values, z in self._rows.get(case_id, [])
        }

    def sentences(self, case_id: str, view: CaseView | None) -> dict[int, str]:
        """A sentence a structure, by class id: what is missing first, then what stands out most."""
        found = self.causes_of(case_id)
        order = sorted(found, key=lambda class_id: -sum(cause.z for cause in found[class_id][1]))
        there = {
            class_id: sentence(*found[class_id], _planes(view, class_id, found[class_id][1])) for class_id in order
        }
        return {**self._missing.get(case_id, {}), **there}


def _planes(view: CaseView | None, class_id: int, found: Sequence[Cause]) -> str:
    """Which planes carry what stands out: disagreement where the masks disagree, else the scale."""
    if view is None or class_id not in view.classes or not found:
        return ""
    one = view.classes[class_id]
    if any(cause.measure == "agreement" for cause in found):
        return carrying_planes(one.planes, 1.0 - np.nan_to_num(one.agreement, nan=1.0))
    return carrying_planes(one.planes, one.scale) if any(cause.measure == "S" for cause in found) else ""
