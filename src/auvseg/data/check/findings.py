"""What `check` can find: one row a problem, in words that say what to do, and the report they make.

No file is read here; `check_case` and `check_dataset` find, this module names, judges and sorts.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any, Literal

Severity = Literal["error", "warning"]
Status = Literal["ok", "warning", "error"]


class Kind(str, Enum):
    """Every kind of problem, with its severity and what to do about it.

    An error stops a case from being scored or trained on as it is, or spoils what is measured on the data set.
    """

    severity: Severity
    advice: str

    def __new__(cls, value: str, severity: Severity, advice: str) -> "Kind":
        """A member that is its own text and knows severity and advice."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.severity = severity
        member.advice = advice
        return member

    __str__ = str.__str__

    MISSING_FILE = "missing_file", "error", "restore the file, or take the case out of the data set"
    MISNAMED_FILE = "misnamed_file", "error", "rename it as nnU-Net wants"
    INEXACT_PATH = "inexact_path", "warning", "write the path as the file is called"
    REFUSED_BY_NNUNET = "refused_by_nnunet", "error", "correct dataset.json"
    MISSING_LABEL = "missing_label", "warning", "label it, or score it without a label (--prompt none)"
    UNSUPPORTED_FORMAT = "unsupported_format", "error", "convert it to NIfTI (.nii.gz)"
    UNREADABLE = "unreadable", "error", "copy it again from its source, or take the case out of the data set"
    READER_CRASHED = "reader_crashed", "error", "copy it again from its source, or take the case out of the data set"
    AMBIGUOUS_CASE = "ambiguous_case", "error", "say which by a table (CSV) with the columns image and label"
    UNNAMED_LABEL = (
        "unnamed_label",
        "error",
        "store it with names as well, or declare the classes, in a datalist or an nnU-Net dataset.json",
    )
    CONTRADICTING_NAMES = (
        "contradicting_names",
        "error",
        "rename the segment where it was drawn (3D Slicer), or correct the description",
    )
    OTHER_FRAME_OF_REFERENCE = (
        "other_frame_of_reference",
        "error",
        "name the label that was drawn on this image; or, if it was, store it with the image's FrameOfReferenceUID",
    )
    UNUSABLE_SERIES = "unusable_series", "error", "export the series again, or take the case out of the data set"
    TOO_MANY_AXES = "too_many_axes", "error", "split it into one 3-D file a channel or time point"
    CHANNEL_MISMATCH = "channel_mismatch", "error", "make image and description agree on the channels"
    NAN_OR_INF = "nan_or_inf", "error", "replace them: in CT by -1024, in labels and MRI by 0"
    CONSTANT_IMAGE = "constant_image", "warning", "check the export; there is nothing to see in it"
    IMPLAUSIBLE_INTENSITY = "implausible_intensity", "warning", "check the conversion and the stated modality"
    ALTERED_LABEL = "altered_label", "warning", "look at it overlaid on the image before you train on it"
    NEEDS_EXPORT = "needs_export", "warning", "export it as one label on the image's grid before nnU-Net reads it"
    RENUMBERED_LABEL = (
        "renumbered_label",
        "error",
        "store it with the data set's values before nnU-Net, which reads values and no names",
    )
    CROSSING_CONTOURS = (
        "crossing_contours",
        "warning",
        "look at the planes, and draw anew what crosses",
    )
    UNSTATED_SPACING = "unstated_spacing", "warning", "find out the voxel size; volumes and distances depend on it"
    UNSTATED_ORIENTATION = "unstated_orientation", "warning", "restore the orientation from the original"
    CONTRADICTORY_SPACING = "contradictory_spacing", "error", "find out which is right, and write only that one"
    CONTRADICTORY_ORIENTATION = (
        "contradictory_orientation",
        "warning",
        "find out which is right, and write only that one: left and right may be swapped",
    )
    SHEARED_GRID = "sheared_grid", "warning", "resample image and label onto a grid of right angles"
    IMPLAUSIBLE_SPACING = "implausible_spacing", "error", "find out the voxel size, and store it in millimetres"
    UNREADABLE_ELSEWHERE = "unreadable_elsewhere", "error", "mend it before other programs read it, nnU-Net among them"
    SPACING_UNSEEN = "spacing_unseen", "warning", "make sure that nnU-Net sees the same voxel size in every case"
    PIXELS_ONLY = "pixels_only", "warning", "compare sizes only where every picture has the same pixel size"
    UNUSUAL_UNIT = "unusual_unit", "warning", "store it in millimetres: not every program looks at the unit"
    REPAIRED_HEADER = "repaired_header", "warning", "write the header anew from the original"
    DEFAULT_GEOMETRY = "default_geometry", "warning", "restore spacing and orientation from the original"
    SHAPE_MISMATCH = "shape_mismatch", "error", "resample it onto the image's grid"
    SPACING_MISMATCH = "spacing_mismatch", "error", "find out which header is right and copy it; nnU-Net refuses both"
    AFFINE_MISMATCH = "affine_mismatch", "warning", "look at both overlaid: nnU-Net goes voxel by voxel"
    LABEL_IS_IMAGE = "label_is_image", "error", "name the right label file"
    NON_INTEGER_LABEL = "non_integer_label", "error", "resample labels with nearest neighbour, or set a threshold"
    ROUNDED_LABEL = "rounded_label", "warning", "store the label in an integer type, rounded"
    SOFT_LABEL = (
        "soft_label",
        "error",
        "shares or probabilities are no label: set a threshold such as 0.5 (only DUOLoss takes them as they are)",
    )
    UNEXPECTED_LABEL = "unexpected_label", "error", "correct the label, or declare the value"
    INDISTINCT_LABEL = "indistinct_label", "error", "store the label as integers, from its source"
    LABEL_OVERFLOW = "label_overflow", "warning", "store the label in a wider integer type; values may have changed"
    BACKGROUND_NOT_ZERO = (
        "background_not_zero",
        "error",
        "renumber it: background is 0 here and for nnU-Net, and every other value a structure",
    )
    NO_BACKGROUND = "no_background", "warning", "keep it only if the image is a crop from inside the structures"
    GREY_LEVELS = (
        "grey_levels",
        "warning",
        "number the classes 1, 2 ...; a value for what is not labelled is declared as nnU-Net's ignore",
    )
    EMPTY_LABEL = "empty_label", "warning", "keep it only if the structure is truly absent"
    CLASS_NEVER_PRESENT = "class_never_present", "warning", "correct the declared value, or drop the class"
    DUPLICATE_IMAGE = "duplicate_image", "error", "keep one: copies leak from training to validation"
    DUPLICATE_LABEL = "duplicate_label", "warning", "check that each label belongs to its image"
    SPLIT_OVERLAP = "split_overlap", "error", "keep them in one: what is trained on proves nothing"
    UNUSABLE_SPLIT = "unusable_split", "error", "correct the split file"
    DOUBTFUL_SPLIT = "doubtful_split", "warning", "look at the split file"
    DUPLICATE_ID = "duplicate_id", "error", "give every case an id of its own"
    MIXED_ORIENTATION = "mixed_orientation", "warning", "reorient before nnU-Net, which keeps axes as they are stored"


OF_SIZES = frozenset({Kind.UNSTATED_SPACING, Kind.CONTRADICTORY_SPACING, Kind.IMPLAUSIBLE_SPACING, Kind.SHEARED_GRID})
"""What makes lengths in mm doubtful."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, before it is known where; also what a reader noticed in a file.

    Attributes:
        kind: what sort of problem.
        message: what was found.
        advice: what to do about exactly this; empty for what its kind advises.
    """

    kind: Kind
    message: str
    advice: str = ""

    def at(self, case_id: str, file: str) -> "Finding":
        """The finding of this problem in a file of a case; both may be empty."""
        return Finding(case_id, file, self.kind, self.kind.severity, self.message, self.advice or self.kind.advice)

    def of_cases(self, file: str, cases: Iterable[str]) -> "Finding":
        """The finding of this problem in many cases, or with none in the data set as a whole, told once."""
        return replace(self.at("", file), cases=tuple(sorted(set(cases))))


@dataclass(frozen=True)
class Finding:
    """One problem and where it is.

    Attributes:
        case_id: the case; empty for a problem of the whole data set.
        file: the file's name; empty where no single file is meant.
        kind: what sort of problem.
        severity: `error` or `warning`.
        message: what was found.
        advice: what to do.
        cases: the cases that it is about, where it is told once for many; `case_id` is then empty.
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
    """One case in a line.

    Attributes:
        case_id: the case.
        status: its worst finding; `ok` where nothing was found.
        errors: number of errors.
        warnings: number of warnings.
    """

    case_id: str
    status: Status
    errors: int
    warnings: int


@dataclass(frozen=True)
class CheckReport:
    """Everything that was found in a data set.

    Attributes:
        dataset: its name.
        layout: what it was recognised as.
        cases: a row for every case, clean ones too, by id.
        findings: by case, kind, file and message; those of the whole data set first.
        notes: what the layout reader noticed besides, one sentence each.
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
        """The report as plain values in a stable order, without any path of the machine."""
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
    """Sort the findings and judge every case by its worst one; a finding that was made twice counts once."""
    ordered = sorted(set(findings), key=lambda found: (found.case_id, found.kind.value, found.file, found.message))
    times = Counter((case, found.severity) for found in ordered for case in found.cases or (found.case_id,))
    cases = []
    for case_id in sorted(case_ids):
        errors, warnings = times[case_id, "error"], times[case_id, "warning"]
        status: Status = "error" if errors else "warning" if warnings else "ok"
        cases.append(CaseSummary(case_id, status, errors, warnings))
    return CheckReport(dataset, layout, tuple(cases), tuple(ordered), tuple(notes))
