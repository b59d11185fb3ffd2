"""Which row led to what: every decision of a selection beside what it comes to in an export."""

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from auvseg.filtering.selection import Selection


def decided(selection: Selection, *, ignores: bool = False) -> pd.DataFrame:
    """The decisions of a selection, what comes of each, and why; the suspicious ones first, the worst before.

    Args:
        selection: what to keep.
        ignores: whether suspicious structures are set to ignore, as the export `ignore` does, and no case is removed.

    Returns:
        Columns `case`, with scope `class` also `class_id` and `class`, then `value` (what was compared; where both ends
        are suspicious the distance from the others' median), `threshold` (the value beyond which a row is suspicious),
        `suspicious`, `outcome` (`removed`, `kept`, `kept for` and the structures that keep a case of which another one
        is suspicious; with `ignores` `ignored`, `missing, nothing to ignore` or `kept`) and `reason`.
    """
    found = selection.decisions
    order = np.lexsort((-found["suspicion"].fillna(-np.inf), ~found["removed"], ~found["suspicious"]))
    found = found.iloc[order].reset_index(drop=True)
    sign = -1.0 if selection.rule.suspicious == "low" else 1.0
    keys = ["case", "class_id", "class"] if selection.rule.scope == "class" else ["case"]
    outcome = [_ignored(row) if ignores else _outcome(row) for row in found.to_dict("records")]
    frame = found.assign(threshold=sign * found["threshold"], outcome=outcome)
    return frame[[*keys, "value", "threshold", "suspicious", "outcome", "reason"]]


def _outcome(row: dict[Hashable, Any]) -> str:
    if row["removed"]:
        return "removed"
    return f"kept for {row['kept_for']}" if row["kept_for"] else "kept"


def _ignored(row: dict[Hashable, Any]) -> str:
    if not row["suspicious"]:
        return "kept"
    return "ignored" if row["held"] else "missing, nothing to ignore"
