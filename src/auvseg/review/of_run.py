"""Match a review to its run: fingerprint of the reviewed files, and case ids behind pseudonyms."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auvseg.review.pseudonyms import read_key
from auvseg.review.verdicts import Review, read_review
from auvseg.scoring.record import AboutCase
from auvseg.scoring.table import load_cases


def fingerprint(cases: Iterable[AboutCase], pseudonyms: Mapping[str, str] | None = None) -> str:
    """Compute the fingerprint that a report writes into its reviews: 16 hexadecimal digits.

    It depends on the files, not on how they were scored, because the rater judged the files. A report with pseudonyms
    has another fingerprint than one without, so a browser never mixes ids into a review that is passed on.

    Args:
        cases: cases of the run, in any order.
        pseudonyms: pseudonyms by case id, if the report has them.
    """
    files = sorted(
        [
            case.case_id if pseudonyms is None else pseudonyms[case.case_id],
            str(case.inputs.image_sha256),
            str(case.inputs.label_sha256),
        ]
        for case in cases
    )
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class ReviewOfRun:
    """A review of a run.

    Attributes:
        review: the review, by the run's own case ids.
        remark: what to know before using it; empty if nothing.
    """

    review: Review
    remark: str


def read_review_of(path: Path, run_folder: Path) -> ReviewOfRun:
    """Read a review and replace pseudonyms by the run's ids.

    Args:
        path: file that a report exported or `auvseg review merge` wrote.
        run_folder: folder of the run.

    Raises:
        UsageError: the file is not a review.
        RunError: there is no run, or its key of pseudonyms is damaged.
    """
    review, cases, key = read_review(path), load_cases(run_folder), read_key(run_folder)
    if review.run == fingerprint(cases):
        return ReviewOfRun(review, "")
    by_case = {case: pseudonym for pseudonym, case in key.items()}
    covered = all(case.case_id in by_case for case in cases)
    if not review.run or (covered and review.run == fingerprint(cases, by_case)):
        return ReviewOfRun(review.named(key), "")
    remark = (
        f"{path} was made in a report of other files: of another run, or before cases were added or changed; "
        "verdicts on labels that were fixed since are outdated"
    )
    return ReviewOfRun(review.named(key), remark)
