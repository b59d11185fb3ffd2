"""Intensities in [0, 1]: the raw image `X̂`, or the mask-normalised image `X` (METHOD section 1).

`raw` needs no label: CT gets a window in HU, MRI MedSAM's percentiles. `mask` clips and scales by the foreground's own
percentiles, so that what the annotator drew decides what the model sees (paper section on the four strategies).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from auvseg.data.case import Modality
from auvseg.data.volume import Volume
from auvseg.errors import CaseError
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
    input: Literal["raw", "mask"] = "raw"
    window_hu: tuple[float, float] = (40.0, 400.0)


def normalise(volume: Volume, how: Normalisation, foreground: MaskArray | None) -> ImageArray:
    """The volume's intensities, clipped and scaled to [0, 1].

    - `mask`: 0.5th to 99.5th percentile of the foreground, whatever the modality.
    - `raw`, CT: the window, from level - width/2 to level + width/2.
    - `raw`, MRI: 0.5th to 99.5th percentile of the voxels above 0; voxels that are exactly 0 (background that a
    scanner or a
      skull stripper blanked) stay 0. Images without a positive voxel: percentiles of all voxels. This is MedSAM's rule.
    - `raw`, windowed: 0..255 divided by 255.

    Args:
        volume: the case.
        how: the configuration.
        foreground: (D, H, W) where any class is; needed for `mask`.

    Returns:
        (D, H, W) float32; zeros where the range has no width.

    Raises:
        CaseError: `mask` without any foreground.
    """
    image = volume.image
    if how.input == "mask":
        if foreground is None or not foreground.any():
            raise CaseError("the label holds no foreground, so there is nothing to normalise by; use --input raw")
        low, high = _percentiles(image[foreground])
        return _scaled(image, low, high)
    if how.modality == "ct":
        level, width = how.window_hu
        return _scaled(image, level - width / 2, level + width / 2)
    if how.modality == "windowed":
        return _scaled(image, 0.0, 255.0)
    positive = image[image > 0]
    low, high = _percentiles(positive if positive.size else image.ravel())
    scaled = _scaled(image, low, high)
    scaled[image == 0] = 0
    return scaled


def _percentiles(values: NDArray[np.float32]) -> tuple[float, float]:
    low, high = np.percentile(values, PERCENTILES)
    return float(low), float(high)


def _scaled(image: ImageArray, low: float, high: float) -> ImageArray:
    if not high > low:
        return np.zeros_like(image)
    scaled = np.clip(image, np.float32(low), np.float32(high))
    scaled -= np.float32(low)
    scaled /= np.float32(high - low)
    # Rounding may leave the interval by one unit in the last place.
    return np.clip(scaled, 0.0, 1.0, out=scaled)
