"""Classes, cases and data sets, as passed from the layout readers to all later stages.

Frozen dataclasses with look-ups only; no file is opened here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from auvseg.data.check.findings import Finding, Kind

_DESCRIPTION = "dataset.json"
"""Of the folder that it lies in: the two stand for each other."""

Subset = Literal["training", "validation", "test"]
"""What a case is for. Filtering touches `training` alone (METHOD section 4)."""

Modality = Literal["ct", "mri", "windowed"]
"""Kind of intensities: `ct` in HU, `mri` in arbitrary scanner units, `windowed` already 0..255."""


@dataclass(frozen=True)
class ClassDef:
    """One foreground class of a data set.

    Attributes:
        class_id: the label value; for an nnU-Net region its position in `labels`, from 1.
        name: what the data set calls it.
        values: the label values that belong to it; several for an nnU-Net region.
    """

    class_id: int
    name: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """One image with its label.

    Attributes:
        case_id: unique in its data set; nnU-Net's case identifier where there is one.
        images: the image files, one a channel, or a single file that holds every channel. A DICOM series is named by
            its folder, or by one of its files.
        label: the label file; None where the data set has none for this case. The same file as the image
            where one file holds both (`.npz`).
        subset: what the case is for.
        attributes: further columns of the data set's table or datalist (site, scanner, fold ...), as text.
        label_values: label value by the structure's name, for labels that name their structures instead of numbering
            them (DICOM, 3D Slicer); structures that are not in it are left out. Empty for other labels.
        problem: why the case cannot be read whatever its files contain, such as several series without a choice; empty
            if it can be read.
        problem_kind: kind of that problem for `check`.
    """

    case_id: str
    images: tuple[Path, ...]
    label: Path | None
    subset: Subset = "training"
    attributes: Mapping[str, str] = field(default_factory=dict)
    label_values: Mapping[str, int] = field(default_factory=dict)
    problem: str = ""
    problem_kind: Kind = Kind.AMBIGUOUS_CASE


@dataclass(frozen=True)
class Dataset:
    """A data set as described on disk; no voxels have been read.

    Attributes:
        name: its name, from its description or its folder.
        root: the folder that relative paths start from.
        layout: the layout that was recognised, in words ("nnU-Net v2 raw").
        source: the file that described it (dataset.json, datalist, CSV), None for plain folders.
        cases: every case, sorted by `case_id`.
        classes: the foreground classes; None where only the labels themselves can tell.
        ignore_value: the label value that nnU-Net calls "ignore", or None.
        channel_names: names of the image channels, in order; empty where the data set does not say.
        modality: how to read intensities; None where the data set does not say.
        notes: what the reader noticed and a person should know, one sentence each.
        findings: what is wrong with the names of files or with the description, for `check`.
    """

    name: str
    root: Path
    layout: str
    source: Path | None
    cases: tuple[Case, ...]
    classes: tuple[ClassDef, ...] | None = None
    ignore_value: int | None = None
    channel_names: tuple[str, ...] = ()
    modality: Modality | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def place(self) -> Path:
        """Absolute path with which `read_dataset` finds it from any folder."""
        if self.source is None or self.source.name == _DESCRIPTION:
            return self.root.resolve()
        # Not the target of a link: relative paths start beside the name.
        return self.source.parent.resolve() / self.source.name
