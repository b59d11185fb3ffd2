"""What `check` can find: one row a problem, in words that say what to do."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]

KINDS: dict[str, Severity] = {
    "missing_file": "error",
    "missing_label": "warning",
    "unreadable": "error",
    "reader_crashed": "error",
    "too_many_axes": "error",
    "nan_or_inf": "error",
    "constant_image": "warning",
    "shape_mismatch": "error",
    "affine_mismatch": "warning",
    "label_is_image": "error",
    "non_integer_label": "error",
    "unexpected_label": "error",
    "empty_label": "warning",
    "class_never_present": "warning",
    "duplicate_image": "error",
    "duplicate_id": "error",
}
"""Every kind of problem, and whether it stops a case from being scored or trained on as it is."""


@dataclass(frozen=True)
class Finding:
    """One problem.

    Attributes:
        case_id: the case; empty for a problem of the whole data set.
        kind: one of `KINDS`.
        severity: `error` or `warning`.
        file: the file's name; empty where no single file is meant.
        message: what was found.
        advice: what to do.
    """

    case_id: str
    kind: str
    severity: Severity
    file: str
    message: str
    advice: str


def finding(case_id: str, kind: str, file: str, message: str, advice: str) -> Finding:
    """A finding with its kind's severity."""
    return Finding(case_id, kind, KINDS[kind], file, message, advice)


@dataclass(frozen=True)
class CheckReport:
    """Everything that was found in a data set.

    Attributes:
        dataset: its name.
        layout: what it was recognised as.
        cases: worst severity by case, `ok` where nothing was found; every case is in it.
        findings: by case, kind and file.
    """

    dataset: str
    layout: str
    cases: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(found.severity == "error" for found in self.findings)

    def to_json(self) -> dict[str, Any]:
        """The report as plain values, without any path of the machine."""
        return {
            "dataset": self.dataset,
            "layout": self.layout,
            "cases": dict(self.cases),
            "counts": dict(sorted(Counter(found.kind for found in self.findings).items())),
            "findings": [asdict(found) for found in self.findings],
        }


def make_report(dataset: str, layout: str, case_ids: list[str], findings: list[Finding]) -> CheckReport:
    """Sort the findings and judge every case by its worst one."""
    cases = dict.fromkeys(sorted(case_ids), "ok")
    for found in findings:
        if found.case_id in cases and cases[found.case_id] != "error":
            cases[found.case_id] = found.severity
    ordered = sorted(set(findings), key=lambda f: (f.case_id, f.kind, f.file, f.message))
    return CheckReport(dataset, layout, cases, tuple(ordered))
