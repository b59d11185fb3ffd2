"""Every problem of every case in one pass (what nnU-Net's `--verify_dataset_integrity` stops at, and more).

Cases are read in worker processes: a file that takes its reader with it, or takes too long, is a row of the report.
Nothing is changed.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from auvseg.data.case import Case, Dataset
from auvseg.data.check_case import CaseCheck, CheckTask, FileTask, check_case, read_only
from auvseg.data.check_dataset import COHORT_CHECKS, duplicate_ids, missing_classes
from auvseg.data.check_label import LabelRules
from auvseg.data.findings import CheckReport, Finding, Kind, Problem, make_report
from auvseg.data.isolation import IsolatedPool
from auvseg.data.missing import missing_files
from auvseg.data.splits import check_splits, find_splits
from auvseg.data.worker import Outcome

READ_TIMEOUT_S = 600.0


def check_dataset(
    dataset: Dataset,
    *,
    num_workers: int = 2,
    timeout_s: float | None = READ_TIMEOUT_S,
    splits: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> CheckReport:
    """Look for every problem of every case; nothing stops at the first problem.

    Args:
        dataset: what to look at.
        num_workers: cases read at the same time, each in a process of its own; 0 reads them in this process, where a
            damaged file may end it.
        timeout_s: a case that takes longer is reported; None waits for ever.
        splits: nnU-Net's splits_final.json; None takes the one beside the images, or in `nnUNet_preprocessed`, if any.
        progress: called with (done, total, case id) after every case.

    Returns:
        The report; the same whatever the number of workers and the order of the cases.
    """
    cases = sorted(dataset.cases, key=lambda case: (case.case_id, case.subset, [str(path) for path in case.images]))
    missing, absent = missing_files(dataset)
    rules = LabelRules(_declared_values(dataset), dataset.ignore_value)
    channel_count = max(len(dataset.channel_names), 1)
    tasks = [CheckTask(case, rules, channel_count, dataset.modality, absent & _files_of(case)) for case in cases]
    findings: list[Finding] = [*dataset.findings, *missing, *duplicate_ids(cases)]
    checked: list[tuple[Case, CaseCheck]] = []
    failed: list[Outcome[CheckTask, CaseCheck]] = []
    with IsolatedPool(num_workers, timeout_s) as pool:
        for done, outcome in enumerate(pool.map(check_case, tasks), start=1):
            if outcome.result is None:
                failed.append(outcome)
            else:
                checked.append((outcome.item.case, outcome.result))
            if progress is not None:
                progress(done, len(tasks), outcome.item.case.case_id)
        for outcome in failed:
            findings += _crashes(pool, outcome, checked)
    findings += (found for _, check in checked for found in check.findings)
    findings += (found for look in COHORT_CHECKS for found in look(checked))
    findings += missing_classes(dataset.classes, checked)
    if (split := splits or find_splits(dataset)) is not None:
        findings += check_splits(split, dataset)
    return make_report(dataset.name, dataset.layout, [case.case_id for case in cases], findings, dataset.notes)


def _files_of(case: Case) -> frozenset[Path]:
    return frozenset((*case.images, *((case.label,) if case.label is not None else ())))


def _declared_values(dataset: Dataset) -> frozenset[int] | None:
    if dataset.classes is None:
        return None
    declared = {value for class_def in dataset.classes for value in class_def.values}
    return frozenset(declared | {0} | ({dataset.ignore_value} if dataset.ignore_value is not None else set()))


def _crashes(
    pool: IsolatedPool, outcome: Outcome[CheckTask, CaseCheck], checked: list[tuple[Case, CaseCheck]]
) -> Iterator[Finding]:
    """Find out which files of a case took the reader with them, and look at the others once more."""
    case = outcome.item.case
    files = [FileTask(path, "image") for path in case.images]
    files += [FileTask(case.label, "label")] if case.label is not None else []
    files = [file for file in files if file.path not in outcome.item.skipped]
    culprits = [probe for probe in pool.map(read_only, files) if probe.error is not None]
    for probe in culprits:
        yield _crash(case, probe.item.path.name, probe.error, probe.crashed)
    remaining = replace(outcome.item, skipped=outcome.item.skipped | {probe.item.path for probe in culprits})
    for again in pool.map(check_case, [remaining] if culprits else []):
        if again.result is not None:
            checked.append((case, again.result))
            return
    if not culprits:
        yield _crash(case, "", outcome.error, outcome.crashed)


def _crash(case: Case, file: str, error: str | None, crashed: bool) -> Finding:
    message = error or "no reason given"
    for path in _files_of(case):
        message = message.replace(str(path), path.name)
    return Problem(Kind.READER_CRASHED if crashed else Kind.UNREADABLE, message).at(case.case_id, file)
