"""Data of the first page: problems (unscored cases, reader warnings, findings of `auvseg check`) and provenance."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from auvseg.cohort.compared import Held, usually_held
from auvseg.cohort.reasons import missing
from auvseg.report.bands import SpectrumBands
from auvseg.report.privacy import Privacy
from auvseg.report.ranked_run import Prepared, cohort_payload
from auvseg.review.of_run import fingerprint
from auvseg.scoring.record import AboutCase

MAX_SHOWN = 5000
"""Most problems on the page; the rest is counted."""


def problems_of(
    cases: Iterable[AboutCase],
    table: pd.DataFrame,
    findings: Sequence[Mapping[str, Any]],
    privacy: Privacy,
    usual: Mapping[int, Held] | None = None,
) -> dict[str, Any]:
    """Collect all known problems, worst first.

    Args:
        cases: cases of the run.
        table: scores table of the run.
        findings: findings of `auvseg check --json`: `case_id`, `severity`, `kind`, `message`, `advice`.
        privacy: cleans ids and sentences.
        usual: result of `auvseg.cohort.compared.usually_held` if the table is only a part of the run; None: computed
            from the table.

    Returns:
        `rows` with `case`, `severity` (`error`, `warning`), `what`, `advice`, and `more`, the number of rows not shown.
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
    return {"rows": rows[:MAX_SHOWN], "more": max(len(rows) - MAX_SHOWN, 0)}


def _row(privacy: Privacy, case_id: str, severity: str, what: str, advice: str = "") -> dict[str, str]:
    """Make a row; `what` and `advice` are cleaned already."""
    return {
        "case": privacy.case(case_id) if case_id else "",
        "severity": severity if severity in ("error", "warning") else "warning",
        "what": what,
        "advice": advice,
    }


THUMBNAILS_A_FILE = 100

_SETTINGS = ("precision", "max_slices")
"""Extractor settings that the page shows; others may hold paths."""


def first_page(
    prepared: Prepared, files: Sequence[str], why: Mapping[str, str], bands: SpectrumBands, *, has_thumbnails: bool
) -> dict[str, Any]:
    """Build the data that the page loads at start.

    Args:
        prepared: the run.
        files: file name of every case, in the cohort's order.
        why: by case id, the sentence that says why it stands out.
        bands: spectrum bands of the whole run.
        has_thumbnails: whether there are thumbnails.
    """
    # Cases without a score come last and would be cut off if there are too many, which the user did not ask for.
    shown = None if prepared.options.top is None else set(prepared.cohort.order)
    mine = [case for case in prepared.cases if shown is None or case.case_id in shown]
    return {
        **cohort_payload(prepared.cohort, prepared.privacy, why),
        "files": list(files),
        "hasThumbs": has_thumbnails,
        "thumbsAFile": THUMBNAILS_A_FILE,
        "bands": bands.payload(),
        "problems": problems_of(
            mine, prepared.cohort.table, prepared.options.findings, prepared.privacy, prepared.explainer.usual
        ),
        "modality": prepared.run.setup["config"]["modality"],
        "provenance": _provenance(prepared),
        "total": len(prepared.cases),
        "fingerprint": fingerprint(prepared.cases, prepared.privacy.pseudonyms),
    }


def title_of(prepared: Prepared) -> str:
    """Return the title of the page: the data set's name, if it may be shown."""
    if prepared.dataset is None or prepared.options.pseudonymize:
        return "auvseg report"
    return f"{prepared.dataset.name} – auvseg report"


def _provenance(prepared: Prepared) -> list[tuple[str, str]]:
    setup, dataset = prepared.run.setup, prepared.dataset
    config, extractor = setup["config"], setup["extractor"]
    if prepared.options.pseudonymize:
        source = "hidden"
    else:
        source = "no longer available" if dataset is None else f"{dataset.name} ({dataset.layout})"
    rows = [
        ("data set", source),
        ("auvseg", str(setup["auvseg"])),
        ("extractor", str(extractor["name"])),
        *((("extractor status", str(extractor["status"])),) if "status" in extractor else ()),
        ("weights (sha256)", str(extractor["weights_sha256"])[:16]),
        ("told", str(config["prompt"])),
        ("input", f"{config['input']}, {config['modality']}"),
        ("ranked by", prepared.cohort.no_order or prepared.cohort.by),
        *((name, json.dumps(extractor[name])) for name in _SETTINGS if name in extractor),
    ]
    return [(name, prepared.privacy.text(value)) for name, value in rows]
