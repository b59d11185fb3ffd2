"""Description of a public data set for the converter: cases, classes, channels, known bad cases. No file is opened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auvseg.data.case import ClassDef, Subset


@dataclass(frozen=True)
class KnownBad:
    """A case that a public source reports as wrong.

    Attributes:
        what: what is wrong with it, for a sentence.
        source: the public source that names it.
    """

    what: str
    source: str


@dataclass(frozen=True)
class SourceCase:
    """One case as it lies on disk.

    Attributes:
        case_id: nnU-Net's case identifier.
        image: the image file; None where there is none.
        label: one file with all classes, or None.
        masks: one binary mask a class, by class name; empty where `label` is given.
        subset: what the data set's authors mean it for.
        left_out: why it is not meant to be converted; empty if it is.
        failure: why it cannot be converted, as far as file names tell; empty if it can.
    """

    case_id: str
    image: Path | None
    label: Path | None = None
    masks: Mapping[str, Path] = field(default_factory=dict)
    subset: Subset = "training"
    left_out: str = ""
    failure: str = ""

    def files(self) -> list[Path]:
        """Every file that exists in name: the image, then the label or the masks in the order of their classes."""
        found = [path for path in (self.image, self.label) if path is not None]
        return [*found, *(self.masks[name] for name in sorted(self.masks))]


@dataclass(frozen=True)
class SourceDataset:
    """A public data set as it lies on disk.

    Attributes:
        name: of the data set and its version.
        root: the folder that reported file names start from, resolved.
        cases: every case, also those that cannot be converted.
        classes: the foreground classes in the data set's order.
        channel_names: as nnU-Net's `channel_names`.
        licence: of images and labels.
        reference: where the data set is described.
        known_bad: what is known of bad cases, by case id.
        regions: nnU-Net regions that the field trains this data set with, by name; empty if none.
        regions_class_order: nnU-Net's key of that name; empty where there are no regions.
        reorient: whether nnU-Net should turn every case to one orientation, whatever the headers say.
        notes: what the reader noticed and a person should know, one sentence each.
    """

    name: str
    root: Path
    cases: tuple[SourceCase, ...]
    classes: tuple[ClassDef, ...]
    channel_names: tuple[str, ...]
    licence: str
    reference: str
    known_bad: Mapping[str, KnownBad] = field(default_factory=dict)
    regions: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    regions_class_order: tuple[int, ...] = ()
    reorient: bool = False
    notes: tuple[str, ...] = ()


def numbered_classes(*names: str) -> tuple[ClassDef, ...]:
    """Classes with the label values 1, 2, 3 ... in the order of their names."""
    return tuple(ClassDef(value, name, (value,)) for value, name in enumerate(names, start=1))
