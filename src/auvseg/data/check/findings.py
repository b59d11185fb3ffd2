"""Findings of `check`: kinds of problems with severity and advice, and the report.

No file is read here: `check_case` and `check_dataset` find problems, this module names, rates and sorts them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any, Literal

Severity = Literal["error", "warning"]
Status = Literal["ok", "warning", "error"]


class Kind(str, Enum):
    """Every kind of problem, with its severity and advice.

    An error keeps a case from being scored or trained on, or invalidates what is measured on the data set.
    """

    severity: Severity
    advice: str

    def __new__(cls, value: str, severity: Severity, advice: str) -> "Kind":
        """Create a member whose value is its name, with severity and advice."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.severity = severity
        member.advice = advice
        return member

    __str__ = str.__str__

    MISSING_FILE = "missing_file", "error", "restore the file, or remove the case"
    MISNAMED_FILE = "misnamed_file", "error", "rename it to nnU-Net's scheme"
    INEXACT_PATH = "inexact_path", "warning", "write the path exactly as the file is named"
    REFUSED_BY_NNUNET = "refused_by_nnunet", "error", "correct dataset.json"
    MISSING_LABEL = "missing_label", "warning", "label it, or score it without a label (--prompt none)"
    UNSUPPORTED_FORMAT = "unsupported_format", "error", "convert it to NIfTI (.nii.gz)"
    UNREADABLE = "unreadable", "error", "copy it again from its source, or remove the case"
    READER_CRASHED = "reader_crashed", "error", "copy it again from its source, or remove the case"
    AMBIGUOUS_CASE = "ambiguous_case", "error", "state the pair in a table (CSV) with the columns image and label"
    UNNAMED_LABEL = (
        "unnamed_label",
        "error",
        "store it with names too, or declare the classes in a datalist or an nnU-Net dataset.json",
    )
    CONTRADICTING_NAMES = (
        "contradicting_names",
        "error",
        "rename the segment where it was drawn (3D Slicer), or correct the description",
    )
    OTHER_FRAME_OF_REFERENCE = (
        "other_frame_of_reference",
        "error",
        "name the label drawn on this image; if it is this one, store it with the image's FrameOfReferenceUID",
    )
    UNUSABLE_SERIES = "unusable_series", "error", "export the series again, or remove the case"
    TOO_MANY_AXES = "too_many_axes", "error", "split it into one 3-D file per channel or time point"
    CHANNEL_MISMATCH = "channel_mismatch", "error", "make the image and the description agree on the channels"
    NAN_OR_INF = "nan_or_inf", "error", "replace them: in CT by -1024, in labels and MRI by 0"
    CONSTANT_IMAGE = "constant_image", "warning", "check the export; the image is blank"
    IMPLAUSIBLE_INTENSITY = "implausible_intensity", "warning", "check the conversion and the stated modality"
    ALTERED_LABEL = "altered_label", "warning", "check it overlaid on the image before training"
    NEEDS_EXPORT = "needs_export", "warning", "export it as one label on the image's grid before nnU-Net reads it"
    RENUMBERED_LABEL = (
        "renumbered_label",
        "error",
        "store it with the data set's values for nnU-Net, which reads values, not names",
    )
    CROSSING_CONTOURS = (
        "crossing_contours",
        "warning",
        "look at these slices and redraw the crossing contours",
    )
    UNSTATED_SPACING = "unstated_spacing", "warning", "find the voxel size; volumes and distances depend on it"
    UNSTATED_ORIENTATION = "unstated_orientation", "warning", "restore the orientation from the original"
    CONTRADICTORY_SPACING = "contradictory_spacing", "error", "find out which is right and keep only that one"
    CONTRADICTORY_ORIENTATION = (
        "contradictory_orientation",
        "warning",
        "find out which is right and keep only that one: left and right may be swapped",
    )
    SHEARED_GRID = "sheared_grid", "warning", "resample image and label onto an orthogonal grid"
    IMPLAUSIBLE_SPACING = "implausible_spacing", "error", "find the voxel size and store it in millimetres"
    UNREADABLE_ELSEWHERE = "unreadable_elsewhere", "error", "fix it before nnU-Net or other programs read it"
    SPACING_UNSEEN = "spacing_unseen", "warning", "make sure nnU-Net sees the right voxel size in every case"
    PIXELS_ONLY = "pixels_only", "warning", "compare sizes only if all pictures have the same pixel size"
    UNUSUAL_UNIT = "unusual_unit", "warning", "store it in millimetres: not every program reads the unit"
    REPAIRED_HEADER = "repaired_header", "warning", "rewrite the header from the original"
    DEFAULT_GEOMETRY = "default_geometry", "warning", "restore spacing and orientation from the original"
    SHAPE_MISMATCH = "shape_mismatch", "error", "resample it onto the image's grid"
    SPACING_MISMATCH = (
        "spacing_mismatch",
        "error",
        "find out which header is right and copy it; nnU-Net rejects this",
    )
    AFFINE_MISMATCH = (
        "affine_mismatch",
        "warning",
        "check the overlay: nnU-Net pairs them voxel by voxel",
    )
    LABEL_IS_IMAGE = "label_is_image", "error", "name the right label file"
    NON_INTEGER_LABEL = "non_integer_label", "error", "resample labels with nearest neighbour, or apply a threshold"
    ROUNDED_LABEL = "rounded_label", "warning", "store the label in an integer type, rounded"
    SOFT_LABEL = (
        "soft_label",
        "error",
        "probabilities are not a label: apply a threshold such as 0.5 (only DUOLoss accepts them directly)",
    )
    UNEXPECTED_LABEL = "unexpected_label", "error", "fix the label, or declare the value"
    INDISTINCT_LABEL = "indistinct_label", "error", "store the label again from its source, as integers"
    LABEL_OVERFLOW = "label_overflow", "warning", "store the label in a wider integer type; values may have changed"
    BACKGROUND_NOT_ZERO = (
        "background_not_zero",
        "error",
        "renumber it: background must be 0, and all other values are structures",
    )
    NO_BACKGROUND = "no_background", "warning", "keep it only if the image is a crop inside the structures"
    GREY_LEVELS = (
        "grey_levels",
        "warning",
        "number the classes 1, 2 ...; declare a value for unlabelled voxels as nnU-Net's ignore label",
    )
    EMPTY_LABEL = "empty_label", "warning", "keep it only if the structures are really absent"
    CLASS_NEVER_PRESENT = "class_never_present", "warning", "correct the declared value, or drop the class"
    DUPLICATE_IMAGE = "duplicate_image", "error", "keep one: duplicates leak from training into validation"
    DUPLICATE_LABEL = "duplicate_label", "warning", "check that each label belongs to its image"
    SPLIT_OVERLAP = "split_overlap", "error", "keep each case in one set: validation on training cases proves nothing"
    UNUSABLE_SPLIT = "unusable_split", "error", "correct the split file"
    DOUBTFUL_SPLIT = "doubtful_split", "warning", "look at the split file"
    DUPLICATE_ID = "duplicate_id", "error", "give every case a unique id"
    MIXED_ORIENTATION = "mixed_orientation", "warning", "reorient before training: nnU-Net keeps axes as stored"


OF_SIZES = frozenset({Kind.UNSTATED_SPACING, Kind.CONTRADICTORY_SPACING, Kind.IMPLAUSIBLE_SPACING, Kind.SHEARED_GRID})
"""Kinds that make lengths in mm unreliable."""


@dataclass(frozen=True)
class Problem:
    """A problem without its location; also a note of a reader about a file.

    Attributes:
        kind: kind of the problem.
        message: what was found.
        advice: specific advice; empty for that of the kind.
    """

    kind: Kind
    message: str
    advice: str = ""

    def at(self, case_id: str, file: str) -> "Finding":
        """Make the finding of this problem in a file of a case; both may be empty."""
        return Finding(case_id, file, self.kind, self.kind.severity, self.message, self.advice or self.kind.advice)

    def of_cases(self, file: str, cases: Iterable[str]) -> "Finding":
        """Make one finding of this problem for many cases, or without cases for the data set as a whole."""
        return replace(self.at("", file), cases=tuple(sorted(set(cases))))


@dataclass(frozen=True)
class Finding:
    """One problem and its location.

    Attributes:
        case_id: the case; empty for a problem of the whole data set.
        file: name of the file; empty if it is not about a single file.
        kind: kind of the problem.
        severity: `error` or `warning`.
        message: what was found.
        advice: what to do.
        cases: the affected cases of a finding that is reported once for many; `case_id` is then empty.
    """

    case_id: str
    file: str
    kind: Kind
    severity: Severity
    message: str
    advice: str
    cases: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaseSummary:
    """Summary of one case.

    Attributes:
        case_id: id of the case.
        status: severity of its worst finding; `ok` if there is none.
        errors: number of errors.
        warnings: number of warnings.
    """

    case_id: str
    status: Status
    errors: int
    warnings: int


@dataclass(frozen=True)
class CheckReport:
    """All findings of a data set.

    Attributes:
        dataset: name of the data set.
        layout: recognised layout.
        cases: summary of every case, clean ones too, by id.
        findings: sorted by case, kind, file and message; those of the whole data set first.
        notes: other remarks of the layout reader, one sentence each.
    """

    dataset: str
    layout: str
    cases: tuple[CaseSummary, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(found.severity == "error" for found in self.findings)

    @property
    def warnings(self) -> int:
        """Number of warnings."""
        return len(self.findings) - self.errors

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by kind, in alphabetical order; kinds that were not found are absent."""
        return dict(sorted(Counter(found.kind.value for found in self.findings).items()))

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values in a stable order, without paths of this machine."""
        return {
            "dataset": self.dataset,
            "layout": self.layout,
            "notes": list(self.notes),
            "counts": self.counts,
            "cases": [asdict(case) for case in self.cases],
            "findings": [
                {**asdict(found), "kind": found.kind.value, "cases": list(found.cases)} for found in self.findings
            ],
        }


def make_report(
    dataset: str, layout: str, case_ids: Sequence[str], findings: Iterable[Finding], notes: Sequence[str] = ()
) -> CheckReport:
    """Sort the findings and rate every case by its worst one; duplicate findings count once."""
    ordered = sorted(set(findings), key=lambda found: (found.case_id, found.kind.value, found.file, found.message))
    times = Counter((case, found.severity) for found in ordered for case in found.cases or (found.case_id,))
    cases = []
    for case_id in sorted(case_ids):
        errors, warnings = times[case_id, "error"], times[case_id, "warning"]
        status: Status = "error" if errors else "warning" if warnings else "ok"
        cases.append(CaseSummary(case_id, status, errors, warnings))
    return CheckReport(dataset, layout, tuple(cases), tuple(ordered), tuple(notes))
