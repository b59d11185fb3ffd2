"""Plant one fault into one case that was read, as a labelled data set on disk could hold it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from auvseg.bench.corruptions import CORRUPTIONS, Truth
from auvseg.bench.corruptions.base import Kind
from auvseg.bench.detection.folder import truth_path
from auvseg.bench.detection.plan import Fault, Plan
from auvseg.data.case import ClassDef
from auvseg.data.volume import Volume
from auvseg.errors import CaseError
from auvseg.files import atomic
from auvseg.scoring.case import classes_of

VOXEL_BYTES: Mapping[Kind, int] = {"image": 40, "label": 130}
"""Memory that planting a fault takes at most, a voxel, beside the case and its copy: distance maps, spectra."""


@dataclass(frozen=True)
class Planting:
    """Plants a fault into a case, and writes the truth about it down; can be sent to another process.

    Attributes:
        plan: whose randomness it is.
        fault: what to plant.
        folder: of the fault's records.
        classes: of the data set; None: the values that a label holds.
        ignore_value: nnU-Net's ignore label.
    """

    plan: Plan
    fault: Fault
    folder: Path
    classes: tuple[ClassDef, ...] | None
    ignore_value: int | None

    def __call__(self, volume: Volume) -> Volume:
        """The faulty copy of a case.

        Raises:
            CaseError: the case cannot have this fault.
            WriteError: the truth cannot be written.
        """
        rng = self.plan.generator(self.fault, volume.case_id)
        faulty, truth = plant(volume, self.fault, self.ignore_value, rng)
        classes = classes_of(volume, self.classes, self.ignore_value)
        changed = [one.class_id for one in classes if set(one.values) & set(truth.class_ids)]
        content = json.dumps({**asdict(truth), "changed_classes": changed}, sort_keys=True) + "\n"
        atomic.write_text(truth_path(self.folder, volume.case_id), content)
        return faulty


def plant(volume: Volume, fault: Fault, ignore_value: int | None, rng: np.random.Generator) -> tuple[Volume, Truth]:
    """A faulty copy of a case; every class gets the fault.

    nnU-Net's ignore label is no structure: it is put back where it was after the labels around it have changed.

    Args:
        volume: the clean case, with its label.
        fault: what to plant.
        ignore_value: nnU-Net's ignore label.
        rng: the only source of randomness.

    Returns:
        The faulty case and what is known of the fault.

    Raises:
        CaseError: the case has no label, cannot have this fault, or the fault is smaller than a voxel.
    """
    if volume.label is None:
        raise CaseError("no label: nothing says where its structures are")
    ignored = np.zeros_like(volume.label, dtype=bool) if ignore_value is None else volume.label == ignore_value
    label = np.where(ignored, 0, volume.label).astype(np.int32, copy=False)
    image, label, truth = CORRUPTIONS[fault.corruption].apply(
        volume.image, label, severity=fault.severity, rng=rng, spacing_mm=volume.spacing_mm
    )
    if truth.changed_voxels == 0:
        raise CaseError(f"{fault.corruption} of severity {fault.severity:g} changes no voxel of this case")
    if ignored.any():
        label = np.where(ignored, volume.label, label).astype(np.int32, copy=False)
    return replace(volume, image=image, label=label), truth
