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
    """Compare the grid of a label or a further channel with that of the first channel.

    Args:
        image: header of the first channel.
        other: header of the other file.
        what: name of the other file in messages.
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
    """Return the other header with the image's spacing, so that only the rest can differ."""
    affine = other.affine.copy()
    affine[:3, :3] *= np.divide(image.spacing_mm, other.spacing_mm)
    return Header(other.shape, affine, image.spacing_mm, other.axcodes, other.dtype)


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


_MIN_VOXELS_TO_COMPARE = 1000
"""Labels with fewer foreground voxels are not compared with those of other cases."""


@dataclass(frozen=True)
class CheckTask:
    """One case to check.

    Attributes:
        case: the case.
        rules: what the data set declares about labels.
        channel_count: channels that the data set declares; 1 if it declares none.
        modality: modality that the data set declares.
        skipped: files of the case that are not opened: missing, or known to crash the reader.
    """

    case: Case
    rules: LabelRules
    channel_count: int
    modality: Modality | None
    skipped: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class CaseCheck:
    """Findings of one case, and the facts that checks across cases need.

    Attributes:
        findings: problems of the case.
        image_sha256: file name and hash of the decoded voxels, for every image that could be read.
        label_sha256: hash of the label's voxels; None if it could not be read, or is so small that labels may be equal
            by chance.
        label_values: values in the label; None if it could not be read as a label.
        image_header: header of the first readable image; None if there is none.
    """

    findings: tuple[Finding, ...]
    image_sha256: tuple[tuple[str, str], ...]
    label_sha256: str | None
    label_values: frozenset[int] | None
    image_header: Header | None


class _Image(NamedTuple):
    """Facts about an image, without its voxels."""

    name: str
    header: Header
    content_sha256: str
    sample: Float64[np.ndarray, " N"]


class FileTask(NamedTuple):
    """One file to read and discard."""

    path: Path
    part: Part


def read_only(task: FileTask) -> str:
    """Read a file only to see whether it crashes the process; other problems are ignored here."""
    try:
        read_array(task.path, part=task.part)
    except ReadError as error:
        return str(error)
    return ""


def check_case(task: CheckTask) -> CaseCheck:
    """Read the files of a case one by one and report all their problems."""
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
    """Return hash and values of the label, each None if not available."""
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
    """Say how the label resembles one of the images; empty if it does not."""
    if content_sha256 in (image.content_sha256 for image in images):
        return "the label holds the same voxels as the image"
    sample = sample_of(raw.array)
    same_shape = (image for image in images if image.header.shape[:3] == raw.header.shape[:3])
    return next(filter(None, (likeness(sample, image.sample) for image in same_shape)), "")


def _own_notes(raw: RawArray) -> list[Problem]:
    """Return the reader's notes, except that pictures have no size, which is reported once per data set."""
    return [note for note in raw.header.notes if note.kind != Kind.PIXELS_ONLY]


def _read(
    task: CheckTask, path: Path, part: Part, findings: list[Finding], image: Header | None = None
) -> RawArray | None:
    if path in task.skipped:
        return None
    try:
        return read_array(path) if part == "image" else read_label(path, task.case.label_values, image)
    except OSError as error:
        # The system's own text may name the whole path (name too long, no permission for a folder).
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
        # A name that is too long is not a missing file; keep the reader's message.
        pass
    return Kind.UNREADABLE
