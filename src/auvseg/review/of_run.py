"""What a review belongs to: the files of the cases that were looked at, under the names that the report showed."""

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
    """16 hexadecimal digits that a report writes into the reviews made in it.

    The same files scored otherwise keep their review: a person judged the files. A report with pseudonyms has another
    fingerprint than one without, so that a browser never mixes ids into a review that is passed on.

    Args:
        cases: of the run, in any order.
        pseudonyms: by case id, where the report has them.
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
    """What a review says of a run's cases.

    Attributes:
        review: by the run's own case ids.
        remark: what a person should know before using it; empty where there is nothing.
    """

    review: Review
    remark: str


def read_review_of(path: Path, run_folder: Path) -> ReviewOfRun:
    """Read a review and put the run's ids in the place of pseudonyms.

    Args:
        path: what a report exported, or `auvseg review merge` wrote.
        run_folder: of the scores.

    Raises:
        UsageError: the file is no review.
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
        f"{path} was made in a report of other files: of another run, or before cases came or changed; "
        "a verdict about a label that was mended since is an old one"
    )
    return ReviewOfRun(review.named(key), remark)
