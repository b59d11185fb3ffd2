"""Whether a label is an image after all: its values follow the intensities, or change from voxel to voxel.

A copy of the image itself is found by its hash; this is for what was rescaled, windowed, inverted or cast.
"""

from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from auvseg.data.check.image import planes

_SAMPLED = 20_000
MIN_VALUES = 32
"""Fewer values may be structures that were cut out by thresholds, and follow the intensities rightly."""

_MIN_TO_COMPARE = 100
_FOLLOWS = 0.95
"""Rank correlation; of the parcellations and organs in use, none comes near."""

ROUGH = 0.6
"""Of this roughness are images; labels reach a third, where structures are a few voxels large."""


def sample_of(array: NDArray[Any]) -> Float64[np.ndarray, " N"]:
    """Voxels at places that depend on the shape alone, as float64; of several channels those of the first."""
    shape = array.shape[:3]
    places = np.random.default_rng(0).integers(0, np.prod(shape), _SAMPLED)
    return array.reshape(*shape, -1)[..., 0][np.unravel_index(places, shape)].astype(np.float64)


def likeness(label: Float64[np.ndarray, " N"], image: Float64[np.ndarray, " N"]) -> str:
    """In words, how a label follows an image of the same shape; empty if it does not.

    Args:
        label: its sample.
        image: the image's.
    """
    # At both ends windowing makes one value of many.
    inside = np.isfinite(label) & np.isfinite(image) & (label > label.min()) & (label < label.max())
    values = len(np.unique(label[inside]))
    if values < MIN_VALUES or np.count_nonzero(inside) < _MIN_TO_COMPARE:
        return ""
    followed = np.corrcoef(_ranks(label[inside]), _ranks(image[inside]))[0, 1]
    if not abs(followed) >= _FOLLOWS:
        return ""
    return f"its values rise and fall with the image's intensities (rank correlation {followed:.2f})"


def roughness(label: NDArray[Any]) -> float:
    """The share of neighbours in a plane that differ, of those that are not both background."""
    pairs = different = 0
    for plane in planes(label):
        for one, other in ((plane[:, :-1], plane[:, 1:]), (plane[:-1], plane[1:])):
            pairs += int(np.count_nonzero((one != 0) | (other != 0)))
            different += int(np.count_nonzero(one != other))
    return different / max(pairs, 1)


def _ranks(values: Float64[np.ndarray, " N"]) -> Float64[np.ndarray, " N"]:
    """Ranks, equal values having the middle of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
