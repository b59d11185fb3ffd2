"""Check a data set: report all problems in each case and across cases.

One bad file never stops the run.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.check.case import CaseCheck, CheckTask, FileTask, check_case, read_only
from auvseg.data.check.findings import CheckReport, Finding, Kind, Problem, make_report
from auvseg.data.check.label import LabelRules
from auvseg.data.check.missing import missing_files
from auvseg.data.layouts.naming import some_of
from auvseg.data.workers.pool import IsolatedPool
from auvseg.data.workers.process import Outcome
from auvseg.nnunet.splits import check_splits, find_splits

_MAX_COMPARED = 5

Checked = Sequence[tuple[Case, CaseCheck]]


def duplicate_ids(cases: Iterable[Case]) -> Iterator[Finding]:
    """Report equal ids, also if only case or Unicode composition differs, which some file systems ignore."""
    by_id: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_id[unicodedata.normalize("NFC", case.case_id).casefold()].append(case)
    for same in by_id.values():
        ids = sorted({case.case_id for case in same})
        if len(same) > 1 and same[0].images and len({case.images for case in same}) == 1:
            yield _listed_again(same).at(ids[0], "")
            continue
        for case_id in ids if len(same) > 1 else ():
            others = [other for other in ids if other != case_id]
            also = f", if capital letters do not count ({some_of(others)})" if others else ""
            yield Problem(Kind.DUPLICATE_ID, f"{len(same)} cases have this id{also}").at(case_id, "")


def _listed_again(same: Sequence[Case]) -> Problem:
    """Report a case that a description lists several times."""
    subsets = sorted({case.subset for case in same})
    if len(subsets) > 1:
        return Problem(Kind.SPLIT_OVERLAP, f"it is listed for {' and for '.join(subsets)}")
    return Problem(Kind.DUPLICATE_ID, f"it is listed {len(same)} times", "list it once")


def duplicate_images(checked: Checked) -> Iterator[Finding]:
    """Report images of several cases with the same voxels, whatever their format or compression."""
    found = [(digest, case.case_id, file) for case, check in checked for file, digest in check.image_sha256]
    yield from _copies(found, Kind.DUPLICATE_IMAGE, "the same voxels as the image of {}")


def duplicate_labels(checked: Checked) -> Iterator[Finding]:
    """Report labels of several cases that are equal and too large to be so by chance."""
    found = [
        (check.label_sha256, case.case_id, case.label.name)
        for case, check in checked
        if check.label_sha256 is not None and case.label is not None
    ]
    yield from _copies(found, Kind.DUPLICATE_LABEL, "the same voxels as the label of {}")


def _copies(found: Iterable[tuple[str, str, str]], kind: Kind, message: str) -> Iterator[Finding]:
    by_content: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for digest, case_id, file in found:
        by_content[digest].append((case_id, file))
    for same in by_content.values():
        # A few ids are enough; naming all of thousands of empty images would be quadratic.
        ids = sorted({case_id for case_id, _ in same})
        for case_id, file in same if len(ids) > 1 else ():
            others = [other for other in ids[:_MAX_COMPARED] if other != case_id]
            yield Problem(kind, message.format(some_of(others))).at(case_id, file)


def missing_classes(classes: Sequence[ClassDef] | None, checked: Checked) -> Iterator[Finding]:
    """Report declared classes that no label contains; nothing if no label could be read."""
    read = [check.label_values for _, check in checked if check.label_values is not None]
    seen = frozenset[int]().union(*read)
    for one in classes or ():
        if read and seen.isdisjoint(one.values):
            values = ", ".join(map(str, one.values))
            yield Problem(Kind.CLASS_NEVER_PRESENT, f"no case contains {one.name!r} ({values})").at("", "")


def mixed_orientations(checked: Checked) -> Iterator[Finding]:
    """Report images whose stored axes point in other directions than those of most images."""
    ids: dict[str, list[str]] = defaultdict(list)
    for case, check in checked:
        if check.image_header is not None:
            ids[check.image_header.axcodes].append(case.case_id)
    if len(ids) > 1:
        times = Counter({axcodes: len(cases) for axcodes, cases in ids.items()})
        ordered = sorted(times, key=lambda axcodes: (-times[axcodes], axcodes))
        parts = [f"{times[axcodes]} {axcodes} ({some_of(sorted(ids[axcodes]))})" for axcodes in ordered]
        yield Problem(Kind.MIXED_ORIENTATION, f"stored axes differ: {'; '.join(parts)}").at("", "")


def default_geometries(checked: Checked) -> Iterator[Finding]:
    """Report headers with default geometry: 1 mm voxels along the scanner's axes, origin 0.

    A data set of 1 mm voxels may have such headers, and pictures have no others, so they count only if other cases have
    another spacing (as in LiTS, where twenty are unset), or if the reader says so.
    """
    headers = [(case, check.image_header) for case, check in checked if check.image_header is not None]
    unset = [
        case.case_id
        for case, header in headers
        if np.array_equal(np.abs(header.affine), np.eye(4))
        and not {note.kind for note in header.notes} & {Kind.UNSTATED_SPACING, Kind.PIXELS_ONLY}
    ]
    if unset and any(not np.allclose(header.spacing_mm, 1.0) for _, header in headers):
        for case_id in unset:
            message = "the header has default geometry (spacing 1×1×1 mm, origin 0), unlike those of other cases"
            yield Problem(Kind.DEFAULT_GEOMETRY, message).at(case_id, "")


def pictures(checked: Checked) -> Iterator[Finding]:
    """Report images that are pictures, whose pixels have no physical size."""
    ids = sorted(
        case.case_id
        for case, check in checked
        if check.image_header is not None and any(note.kind == Kind.PIXELS_ONLY for note in check.image_header.notes)
    )
    if ids:
        images = f"{len(ids)} of {len(checked)} images are pictures without a size in mm ({some_of(ids)})"
        yield Problem(Kind.PIXELS_ONLY, f"{images}: 1 mm per pixel is assumed").at("", "")


COHORT_CHECKS: tuple[Callable[[Checked], Iterator[Finding]], ...] = (
    duplicate_images,
    duplicate_labels,
    mixed_orientations,
    default_geometries,
    pictures,
)
"""The checks across cases, which need only the results of the cases."""


READ_TIMEOUT_S = 600.0


def check_dataset(
    dataset: Dataset,
    *,
    num_workers: int = 2,
    timeout_s: float | None = READ_TIMEOUT_S,
    splits: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> CheckReport:
    """Report all problems in all cases; one bad file never stops the run.

    Args:
        dataset: the data set.
        num_workers: cases read in parallel, each in its own process; 0 reads them in this process, which a damaged file
            may crash.
        timeout_s: cases that take longer are reported; None waits forever.
        splits: nnU-Net's splits_final.json; None takes the one beside the images, or in `nnUNet_preprocessed`, if any.
        progress: called with (done, total, case id) after every case.

    Returns:
        The report; independent of the number of workers and the order of the cases.
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
    """Find out which files of a case crash the reader, and check the others again."""
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
