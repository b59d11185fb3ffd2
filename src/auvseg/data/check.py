"""Every problem of every case in one pass (what `nnUNetv2_plan_and_preprocess --verify_dataset_integrity` stops at)."""

from collections import defaultdict
from collections.abc import Callable

from auvseg.data.case import Case, Dataset
from auvseg.data.check_case import CaseCheck, CheckTask, check_case
from auvseg.data.findings import CheckReport, Finding, finding, make_report
from auvseg.data.isolation import IsolatedPool, Outcome

READ_TIMEOUT_S = 600.0


def check_dataset(
    dataset: Dataset,
    *,
    num_workers: int = 2,
    timeout_s: float | None = READ_TIMEOUT_S,
    progress: Callable[[int, int, str], None] | None = None,
) -> CheckReport:
    """Look for every problem of every case; nothing is changed and nothing stops at the first problem.

    Args:
        dataset: what to look at.
        num_workers: cases read at the same time, each in a process of its own.
        timeout_s: a case that takes longer is reported as unreadable.
        progress: called with (done, total, case id) after every case.

    Returns:
        The report; the same whatever the number of workers.
    """
    expected = _expected_values(dataset)
    channels = max(len(dataset.channel_names), 1)
    cases = sorted(dataset.cases, key=lambda case: case.case_id)
    tasks = (CheckTask(case, expected, channels) for case in cases)
    findings: list[Finding] = _id_findings(cases)
    checks: list[tuple[Case, CaseCheck]] = []
    with IsolatedPool(num_workers, timeout_s) as pool:
        for done, outcome in enumerate(pool.map(check_case, tasks), start=1):
            if outcome.result is None:
                findings.append(_crash(outcome))
            else:
                findings += outcome.result.findings
                checks.append((outcome.item.case, outcome.result))
            if progress is not None:
                progress(done, len(cases), outcome.item.case.case_id)
    findings += _duplicates(checks)
    findings += _missing_classes(dataset, [check for _, check in checks])
    return make_report(dataset.name, dataset.layout, [case.case_id for case in cases], findings)


def _expected_values(dataset: Dataset) -> frozenset[int] | None:
    if dataset.classes is None:
        return None
    declared = {value for class_def in dataset.classes for value in class_def.values}
    return frozenset(declared | {0} | ({dataset.ignore_value} if dataset.ignore_value is not None else set()))


def _crash(outcome: Outcome[CheckTask, CaseCheck]) -> Finding:
    case = outcome.item.case
    names = ", ".join(path.name for path in [*case.images, *([case.label] if case.label else [])])
    kind = "reader_crashed" if outcome.crashed else "unreadable"
    return finding(case.case_id, kind, names, outcome.error or "no reason given", "take the case out of the data set")


def _id_findings(cases: list[Case]) -> list[Finding]:
    """Ids that are equal, also where only the case of letters differs, which many file systems do not see."""
    by_id: dict[str, list[str]] = defaultdict(list)
    for case in cases:
        by_id[case.case_id.lower()].append(case.case_id)
    return [
        finding(case_id, "duplicate_id", "", f"{len(same)} cases are called so", "give every case an id of its own")
        for same in by_id.values()
        if len(same) > 1
        for case_id in same
    ]


def _duplicates(checks: list[tuple[Case, CaseCheck]]) -> list[Finding]:
    """Images whose voxels are the same, whatever the file's format or compression."""
    by_content: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for case, check in checks:
        for file, digest in check.image_sha256:
            by_content[digest].append((case.case_id, file))
    found = []
    for same in by_content.values():
        ids = sorted({case_id for case_id, _ in same})
        if len(ids) < 2:
            continue
        for case_id, file in same:
            others = ", ".join(other for other in ids if other != case_id)
            message = f"the same voxels as {others}"
            found.append(finding(case_id, "duplicate_image", file, message, "keep one, or they leak across folds"))
    return found


def _missing_classes(dataset: Dataset, checks: list[CaseCheck]) -> list[Finding]:
    seen = frozenset().union(*(check.label_values or frozenset() for check in checks)) if checks else frozenset()
    return [
        finding(
            "",
            "class_never_present",
            "",
            f"no case holds {c.name!r} ({', '.join(map(str, c.values))})",
            "is it a typo?",
        )
        for c in dataset.classes or ()
        if not seen & set(c.values)
    ]
