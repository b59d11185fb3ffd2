"""Compare findings with the planted faults, measure by measure.

A case is as suspicious as its most suspicious structure, each structure being ranked among the same structure of the
other cases. So four sound organs do not outweigh a faulty spleen label, and small lesions compete with lesions only.
The area under the ROC curve tells a faulty case from a sound one: 1 always, 0.5 chance, below 0.5
the wrong way round. One phantom set is a small sample; the interval says how small.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from auvseg.bench.statistics import auroc, auroc_interval
from auvseg.cohort.suspicion import find_criterion, suspicions
from auvseg.demo.planted import NO_FAULT
from auvseg.errors import DatasetError
from auvseg.measures.catalogue import MEASURES


@dataclass(frozen=True)
class Found:
    """How well one measure tells faulty cases from sound ones.

    Attributes:
        measure: its name.
        auroc: over all faults, in [0, 1].
        interval: 95 % interval of `auroc` (`auvseg.bench.statistics.auroc_interval`).
        auroc_image: over the faults of the image.
        auroc_label: over the faults of the label.
        among_worst: planted cases among the worst, as many as were planted.
        planted: how many were planted.
    """

    measure: str
    auroc: float
    interval: tuple[float, float]
    auroc_image: float
    auroc_label: float
    among_worst: int
    planted: int


def read_truth(path: Path) -> pd.DataFrame:
    """The planted faults: columns case, fault, kind, class, severity, detail.

    Raises:
        DatasetError: the file is no truth table.
    """
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise DatasetError(f"{path.name}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error):
        rows = []
    if not rows or not {"case", "fault", "kind"} <= set(rows[0]):
        raise DatasetError(f"{path.name}: is no table of planted faults; delete the demo folder and run it again")
    return pd.DataFrame(rows)


def compare(table: pd.DataFrame, truth: pd.DataFrame) -> list[Found]:
    """Judge every measure of a scores table by the truth, best first.

    Args:
        table: a scores table of the planted data set.
        truth: as `read_truth` gives it.
    """
    kinds = truth.set_index("case")["kind"].where(truth.set_index("case")["fault"] != NO_FAULT, "")
    found = []
    for name in MEASURES:
        if name not in table.columns:
            continue
        suspicion = case_suspicion(table, name)
        cases = suspicion.index.intersection(kinds.index)
        values, kind = suspicion.loc[cases].to_numpy(), kinds.loc[cases].to_numpy()
        faulty = kind != ""
        planted = int(faulty.sum())
        over_all = auroc_interval(values, faulty)
        worst = np.argsort(-values, kind="stable")[:planted]
        found.append(
            Found(
                measure=name,
                auroc=over_all.value,
                interval=(over_all.low, over_all.high),
                auroc_image=auroc(values[(kind == "image") | ~faulty], faulty[(kind == "image") | ~faulty]),
                auroc_label=auroc(values[(kind == "label") | ~faulty], faulty[(kind == "label") | ~faulty]),
                among_worst=int(faulty[worst].sum()),
                planted=planted,
            )
        )
    return sorted(found, key=lambda one: -one.auroc)


def case_suspicion(table: pd.DataFrame, measure: str) -> pd.Series:
    """By case, the largest rank of a structure's suspicion among the same structure in all cases, in (0, 1]."""
    structures = suspicions(table, find_criterion(table, measure), "class").dropna(subset="suspicion")
    ranks = structures.groupby("class_id")["suspicion"].rank(pct=True)
    return ranks.groupby(structures["case"]).max()
