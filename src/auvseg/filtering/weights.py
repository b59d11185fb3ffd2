"""Export a sampling weight per training case: suspicious cases are drawn less often, not never.

    r_i = mean over the case's decisions of (rank of the suspicion - 1) / (n - 1), ties sharing their mean rank
    u_i = floor + (1 - floor) * (1 - r_i)
    w_i = u_i * N / sum_k u_k

Ranks are used instead of values, so an extreme case does not change other weights, and weights mean the same for every
measure: the least suspicious case is drawn 1/floor times as often as the most suspicious one. The mean over the N
training cases is 1. Unscored cases get the mean u of the scored ones. These weights are ours, not the paper's.
"""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from auvseg.cohort.selection import Selection
from auvseg.data.case import Dataset
from auvseg.errors import UsageError
from auvseg.files.safe_csv import table_as_csv
from auvseg.filtering.manifest import Export, PlannedFile, check_belongs, write_files

WEIGHTS_NAME = "weights.csv"
FORMULA = "floor + (1 - floor) * (1 - mean rank of the suspicion in [0, 1]), scaled to mean 1 over the training cases"

Excluded = Literal["zero", "floor"]
"""Weight of a removed case: 0, or the smallest weight."""


def export_weights(
    selection: Selection,
    dataset: Dataset,
    folder: Path,
    *,
    floor: float = 0.1,
    excluded: Excluded = "zero",
    target: Path | None = None,
    dry_run: bool = False,
) -> Export:
    """Write `weights.csv` (case, weight, rank, excluded, scored) and `weights.json` (formula, weight by case).

    Args:
        selection: the decisions that the weights are made from.
        dataset: the data set that was scored.
        folder: the run's filter folder; the manifest lives here.
        floor: weight of the most suspicious case over that of the least suspicious one, in (0, 1].
        excluded: `zero` never draws a removed case, `floor` draws it as rarely as the most suspicious one.
        target: the CSV file, the JSON beside it; `folder / "weights.csv"` if not given.
        dry_run: write nothing.

    Raises:
        UsageError: `floor` is out of range, the scores belong to another data set, or a file of the user's is in the
            way.
    """
    warnings = check_belongs(selection, dataset)
    cases = sorted(case.case_id for case in dataset.cases if case.subset == "training")
    table = sampling_weights(selection, cases, floor=floor, excluded=excluded)
    target = (target or folder / WEIGHTS_NAME).resolve()
    as_csv = table_as_csv(table)
    content = {
        "formula": FORMULA,
        "floor": floor,
        "excluded": excluded,
        "rule": selection.rule.in_words(),
        "weights": dict(zip(table["case"].tolist(), table["weight"].tolist(), strict=True)),
    }
    as_json = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    plan = [
        PlannedFile(target.with_suffix(".csv"), lambda: as_csv.encode("utf-8", "surrogateescape")),
        PlannedFile(target.with_suffix(".json"), lambda: as_json.encode("utf-8", "surrogatepass")),
    ]
    return Export(write_files(folder, plan, selection.rule.in_words(), dry_run), tuple(warnings))


def sampling_weights(
    selection: Selection, cases: list[str], *, floor: float = 0.1, excluded: Excluded = "zero"
) -> pd.DataFrame:
    """Compute the weight of every training case, by the equation of this module.

    Args:
        selection: the decisions.
        cases: every training case of the data set.
        floor: smallest u, in (0, 1].
        excluded: what removed cases get.

    Returns:
        Columns `case`, `weight` (mean 1, higher is drawn more often), `rank` (r_i in [0, 1], NaN if not scored),
        `excluded`, `scored`.

    Raises:
        UsageError: `floor` is out of range.
    """
    if not 0 < floor <= 1:
        raise UsageError(f"the floor of the weights must be above 0 and at most 1; got {floor:g}")
    rank = _rank_by_case(selection.decisions).reindex(cases).to_numpy()
    scored = np.isfinite(rank)
    removed = frozenset(selection.removed)
    gone = np.array([case in removed for case in cases])
    share = floor + (1.0 - floor) * (1.0 - rank)
    share[~scored] = share[scored].mean() if scored.any() else 1.0
    share[gone] = 0.0 if excluded == "zero" else floor
    weight = share * len(cases) / share.sum()
    return pd.DataFrame({"case": cases, "weight": weight, "rank": rank, "excluded": gone, "scored": scored})


def _rank_by_case(decisions: pd.DataFrame) -> pd.Series:
    """Mean relative rank of a case's suspicions, each within its comparison group; 0 in a group of one."""
    known = decisions.dropna(subset="suspicion")
    groups = known.groupby(known["class_id"].fillna(-1))["suspicion"]
    relative = (groups.rank(method="average") - 1.0) / (groups.transform("size") - 1.0).clip(lower=1.0)
    return relative.groupby(known["case"]).mean()
