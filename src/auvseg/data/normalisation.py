"""Intensities in [0, 1]: the raw image `X̂`, or the mask-normalised image `X` (METHOD section 1).

`raw` needs no label: CT gets a window in HU, MRI MedSAM's percentiles. `mask` clips and scales by percentiles of the
foreground, so the annotation influences what the model sees (paper section on the four strategies).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auvseg.choices import InputKind
from auvseg.data.case import Modality
from auvseg.data.volume import Volume
from auvseg.errors import CaseError, UsageError
from auvseg.shapes import ImageArray, MaskArray

PERCENTILES = (0.5, 99.5)


@dataclass(frozen=True)
class Normalisation:
    """How intensities become [0, 1].

    Attributes:
        modality: what the intensities are.
        input: `raw` or `mask`.
        window_hu: level and width of the CT window, for `raw`.
    """

    modality: Modality
    input: InputKind = "raw"
    window_hu: tuple[float, float] = (40.0, 400.0)

    def __post_init__(self) -> None:
        level, width = self.window_hu
        if not (math.isfinite(level) and math.isfinite(width) and width > 0):
            raise UsageError(f"the CT window needs a width above 0, not level {level:g} and width {width:g}")


def normalise(
    volume: Volume, how: Normalisation, foreground: MaskArray | None, *, in_place: bool = False
) -> ImageArray:
    """Clip and scale the volume's intensities `x`: `(clip(x, low, high) - low) / (high - low)`.

    | input, modality | low and high |
    |---|---|
    | `mask`, any | 0.5th and 99.5th percentile of the foreground (METHOD section 1: `X`) |
    | `raw`, `ct` | the window: level - width/2 and level + width/2 |
    | `raw`, `mri` | 0.5th and 99.5th percentile of the voxels above 0, of the whole volume |
    | `raw`, `windowed` | 0 and 255 |

    The rule for `mri` is MedSAM's: voxels that are exactly 0, which a scanner or a skull stripper blanked, stay 0. An
    image without a voxel above 0 is scaled by the percentiles of all its voxels.

    Args:
        volume: the case.
        how: the configuration.
        foreground: (D, H, W) where any class is; needed for `mask`.
        in_place: whether the volume's own image may become the result, which spares a copy.

    Returns:
        (D, H, W) float32 in [0, 1]; zeros where the range has no width.

    Raises:
        CaseError: `mask` without any foreground.
    """
    image = volume.image
    out = image if in_place else np.empty_like(image)
    if how.input == "mask":
        if foreground is None or not foreground.any():
            raise CaseError("the label holds no foreground, so there is nothing to normalise by; use --input raw")
        return _scaled(image, *_percentiles(image[foreground]), out)
    if how.modality == "ct":
        level, width = how.window_hu
        return _scaled(image, level - width / 2, level + width / 2, out)
    if how.modality == "windowed":
        return _scaled(image, 0.0, 255.0, out)
    return _scaled_mri(image, out)


def _scaled_mri(image: ImageArray, out: ImageArray) -> ImageArray:
    positive = image[image > 0]
    low, high = _percentiles(positive if positive.size else image.flatten())
    del positive
    blanked = image == 0
    _scaled(image, low, high, out)
    out[blanked] = 0
    return out


def _percentiles(values: NDArray[np.float32]) -> tuple[float, float]:
    """The percentiles of values whose order and content nobody needs any more: sorting them elsewhere is a copy."""
    low, high = np.percentile(values, PERCENTILES, overwrite_input=True)
    return float(low), float(high)


def _scaled(image: ImageArray, low: float, high: float, out: ImageArray) -> ImageArray:
    width = high - low
    if width > float(np.finfo(np.float32).max):
        # Damaged floating files span more than float32 can subtract.
        return _scaled(np.multiply(image, np.float32(0.25), out=out), low * 0.25, high * 0.25, out)
    if not np.float32(width) > 0:
        out[:] = 0
        return out
    np.clip(image, np.float32(low), np.float32(high), out=out)
    out -= np.float32(low)
    out /= np.float32(width)
    # Rounding may leave the interval by one unit in the last place.
    return np.clip(out, 0.0, 1.0, out=out)
