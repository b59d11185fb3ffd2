"""The data of the first page: cohort, problems, where everything comes from."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from auvseg.report.bands import SpectrumBands
from auvseg.report.prepared import Prepared
from auvseg.report.problems import problems_of
from auvseg.report.ranked_run import cohort_payload
from auvseg.review.fingerprint import fingerprint

THUMBNAILS_A_FILE = 100

_SETTINGS = ("precision", "max_slices")
"""Extractor settings that the page shows; others may hold paths."""


def first_page(
    prepared: Prepared, files: Sequence[str], why: Mapping[str, str], bands: SpectrumBands, *, has_thumbnails: bool
) -> dict[str, Any]:
    """Everything that the page holds from the beginning.

    Args:
        prepared: the run.
        files: name of every case's file, in the cohort's order.
        why: by case id, the sentence that says why it stands out.
        bands: of the whole run.
        has_thumbnails: whether there is any.
    """
    # Cases without a score come last, and would be missing where there are too many: the reader did not ask for that.
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
    """What stands above the page: the data set's name, where that may be shown."""
    if prepared.dataset is None or prepared.options.pseudonymize:
        return "auvseg report"
    return f"{prepared.dataset.name} – auvseg report"


def _provenance(prepared: Prepared) -> list[tuple[str, str]]:
    setup, dataset = prepared.run.setup, prepared.dataset
    config, extractor = setup["config"], setup["extractor"]
    if prepared.options.pseudonymize:
        source = "hidden"
    else:
        source = "not there any more" if dataset is None else f"{dataset.name} ({dataset.layout})"
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
