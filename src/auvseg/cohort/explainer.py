"""Says of every structure of a run why it stands out, and where in the volume."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from auvseg.cohort.deviation import compared_with, medians, suspicious, usually_held
from auvseg.cohort.explain import Cause, carrying_planes, causes, missing, sentence
from auvseg.measures.catalogue import COMBINED, IMAGE_OUTLIER, LABEL_OUTLIER, OUTLIER

if TYPE_CHECKING:
    from auvseg.scoring.view import CaseView

_OF_PLANES = ("agreement", "S")
"""Measures of which a view knows what each plane contributes."""

_AT_BOTH_ENDS = (IMAGE_OUTLIER, LABEL_OUTLIER, OUTLIER, COMBINED)


class Explainer:
    """Sentences about the structures of a run.

    Args:
        table: the run's scores table.
        z: of `auvseg.cohort.deviation.signed`.
        asked: the cases that sentences are asked for; None: all.
        by: the column that cases are ranked by, which is named first where it stands out. By a distance from the
            cohort, which looks at both ends of every measure, what lies far at either end is named.
        behind: by case, the class that puts it where it stands, whose sentence comes first.
        every_absence: have a sentence for every structure that a case lacks, also one that few cases have.

    Attributes:
        usual: of `auvseg.cohort.deviation.usually_held`.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        z: pd.DataFrame,
        asked: Sequence[str] | None = None,
        *,
        by: str = "",
        behind: Mapping[str, int] | None = None,
        every_absence: bool = False,
    ) -> None:
        self._middle, self._compared, self.usual = medians(table), compared_with(table), usually_held(table)
        self._by, self._behind = by, behind or {}
        if asked is not None:
            wanted = table["case"].isin(asked)
            table, z = table[wanted], z[wanted]
        names = list(z.columns)
        keys = list(zip(table["case"], table["class_id"], table["class"], table["status"], strict=True))
        far = (z.abs() if by in _AT_BOTH_ENDS else suspicious(z)).to_numpy(dtype=np.float64)
        values = table[names].to_numpy(dtype=np.float64)
        self._rows: dict[str, list[tuple[int, str, dict[str, float], dict[str, float]]]] = {}
        for (case, class_id, name, status), row, distances in zip(keys, values, far, strict=True):
            if status == "ok":
                numbers_of_row = dict(zip(names, row.tolist(), strict=True))
                entry = (int(class_id), str(name), numbers_of_row, dict(zip(names, distances.tolist(), strict=True)))
                self._rows.setdefault(str(case), []).append(entry)
        self._missing: dict[str, dict[int, str]] = {}
        for case, class_id, name, status in keys:
            if status != "absent" or pd.isna(class_id):
                continue
            number = int(class_id)
            if every_absence or number in self.usual or number == self._behind.get(str(case)):
                words = missing(str(name), self.usual.get(number) or self._compared[number])
                self._missing.setdefault(str(case), {})[number] = words

    def causes_of(self, case_id: str) -> dict[int, tuple[str, tuple[Cause, ...]]]:
        """Name and what stands out of every structure of a case that was scored, by class id."""
        return {
            class_id: (name, causes(values, z, self._middle.get(class_id, {}), self._by))
            for class_id, name, values, z in self._rows.get(case_id, [])
        }

    def sentences(self, case_id: str, view: "Callable[[], CaseView | None]") -> dict[int, str]:
        """A sentence a structure, by class id.

        The structure that puts the case where it stands comes first, then what is missing, then what stands out most.

        Args:
            case_id: the case.
            view: reads what was kept of it while it was scored; called only where that adds to a sentence.
        """
        found = self.causes_of(case_id)
        order = sorted(found, key=lambda class_id: -sum(cause.z for cause in found[class_id][1]))
        there = {
            class_id: sentence(*found[class_id], _planes(view, class_id, found[class_id][1]), self._compared[class_id])
            for class_id in order
        }
        said = {**self._missing.get(case_id, {}), **there}
        first = self._behind.get(case_id)
        return {first: said[first], **said} if first in said else said


def _planes(view: "Callable[[], CaseView | None]", class_id: int, found: Sequence[Cause]) -> str:
    """Which planes carry what stands out: disagreement where the masks disagree, else the scale."""
    carried = [name for name in _OF_PLANES if any(cause.measure == name for cause in found)]
    known = view() if carried else None
    if known is None or class_id not in known.classes:
        return ""
    one = known.classes[class_id]
    if carried[0] == "agreement":
        return carrying_planes(one.planes, 1.0 - np.nan_to_num(one.agreement, nan=1.0))
    return carrying_planes(one.planes, one.scale)
