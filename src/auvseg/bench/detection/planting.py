"""Plant one fault into one case that was read, as a labelled data set on disk could hold it."""

from dataclasses import replace

import numpy as np

from auvseg.bench.corruptions import CORRUPTIONS, Truth
from auvseg.bench.detection.plan import Fault
from auvseg.data.volume import Volume
from auvseg.errors import CaseError


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
