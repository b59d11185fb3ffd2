"""Hash and read one case in a worker process, away from the network and from each other's crashes.

Nothing here imports torch: a worker starts fast and holds no more than one volume.
"""

import hashlib
import time
from dataclasses import dataclass

from auvseg.data.case import Case
from auvseg.data.reading import image_sha256, label_sha256
from auvseg.data.volume import Volume, load_volume, require_usable
from auvseg.errors import CaseError
from auvseg.scoring.record import CaseInputs


@dataclass(frozen=True)
class LoadTask:
    """One case to read.

    Attributes:
        case: the case.
        channel: the image channel to load.
        channel_count: channels that the data set declares.
        with_label: whether the label is needed.
        known: hashes for which a usable record exists; the voxels are then not read.
        every_channel: whether the other channels are read and hashed too.
    """

    case: Case
    channel: int
    channel_count: int
    with_label: bool
    known: CaseInputs | None
    every_channel: bool = False


@dataclass(frozen=True)
class LoadedCase:
    """What came of it: hashes, and the volume, or why there is none.

    Attributes:
        inputs: hashes of the files.
        volume: None where the record is still valid, or where reading failed.
        error: why reading failed; None otherwise.
        seconds: time for hashing and reading.
    """

    inputs: CaseInputs
    volume: Volume | None
    error: str | None
    seconds: float

    @classmethod
    def failed(cls, error: str | None) -> "LoadedCase":
        """What stands for a case whose reading ended without a result."""
        return cls(CaseInputs(None, None), None, error, 0.0)


def load_case(task: LoadTask) -> LoadedCase:
    """Hash the files of a case and, unless a record for these very files exists, read it."""
    started = time.perf_counter()
    inputs = CaseInputs(None, None)
    volume, error = None, None
    try:
        require_usable(task.case)
        inputs = _hash_files(task)
        if inputs != task.known:
            volume = load_volume(
                task.case,
                channel=task.channel,
                with_label=task.with_label,
                channel_count=task.channel_count,
                every_channel=task.every_channel,
            )
    except CaseError as problem:
        error = str(problem)
    return LoadedCase(inputs, volume, error, time.perf_counter() - started)


def _hash_files(task: LoadTask) -> CaseInputs:
    images = task.case.images
    image = images[task.channel] if len(images) > 1 and task.channel < len(images) else images[0]
    if task.every_channel and len(images) > 1:
        # One hash for all: that of the files' hashes in order.
        of_image = hashlib.sha256("".join(map(image_sha256, images)).encode()).hexdigest()
    else:
        of_image = image_sha256(image)
    if not task.with_label or task.case.label is None:
        return CaseInputs(of_image, None)
    # One file may hold both (MedSAM's .npz).
    same_file = task.case.label == image
    return CaseInputs(of_image, of_image if same_file else label_sha256(task.case.label, task.case.label_values))
