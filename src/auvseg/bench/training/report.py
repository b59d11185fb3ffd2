"""The comparison as people read it: a table in the paper's form, and sentences that claim no more than it shows."""

from collections.abc import Mapping, Sequence

import pandas as pd

from auvseg.bench.training.arms import BASELINE, RANDOM
from auvseg.bench.training.cells import Cell
from auvseg.bench.training.comparison import MEAN, Comparison
from auvseg.bench.training.removal import Removal

_HUNDRED = 100


def table_rows(
    comparison: Comparison, cells: Sequence[Cell], removals: Mapping[str, Removal], training_cases: int
) -> tuple[list[str], list[list[str]]]:
    """Headings, and a row an arm: Dice and IoU in per cent, mean over seeds ± standard deviation over seeds.

    `(5 of 6)` stands behind a mean of which only five of the six held-out cases, or classes, have a number.

    Args:
        comparison: the numbers.
        cells: all of the bench.
        removals: what the filters left out.
        training_cases: how many there are.
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
    """The table for a paper or a page."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def sentences(comparison: Comparison) -> list[str]:
    """What the trainings show, arm by arm, beside the baseline and beside as many cases removed at random."""
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
        said.append("one seed says nothing of other seeds; three or more are needed for a claim")
    elif 0 < seeds < 5:
        said.append(f"with {seeds} seeds small gains cannot be told from none: no difference shown is not none")
    return said


def _spread(row: "pd.Series", metric: str) -> str:
    value, deviation = _HUNDRED * row[metric], _HUNDRED * row[f"{metric}_sd"]
    behind = f" ({row['n']} of {row['of']})" if row["n"] < row["of"] else ""
    return (f"{value:.1f}" if deviation != deviation else f"{value:.1f} ± {deviation:.1f}") + behind


def _difference(differences: pd.DataFrame, arm: str, reference: str) -> str:
    found = differences[(differences["arm"] == arm) & (differences["reference"] == reference)]
    return "" if found.empty else _points(found.iloc[0])


def _points(row: "pd.Series") -> str:
    """In points of Dice, as the paper counts them."""
    value, low, high = (_HUNDRED * row[name] for name in ("difference", "low", "high"))
    return f"{value:+.1f}" if low != low else f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
