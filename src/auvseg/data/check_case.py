"""Look for every problem of one case, in a worker process that a damaged file may take with it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auvseg.data.case import Case
from auvseg.data.findings import Finding, finding
from auvseg.data.reading import RawArray, read_array
from auvseg.data.volume import INTEGER_TOLERANCE, grid_difference
from auvseg.errors import ReadError

_MOST_VALUES_NAMED = 8


@dataclass(frozen=True)
class CheckTask:
    """One case to look at.

    Attributes:
        case: the case.
        expected_values: label values that the data set declares, with background and ignore; None where it does not
            say.
        channel_count: channels that the data set declares.
    """

    case: Case
    expected_values: frozenset[int] | None
    channel_count: int


@dataclass(frozen=True)
class CaseCheck:
    """What was found in one case, and what the whole data set must be judged by.

    Attributes:
        findings: the case's problems.
        image_sha256: hash of every image's voxels as decoded, by file name.
        label_values: values in the label; None where it could not be read.
    """

    findings: tuple[Finding, ...]
    image_sha256: tuple[tuple[str, str], ...]
    label_values: frozenset[int] | None


def check_case(task: CheckTask) -> CaseCheck:
    """Read a case's files one by one and list everything that is wrong with them."""
    case = task.case
    findings: list[Finding] = []
    hashes = []
    images = []
    for path in case.images:
        raw = _read(case.case_id, path, "image", findings)
        if raw is not None:
            images.append((path, raw))
            findings += _image_findings(task, path, raw)
            hashes.append((path.name, _content_sha256(raw)))
    for path, raw in images[1:]:
        findings += _grid_findings(case.case_id, path, images[0][1], raw, "channel")
    values = None
    if case.label is None:
        findings.append(
            finding(
                case.case_id, "missing_label", "", "the case has no label", "score it with --prompt none, or label it"
            )
        )
    else:
        label = _read(case.case_id, case.label, "label", findings)
        if label is not None:
            if images and _content_sha256(label) == hashes[0][1]:
                message = "the label holds the same voxels as the image"
                findings.append(
                    finding(case.case_id, "label_is_image", case.label.name, message, "name the right label file")
                )
            if images:
                findings += _grid_findings(case.case_id, case.label, images[0][1], label, "label")
            values = _label_values(task, case.label, label, findings)
    return CaseCheck(tuple(findings), tuple(hashes), values)


def _read(case_id: str, path: Path, part: Any, findings: list[Finding]) -> RawArray | None:
    try:
        return read_array(path, part=part)
    except OSError as error:
        # The system's own text names the whole path; such as a name that is too long, or a folder without permission.
        reason = error.strerror or type(error).__name__
        findings.append(finding(case_id, "unreadable", path.name, reason, "correct the name or the permissions"))
        return None
    except ReadError as error:
        missing = not path.exists()
        kind = "missing_file" if missing else "unreadable"
        advice = "restore the file, or take the case out of the data set"
        message = str(error).removeprefix(f"{path.name}: ")
        findings.append(finding(case_id, kind, path.name, message, advice))
        return None


def _image_findings(task: CheckTask, path: Path, raw: RawArray) -> Iterator[Finding]:
    case_id, shape = task.case.case_id, raw.header.shape
    declared = len(shape) == 4 and task.channel_count > 1 and shape[3] == task.channel_count
    if len(shape) > 3 and not declared:
        message = f"{len(shape)} axes: {'×'.join(map(str, shape))}"
        yield finding(
            case_id, "too_many_axes", path.name, message, "split it into one 3-D file a channel or time point"
        )
    if raw.array.dtype.kind == "f":
        broken = int(raw.array.size - np.count_nonzero(np.isfinite(raw.array)))
        if broken:
            yield finding(case_id, "nan_or_inf", path.name, f"{broken} voxels are NaN or infinite", "replace them")
            return
    if raw.array.min() == raw.array.max():
        message = f"every voxel is {float(raw.array.min()):g}"
        yield finding(case_id, "constant_image", path.name, message, "check the export; there is nothing to see in it")


def _grid_findings(case_id: str, path: Path, image: RawArray, other: RawArray, what: str) -> Iterator[Finding]:
    spatial, own = image.header.shape[:3], other.header.shape[:3]
    if spatial != own:
        message = f"the {what} has {'×'.join(map(str, own))} voxels, the image {'×'.join(map(str, spatial))}"
        yield finding(case_id, "shape_mismatch", path.name, message, "resample it onto the image's grid")
        return
    difference = grid_difference(image.header, other.header)
    if difference is not None:
        message = difference.replace("the label", f"the {what}")
        yield finding(
            case_id, "affine_mismatch", path.name, message, "look at both overlaid; nnU-Net ignores the affine"
        )


def _label_values(task: CheckTask, path: Path, raw: RawArray, findings: list[Finding]) -> frozenset[int] | None:
    case_id, array = task.case.case_id, raw.array
    if len(raw.header.shape) > 3:
        message = f"{len(raw.header.shape)} axes: {'×'.join(map(str, raw.header.shape))}"
        findings.append(finding(case_id, "too_many_axes", path.name, message, "labels need one value a voxel"))
    if array.dtype.kind == "f":
        finite = np.isfinite(array)
        if not finite.all():
            message = f"{int(array.size - np.count_nonzero(finite))} label voxels are NaN or infinite"
            findings.append(finding(case_id, "nan_or_inf", path.name, message, "replace them by 0"))
            return None
        wrong = np.abs(array - np.rint(array)) > INTEGER_TOLERANCE
        if wrong.any():
            share = 100 * float(wrong.mean())
            message = f"values such as {float(array[wrong][0]):.4g} in {share:.2g} % of the voxels"
            findings.append(
                finding(case_id, "non_integer_label", path.name, message, "resample with nearest neighbour")
            )
            return None
        array = np.rint(array)
    values = frozenset(int(value) for value in np.unique(array))
    unexpected = (
        sorted(values - task.expected_values)
        if task.expected_values is not None
        else sorted(value for value in values if value < 0)
    )
    if unexpected:
        shown = ", ".join(map(str, unexpected[:_MOST_VALUES_NAMED])) + (
            " ..." if len(unexpected) > _MOST_VALUES_NAMED else ""
        )
        message = f"label values {shown} are not declared" if task.expected_values else f"negative label values {shown}"
        findings.append(finding(case_id, "unexpected_label", path.name, message, "correct them, or declare them"))
    if values <= {0}:
        findings.append(
            finding(case_id, "empty_label", path.name, "the label is all background", "keep it only if that is true")
        )
    return values


def _content_sha256(raw: RawArray) -> str:
    array: NDArray[Any] = np.ascontiguousarray(raw.array, dtype=np.float32)
    return hashlib.sha256(repr(array.shape).encode() + array.tobytes()).hexdigest()
