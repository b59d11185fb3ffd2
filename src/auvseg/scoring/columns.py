"""Records to columns, one record at a time: of a million structures no more is kept than their numbers."""

from array import array
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auvseg.cohort.compared import KEY_COLUMNS
from auvseg.measures.catalogue import CASE_MEASURES, MEASURES
from auvseg.scoring.record import ClassScore, Record, Status, unpacked

CASE_COLUMNS = ("case", "status", "reason", "warnings", "image_sha256", "label_sha256")
"""What is known of a case whatever its structures are."""

_OF_A_RANKING = ("AUV", "rank", "distance")

_NO_CLASS = -1

_LACKING = "the label does not hold this class"


class Columns:
    """Takes records, gives tables.

    Args:
        records: of one run, in any order; read once.

    Attributes:
        features: by case and class, the extractor's pooled features (F,) of every structure that has some.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self.features: dict[tuple[str, int], NDArray[np.float32]] = {}
        self._cases: dict[str, list[object]] = {name: [] for name in (*CASE_COLUMNS, "subset")}
        self._places, self._class_ids = array("q"), array("q")
        self._texts: dict[str, list[str]] = {name: [] for name in ("class", "status", "reason")}
        self._numbers = {name: array("d") for name in CASE_MEASURES}
        self._asked: set[str] = set()
        self._own: dict[str, dict[int, str]] = {}
        self._known: dict[str, str] = {}
        for record in records:
            self._take(record)
        self._complete()

    @property
    def own_names(self) -> list[str]:
        """The data set's own columns, under names that cannot hide one of ours."""
        return [own_name(name) for name in sorted(self._own)]

    def cases(self) -> pd.DataFrame:
        """One row a case, by case id: `CASE_COLUMNS`, the warnings as a list; a hash that it has not is None."""
        frame = pd.DataFrame({name: pd.Series(self._cases[name], dtype="object") for name in CASE_COLUMNS})
        return frame.sort_values("case", kind="stable", ignore_index=True)

    def table(self) -> pd.DataFrame:
        """One row a case and class, sorted by both: `KEY_COLUMNS`, the measures that were asked for, own columns."""
        ids, subsets = self._cases["case"], self._cases["subset"]
        content: dict[str, object] = {
            "case": [ids[place] for place in self._places],
            "subset": [subsets[place] for place in self._places],
            "class_id": pd.array(np.array(self._class_ids), dtype="Int64"),
            **self._texts,
            **{name: np.array(self._numbers[name]) for name in CASE_MEASURES if name in self._asked},
        }
        for name in sorted(self._own):
            values = self._own[name]
            content[own_name(name)] = [values.get(place, "") for place in self._places]
        frame = pd.DataFrame(content)
        frame.loc[frame["class_id"] == _NO_CLASS, "class_id"] = pd.NA
        return frame.sort_values(["case", "class_id"], kind="stable", ignore_index=True)

    def _take(self, record: Record) -> None:
        place = len(self._cases["case"])
        inputs = record.inputs
        facts = (record.case_id, record.status, record.reason, list(record.warnings))
        for name, value in zip(CASE_COLUMNS, (*facts, inputs.image_sha256, inputs.label_sha256), strict=True):
            self._cases[name].append(value)
        self._cases["subset"].append(record.subset)
        self._asked.update(record.setup["config"]["measures"])
        for name, value in record.attributes.items():
            self._own.setdefault(name, {})[place] = self._once(value)
        if record.status == "failed":
            self._row(place, _whole(record.status, record.reason))
            return
        for score in {one.class_id: one for one in record.classes}.values():
            self._row(place, score)
            if score.embedding is not None:
                self.features[record.case_id, score.class_id] = unpacked(score.embedding)

    def _row(self, place: int, score: ClassScore) -> None:
        self._places.append(place)
        self._class_ids.append(score.class_id)
        for name in self._texts:
            self._texts[name].append(self._once(getattr(score, "name" if name == "class" else name)))
        for name, column in self._numbers.items():
            value = score.measures.get(name)
            column.append(np.nan if value is None else value)

    def _once(self, text: str) -> str:
        """The same text, held once in memory however often it comes."""
        return self._known.setdefault(text, text)

    def _complete(self) -> None:
        """A row `absent` for every class that other cases hold; one row for a case where no case holds any."""
        scored = [place for place, status in enumerate(self._cases["status"]) if status != "failed"]
        class_ids, places = np.array(self._class_ids, dtype=np.int64), np.array(self._places, dtype=np.int64)
        names = sorted(set(zip(self._class_ids, self._texts["class"], strict=True)) - {(_NO_CLASS, "")})
        for class_id, name in names:
            holding = set(places[class_ids == class_id].tolist())
            for place in scored:
                if place not in holding:
                    self._row(place, ClassScore(class_id, name, "absent", _LACKING, 0, 0, {}, None))
        if not names:
            for place in scored:
                self._row(place, _whole("absent", str(self._cases["reason"][place])))


def _whole(status: Status, reason: str) -> ClassScore:
    """What stands for a case of which no class is known."""
    return ClassScore(_NO_CLASS, "", status, reason, 0, 0, {}, None)


def own_name(attribute: str) -> str:
    """A data set's own column under a name that cannot hide one of ours."""
    return f"dataset_{attribute}" if attribute in (*KEY_COLUMNS, *MEASURES, *_OF_A_RANKING) else attribute
