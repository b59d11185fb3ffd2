"""One description a measure, and what a measure may look at.

A measure is a plain function of a `MeasureInput`. The registry `auvseg.measures.MEASURES` is one explicit dictionary;
nothing registers itself by being imported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from auvseg.extractors.base import ClassMap


@dataclass(frozen=True)
class MeasureInput:
    """Everything that is known of one class of one case.

    Attributes:
        class_map: the foundation model's map of the class.
        mask: (D, H, W) where the class is in the label, the scored planes only; None where no label was given.
        valid: (D, H, W) voxels whose label means something (not nnU-Net's ignore label), the scored planes only; None
            where no label was given.
        volume_voxels: voxels of the class in the whole case; None where no label was given.
        image: (D, H, W) normalised intensities in [0, 1], the scored planes only.
        spacing_mm: voxel size along (D, H, W).
    """

    class_map: ClassMap
    mask: Bool[np.ndarray, "D H W"] | None
    valid: Bool[np.ndarray, "D H W"] | None
    volume_voxels: int | None
    image: Float32[np.ndarray, "D H W"]
    spacing_mm: tuple[float, float, float]

    @cached_property
    def probabilities(self) -> Float[Tensor, "D h w"]:
        """(D, h, w) sigmoid of the logits, in [0, 1]; computed once for all measures."""
        return torch.sigmoid(self.class_map.logits)


MeasureFunction = Callable[[MeasureInput], float | None]


@dataclass(frozen=True)
class Measure:
    """A number a case and class, with what a reader must know to use it.

    Attributes:
        name: its column in every table.
        compute: the function; None means that the measure is not defined for this input.
        suspicious: which end of the range is the suspicious one.
        low: smallest possible value.
        high: largest possible value; infinity where there is no bound.
        needs_label: whether it compares with, or counts, the label.
        summary: one line for people.
    """

    name: str
    compute: MeasureFunction
    suspicious: Literal["low", "high"]
    low: float
    high: float
    needs_label: bool
    summary: str
