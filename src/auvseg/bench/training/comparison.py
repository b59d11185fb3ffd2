"""Compare the trainings: Dice and IoU per arm and class, and differences with intervals.

    difference(arm, reference) = mean over seeds k and held-out cases i of  D_arm,k,i - D_reference,k,i

with D the mean Dice over a case's classes; only seeds that both have. The interval treats seeds and cases as random
(`auvseg.bench.statistics.hierarchical_interval`, Student's t).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64

from auvseg.bench.statistics import Estimate, hierarchical_interval
from auvseg.bench.training.plan import BASELINE, RANDOM
from auvseg.bench.training.removal import Removal
from auvseg.bench.training.trainings import Cell, summary_file
from auvseg.errors import RunError
from auvseg.files.text import read_json

METRICS = ("Dice", "IoU")
COLUMNS = ("arm", "seed", "case", "class", "dice", "iou")
MEAN = "mean"


@dataclass(frozen=True)
class Comparison:
    """All results of the bench.

    Attributes:
        cells: one row per arm, seed, held-out case and class: `COLUMNS`; NaN if neither label nor prediction has it.
        by_class: one row per arm and class, and `mean` over the classes: `arm, class, seeds, dice, dice_sd, iou,
            iou_sd, n, of`; means over seeds of the means over cases, and their standard deviations over seeds. `n` of
            `of` held-out cases (for `mean`: classes) have a value, in the seed with the fewest.
        differences: one row per arm and reference: `arm, reference, seeds, cases, difference, low, high, verdict,
            reason` (what limits the interval, else empty).
    """

    cells: pd.DataFrame
    by_class: pd.DataFrame
    differences: pd.DataFrame


def compare(cells: Sequence[Cell], bench: Path, class_names: Mapping[str, str], file_ending: str) -> Comparison:
    """Compare the trainings that are finished so far.

    Args:
        cells: cells in the order in which arms are shown.
        bench: folder of the bench.
        class_names: names by nnU-Net's keys (`"1"`, `"(1, 2)"`).
        file_ending: of the data set's files.
    """
    rows: list[dict[str, Any]] = []
    for cell in cells:
        path = summary_file(cell, bench)
        if path is not None:
            try:
                rows += _rows(cell, read_json(path), class_names, file_ending)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                raise RunError(f"{path} is damaged; delete {cell.folder(bench)} to train it again") from None
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"dice": np.float64, "iou": np.float64})
    return Comparison(table, _by_class(table), _differences(table))


def _rows(
    cell: Cell, summary: dict[str, Any], class_names: Mapping[str, str], file_ending: str
) -> list[dict[str, Any]]:
    rows = []
    for one in summary["metric_per_case"]:
        case = Path(one["reference_file"]).name.removesuffix(file_ending)
        for key, metrics in one["metrics"].items():
            dice, iou = (float(metrics[name]) for name in METRICS)
            row = {"arm": cell.arm.name, "seed": cell.seed, "case": case, "class": class_names.get(key, key)}
            rows.append(row | {"dice": dice, "iou": iou})
    return rows


def _by_class(table: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for arm in table["arm"].unique():
        mine = table[table["arm"] == arm]
        per_seed = mine.groupby(["class", "seed"], sort=False)[["dice", "iou"]].mean()
        over_classes = per_seed.groupby("seed").mean()
        for name in (*mine["class"].unique(), MEAN):
            seeds = over_classes if name == MEAN else per_seed.loc[name]
            row: dict[str, Any] = {"arm": arm, "class": name, "seeds": len(seeds)}
            for metric in ("dice", "iou"):
                row |= {metric: seeds[metric].mean(), f"{metric}_sd": seeds[metric].std(ddof=1)}
            of_class = mine[mine["class"] == name].set_index("seed")["dice"]
            rows.append(row | _behind(per_seed["dice"] if name == MEAN else of_class))
    return pd.DataFrame(rows, columns=["arm", "class", "seeds", "dice", "dice_sd", "iou", "iou_sd", "n", "of"])


def _behind(values: pd.Series) -> dict[str, int]:
    """Count the values behind a mean and the possible ones, in the seed with the fewest."""
    by_seed = values.groupby("seed")
    return {"n": int(by_seed.count().min()), "of": int(by_seed.size().max())}


def _differences(table: pd.DataFrame) -> pd.DataFrame:
    per_case = table.groupby(["arm", "seed", "case"], sort=False)["dice"].mean()
    rows = []
    for arm in table["arm"].unique():
        for reference in (BASELINE, RANDOM):
            if arm == reference or reference not in per_case.index.get_level_values("arm"):
                continue
            first, second = (per_case.loc[name].unstack("case") for name in (arm, reference))
            seeds = first.index.intersection(second.index)
            if not len(seeds):
                continue
            estimate = hierarchical_interval(_values(first.loc[seeds] - second.loc[seeds])).t
            names = {"arm": arm, "reference": reference, "seeds": len(seeds), "cases": first.shape[1]}
            bounds = {"difference": estimate.value, "low": estimate.low, "high": estimate.high}
            rows.append({**names, **bounds, "verdict": _verdict(estimate), "reason": estimate.reason})
    columns = ["arm", "reference", "seeds", "cases", "difference", "low", "high", "verdict", "reason"]
    return pd.DataFrame(rows, columns=columns)


def _values(table: pd.DataFrame) -> Float64[np.ndarray, "K C"]:
    return table.to_numpy(dtype=np.float64)


def _verdict(estimate: Estimate) -> str:
    if np.isnan(estimate.low) or estimate.holds(0.0):
        return "no difference shown"
    return "better" if estimate.value > 0 else "worse"


_HUNDRED = 100


def table_rows(
    comparison: Comparison, cells: Sequence[Cell], removals: Mapping[str, Removal], training_cases: int
) -> tuple[list[str], list[list[str]]]:
    """Return headings and one row per arm: Dice and IoU in per cent, mean ± standard deviation over seeds.

    `(5 of 6)` follows a mean for which only five of the six held-out cases, or classes, have a value.

    Args:
        comparison: the results.
        cells: all cells of the bench.
        removals: cases that the filters removed.
        training_cases: number of training cases.
    """
    classes = [str(name) for name in comparison.by_class["class"].unique() if name != MEAN]
    headings = ["training", "kept", "faulty found", *classes, "Dice", "mIoU", f"minus {BASELINE}", f"minus {RANDOM}"]
    rows = []
    for arm in comparison.by_class["arm"].unique():
        mine = comparison.by_class[comparison.by_class["arm"] == arm].set_index("class")
        cell = next(cell for cell in cells if cell.arm.name == arm)
        removal = removals.get(cell.arm.filter)
        rows.append(
            [
                str(arm),
                f"{1 - len(cell.left_out) / training_cases:.0%}",
                "" if removal is None else f"{removal.faulty_found} of {removal.faulty}",
                *(_spread(mine.loc[name], "dice") for name in (*classes, MEAN)),
                _spread(mine.loc[MEAN], "iou"),
                *(_difference(comparison.differences, str(arm), reference) for reference in (BASELINE, RANDOM)),
            ]
        )
    return headings, rows


def as_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format the table as Markdown."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def sentences(comparison: Comparison) -> list[str]:
    """Summarise the results by arm, against the baseline and against random removal of as many cases."""
    said = []
    for arm in comparison.differences["arm"].unique():
        if arm in (BASELINE, RANDOM):
            continue
        parts = [
            f"{_points(row)} against {row['reference']} ({row['verdict']})"
            for _, row in comparison.differences[comparison.differences["arm"] == arm].iterrows()
        ]
        said.append(f"{arm}: {', '.join(parts)}")
    seeds = comparison.by_class["seeds"].min() if len(comparison.by_class) else 0
    if seeds == 1:
        said.append("one seed does not generalise to other seeds; a claim needs three or more")
    elif 0 < seeds < 5:
        said.append(f"with {seeds} seeds, small gains go unnoticed: no difference shown does not mean none")
    return said


def _spread(row: "pd.Series", metric: str) -> str:
    value, deviation = _HUNDRED * row[metric], _HUNDRED * row[f"{metric}_sd"]
    behind = f" ({row['n']} of {row['of']})" if row["n"] < row["of"] else ""
    return (f"{value:.1f}" if deviation != deviation else f"{value:.1f} ± {deviation:.1f}") + behind


def _difference(differences: pd.DataFrame, arm: str, reference: str) -> str:
    found = differences[(differences["arm"] == arm) & (differences["reference"] == reference)]
    return "" if found.empty else _points(found.iloc[0])


def _points(row: "pd.Series") -> str:
    """Format a difference in Dice points, as in the paper."""
    value, low, high = (_HUNDRED * row[name] for name in ("difference", "low", "high"))
    return f"{value:+.1f}" if low != low else f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
