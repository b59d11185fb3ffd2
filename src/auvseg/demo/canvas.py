"""Painting implicit shapes into Hounsfield units and labels; later paint covers earlier paint."""

import numpy as np
from jaxtyping import Float32

from auvseg.demo.geometry import Field, Space
from auvseg.demo.patient import AIR_HU
from auvseg.shapes import LabelArray

Density = float | Float32[np.ndarray, "D H W"]


class Canvas:
    """One volume while it is being painted.

    An edge in the image is a ramp as wide as a voxel, the way a voxel that two tissues share averages them; the label
    is the exact shape, so the two never disagree by more than half a voxel.

    Attributes:
        space: where the voxels lie.
        hu: (D, H, W) density so far.
        label: (D, H, W) label so far.
    """

    def __init__(self, space: Space, edge_mm: float) -> None:
        self.space = space
        self.hu: Field = np.full(space.s.shape, AIR_HU, dtype=np.float32)
        self.label: LabelArray = np.zeros(space.s.shape, dtype=np.int32)
        self._edge_mm = edge_mm

    def paint(self, shape: Field, density_hu: Density, *, label: int | None = None, edge_mm: float = 0.0) -> None:
        """Cover the inside of `shape` by `density_hu`.

        Args:
            shape: the implicit shape, positive inside.
            density_hu: one density, or a field of densities.
            label: the label of the voxels inside; None leaves the labels as they are.
            edge_mm: width of the image's edge where the tissue fades more slowly than the scanner blurs.
        """
        width = np.float32(max(self._edge_mm, edge_mm))
        share = np.clip(shape / width + np.float32(0.5), 0, 1)
        self.hu += share * (np.float32(density_hu) - self.hu)
        if label is not None:
            self.label[shape > 0] = label
