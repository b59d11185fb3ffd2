"""What is asked of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ReportOptions:
    """How a report is made.

    Attributes:
        by: what cases are ranked by: `AUV` or a measure; None takes `default_measure`.
        images: so many cases, the most suspicious first, are shown with their images; the others with numbers and a
            thumbnail.
        top: only so many cases, the most suspicious first; None: all that a page stays fast with
            (`auvseg.report.prepared.MOST_CASES` and `MOST_ROWS`).
        single_file: everything in `index.html`.
        pseudonymize: `case-0001` and so on instead of case ids; the key stays in the run folder.
        whole_image: show whole planes, not only what is around the structures. A head shows a face.
        findings: of `auvseg check --json`.
        bench: folder of `auvseg bench detect`, for `by="combined"`.
    """

    by: str | None = None
    images: int = 200
    top: int | None = None
    single_file: bool = False
    pseudonymize: bool = False
    whole_image: bool = False
    findings: Sequence[Mapping[str, Any]] = ()
    bench: Path | None = None
