"""Types of voxels in memory: intensities as float32 unless stored as integers, label values exactly."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from auvseg.data.formats.header import Part
from auvseg.data.label_values import exact_below

_BLOCK = 1 << 20


def kept(array: NDArray[Any], part: Part) -> NDArray[Any]:
    """Floating voxels as float32; those of a label only if it holds all of them exactly. Integers stay as they are."""
    if array.dtype.kind != "f" or array.dtype == np.float32 or (part == "label" and array.dtype == np.float16):
        return array
    # What float32 cannot hold becomes infinite, which is found and reported with the case.
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = array.astype(np.float32)
    return narrow if part == "image" or _holds(narrow, array) else array


def scaled_label(stored: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """What a scaled label means: slope times what is stored, plus intercept; exact integers where both are whole.

    Args:
        stored: the voxels as they are in the file.
        slope: of the header; finite.
        intercept: of the header; finite.
    """
    if stored.dtype.kind in "iu" and slope.is_integer() and intercept.is_integer():
        ends = [int(stored.min()), int(stored.max())]
        products = [int(slope) * end for end in ends]
        reached = [*ends, *products, *(product + int(intercept) for product in products), int(slope), int(intercept)]
        for dtype in (np.int32, np.int64):
            if min(reached) >= np.iinfo(dtype).min and max(reached) <= np.iinfo(dtype).max:
                array: NDArray[Any] = stored.astype(dtype)
                array *= int(slope)
                array += int(intercept)
                return array
    with np.errstate(over="ignore", invalid="ignore"):
        return kept(stored.astype(np.float64) * slope + intercept, "label")


def _holds(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether float32 holds the values of the other array, of the same layout in memory, and no neighbour of theirs."""
    first, second = one.ravel(order="K"), other.ravel(order="K")
    if first.size and max(-first.min(), first.max()) >= exact_below(one.dtype):
        return False
    return all(
        np.array_equal(first[start : start + _BLOCK], second[start : start + _BLOCK], equal_nan=True)
        for start in range(0, first.size, _BLOCK)
    )
