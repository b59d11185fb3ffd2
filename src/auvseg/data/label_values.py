"""The rule by which stored numbers are label values: whole numbers within int32, up to a small tolerance.

Used by reading, `check`, evaluation, conversion, relabelling and the targets of `DUOLoss`. Nothing is truncated.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, Int32
from numpy.typing import NDArray

from auvseg.errors import CaseError

INTEGER_TOLERANCE = 1e-3
"""Tolerance for labels stored as float: within it values are rounded to whole numbers, beyond it refused."""

_LIMITS = np.iinfo(np.int32)
_BLOCK = 1 << 20
"""Voxels that are looked at together, so that temporaries stay small beside a large label."""


def not_whole(values: NDArray[Any]) -> Bool[np.ndarray, "*S"]:
    """Mask finite values that are not label values by `INTEGER_TOLERANCE`."""
    if values.dtype.kind != "f":
        return np.zeros(values.shape, dtype=bool)
    return np.abs(values - np.rint(values)) > INTEGER_TOLERANCE


def exact_below(dtype: np.dtype[Any]) -> int:
    """Return the limit up to which a floating type holds whole numbers exactly: 2048 in float16, 2²⁴ in float32."""
    return 1 << np.finfo(dtype).nmant + 1


def as_label(array: NDArray[Any], name: str, out: Int32[np.ndarray, "*S"] | None = None) -> Int32[np.ndarray, "*S"]:
    """Convert label values to int32, rounded to the nearest whole number.

    Args:
        array: numbers of any type, as stored.
        name: the file, for messages.
        out: receives the values; a new array if None.

    Raises:
        CaseError: values that are not whole numbers, not finite, or too large for a class number or for their type to
            tell them from the next one; an example is named.
    """
    _check(array, name)
    label = np.empty(array.shape, np.int32) if out is None else out
    if array.dtype.kind == "f":
        np.rint(array, out=label, casting="unsafe")
    else:
        np.copyto(label, array, casting="unsafe")
    return label


def _check(array: NDArray[Any], name: str) -> None:
    wrong, example, low, high = 0, np.nan, 0, 0
    for block in _blocks(array):
        if not np.isfinite(block).all():
            raise CaseError(f"{name}: the label holds NaN or infinity")
        fractions = not_whole(block)
        if fractions.any():
            example = example if wrong else float(block[fractions][0])
            wrong += int(np.count_nonzero(fractions))
        # As Python's numbers: float32 has no 2^31 - 1 to compare with.
        low, high = min(low, round(block.min().item())), max(high, round(block.max().item()))
    if wrong:
        what = f"such as {example:.4g}, {100 * wrong / array.size:.2g} % of voxels"
        raise CaseError(f"{name}: label values are not whole numbers ({what}); resample labels with nearest neighbour")
    for value in (low, high):
        if not _LIMITS.min <= value <= _LIMITS.max:
            raise CaseError(
                f"{name}: label values such as {value} are not class numbers, which go up to {_LIMITS.max}; "
                "renumber the classes"
            )
        if array.dtype.kind == "f" and abs(value) >= (limit := exact_below(array.dtype)):
            raise CaseError(
                f"{name}: label values such as {value} are stored as {array.dtype.name}, which does not tell whole "
                f"numbers from {limit} on apart; store the label as integers, from its source"
            )


def _blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The array in pieces along the axis that memory goes through last."""
    if array.size == 0:
        return
    axis = int(np.argmax(np.abs(array.strides)))
    rows = np.moveaxis(array, axis, 0)
    step = max(_BLOCK * len(rows) // array.size, 1)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
