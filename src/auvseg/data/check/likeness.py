"""Detect labels that are images: their values follow the intensities, or change from voxel to voxel.

An exact copy of the image is found by its hash; this finds rescaled, windowed, inverted or cast copies.
"""

from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from auvseg.data.check.image import planes

_SAMPLED = 20_000
MIN_VALUES = 32
"""Labels with fewer values may be structures segmented by thresholds, which rightly follow the intensities."""

_MIN_TO_COMPARE = 100
_FOLLOWS = 0.95
"""Rank correlation of an image copy; no parcellation or organ label in use comes close."""

ROUGH = 0.6
"""Roughness of images; labels reach a third of it, if structures are a few voxels large."""


def sample_of(array: NDArray[Any]) -> Float64[np.ndarray, " N"]:
    """Sample voxels at positions that depend on the shape alone, as float64; from the first of several channels."""
    shape = array.shape[:3]
    places = np.random.default_rng(0).integers(0, np.prod(shape), _SAMPLED)
    return array.reshape(*shape, -1)[..., 0][np.unravel_index(places, shape)].astype(np.float64)


def likeness(label: Float64[np.ndarray, " N"], image: Float64[np.ndarray, " N"]) -> str:
    """Say how a label follows an image of the same shape; empty if it does not.

    Args:
        label: sample of the label.
        image: sample of the image.
    """
    # Windowing merges many values into one at both ends.
    inside = np.isfinite(label) & np.isfinite(image) & (label > label.min()) & (label < label.max())
    values = len(np.unique(label[inside]))
    if values < MIN_VALUES or np.count_nonzero(inside) < _MIN_TO_COMPARE:
        return ""
    followed = np.corrcoef(_ranks(label[inside]), _ranks(image[inside]))[0, 1]
    if not abs(followed) >= _FOLLOWS:
        return ""
    return f"its values rise and fall with the image's intensities (rank correlation {followed:.2f})"


def roughness(label: NDArray[Any]) -> float:
    """Share of in-plane neighbours that differ, among those that are not both background."""
    pairs = different = 0
    for plane in planes(label):
        for one, other in ((plane[:, :-1], plane[:, 1:]), (plane[:-1], plane[1:])):
            pairs += int(np.count_nonzero((one != 0) | (other != 0)))
            different += int(np.count_nonzero(one != other))
    return different / max(pairs, 1)


def _ranks(values: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """Ranks; ties get their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
