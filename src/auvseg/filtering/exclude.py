"""Export the removed cases as a YAML file with reasons, and as a plain list with one id per line, for scripts.

Both are for people and their own tools; auvseg never reads them back.
"""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from auvseg._version import __version__
from auvseg.cohort.selection import Rule, Selection
from auvseg.cohort.suspicion import SIGN
from auvseg.data.case import Dataset
from auvseg.errors import UsageError
from auvseg.filtering.manifest import Export, PlannedFile, check_belongs, write_files

EXCLUDE_NAME = "exclude.yaml"


def export_exclude(
    selection: Selection, dataset: Dataset, folder: Path, *, target: Path | None = None, dry_run: bool = False
) -> Export:
    """Write the removed cases with values and reasons as YAML, and their ids as a list.

    The YAML also holds the rule, with scope `class` every suspicious structure, and the unscored cases that are kept.

    Args:
        selection: what to remove.
        dataset: the data set that was scored.
        folder: the run's filter folder; the manifest lives here.
        target: the YAML file, the list beside it with the ending `.txt`; `folder / "exclude.yaml"` if not given.
        dry_run: write nothing.

    Raises:
        UsageError: the scores belong to another data set, a file of the user's is in the way, or a case id has a line
            break in it, which a list cannot hold.
    """
    warnings = check_belongs(selection, dataset)
    broken = [case for case in selection.removed if len(f"{case}.".splitlines()) > 1]
    if broken:
        raise UsageError(f"the case id {broken[0]!r} has a line break in it; rename the case")
    target = (target or folder / EXCLUDE_NAME).resolve()
    described = yaml.safe_dump(_describe(selection, dataset), sort_keys=False, allow_unicode=True, width=120)
    listed = "".join(f"{case}\n" for case in selection.removed)
    plan = [
        PlannedFile(target.with_suffix(".yaml"), lambda: described.encode("utf-8", "surrogateescape")),
        PlannedFile(target.with_suffix(".txt"), lambda: listed.encode("utf-8", "surrogateescape")),
    ]
    return Export(write_files(folder, plan, selection.rule.in_words(), dry_run), tuple(warnings))


def _describe(selection: Selection, dataset: Dataset) -> dict[str, Any]:
    rule, decisions = selection.rule, selection.decisions
    by_case = dict(tuple(decisions.groupby("case", sort=False)))
    content: dict[str, Any] = {
        "auvseg": __version__,
        "dataset": dataset.name,
        "rule": {**vars(rule)},
        "training_cases": len(selection.kept) + len(selection.removed),
        "exclude": [{"case": case, **_why(by_case.get(case), rule)} for case in selection.removed],
    }
    if rule.scope == "class":
        found = decisions[decisions["suspicious"]]
        content["suspicious_structures"] = [
            {"case": str(row["case"]), **_judgement(row, rule), **_outcome(row)} for row in found.to_dict("records")
        ]
    content["not_scored_and_kept"] = [
        {"case": one.case_id, **({"class": one.class_name} if one.class_name else {}), "reason": one.reason}
        for one in selection.unscored
    ]
    return content


def _outcome(row: dict[Any, Any]) -> dict[str, str]:
    """Say what happens to the case of a suspicious structure."""
    if row["removed"]:
        return {"case_is": "removed"}
    return {"case_is": "kept", **({"for": str(row["kept_for"])} if row["kept_for"] else {})}


def _why(decisions: pd.DataFrame | None, rule: Rule) -> dict[str, Any]:
    if decisions is None:
        return {"reason": "decided by review; it has no score"}
    judged = [_judgement(row, rule) for row in decisions.to_dict("records") if row["suspicious"]]
    return judged[0] if rule.scope == "case" else {"classes": judged}


def _judgement(row: dict[Any, Any], rule: Rule) -> dict[str, Any]:
    """Return a decision as plain values; the threshold applies to the value itself, whichever end is suspicious."""
    name = f"distance of {rule.by}" if rule.suspicious == "both" else rule.by
    own = {"class": str(row["class"])} if rule.scope == "class" else {}
    numbers = {name: _number(row["value"]), "threshold": _number(SIGN[rule.suspicious] * row["threshold"])}
    return {**own, **numbers, "reason": str(row["reason"])}


def _number(value: float) -> float | None:
    """Convert a number for YAML; None if missing, as for a case decided by review."""
    return float(value) if math.isfinite(value) else None
