"""How much memory a case will need, from what its files' headers promise, before any voxel is read.

What is held at a time is known from the way of a case through `data/volume.py`, `case.py` and the extractor. Beside it
stands what the process that scores holds anyway. The result is meant to be too high rather than too low, and is never
more than a small factor off: `tests/scoring/test_memory_need.py` measures it. Of changed copies the greediest counts.
"""

import math
from dataclasses import dataclass

import numpy as np

from auvseg.data.case import Case
from auvseg.data.formats.header import Header
from auvseg.data.reading import is_dicom_source, read_header
from auvseg.data.workers.memory import MapMemory, gigabytes
from auvseg.errors import CaseError

_READER_BYTES = 150_000_000
"""Of a process that reads, without any voxel."""

_VOXEL = 4
"""Bytes of a voxel of the image and of the label once they are read."""

_MRI_TEMPORARIES = 6
"""Bytes a voxel while an image is scaled by percentiles: the voxels that count, and two masks."""

_BOXES = 3
"""Bytes a voxel while a structure is measured whose box is the whole volume: its mask, the others', the faces."""

_COPY = 8
"""Bytes a voxel of the image and the label of a changed copy."""

_REMEMBERED_PLANE = 4_200_000
"""Bytes that an extractor keeps of a plane that it will see again."""

_USUAL_CLASSES = 32
"""Where a data set does not say how many classes it has."""


@dataclass(frozen=True)
class Room:
    """What a worker may use.

    Attributes:
        allowed_bytes: in all.
        engine_bytes: what the process that scores holds without any case.
        maps: what the extractor's maps take.
        classes: of the data set; None where it does not say.
    """

    allowed_bytes: int
    engine_bytes: int
    maps: MapMemory
    classes: int | None


@dataclass(frozen=True)
class Copying:
    """What changed copies of a case take beside it, one after the other.

    Attributes:
        voxel_bytes: a voxel, while a copy is made.
        planes: of the image that the extractor keeps in mind meanwhile, at most.
    """

    voxel_bytes: int
    planes: int


@dataclass(frozen=True)
class Need:
    """What a case needs, in bytes.

    Attributes:
        reading: by the process that reads it, at most.
        scoring: by the process that scores it, at most.
    """

    reading: int
    scoring: int

    def fits(self, allowed_bytes: int) -> bool:
        """Whether the case can be read and then scored, with nothing else meanwhile."""
        return max(self.reading, self.scoring) <= allowed_bytes


@dataclass(frozen=True)
class Promise:
    """What is to be read of a case.

    Attributes:
        image: header of the channel that is scored.
        label: header of the label; None where it is not read, or is drawn on the image's grid.
        with_label: whether a label is read.
        channels: how many channels are read.
    """

    image: Header
    label: Header | None
    with_label: bool
    channels: int


def promise_of(case: Case, *, channel: int, with_label: bool, channels: int) -> Promise:
    """Read the headers of a case.

    Raises:
        ReadError: a header cannot be read.
    """
    path = case.images[channel] if len(case.images) > 1 and channel < len(case.images) else case.images[0]
    image, label = read_header(path), None
    if with_label and case.label is not None and not is_dicom_source(case.label):
        label = read_header(case.label, part="label")
    return Promise(image, label, with_label and case.label is not None, channels)


def need_of(promise: Promise, room: Room, copying: Copying | None = None) -> Need:
    """What a case needs at most, if its files hold what they promise.

    Args:
        promise: the files' headers.
        room: what the worker holds anyway.
        copying: what changed copies take; None: the case is scored as it is.
    """
    voxels = math.prod(promise.image.shape[:3])
    images, label = _VOXEL * voxels * promise.channels, _VOXEL * voxels if promise.with_label else 0
    stored_label = voxels if promise.label is None else _stored(promise.label)
    reading = _READER_BYTES + max(_stored(promise.image) + images, images + label + (stored_label if label else 0))
    # Several channels are handed to the model as one array, and the one that is scored is scaled into another.
    copies = images + _VOXEL * voxels if promise.channels > 1 else 0
    held = room.engine_bytes + images + label + copies
    measuring = _BOXES * voxels + maps_bytes(promise.image, room)
    at_once = max(_MRI_TEMPORARIES * voxels, measuring)
    if copying is not None:
        held += _COPY * voxels + _REMEMBERED_PLANE * min(_planes(promise.image)[0], copying.planes)
        # The image is scaled into another array: it is needed again.
        at_once = max(_VOXEL * voxels + at_once, copying.voxel_bytes * voxels)
    return Need(reading, held + at_once)


def maps_bytes(image: Header, room: Room) -> int:
    """What the maps of a case take at a time at most, and the network beside its weights."""
    depth, plane = _planes(image)
    maps, classes = room.maps, room.classes or _USUAL_CLASSES
    planes = min(depth, maps.max_planes or depth)
    held = min(maps.open_maps * depth, classes * planes)
    # One that is finished is stacked from its planes, which are held until then, and its sums are made beside it.
    of_plane = _VOXEL * plane if maps.plane_bytes is None else maps.plane_bytes
    return maps.fixed_bytes + of_plane * (held + 2 * planes)


def require_room(need: Need, room: Room) -> None:
    """Refuse a case that would not fit.

    Raises:
        CaseError: it needs more than is allowed; the message says how much.
    """
    if not need.fits(room.allowed_bytes):
        needed = max(need.reading, need.scoring)
        raise CaseError(
            f"needs {gigabytes(needed)} of memory, {gigabytes(room.allowed_bytes)} are allowed; "
            "raise --max-memory, or crop or resample the case"
        )


def fits_beside(scored: Need, read: Need, allowed_bytes: int) -> bool:
    """Whether a case can be read while another is being scored."""
    return scored.scoring + read.reading <= allowed_bytes


def _planes(image: Header) -> tuple[int, int]:
    """Planes of the volume in the canonical orientation, and pixels of each."""
    axis = next(index for index, code in enumerate(image.axcodes) if code in "SI")
    depth = image.shape[axis]
    return depth, math.prod(image.shape[:3]) // depth


def _stored(header: Header) -> int:
    """Bytes of the array that a reader makes of a file."""
    return math.prod(header.shape) * np.dtype(header.dtype).itemsize
