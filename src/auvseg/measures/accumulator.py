"""Compute `S` of a map that arrives in slices or blocks, in any order (METHOD section 2).

The Gram matrix of the rows is a sum over columns, that of the columns a sum over rows; the smaller one is kept. A block
that spans the whole side of that matrix is added and discarded. Any other block is kept until its lines are complete:
each value is multiplied with all others of its line, and no smaller state is exact. Apart from one r×r matrix per map,
the memory holds:

    pieces                                  unfold            rows <= columns              rows > columns
    blocks over the whole row axis          any               nothing                      the map
    blocks over both column axes            any               the map                      nothing
    slices along D                          D_HW              the map                      nothing
    slices along D                          H_DW, W_DH        nothing                      the map
    blocks in stacks that make such blocks  any               the stacks not yet complete  the stacks not yet complete

in the type of the pieces. Centring removes each column's mean over the rows; if a block holds all rows, that is the
block's own mean. Otherwise the sums of squares of two parts with n and m rows and means a and b are merged by adding
one row, √(nm / (n + m)) (b - a) (Chan, Golub and LeVeque, The American Statistician 37, 1983): nothing is subtracted,
so no digits cancel.

Gradients are not supported. Overlapping pieces are refused, not blended: blend or crop before adding.

Shapes: D, H, W of the whole map, d, h, w of a piece; "*maps" leading axes, such as classes; r, n as in `scale.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import EllipsisType

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from auvseg.measures.catalogue import Energy, Unfold
from auvseg.measures.scale import add_to_cores, each_map
from auvseg.measures.spectrum import fold, scale_of, shares
from auvseg.measures.unfolding import Unfolding, check_floating, check_variant

_Box = tuple[tuple[int, int], ...]
"""First voxel and the one after the last, along each of D, H, W."""


@dataclass
class _Stack:
    """Pieces whose lines are not complete yet, each in its place; `lacking` voxels are still zero."""

    values: Float[Tensor, "*maps d h w"]
    lacking: int


class ScaleAccumulator:
    """Computes the same as `semantic_scale` from a map that is added piece by piece.

    Slice-wise models call `add_slice`, sliding-window models `add`. Windows may not overlap: MONAI's inferers
    need an overlap of 0 and, where the window does not divide the map, a crop of the last ones, which they shift back.

    Args:
        shape: (…, D, H, W) of the whole map; leading axes, if any, are the same in every piece.
        unfold: as in `semantic_scale`.
        energy: as in `semantic_scale`.
        centre: as in `semantic_scale`.
        missing: as in `semantic_scale`.

    Raises:
        ValueError: fewer than three axes, an empty axis, or an unknown name.

    Examples:
        >>> planes = torch.eye(3).reshape(3, 3, 1)
        >>> accumulator = ScaleAccumulator((3, 3, 1))
        >>> for index in (2, 0, 1):
        ...     accumulator.add_slice(index, planes[index])
        >>> round(accumulator.result().item(), 9)
        1.0
    """

    def __init__(
        self,
        shape: Sequence[int],
        *,
        unfold: Unfold = "D_HW",
        energy: Energy = "squared",
        centre: bool = False,
        missing: float = math.nan,
    ) -> None:
        check_variant(shape, unfold, energy)
        self._shape = tuple(shape)
        self._space = self._shape[-3:]
        self._energy: Energy = energy
        self._centre = centre
        self._missing = missing
        self._unfolding = Unfolding.of(self._space, unfold)
        side = self._unfolding.rank
        self._cores = torch.zeros((*self._shape[:-3], side, side), dtype=torch.float64)
        self._means = torch.zeros((*self._shape[:-3], side), dtype=torch.float64)
        self._rows = 0
        self._dtype: torch.dtype | None = None
        self._boxes: list[_Box] = []
        self._stacks: dict[_Box, _Stack] = {}

    def add_slice(self, index: int, plane: Shaped[Tensor, "..."]) -> None:
        """Add the plane (…, H, W) at a depth.

        Raises:
            ValueError: the plane has another shape, or as `add`.
        """
        expected = (*self._shape[:-3], *self._shape[-2:])
        if tuple(plane.shape) != expected:
            raise ValueError(f"a plane of this map has the shape {expected}, not {tuple(plane.shape)}")
        self.add(plane.unsqueeze(-3), (index, 0, 0))

    def add(self, block: Shaped[Tensor, "..."], offset: Sequence[int]) -> None:
        """Add the block (…, d, h, w) whose first voxel is `offset`, three indices into (D, H, W).

        Blocks that are kept are copied, so the caller may reuse their memory.

        Raises:
            ValueError: the block does not fit into the map, overlaps what was added before, is not floating, or has
                another type than the blocks before it.
        """
        check_floating(block)
        if self._dtype not in (None, block.dtype):
            raise ValueError(f"the pieces of a map must have one type: this is {block.dtype}, others are {self._dtype}")
        box = self._box(offset, tuple(block.shape))
        # Always in inference mode: tensors made inside it cannot be changed outside.
        with torch.inference_mode(), torch.autocast(block.device.type, enabled=False):
            self._take(box, block)
        self._dtype = block.dtype
        self._boxes.append(box)

    def result(self) -> Float64[Tensor, "..."]:
        """The scale of the whole map: (…) float64 in [0, 1], or `missing` as in `semantic_scale`.

        Raises:
            ValueError: a part of the map has not been added.
        """
        self._require_complete()
        with torch.inference_mode():
            if self._stacks:
                self._fold(self._leftovers())
                self._stacks.clear()
            scale = scale_of(shares(self._cores, self._energy), self._missing)
        return scale.clone()

    def _box(self, offset: Sequence[int], shape: tuple[int, ...]) -> _Box:
        """Return the box of a block, or raise if it does not fit."""
        if len(shape) != len(self._shape) or shape[:-3] != self._shape[:-3] or len(offset) != 3:
            raise ValueError(
                f"a block of a map {self._shape} needs the axes (*{self._shape[:-3]}, d, h, w) and an offset of three "
                f"indices; got the shape {shape} at {tuple(offset)}"
            )
        box = tuple((start, start + size) for start, size in zip(offset, shape[-3:], strict=True))
        if any(start < 0 or stop > size or start == stop for (start, stop), size in zip(box, self._space, strict=True)):
            raise ValueError(f"a block {shape[-3:]} at {tuple(offset)} is empty or leaves the map {self._space}")
        for other in self._boxes:
            if all(a < d and c < b for (a, b), (c, d) in zip(box, other, strict=True)):
                raise ValueError(
                    f"the block {shape[-3:]} at {tuple(offset)} overlaps the piece at {tuple(a for a, _ in other)}; "
                    "blend or crop overlapping windows first"
                )
        return box

    def _take(self, box: _Box, block: Float[Tensor, "*maps d h w"]) -> None:
        """Fold a block at once if it holds whole lines, else keep it until they are complete."""
        home = self._home(box)
        if home == box:
            self._fold(block)
            return
        if home not in self._stacks:
            sides = tuple(stop - start for start, stop in home)
            self._stacks[home] = _Stack(block.new_zeros((*self._shape[:-3], *sides)), math.prod(sides))
        stack = self._stacks[home]
        stack.values[_within(box, home)] = block
        stack.lacking -= math.prod(block.shape[-3:])
        if stack.lacking == 0:
            self._fold(stack.values)
            del self._stacks[home]

    def _home(self, box: _Box) -> _Box:
        """The smallest part of the map that holds the box and can be folded by itself: its lines."""
        row, *columns = self._unfolding.order
        spanned = [row] if self._unfolding.by_rows else columns
        return tuple((0, self._space[axis]) if axis in spanned else box[axis] for axis in range(3))

    def _fold(self, piece: Float[Tensor, "*maps d h w"]) -> None:
        self._cores, self._means = self._cores.to(piece.device), self._means.to(piece.device)
        add_to_cores(self._cores, piece, self._unfolding, self._energy, self._centre)
        if self._centre and not self._unfolding.by_rows:
            self._unite_means(piece)

    def _unite_means(self, piece: Float[Tensor, "*maps d h w"]) -> None:
        """Merge the rows so far with those of the piece, each centred on its own mean."""
        before, new = self._rows, piece.shape[self._unfolding.order[0] - 3]
        self._rows = before + new
        for index in each_map(piece):
            rows = piece[index].permute(self._unfolding.order).flatten(1).double()
            # Around the first row, as in `Unfolding.blocks`: equal rows have exactly their own mean.
            step = rows[0] + (rows - rows[0]).mean(0) - self._means[index]
            fold(self._cores[index], math.sqrt(before * new / self._rows) * step[:, None], self._energy)
            self._means[index] += step * (new / self._rows)

    def _leftovers(self) -> Float[Tensor, "*maps d h w"]:
        """Blocks that are left when the map is complete, because their cuts differ from line to line.

        Columns that were folded before are zero here and add nothing. Rows that were folded are left out, because they
        would be counted again.
        """
        first = next(iter(self._stacks.values())).values
        whole = first.new_zeros(self._shape)
        for home, stack in self._stacks.items():
            # Stacks can share lines, but not voxels.
            whole[_within(home, tuple((0, size) for size in self._space))] += stack.values
        if self._unfolding.by_rows:
            return whole
        row = self._unfolding.order[0]
        waiting = sorted({index for home in self._stacks for index in range(*home[row])})
        return whole.index_select(row - 3, torch.tensor(waiting, device=whole.device))

    def _require_complete(self) -> None:
        _, height, width = self._space
        lacking = [height * width] * self._space[0]
        for (top, bottom), (front, back), (left, right) in self._boxes:
            for index in range(top, bottom):
                lacking[index] -= (back - front) * (right - left)
        incomplete = [str(index) for index, voxels in enumerate(lacking) if voxels]
        if incomplete:
            shown = ", ".join(incomplete[:5]) + (", …" if len(incomplete) > 5 else "")
            raise ValueError(f"{len(incomplete)} of {len(lacking)} planes along D are not complete: {shown}")


def _within(box: _Box, home: _Box) -> tuple[EllipsisType | slice, ...]:
    """The index of a box into the values of the part that holds it."""
    return (..., *(slice(start - first, stop - first) for (start, stop), (first, _) in zip(box, home, strict=True)))
