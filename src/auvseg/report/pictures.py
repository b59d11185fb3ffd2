"""Pictures for a page: thumbnails, and the region of a volume around its structures, small enough to share.

Headers and everything far from the structures are left out: a head CT shows the face.

Axes: D, H, W of the volume in the canonical orientation, d, h, w of what is shown of it.
"""

import base64
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from jaxtyping import Bool, Float32, Int16, UInt8
from numpy.typing import NDArray
from PIL import Image

from auvseg.data.case import ClassDef
from auvseg.data.volume import Volume
from auvseg.report.palette import colour_of
from auvseg.scoring.view import CaseView, ClassView, Thumbnail

MAX_VOXELS = 128
"""Most voxels along any axis of the shown region."""

_MARGIN_MM = 25.0
"""Margin around the structures."""

_GREY_LEVELS = 65535

_COLOURS = np.array([(0, 0, 0), *(tuple(bytes.fromhex(colour_of(n)[1:])) for n in range(255))], dtype=np.uint8)
"""By position of the class from 1."""


@dataclass(frozen=True)
class Region:
    """The shown region of a volume.

    Attributes:
        low: first voxel along D, H, W.
        high: one after the last voxel.
        step: every how many voxels one is shown.
    """

    low: tuple[int, int, int]
    high: tuple[int, int, int]
    step: tuple[int, int, int]

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """Crop an array to the region."""
        first, second, third = (slice(*part) for part in zip(self.low, self.high, self.step, strict=True))
        return array[first, second, third]


def thumbnail_picture(picture: Thumbnail) -> UInt8[np.ndarray, "t u 3"]:
    """Draw a grey thumbnail with coloured outlines of the structures."""
    rgb = np.repeat(picture.image[..., None], 3, axis=-1)
    outline = _outline(picture.label)
    rgb[outline] = _COLOURS[picture.label[outline]]
    return rgb


def thumbnail_uri(picture: Thumbnail) -> str:
    """Return a thumbnail with outlines of the structures as a `data:` URI."""
    content = io.BytesIO()
    Image.fromarray(thumbnail_picture(picture)).save(content, format="WEBP", quality=70, method=2)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def region_of(volume: Volume, classes: Sequence[ClassDef], view: CaseView | None, *, whole: bool) -> Region | None:
    """Return the region of a volume to show: the structures and 25 mm around them.

    Args:
        volume: the case.
        classes: the structures.
        view: view data, whose model masks replace the label of an unlabelled case; None if there are none.
        whole: show everything.

    Returns:
        The region; None if there is no structure.
    """
    shape = volume.image.shape
    low, high = [0, 0, 0], list(shape)
    if not whole:
        held = _held(volume, classes, view)
        if not held.any():
            return None
        for axis in range(3):
            line = np.flatnonzero(held.any(axis=tuple(other for other in range(3) if other != axis)))
            margin = int(np.ceil(_MARGIN_MM / volume.spacing_mm[axis]))
            low[axis] = max(int(line[0]) - margin, 0)
            high[axis] = min(int(line[-1]) + 1 + margin, shape[axis])
    step = [max(int(np.ceil((b - a) / MAX_VOXELS)), 1) for a, b in zip(low, high, strict=True)]
    return Region((low[0], low[1], low[2]), (high[0], high[1], high[2]), (step[0], step[1], step[2]))


def image_payload(volume: Volume, region: Region) -> dict[str, Any]:
    """Encode the region's intensities for the page: compressed integers with the scale and offset to decode them.

    If voxels are skipped, each shown one is the mean of those around it.
    """
    part = _averaged(volume.image, region)
    low, high = float(part.min()), float(part.max())
    exact = bool(np.all(part == np.round(part))) and low >= -32768 and high <= 32767
    slope = 1.0 if exact else (high - low) / _GREY_LEVELS or 1.0
    offset = 0.0 if exact else low + slope * 32768
    whole: Int16[np.ndarray, "d h w"] = np.round((part - offset) / slope).clip(-32768, 32767).astype("<i2")
    present = part[part > part.min()] if (part > part.min()).any() else part
    return {
        "shape": list(part.shape),
        "spacing": [round(one * step, 4) for one, step in zip(volume.spacing_mm, region.step, strict=True)],
        "first": list(region.low),
        "step": list(region.step),
        "slope": slope,
        "offset": offset,
        "range": [float(f"{np.percentile(present, q):.6g}") for q in (0.5, 99.5)],
        "voxels": packed_bytes(whole.tobytes()),
    }


def label_payload(volume: Volume, classes: Sequence[ClassDef], region: Region) -> str | None:
    """Encode the class of every voxel of the region, as its position in the data set from 1; None without a label."""
    if volume.label is None:
        return None
    part = region.of(volume.label)
    marks: UInt8[np.ndarray, "d h w"] = np.zeros(part.shape, dtype=np.uint8)
    for position, one in enumerate(classes[:255], start=1):
        marks[np.isin(part, one.values)] = position
    return packed_bytes(marks.tobytes())


def mask_payloads(view: CaseView, shape: tuple[int, int, int], region: Region) -> dict[str, str]:
    """Encode the model's own mask of every class on the region's grid, by class id; 0 on planes without a score.

    A mask that does not fit the volume's grid is left out.
    """
    masks = {class_id: model_mask(one, shape) for class_id, one in view.classes.items()}
    return {
        str(class_id): packed_bytes(region.of(mask).astype(np.uint8).tobytes())
        for class_id, mask in masks.items()
        if mask is not None
    }


def model_mask(view: ClassView, shape: tuple[int, int, int]) -> Bool[np.ndarray, "D H W"] | None:
    """Return the model's own mask of one class on a volume's grid; None if it has another grid."""
    depth, height, width = shape
    bits = (len(view.planes), -(-height * width // 8))
    if view.mask.shape != bits or view.mask.dtype != np.uint8 or not np.isin(view.planes, np.arange(depth)).all():
        return None
    mask: Bool[np.ndarray, "D H W"] = np.zeros(shape, dtype=bool)
    if len(view.planes):
        flat = np.unpackbits(view.mask, axis=1, count=height * width).astype(bool)
        mask[view.planes] = flat.reshape(-1, height, width)
    return mask


def packed_bytes(content: bytes) -> str:
    """Compress (deflate with zlib header, which browsers can decode) and encode as text."""
    return base64.b64encode(zlib.compress(content, 6)).decode("ascii")


def _held(volume: Volume, classes: Sequence[ClassDef], view: CaseView | None) -> Bool[np.ndarray, "D H W"]:
    if volume.label is not None:
        return np.isin(volume.label, [value for one in classes for value in one.values])
    depth, height, width = volume.image.shape
    held: Bool[np.ndarray, "D H W"] = np.zeros((depth, height, width), dtype=bool)
    for one in view.classes.values() if view is not None else ():
        mask = model_mask(one, (depth, height, width))
        if mask is not None:
            held |= mask
    return held


def _averaged(image: Float32[np.ndarray, "D H W"], region: Region) -> Float32[np.ndarray, "d h w"]:
    first, second, third = (slice(a, b) for a, b in zip(region.low, region.high, strict=True))
    part = image[first, second, third]
    if region.step == (1, 1, 1):
        return part
    smooth = scipy.ndimage.uniform_filter(part, size=region.step, mode="nearest")
    return smooth[:: region.step[0], :: region.step[1], :: region.step[2]]


def _outline(label: UInt8[np.ndarray, "t u"]) -> Bool[np.ndarray, "t u"]:
    """Mask the pixels of a structure with a neighbour outside it."""
    padded = np.pad(label, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    differs = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    return (middle > 0) & np.any([other != middle for other in differs], axis=0)
