"""What a filter costs: cases before and after, per class and per stratum, and where that is more than its share.

A filter that asks for 5 % of the cases can take half of a rare class or of one scanner. Nothing is prevented here; the
cautions are put before the person who decides.
"""

from collections.abc import Collection

import pandas as pd

from auvseg.errors import UsageError, did_you_mean
from auvseg.filtering.suspicion import held_classes, held_rows
from auvseg.wording import counted

SHARE_FACTOR = 2.0
"""A class or stratum loses more than its share where its removed share is more than this times the overall one ..."""
SHARE_CASES = 2
"""... and it loses at least so many cases: one case of a small class proves nothing."""
FEW_CASES = 5
"""A class or stratum that is left with fewer cases than this is worth a caution whatever its share."""


def count_losses(rows: pd.DataFrame, removed: Collection[str], strata: str | None) -> pd.DataFrame:
    """Training cases before and after, overall, for every class and every value of a stratum.

    Args:
        rows: the training rows of a scores table.
        removed: the cases that go.
        strata: a column of the table whose value is the same throughout a case, or None.

    Returns:
        Columns `kind` (`all`, `class` or `stratum`), `class_id`, `name`, `before`, `after`, `removed`, `share`
        (removed / before, in [0, 1]).

    Raises:
        UsageError: the table lacks the column, or a case has several values in it.
    """
    held = held_rows(rows)
    groups: list[tuple[str, int | None, str, pd.Series]] = [("all", None, "all", rows["case"])]
    for class_id, name in held_classes(rows):
        groups.append(("class", class_id, name, held.loc[held["class_id"] == class_id, "case"]))
    if strata is not None:
        groups += [("stratum", None, name, cases) for name, cases in _strata_of(rows, strata)]
    counts = []
    for kind, number, name, cases in groups:
        before = cases.nunique()
        lost = cases[cases.isin(list(removed))].nunique()
        counts.append((kind, number, name, before, before - lost, lost, lost / before))
    result = pd.DataFrame(counts, columns=["kind", "class_id", "name", "before", "after", "removed", "share"])
    return result.assign(class_id=result["class_id"].astype("Int64"))


def cautions(losses: pd.DataFrame, strata: str | None) -> list[str]:
    """One sentence for every class or stratum that a filter takes too much of (the constants of this module)."""
    overall = float(losses.loc[losses["kind"] == "all", "share"].iloc[0])
    sentences = []
    for row in losses[losses["kind"] != "all"].to_dict("records"):
        who = f"class {row['name']!r}" if row["kind"] == "class" else f"{strata} {row['name']!r}"
        lost, before, after = int(row["removed"]), int(row["before"]), int(row["after"])
        if lost == 0:
            continue
        if after == 0:
            sentences.append(f"{who} would lose all of its {counted(before, 'training case')}")
        elif after < FEW_CASES:
            sentences.append(f"{who} would be left with {after} of its {counted(before, 'training case')}")
        elif lost >= SHARE_CASES and row["share"] > SHARE_FACTOR * overall:
            sentences.append(
                f"{who} would lose {lost} of its {before} training cases: {row['share']:.0%}, overall {overall:.0%}"
            )
    return sentences


def _strata_of(rows: pd.DataFrame, strata: str) -> list[tuple[str, pd.Series]]:
    if strata not in rows.columns:
        hint = did_you_mean(strata, map(str, rows.columns))
        raise UsageError(f"the scores table has no column {strata!r} to take strata from; {hint}")
    known = rows[strata].astype("object")
    values = known.where(known.notna() & (known != ""), "(missing)").astype(str)
    several = values.groupby(rows["case"]).nunique()
    if (several > 1).any():
        raise UsageError(f"case {several.idxmax()!r} has more than one {strata!r}; a stratum is a property of a case")
    return [(str(name), cases) for name, cases in rows["case"].groupby(values, sort=True)]
