"""Hash and read one case in a worker process, away from the network and from each other's crashes.

Nothing here imports torch: a worker starts fast and holds no more than one volume.
"""

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

from auvseg.data.case import Case
from auvseg.data.reading import Part, files_of_volume, image_sha256, is_supported, label_sha256
from auvseg.data.volume import Volume, load_volume, require_usable
from auvseg.data.workers.memory import forget_peak, peak_bytes
from auvseg.data.workers.transfer import shareable
from auvseg.errors import CaseError, ReadError
from auvseg.scoring.memory_need import Copying, Need, Room, need_of, promise_of, require_room
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
        room: what memory there is; None asks nobody.
        copying: what changed copies of the case take of it; None: there will be none.
    """

    case: Case
    channel: int
    channel_count: int
    with_label: bool
    known: CaseInputs | None
    every_channel: bool = False
    room: Room | None = None
    copying: Copying | None = None


@dataclass(frozen=True)
class LoadedCase:
    """What came of it: hashes, and the volume, or why there is none.

    Attributes:
        inputs: hashes of the files.
        volume: None where the record is still valid, or where reading failed.
        error: why reading failed; None otherwise.
        seconds: time for hashing and reading.
        need: how much memory the case was expected to need; None where nobody asked, or nothing was read.
        peak_bytes: the most memory that the reading process held; None where nobody counts.
    """

    inputs: CaseInputs
    volume: Volume | None
    error: str | None
    seconds: float
    need: Need | None = None
    peak_bytes: int | None = None

    @classmethod
    def failed(cls, error: str | None) -> "LoadedCase":
        """What stands for a case whose reading ended without a result."""
        return cls(CaseInputs(None, None), None, error, 0.0)


def load_case(task: LoadTask) -> LoadedCase:
    """Hash the files of a case and, unless a record for these very files exists, read it if there is room."""
    started, counts = time.perf_counter(), forget_peak()
    inputs = CaseInputs(None, None)
    volume, error, need = None, None, None
    try:
        require_usable(task.case)
        before = _states(task.case)
        inputs = _hash_files(task)
        if inputs != task.known:
            need = _need(task)
            volume = load_volume(
                task.case,
                channel=task.channel,
                with_label=task.with_label,
                channel_count=task.channel_count,
                every_channel=task.every_channel,
                allocate=shareable,
            )
            if _states(task.case) != before:
                volume, inputs = None, CaseInputs(None, None)
                raise CaseError("its files were changed while they were read; give the same command again")
    except CaseError as problem:
        error = str(problem)
    seconds, peak = time.perf_counter() - started, peak_bytes() if counts else None
    return LoadedCase(inputs, volume, error, seconds, need, peak)


def with_label_hash(case: Case, inputs: CaseInputs) -> CaseInputs:
    """What a case was scored from without its label, and the label; None for one that cannot be read."""
    if inputs.label_sha256 is not None or case.label is None:
        return inputs
    try:
        own = inputs.image_sha256 if case.label in case.images else label_sha256(case.label, case.label_values)
    except ReadError:
        own = None
    return replace(inputs, label_sha256=own)


def _need(task: LoadTask) -> Need | None:
    if task.room is None:
        return None
    channels = task.channel_count if task.every_channel else 1
    promise = promise_of(task.case, channel=task.channel, with_label=task.with_label, channels=channels)
    need = need_of(promise, task.room, task.copying)
    require_room(need, task.room)
    return need


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


def _states(case: Case) -> list[tuple[str, int, int, int, int]]:
    """Name, inode, size and times of every file that a case names, and of all files beside them in a series' folder.

    The hash says which files a record is about; it holds only if they did not change before they were read.
    """
    named: dict[Path, Part] = dict.fromkeys(case.images, "image")
    if case.label is not None:
        named.setdefault(case.label, "label")
    files = [file for path, part in sorted(named.items()) for file in _files_at(path, part)]
    return [_state(file) for file in files]


def _files_at(path: Path, part: Part) -> list[Path]:
    if path.is_dir():
        return sorted(path.iterdir())
    if is_supported(path):
        try:
            return list(files_of_volume(path, part))
        except ReadError:
            return [path]
    return sorted(path.parent.iterdir()) if path.parent.is_dir() else [path]


def _state(path: Path) -> tuple[str, int, int, int, int]:
    try:
        facts = path.stat()
    except OSError:
        return str(path), 0, 0, 0, 0
    return str(path), facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
