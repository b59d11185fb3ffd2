"""How much of two label maps coincides: one pass over the voxels, whatever the number of classes.

    Dice = 2 TP / (2 TP + FP + FN),    IoU = TP / (TP + FP + FN)

as nnU-Net's `compute_metrics` has them: not defined (NaN) where a class is in neither map, 0 where it is in one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

_MOST_VALUES = 4096
"""Label maps whose largest value reaches this, or with negative values, are renumbered first."""


@dataclass(frozen=True)
class Overlap:
    """Voxels of one class.

    Attributes:
        both: in the label and the prediction (TP).
        predicted: in the prediction (TP + FP).
        labelled: in the label (TP + FN).
    """

    both: int
    predicted: int
    labelled: int

    @property
    def dice(self) -> float:
        """In [0, 1]; NaN where the class is in neither map."""
        total = self.predicted + self.labelled
        return 2 * self.both / total if total else math.nan

    @property
    def iou(self) -> float:
        """In [0, 1]; NaN where the class is in neither map."""
        union = self.predicted + self.labelled - self.both
        return self.both / union if union else math.nan


class Contingency:
    """How many voxels have which value in both maps.

    Args:
        reference: (X, Y, Z) label values.
        prediction: (X, Y, Z) predicted values.
    """

    def __init__(self, reference: Int32[np.ndarray, "X Y Z"], prediction: Int32[np.ndarray, "X Y Z"]) -> None:
        self._values, first, second = _numbered(reference, prediction)
        count = len(self._values)
        self._counts = np.zeros((count, count), dtype=np.int64)
        # Plane by plane, so that memory stays that of the maps.
        for one, other in zip(first, second, strict=True):
            pairs = one.astype(np.int64) * count + other
            self._counts += np.bincount(pairs.ravel(), minlength=count * count).reshape(count, count)

    @property
    def labelled_values(self) -> frozenset[int]:
        """Values of the label."""
        return frozenset(self._values[self._counts.any(axis=1)].tolist())

    @property
    def predicted_values(self) -> frozenset[int]:
        """Values of the prediction."""
        return frozenset(self._values[self._counts.any(axis=0)].tolist())

    def overlap(self, values: Sequence[int]) -> Overlap:
        """Voxels of the class that these values make up; several for a region."""
        own = np.isin(self._values, list(values))
        return Overlap(
            both=int(self._counts[np.ix_(own, own)].sum()),
            predicted=int(self._counts[:, own].sum()),
            labelled=int(self._counts[own].sum()),
        )


def _numbered(
    reference: Int32[np.ndarray, "X Y Z"], prediction: Int32[np.ndarray, "X Y Z"]
) -> tuple[
    Int64[np.ndarray, "V"],
    Int32[np.ndarray, "X Y Z"] | Int64[np.ndarray, "X Y Z"],
    Int32[np.ndarray, "X Y Z"] | Int64[np.ndarray, "X Y Z"],
]:
    """Values, and both maps as numbers of values."""
    low = min(int(reference.min()), int(prediction.min()))
    high = max(int(reference.max()), int(prediction.max()))
    if low >= 0 and high < _MOST_VALUES:
        return np.arange(high + 1), reference, prediction
    values, numbers = np.unique(np.stack([reference, prediction]), return_inverse=True)
    first, second = numbers.reshape(2, *reference.shape)
    return values.astype(np.int64), first, second
