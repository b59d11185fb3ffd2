"""What went wrong or looks wrong, as rows: unscored cases, warnings of the reader, findings of `auvseg check`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from auvseg.report.private import Privacy
from auvseg.scoring.record import Record

MOST_SHOWN = 5000
"""Rows of the page; the rest is counted."""


def problems_of(
    records: Iterable[Record], table: pd.DataFrame, findings: Sequence[Mapping[str, Any]], privacy: Privacy
) -> dict[str, Any]:
    """Every problem that is known, the worst first.

    Args:
        records: of the run.
        table: its scores table.
        findings: of `auvseg check --json`: `case_id`, `severity`, `kind`, `message`, `advice`.
        privacy: how ids and sentences are cleaned.

    Returns:
        `rows` with `case`, `severity` (`error`, `warning`), `what`, `advice`, and `more`, how many rows are not shown.
    """
    rows = []
    for record in records:
        if record.status == "failed":
            rows.append(_row(privacy, record.case_id, "error", f"not scored: {record.reason}", ""))
        rows += [_row(privacy, record.case_id, "warning", words, "") for words in record.warnings]
    absent = table[(table["status"] == "absent") & table["class_id"].notna()]
    usual = table[table["class_id"].notna()].groupby("class_id")["status"].agg(lambda one: (one == "ok").mean())
    for row in absent.to_dict("records"):
        if usual[row["class_id"]] >= 0.5:
            share = f"{100 * usual[row['class_id']]:.0f} % of the cases have it"
            rows.append(_row(privacy, str(row["case"]), "warning", f"no {row['class']}; {share}", "is it missing?"))
    for one in findings:
        what = f"{one.get('kind', 'problem')}: {one.get('message', '')}".replace("_", " ")
        rows.append(
            _row(privacy, str(one.get("case_id", "")), str(one.get("severity", "")), what, str(one.get("advice", "")))
        )
    rows.sort(key=lambda row: (row["severity"] != "error", row["case"], row["what"]))
    return {"rows": rows[:MOST_SHOWN], "more": max(len(rows) - MOST_SHOWN, 0)}


def _row(privacy: Privacy, case_id: str, severity: str, what: str, advice: str) -> dict[str, str]:
    return {
        "case": privacy.case(case_id) if case_id else "",
        "severity": severity if severity in ("error", "warning") else "warning",
        "what": privacy.text(what),
        "advice": privacy.text(advice),
    }
