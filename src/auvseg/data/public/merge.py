"""Label voxels of the source as label voxels of the converted data set: values replaced, binary masks put together."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import NDArray

from auvseg.data.label_values import as_label
from auvseg.errors import CaseError

_MOST_VALUES_NAMED = 5
_MOST_VALUE = np.iinfo(np.uint16).max


def label_dtype(highest: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds every label value up to `highest`."""
    return np.dtype(np.uint8 if highest <= np.iinfo(np.uint8).max else np.uint16)


def replaced(
    array: Shaped[np.ndarray, "X Y Z"], new_values: Mapping[int, int], highest: int, name: str
) -> Shaped[np.ndarray, "X Y Z"]:
    """A label with every value replaced.

    Args:
        array: (X, Y, Z) label values as read.
        new_values: new value of every value that may occur, 0 included.
        highest: the highest new value of the data set, which sets the type.
        name: the file, for messages.

    Raises:
        CaseError: values that are no whole numbers, or that `new_values` does not have.
    """
    values = as_label(array, name) if array.dtype.kind == "f" else array
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _MOST_VALUE:
        raise CaseError(f"{name}: label values from {low} to {high}; the data set declares 0 to {max(new_values)}")
    table = np.zeros(max(high, *new_values) + 1, dtype=label_dtype(highest))
    for old, new in new_values.items():
        table[old] = new
    seen = np.zeros(table.shape, dtype=bool)
    out = np.empty(values.shape, dtype=table.dtype)
    # Plane by plane: NumPy makes indices of eight bytes a voxel.
    for plane in range(values.shape[-1]):
        found = values[..., plane]
        seen[found] = True
        out[..., plane] = table[found]
    unknown = [value for value in np.flatnonzero(seen).tolist() if value not in new_values]
    if unknown:
        some = ", ".join(str(value) for value in unknown[:_MOST_VALUES_NAMED])
        raise CaseError(f"{name}: holds the label values {some}, which the data set does not declare")
    return out


def as_mask(array: NDArray[Any], name: str) -> tuple[Bool[np.ndarray, "X Y Z"], str]:
    """A binary mask, and a sentence where its values are not 0 and 1; everything above 0 counts.

    Raises:
        CaseError: values that are negative or no whole numbers.
    """
    values = as_label(array, name) if array.dtype.kind == "f" else array
    if values.dtype == np.bool_:
        return values, ""
    low, high = int(values.min()), int(values.max())
    if low < 0:
        raise CaseError(f"{name}: a mask with the value {low}; masks are 0 and 1")
    return values > 0, f"holds values up to {high}: everything above 0 is taken as inside" if high > 1 else ""


def paint(out: Shaped[np.ndarray, "X Y Z"], mask: Bool[np.ndarray, "X Y Z"], value: int) -> Counter[int]:
    """Set the voxels of a mask to a value, and count the voxels of every other class that it takes.

    Args:
        out: (X, Y, Z) label values so far; changed in place.
        mask: (X, Y, Z).
        value: of the mask's class.

    Returns:
        Number of voxels by the class value that they had.
    """
    # Most masks of a case are empty, and looking is a tenth of painting.
    if not mask.any():
        return Counter()
    before = np.bincount(out[mask])
    out[mask] = value
    return Counter({old: int(count) for old, count in enumerate(before) if count and old not in (0, value)})
