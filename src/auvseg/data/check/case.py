"""Whether two files of one case lie on the same grid: number of voxels, spacing, then orientation and origin.

All that differ are reported, apart from those that follow from another number of voxels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float64

from auvseg.data.case import Case, Modality
from auvseg.data.check.findings import Finding, Kind, Problem
from auvseg.data.check.image import content_sha256, image_facts, image_problems
from auvseg.data.check.label import LabelRules, label_facts, label_problems
from auvseg.data.check.likeness import likeness, sample_of
from auvseg.data.formats.header import DIRECTION_TOLERANCE, millimetres
from auvseg.data.reading import Header, Part, RawArray, is_dicom_source, is_supported, read_array, read_label
from auvseg.data.volume import grid_difference
from auvseg.errors import ReadError, SeriesError


def grid_problems(image: Header, other: Header, what: Literal["label", "channel"]) -> Iterator[Problem]:
    """How the grid of a label or a further channel differs from the first channel's.

    Args:
        image: the first channel's header.
        other: the other file's.
        what: what the other file is, for the messages.
    """
    spatial, own = image.shape[:3], other.shape[:3]
    if spatial != own:
        swapped = "; the axes are swapped" if sorted(spatial) == sorted(own) else ""
        message = f"the {what} has {_by(own)} voxels, the image {_by(spatial)}{swapped}"
        yield Problem(Kind.SHAPE_MISMATCH, message)
    if not np.allclose(image.spacing_mm, other.spacing_mm, rtol=DIRECTION_TOLERANCE, atol=0):
        own_mm, image_mm = millimetres(other.spacing_mm), millimetres(image.spacing_mm)
        message = f"the {what}'s spacing is {own_mm}, the image's {image_mm}"
        yield Problem(Kind.SPACING_MISMATCH, message)
    difference = grid_difference(image, _with_spacing_of(image, other)) if spatial == own else None
    if difference is not None:
        yield Problem(Kind.AFFINE_MISMATCH, difference.replace("the label", f"the {what}"))


def _with_spacing_of(image: Header, other: Header) -> Header:
    """The other header as if its voxels were as large as the image's, so that only the rest can differ."""
    affine = other.affine.copy()
    affine[:3, :3] *= np.divide(image.spacing_mm, other.spacing_mm)
    return Header(other.shape, affine, image.spacing_mm, other.axcodes, other.dtype)


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


_MIN_VOXELS_TO_COMPARE = 1000
"""Labels with fewer foreground voxels are not compared with those of other cases."""


@dataclass(frozen=True)
class CheckTask:
    """One case to look at.

    Attributes:
        case: the case.
        rules: what the data set says of its labels.
        channel_count: channels that the data set declares; 1 where it does not say.
        modality: how the data set says that intensities are to be read.
        skipped: files of the case that are left alone: missing, or known to take the reader with them.
    """

    case: Case
    rules: LabelRules
    channel_count: int
    modality: Modality | None
    skipped: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class CaseCheck:
    """What was found in one case, and what the whole data set must be judged by.

    Attributes:
        findings: the case's own problems.
        image_sha256: file name and hash of the voxels as decoded, one an image that could be read.
        label_sha256: hash of the label's voxels; None where it could not be read, or is so small that another may be
            equal by chance.
        label_values: values in the label; None where it could not be read as one.
        image_header: of the first image that could be read; None where none could.
    """

    findings: tuple[Finding, ...]
    image_sha256: tuple[tuple[str, str], ...]
    label_sha256: str | None
    label_values: frozenset[int] | None
    image_header: Header | None


class _Image(NamedTuple):
    """What is remembered of an image that was read: its voxels are not."""

    name: str
    header: Header
    content_sha256: str
    sample: Float64[np.ndarray, " N"]


class FileTask(NamedTuple):
    """One file, to be read and forgotten."""

    path: Path
    part: Part


def read_only(task: FileTask) -> str:
    """Read a file for the sake of what that does to the process; what is wrong with the file is not asked here."""
    try:
        read_array(task.path, part=task.part)
    except ReadError as error:
        return str(error)
    return ""


def check_case(task: CheckTask) -> CaseCheck:
    """Read a case's files one by one and list everything that is wrong with them."""
    if task.case.problem:
        refused = Problem(task.case.problem_kind, task.case.problem).at(task.case.case_id, "")
        return CaseCheck((refused,), (), None, None, None)
    findings: list[Finding] = []
    images = _check_images(task, findings)
    reference = images[0].header if images else None
    label_hash, values = None, None
    if task.case.label is not None:
        label_hash, values = _check_label(task, task.case.label, images, findings)
    elif task.case.subset != "test":
        # Test images without labels are how challenges publish them.
        findings.append(Problem(Kind.MISSING_LABEL, "the case has no label").at(task.case.case_id, ""))
    hashes = tuple((image.name, image.content_sha256) for image in images)
    return CaseCheck(tuple(findings), hashes, label_hash, values, reference)


def _check_images(task: CheckTask, findings: list[Finding]) -> list[_Image]:
    case = task.case
    images: list[_Image] = []
    several = len(case.images) > 1
    if several and len(case.images) != task.channel_count:
        message = f"it has {len(case.images)} image files, the data set declares {task.channel_count} channels"
        findings.append(Problem(Kind.CHANNEL_MISMATCH, message).at(case.case_id, ""))
    for path in case.images:
        raw = _read(task, path, "image", findings)
        if raw is None:
            continue
        facts = image_facts(raw.array)
        expected = 1 if several else task.channel_count
        problems = [*_own_notes(raw)]
        problems += image_problems(raw, facts, channel_count=expected, modality=task.modality)
        if images:
            problems += grid_problems(images[0].header, raw.header, "channel")
        if facts.content_sha256 in (image.content_sha256 for image in images):
            problems.append(Problem(Kind.DUPLICATE_IMAGE, "the same voxels as another channel of this case"))
        findings += (problem.at(case.case_id, path.name) for problem in problems)
        images.append(_Image(path.name, raw.header, facts.content_sha256, sample_of(raw.array)))
    return images


def _check_label(
    task: CheckTask, path: Path, images: list[_Image], findings: list[Finding]
) -> tuple[str | None, frozenset[int] | None]:
    """Hash and values of the label, each None where there is none to speak of."""
    raw = _read(task, path, "label", findings, images[0].header if images else None)
    if raw is None:
        return None, None
    facts = label_facts(raw.array)
    digest = content_sha256(raw.array)
    problems = [*_own_notes(raw), *label_problems(raw, facts, task.rules)]
    if images:
        problems += grid_problems(images[0].header, raw.header, "label")
    like_image = _likeness(raw, digest, images)
    if like_image:
        problems = [problem for problem in problems if problem.kind is not Kind.LABEL_IS_IMAGE]
        problems.append(Problem(Kind.LABEL_IS_IMAGE, like_image))
    findings += (problem.at(task.case.case_id, path.name) for problem in problems)
    if not facts.is_label:
        return None, None
    return (digest if facts.foreground >= _MIN_VOXELS_TO_COMPARE else None), facts.values


def _likeness(raw: RawArray, content_sha256: str, images: list[_Image]) -> str:
    """In words, how the label is like one of the images; empty if it is like none."""
    if content_sha256 in (image.content_sha256 for image in images):
        return "the label holds the same voxels as the image"
    sample = sample_of(raw.array)
    same_shape = (image for image in images if image.header.shape[:3] == raw.header.shape[:3])
    return next(filter(None, (likeness(sample, image.sample) for image in same_shape)), "")


def _own_notes(raw: RawArray) -> list[Problem]:
    """What the reader noticed; that pictures have no size is said once, of the whole data set."""
    return [note for note in raw.header.notes if note.kind != Kind.PIXELS_ONLY]


def _read(
    task: CheckTask, path: Path, part: Part, findings: list[Finding], image: Header | None = None
) -> RawArray | None:
    if path in task.skipped:
        return None
    try:
        return read_array(path) if part == "image" else read_label(path, task.case.label_values, image)
    except OSError as error:
        # The system's own text names the whole path: of a name that is too long, of a folder without permission.
        problem = Problem(Kind.UNREADABLE, error.strerror or type(error).__name__)
    except ReadError as error:
        kind = Kind.UNUSABLE_SERIES if isinstance(error, SeriesError) else _why_unread(path)
        problem = Problem(kind, error.what.removeprefix(f"{path.name}: "), error.advice)
    findings.append(problem.at(task.case.case_id, path.name))
    return None


def _why_unread(path: Path) -> Kind:
    try:
        if not path.exists():
            return Kind.MISSING_FILE
        if not is_supported(path) and not is_dicom_source(path):
            return Kind.UNSUPPORTED_FORMAT
    except OSError:
        # A name that is too long is no missing file; what the reader said stands.
        pass
    return Kind.UNREADABLE
