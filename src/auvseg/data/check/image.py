"""Check one image file: extra axes, NaN, constant images, implausible intensities.

One pass, plane by plane, so a large volume needs only one extra plane of memory.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auvseg.data.case import Modality
from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.reasons import Reason
from auvseg.data.reading import RawArray
from auvseg.data.volume import colour_channels

_MAX_HU = float(np.iinfo(np.int16).max)
_MAX_WITHOUT_BONE = 1000.0
"""A region without fat and air has no dense bone either; intensities with an offset of 1000 or 1024 pass this."""


@dataclass(frozen=True)
class ImageFacts:
    """Facts about an image's voxels, from one pass.

    Attributes:
        not_finite: number of voxels that are NaN or infinite.
        ranges: lowest and highest finite value of every channel, in order; (inf, -inf) if there is none.
        content_sha256: hash of shape and values, independent of type on disk, format and compression.
    """

    not_finite: int
    ranges: tuple[tuple[float, float], ...]
    content_sha256: str


def planes(array: NDArray[Any]) -> NDArray[Any]:
    """View the array as (plane, y, x), without a copy if it is stored like a NIfTI; further axes become planes."""
    return array.reshape(*array.shape[:2], -1, order="F").transpose()


def content_sha256(array: NDArray[Any]) -> str:
    """Hash shape and values with SHA-256, independent of their type."""
    digest = hashlib.sha256(repr(array.shape).encode())
    for plane in planes(array):
        digest.update(_as_bytes(plane))
    return digest.hexdigest()


def _as_bytes(plane: NDArray[Any]) -> bytes:
    # float64 holds every float32 and every integer that occurs; adding zero turns -0.0 into 0.0.
    return np.add(plane, 0.0, dtype=np.float64).tobytes()


def image_facts(array: NDArray[Any]) -> ImageFacts:
    """Collect facts in one pass over the voxels.

    Args:
        array: the stored array, with three axes and possibly a fourth of channels.
    """
    digest = hashlib.sha256(repr(array.shape).encode())
    channels = array.shape[3] if array.ndim > 3 else 1
    low, high = np.full(channels, np.inf), np.full(channels, -np.inf)
    not_finite = 0
    for number, plane in enumerate(planes(array)):
        digest.update(_as_bytes(plane))
        finite = plane[np.isfinite(plane)] if plane.dtype.kind == "f" else plane
        not_finite += plane.size - finite.size
        if finite.size:
            # Planes of one channel are consecutive; along further axes the channels repeat.
            channel = number // array.shape[2] % channels
            low[channel] = min(low[channel], float(finite.min()))
            high[channel] = max(high[channel], float(finite.max()))
    return ImageFacts(not_finite, tuple(zip(low.tolist(), high.tolist(), strict=True)), digest.hexdigest())


def image_problems(
    raw: RawArray, facts: ImageFacts, *, channel_count: int, modality: Modality | None
) -> Iterator[Problem]:
    """Report all problems of one image file.

    Args:
        raw: the file.
        facts: facts about its voxels.
        channel_count: number of channels that this file should hold.
        modality: modality that the data set declares.
    """
    yield from _axis_problems(raw, channel_count)
    if facts.not_finite:
        yield Problem(Kind.NAN_OR_INF, f"{facts.not_finite} voxels are NaN or infinite")
    for number, (low, high) in enumerate(facts.ranges):
        where = f"channel {number}: " if len(facts.ranges) > 1 else ""
        if low == high:
            yield Problem(Kind.CONSTANT_IMAGE, f"{where}every voxel is {low:g}")
        elif low < high:
            unlikely = _unlikely_range(low, high, raw.array.dtype, modality)
            if unlikely is not None:
                yield Problem(Kind.IMPLAUSIBLE_INTENSITY, where + unlikely)


def _axis_problems(raw: RawArray, channel_count: int) -> Iterator[Problem]:
    shape = raw.header.shape
    held = shape[3] if len(shape) == 4 else 1
    if (colours := colour_channels(raw, channel_count)) is not None:
        yield Problem(Kind.CHANNEL_MISMATCH, *colours)
    elif len(shape) > 4 or (len(shape) == 4 and channel_count == 1):
        yield Problem(Kind.TOO_MANY_AXES, f"{len(shape)} axes: {'×'.join(map(str, shape))}")
    elif held != channel_count:
        yield Problem(Kind.CHANNEL_MISMATCH, *Reason.CHANNELS.in_words(held=held, declared=channel_count))


def _unlikely_range(low: float, high: float, dtype: np.dtype[Any], modality: Modality | None) -> str | None:
    strange = _unlikely_hu(low, high) if modality == "ct" else None
    if strange is not None:
        return strange
    if modality == "windowed" and (low < 0 or high > 255):
        return f"{low:g} to {high:g}, but windowed intensities are 0 to 255"
    if dtype.kind == "i" and (low == np.iinfo(dtype).min or high == np.iinfo(dtype).max):
        return f"{low:g} to {high:g} touches the limit of {dtype}: values may have overflowed"
    return None


def _unlikely_hu(low: float, high: float) -> str | None:
    """Say why a range cannot be Hounsfield units: air is -1000, fat -100, water 0, bone 300 to 2000."""
    if high > _MAX_HU:
        return f"up to {high:g}, too high for Hounsfield units: negative values may have wrapped"
    if low >= 0 and high > _MAX_WITHOUT_BONE:
        return f"{low:g} to {high:g} without a negative value: air is -1000 HU, so an offset may be missing"
    if (low, high) == (0.0, 255.0):
        return "0 to 255, as after windowing to eight bits: not Hounsfield units"
    return None
