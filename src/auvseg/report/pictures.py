"""Pictures for a page: thumbnails, and the part of a volume around its structures, small enough to travel.

Nothing of the file's header and nothing far from the structures: a head CT shows a face.

Axes: D, H, W of the volume in the canonical orientation, d, h, w of what is shown of it.
"""

import base64
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int16, UInt8
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from auvseg.data.case import ClassDef
from auvseg.data.volume import Volume
from auvseg.scoring.view import ClassView, Thumbnail

MOST_VOXELS = 128
"""Along any axis of what is shown."""

_MARGIN_MM = 25.0
"""Around the structures."""

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999")
"""Okabe and Ito's colours, told apart by nearly everybody; after the eighth class they begin anew."""

_GREY_LEVELS = 65535


@dataclass(frozen=True)
class Region:
    """What is shown of a volume.

    Attributes:
        low: first voxel along D, H, W.
        high: the one after the last.
        step: every so many voxels one is shown.
    """

    low: tuple[int, int, int]
    high: tuple[int, int, int]
    step: tuple[int, int, int]

    def of(self, array: NDArray[Any]) -> NDArray[Any]:
        """The part of an array that is shown."""
        first, second, third = (slice(*part) for part in zip(self.low, self.high, self.step, strict=True))
        return array[first, second, third]


def colour_of(position: int) -> str:
    """The colour of the class at a position among the data set's, from 0."""
    return PALETTE[position % len(PALETTE)]


def thumbnail_uri(picture: Thumbnail) -> str:
    """A thumbnail with the structures' outlines, as a `data:` URI."""
    colours = np.zeros((256, 3), dtype=np.uint8)
    for position in range(1, 256):
        colours[position] = tuple(bytes.fromhex(colour_of(position - 1)[1:]))
    rgb = np.repeat(picture.image[..., None], 3, axis=-1)
    outline = _outline(picture.label)
    rgb[outline] = colours[picture.label[outline]]
    content = io.BytesIO()
    Image.fromarray(rgb).save(content, format="WEBP", quality=70, method=2)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def region_of(volume: Volume, classes: Sequence[ClassDef], *, whole: bool = False) -> Region:
    """The part of a volume to show: the structures and 25 mm around them; everything where there are none.

    Args:
        volume: the case.
        classes: the structures.
        whole: show everything.
    """
    shape = volume.image.shape
    low, high = [0, 0, 0], list(shape)
    values = [value for one in classes for value in one.values]
    if not whole and volume.label is not None and values:
        held = np.isin(volume.label, values)
        if held.any():
            for axis in range(3):
                line = np.flatnonzero(held.any(axis=tuple(other for other in range(3) if other != axis)))
                margin = int(np.ceil(_MARGIN_MM / volume.spacing_mm[axis]))
                low[axis] = max(int(line[0]) - margin, 0)
                high[axis] = min(int(line[-1]) + 1 + margin, shape[axis])
    step = [max(int(np.ceil((b - a) / MOST_VOXELS)), 1) for a, b in zip(low, high, strict=True)]
    return Region((low[0], low[1], low[2]), (high[0], high[1], high[2]), (step[0], step[1], step[2]))


def image_payload(volume: Volume, region: Region) -> dict[str, Any]:
    """Intensities of the region as the page reads them: whole numbers, the scale and offset that undo it, compressed.

    Where voxels are left out, each stands for the mean of those around it.
    """
    part = _averaged(volume.image, region)
    low, high = float(part.min()), float(part.max())
    exact = bool(np.all(part == np.round(part))) and low >= -32768 and high <= 32767
    slope = 1.0 if exact else max(high - low, 1e-12) / _GREY_LEVELS
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
        "range": [round(float(np.percentile(present, q)), 4) for q in (0.5, 99.5)],
        "voxels": packed_bytes(whole.tobytes()),
    }


def label_payload(volume: Volume, classes: Sequence[ClassDef], region: Region) -> str | None:
    """Which class every voxel of the region has, by its position among the data set's from 1; None without a label."""
    if volume.label is None:
        return None
    part = region.of(volume.label)
    marks: UInt8[np.ndarray, "d h w"] = np.zeros(part.shape, dtype=np.uint8)
    for position, one in enumerate(classes[:255], start=1):
        marks[np.isin(part, one.values)] = position
    return packed_bytes(marks.tobytes())


def mask_payloads(views: Mapping[int, ClassView], shape: tuple[int, int, int], region: Region) -> dict[str, str]:
    """The model's own mask of every class on the region's grid, by class id; 0 where none was scored."""
    found = {}
    for class_id, view in views.items():
        mask: Bool[np.ndarray, "D H W"] = np.zeros(shape, dtype=bool)
        bits = np.unpackbits(view.mask, axis=1, count=shape[1] * shape[2]).astype(bool)
        mask[view.planes] = bits.reshape(-1, shape[1], shape[2])
        found[str(class_id)] = packed_bytes(region.of(mask).astype(np.uint8).tobytes())
    return found


def packed_bytes(content: bytes) -> str:
    """Compressed (deflate with zlib's header, which browsers undo by themselves), as text."""
    return base64.b64encode(zlib.compress(content, 6)).decode("ascii")


def _averaged(image: Float32[np.ndarray, "D H W"], region: Region) -> Float32[np.ndarray, "d h w"]:
    first, second, third = (slice(a, b) for a, b in zip(region.low, region.high, strict=True))
    part = image[first, second, third]
    if region.step == (1, 1, 1):
        return part
    smooth = ndimage.uniform_filter(part, size=region.step, mode="nearest")
    return smooth[:: region.step[0], :: region.step[1], :: region.step[2]]


def _outline(label: UInt8[np.ndarray, "t u"]) -> Bool[np.ndarray, "t u"]:
    """Pixels of a structure with a neighbour that is not of it."""
    padded = np.pad(label, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    differs = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    return (middle > 0) & np.any([other != middle for other in differs], axis=0)
