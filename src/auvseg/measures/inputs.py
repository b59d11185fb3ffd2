"""What a measure may look at: one class of one case, its map and its label."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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
        valid: (D, H, W) voxels whose label means something (not nnU-Net's ignore label), the scored planes only;
            None where no label was given.
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
"""Computes one measure; None means that it is not defined for this input."""
