"""Measures of the clean cases and of every faulty copy, each copy compared with an otherwise clean cohort.

Some measures are distances from the cohort. A cohort with half of its cases faulty is unrealistic, so each faulty copy
alone replaces its clean original among the clean cases; the clean cases are compared with each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.detection.folder import CLEAN, read_plan, truth_path
from auvseg.bench.detection.plan import Fault, Plan
from auvseg.cohort.compared import z_scores
from auvseg.cohort.suspicion import oriented
from auvseg.errors import RunError
from auvseg.files.text import read_json
from auvseg.measures.catalogue import MEASURES
from auvseg.scoring.record import Record, read_records
from auvseg.scoring.table import scores_table

NOTHING_PLANTED = ""
"""The corruption of a clean row."""

KEYS = ("draw", "corruption", "severity", "case", "class_id", "class", "changed")


@dataclass(frozen=True)
class Evidence:
    """Rows of clean and faulty structures.

    Attributes:
        plan: what was planted.
        rows: one per structure, columns `KEYS`; `corruption` is empty and `draw` -1 for a clean one. `changed`: whether
            the fault affects this structure of the copy; only those are compared with sound ones.
        values: the same rows, one column per measure, as in a scores table; NaN if missing.
        z: the same, in robust standard deviations from the clean cohort of the class (`z_scores`).
        halves: for every draw, the cases that got its faults; the others are its sound cases.
        impossible: faulty copies that could not be made or scored, by corruption.
    """

    plan: Plan
    rows: pd.DataFrame
    values: pd.DataFrame
    z: pd.DataFrame
    halves: tuple[frozenset[str], ...]
    impossible: Mapping[str, int]

    @property
    def clean(self) -> Bool[np.ndarray, "R"]:
        """Which rows are of clean cases."""
        return (self.rows["corruption"] == NOTHING_PLANTED).to_numpy()

    def sound(self, draw: int) -> Bool[np.ndarray, "R"]:
        """Mask the clean rows that are compared with the faulty ones of a draw: of cases without a fault."""
        return self.clean & ~self.rows["case"].isin(self.halves[draw]).to_numpy()

    def faulty(self, draw: int, corruption: str, severity: float) -> Bool[np.ndarray, "R"]:
        """Mask the structures that one fault changed."""
        rows = self.rows
        found = (rows["draw"] == draw) & (rows["corruption"] == corruption) & (rows["severity"] == severity)
        return (found & rows["changed"]).to_numpy()

    def suspicion(self, measure: str) -> Float64[np.ndarray, "R"]:
        """Return a measure, (R,), oriented so that high is suspicious; missing values are the least suspicious."""
        turned = oriented(self.values[measure].to_numpy(), self.z[measure].to_numpy(), MEASURES[measure].suspicious)
        return np.nan_to_num(turned, nan=-np.inf)


def read_evidence(folder: Path, *, on_copy: Callable[[int, int], None] | None = None) -> Evidence:
    """Read the results of a bench so far.

    Args:
        folder: folder of the bench.
        on_copy: called with (done, total) faulty copies.

    Raises:
        RunError: the folder is not a bench, or nothing has been scored yet.
    """
    plan, cases = read_plan(folder)
    wanted = frozenset(cases)
    clean = [record for record in read_records(folder / CLEAN) if record.case_id in wanted]
    copies, impossible = _faulty_copies(folder, plan, wanted)
    if not copies:
        raise RunError(f"{folder} has no faulty copies yet; run the same `auvseg bench detect` command again")
    parts = [_rows_of(clean, None)]
    for done, (fault, record) in enumerate(copies, start=1):
        cohort = [record if other.case_id == record.case_id else other for other in clean]
        changed = _changed_classes(folder, fault, record.case_id)
        parts.append(_rows_of(cohort, (fault, record.case_id, changed)))
        if on_copy is not None:
            on_copy(done, len(copies))
    rows, values, z = (pd.concat(kind, ignore_index=True) for kind in zip(*parts, strict=True))
    halves = tuple(plan.faulty_half(cases, draw) for draw in range(plan.draws))
    return Evidence(plan, rows, values, z, halves, impossible)


def _faulty_copies(
    folder: Path, plan: Plan, wanted: frozenset[str]
) -> tuple[list[tuple[Fault, Record]], dict[str, int]]:
    copies, impossible = [], dict.fromkeys(plan.corruptions, 0)
    for fault in plan.faults():
        if not (folder / fault.folder / "records").is_dir():
            continue
        for record in read_records(folder / fault.folder):
            if record.case_id not in wanted:
                continue
            if record.status == "failed":
                impossible[fault.corruption] += 1
            else:
                copies.append((fault, record))
    return copies, impossible


def _changed_classes(folder: Path, fault: Fault, case_id: str) -> frozenset[int] | None:
    """Return the classes whose outline a fault changed; None if it changed the image, and so all classes."""
    if CORRUPTIONS[fault.corruption].kind == "image":
        return None
    path = truth_path(folder / fault.folder, case_id)
    try:
        return frozenset(int(number) for number in read_json(path)["changed_classes"])
    except (OSError, ValueError, OverflowError, KeyError, TypeError):
        raise RunError(f"{path} is damaged; delete it and the record of its name, and run the same command") from None


def _rows_of(
    cohort: Sequence[Record], copy: tuple[Fault, str, frozenset[int] | None] | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Keys, values and z of a whole clean cohort, or of the one faulty copy in it."""
    table = scores_table(cohort)
    measures = [name for name in MEASURES if name in table.columns]
    z = z_scores(table, measures)
    held = table["status"] == "ok"
    if copy is None:
        fault, changed = Fault(-1, NOTHING_PLANTED, 0.0), held & False
    else:
        fault, case_id, classes = copy
        mine = table["case"] == case_id
        # A structure that an image's fault leaves is there; one that a label's fault removed has its row all the same.
        changed = mine & held if classes is None else mine & table["class_id"].isin(classes)
        held = mine & (held | changed)
    rows = table.loc[held, ["case", "class_id", "class"]]
    rows = rows.assign(
        draw=fault.draw, corruption=fault.corruption, severity=fault.severity, changed=changed[held].astype(bool)
    )
    return rows[list(KEYS)], table.loc[held, measures].astype("float64"), z.loc[held]
