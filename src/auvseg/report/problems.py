"""What went wrong or looks wrong, as rows: unscored cases, warnings of the reader, findings of `auvseg check`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from auvseg.cohort.compared import Held, usually_held
from auvseg.cohort.reasons import missing
from auvseg.report.private import Privacy
from auvseg.scoring.record import AboutCase

MOST_SHOWN = 5000
"""Rows of the page; the rest is counted."""


def problems_of(
    cases: Iterable[AboutCase],
    table: pd.DataFrame,
    findings: Sequence[Mapping[str, Any]],
    privacy: Privacy,
    usual: Mapping[int, Held] | None = None,
) -> dict[str, Any]:
    """Every problem that is known, the worst first.

    Args:
        cases: of the run.
        table: its scores table.
        findings: of `auvseg check --json`: `case_id`, `severity`, `kind`, `message`, `advice`.
        privacy: how ids and sentences are cleaned.
        usual: of `auvseg.cohort.deviation.usually_held`, where the table is a part of the run's; None: of the table.

    Returns:
        `rows` with `case`, `severity` (`error`, `warning`), `what`, `advice`, and `more`, how many rows are not shown.
    """
    rows = []
    for one in cases:
        if one.status == "failed":
            rows.append(_row(privacy, one.case_id, "error", f"not scored: {privacy.text(one.reason)}"))
        rows += [_row(privacy, one.case_id, "warning", privacy.text(words)) for words in one.warnings]
    usual = usually_held(table) if usual is None else usual
    absent = table[(table["status"] == "absent") & table["class_id"].isin(usual.keys())]
    for case, class_id, name in zip(absent["case"], absent["class_id"], absent["class"], strict=True):
        rows.append(_row(privacy, str(case), "warning", missing(str(name), usual[class_id]), "look for it"))
    for found in findings:
        message = privacy.text(str(found.get("message") or ""))
        kind, severity = str(found.get("kind") or "problem").replace("_", " "), str(found.get("severity") or "")
        case, advice = str(found.get("case_id") or ""), str(found.get("advice") or "")
        rows.append(_row(privacy, case, severity, f"{kind}: {message}", privacy.text(advice)))
    rows.sort(key=lambda row: (row["severity"] != "error", row["case"], row["what"]))
    return {"rows": rows[:MOST_SHOWN], "more": max(len(rows) - MOST_SHOWN, 0)}


def _row(privacy: Privacy, case_id: str, severity: str, what: str, advice: str = "") -> dict[str, str]:
    """A row; `what` and `advice` are clean already."""
    return {
        "case": privacy.case(case_id) if case_id else "",
        "severity": severity if severity in ("error", "warning") else "warning",
        "what": what,
        "advice": advice,
    }
