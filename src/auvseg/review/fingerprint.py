"""What a review belongs to: the files of the cases that were looked at, under the names that the report showed."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from auvseg.scoring.record import AboutCase


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
