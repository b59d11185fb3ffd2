"""`S` of a map that never exists as a whole: slices or tiles come in any order (METHOD section 2).

A Gram matrix is a sum over columns, so a piece that holds all rows of its columns is added to it and forgotten. A
column of which rows are missing has to wait for them: each new row is multiplied with all that came before, and no
smaller state is exact. So what is held depends on how the pieces lie to the rows:

    pieces                              unfold            held beside an r×r matrix a map
    tiles over the whole row axis       any               nothing
    slices along D                      H_DW, W_DH        nothing
    slices along D                      D_HW              the map, in its own type
    tiles in stacks along the row axis  any               the stacks that are not complete yet

A map with more rows than columns is held too; it is small. Gradients do not pass, and pieces that overlap are refused
rather than blended: blend, or crop, before adding.

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
from auvseg.measures.scale import add_to_cores
from auvseg.measures.spectrum import scale_of, shares
from auvseg.measures.unfolding import Unfolding, check_floating, check_variant

_Box = tuple[tuple[int, int], ...]
"""First voxel and the one after the last, along each of D, H, W."""


@dataclass
class _Stack:
    """Pieces that wait for the rest of their columns, each in its place; `lacking` voxels are still zero."""

    values: Float[Tensor, "*maps d h w"]
    lacking: int


class ScaleAccumulator:
    """Takes a map piece by piece and gives what `semantic_scale` gives for the whole.

    Slice-wise models call `add_slice`, sliding-window models `add_tile`. Windows may not overlap: MONAI's inferers
    need an overlap of 0 and, where the window does not divide the map, a crop of the last ones, which they shift back.

    Args:
        shape: (…, D, H, W) of the whole map; the leading axes, if any, are the same in every piece.
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
        >>> round(accumulator.scale().item(), 9)
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
        self._dtype: torch.dtype | None = None
        self._boxes: list[_Box] = []
        self._stacks: dict[_Box, _Stack] = {}

    def add_slice(self, index: int, plane: Shaped[Tensor, "..."]) -> None:
        """Add the plane (…, H, W) at a depth.

        Raises:
            ValueError: the plane has another shape, or as `add_tile`.
        """
        expected = (*self._shape[:-3], *self._shape[-2:])
        if tuple(plane.shape) != expected:
            raise ValueError(f"a plane of this map has the shape {expected}, not {tuple(plane.shape)}")
        self.add_tile((index, 0, 0), plane.unsqueeze(-3))

    def add_tile(self, offset: Sequence[int], tile: Shaped[Tensor, "..."]) -> None:
        """Add the block (…, d, h, w) whose first voxel is `offset`, three indices into (D, H, W).

        A tile that has to wait is copied, so the caller may reuse its memory.

        Raises:
            ValueError: the tile does not fit into the map, overlaps what was added before, is not floating, or has
                another type than the tiles before it.
        """
        check_floating(tile)
        if self._dtype not in (None, tile.dtype):
            raise ValueError(f"the pieces of a map must have one type: this is {tile.dtype}, others are {self._dtype}")
        box = self._box(offset, tuple(tile.shape))
        # In inference mode whatever the caller's mode is: tensors made inside it could not be changed outside.
        with torch.inference_mode(), torch.autocast(tile.device.type, enabled=False):
            self._take(box, tile)
        self._dtype = tile.dtype
        self._boxes.append(box)

    def scale(self) -> Float64[Tensor, "..."]:
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
        """Where a tile lies, if it may lie there."""
        if len(shape) != len(self._shape) or shape[:-3] != self._shape[:-3] or len(offset) != 3:
            raise ValueError(
                f"a tile of a map {self._shape} needs the axes (*{self._shape[:-3]}, d, h, w) and an offset of three "
                f"indices; got the shape {shape} at {tuple(offset)}"
            )
        box = tuple((start, start + size) for start, size in zip(offset, shape[-3:], strict=True))
        if any(start < 0 or stop > size or start == stop for (start, stop), size in zip(box, self._space, strict=True)):
            raise ValueError(f"a tile {shape[-3:]} at {tuple(offset)} is empty or leaves the map {self._space}")
        for other in self._boxes:
            if all(a < d and c < b for (a, b), (c, d) in zip(box, other, strict=True)):
                raise ValueError(
                    f"the tile {shape[-3:]} at {tuple(offset)} overlaps the piece at {tuple(a for a, _ in other)}; "
                    "blend or crop overlapping windows first"
                )
        return box

    def _take(self, box: _Box, tile: Float[Tensor, "*maps d h w"]) -> None:
        """Fold a tile at once where it holds whole columns, else let it wait for the rest of them."""
        home = self._home(box)
        if home == box:
            self._fold(tile)
            return
        if home not in self._stacks:
            sides = tuple(stop - start for start, stop in home)
            self._stacks[home] = _Stack(tile.new_zeros((*self._shape[:-3], *sides)), math.prod(sides))
        stack = self._stacks[home]
        stack.values[_within(box, home)] = tile
        stack.lacking -= math.prod(tile.shape[-3:])
        if stack.lacking == 0:
            self._fold(stack.values)
            del self._stacks[home]

    def _home(self, box: _Box) -> _Box:
        """The part of the map that can be folded by itself and holds the box: its columns, or else the whole map."""
        whole = tuple((0, size) for size in self._space)
        if not self._unfolding.by_rows:
            return whole
        row = self._unfolding.order[0]
        return tuple(whole[axis] if axis == row else box[axis] for axis in range(3))

    def _fold(self, piece: Float[Tensor, "*maps d h w"]) -> None:
        self._cores = self._cores.to(piece.device)
        add_to_cores(self._cores, piece, self._unfolding, self._energy, self._centre)

    def _leftovers(self) -> Float[Tensor, "*maps D H W"]:
        """What still waits when the map is complete: tiles whose cuts through the columns differ from row to row.

        Columns that were folded before are zero here, and add nothing.
        """
        first = next(iter(self._stacks.values())).values
        whole = first.new_zeros(self._shape)
        for home, stack in self._stacks.items():
            # Stacks can share columns, but not voxels.
            whole[_within(home, tuple((0, size) for size in self._space))] += stack.values
        return whole

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
