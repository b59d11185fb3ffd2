"""Label values on one plane, and the tight box around each."""

import numpy as np
from jaxtyping import Int32

_MAX_DENSE_VALUE = 1 << 12
"""Up to this label value, tables as long as the largest value are shorter than a plane."""


def numbered(pixels: Int32[np.ndarray, "*P"]) -> tuple[Int32[np.ndarray, "V"], Int32[np.ndarray, "N"]]:
    """The values that some pixels may hold, increasing, and which of them each of the N pixels has, row by row.

    The values from 0 to the largest where that is short enough; where values are large or negative, those found.
    """
    highest = int(pixels.max())
    if int(pixels.min()) >= 0 and highest <= _MAX_DENSE_VALUE:
        return np.arange(highest + 1, dtype=np.int32), pixels.ravel()
    values, numbers = np.unique(pixels, return_inverse=True)
    return values, numbers.ravel().astype(np.int32)


def values_on_plane(plane: Int32[np.ndarray, "H W"]) -> frozenset[int]:
    """Return the label values on a plane; empty if there is only background."""
    if not plane.any():
        return frozenset()
    values, numbers = numbered(plane)
    return frozenset(values[np.bincount(numbers, minlength=len(values)) > 0].tolist())


def boxes_on_plane(plane: Int32[np.ndarray, "H W"]) -> dict[int, tuple[slice, slice]]:
    """Rows and columns of the tight box around every value of a plane but 0, the background."""
    from scipy import ndimage

    if not plane.any():
        return {}
    values, numbers = numbered(plane)
    # Number 0 means no object to `find_objects`.
    dense = values[0] == 0
    found = ndimage.find_objects(numbers.reshape(plane.shape) if dense else numbers.reshape(plane.shape) + 1)
    return {
        int(value): (where[0], where[1])
        for value, where in zip(values[1:] if dense else values, found, strict=True)
        if value != 0 and where is not None
    }
