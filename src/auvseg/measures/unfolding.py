"""Unfold a class map into a matrix (METHOD section 2) and iterate over it in float64 blocks.

The rows are one axis of the map, the columns the other two. A Gram matrix or a triangular factor of it, over whichever
side of the matrix is shorter, is a sum over blocks of the longer side; `Unfolding.blocks` yields these one at a time,
so a map is never held twice. Energies, entropy and gradients are in `spectrum.py`.

Shapes: D, H, W depth, height, width of a map or of a tile of it; R, A, B the rows and the two parts of the columns;
n = min(R, A·B); k the length of a block.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from auvseg.measures.catalogue import Energy, Unfold

_ROW_AXIS = {"D_HW": 0, "H_DW": 1, "W_DH": 2}
_BLOCK_ELEMENTS = 1 << 18
"""Float64 elements of a block on a CPU, 2 MiB: larger ones leave the cache, smaller ones start threads too often."""

_DEVICE_BLOCK_ELEMENTS = 1 << 22
"""The same on an accelerator, 32 MiB: there is little cache to stay in, and every block costs several launches."""


@dataclass(frozen=True)
class Unfolding:
    """The matrix that a map of one shape becomes.

    Attributes:
        order: the axes of (D, H, W) that become R, A and B.
        rows: R.
        columns: A·B.
    """

    order: tuple[int, int, int]
    rows: int
    columns: int

    @classmethod
    def of(cls, shape: Sequence[int], name: Unfold) -> "Unfolding":
        """The unfolding of a (D, H, W) map.

        If the row axis has length 1, the map is a plane and the first of its other axes becomes the rows. So (1, H, W)
        unfolds into H×W by default.
        """
        row = _ROW_AXIS[name]
        first, second = (axis for axis in range(3) if axis != row)
        if shape[row] == 1:
            row, first = first, row
        return cls((row, first, second), shape[row], shape[first] * shape[second])

    @property
    def rank(self) -> int:
        """The largest number of directions, r = min(rows, columns): the side of the Gram matrix."""
        return min(self.rows, self.columns)

    @property
    def by_rows(self) -> bool:
        """Whether the Gram matrix is that of the rows (the usual case), so columns can come in any order."""
        return self.rows <= self.columns

    def blocks(self, piece: Float[Tensor, "D H W"], *, centre: bool) -> Iterator[tuple[slice, Float64[Tensor, "n k"]]]:
        """Yield the matrix of a map, or of a tile with all its rows, in float64 and block by block.

        A block holds some columns, or all rows transposed if rows are the longer side. Centring removes from every
        column its mean over the rows. The first row is subtracted before the mean, which only affects rounding: a map
        that is constant along the row axis ends up with exactly zero energy, however large its values.

        Yields:
            The part of axis A that the block holds, and the block.
        """
        view = piece.permute(self.order)
        elements = _BLOCK_ELEMENTS if piece.device.type == "cpu" else _DEVICE_BLOCK_ELEMENTS
        step = max(1, elements // (view.shape[0] * view.shape[2])) if self.by_rows else view.shape[1]
        for start in range(0, view.shape[1], step):
            part = slice(start, start + step)
            # The layout in `to` makes conversion and reordering one pass. A float64 map is returned unchanged, so it
            # needs the second call and must not be modified in place.
            slab = view[:, part].to(torch.float64, memory_format=torch.contiguous_format).contiguous()
            block = slab.reshape(view.shape[0], -1)
            if centre:
                block = block - block[:1]
                block -= block.mean(dim=0, keepdim=True)
            yield part, block if self.by_rows else block.T

    def place(self, block: Float64[Tensor, "n k"], part: slice, target: Float[Tensor, "D H W"]) -> None:
        """Write a block back to its place in the map, in the target's own type."""
        view = target.permute(self.order)[:, part]
        view.copy_((block if self.by_rows else block.T).reshape(view.shape))


def check_variant(shape: Sequence[int], unfold: str, energy: str) -> None:
    """Raise on shapes and names that have no scale.

    Raises:
        ValueError: fewer than three axes, an empty axis among the last three, or an unknown name.
    """
    if len(shape) < 3:
        raise ValueError(f"maps need the axes (…, D, H, W); got the shape {tuple(shape)}; one plane is (1, H, W)")
    if math.prod(shape[-3:]) == 0:
        raise ValueError(f"maps have an empty axis: the shape is {tuple(shape)}")
    if unfold not in get_args(Unfold):
        raise ValueError(f"unfold must be one of {', '.join(get_args(Unfold))}, not {unfold!r}")
    if energy not in get_args(Energy):
        raise ValueError(f"energy must be one of {', '.join(get_args(Energy))}, not {energy!r}")


def check_floating(maps: Shaped[Tensor, "..."]) -> None:
    """Raise on tensors that are not floating-point maps.

    Raises:
        ValueError: the values are integers, booleans or complex.
    """
    if not maps.is_floating_point():
        raise ValueError(f"maps must be of a floating type, as logits and probabilities are, not {maps.dtype}")
