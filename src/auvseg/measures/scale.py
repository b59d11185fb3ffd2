"""The semantic perception scale `S` (METHOD section 2).

    p_j = σ_j² / Σ_k σ_k²           S = -Σ_j p_j log p_j / log r,   r = min(rows, columns) of the unfolded map

The squared singular values of a matrix are the eigenvalues of its Gram matrix, so one product in float64 and one small
symmetric eigenproblem replace the SVD. The gradient is analytic (`spectrum.py`); no eigenvector is differentiated. The
paper's ε in the denominator is taken to its limit 0: a map without energy has no scale, so there is no division by 0
and `S` does not depend on the map's unit. Sums over classes and AUV are not computed here.

Shapes: D depth, H height, W width; "*maps" any leading axes, such as batch and class; r directions; n = r.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from auvseg.measures.catalogue import Energy, Unfold
from auvseg.measures.spectrum import fold, scale_of, shares, shares_and_slope
from auvseg.measures.unfolding import Unfolding, check_floating, check_variant


def semantic_scale(
    maps: Shaped[Tensor, "..."],
    *,
    unfold: Unfold = "D_HW",
    energy: Energy = "squared",
    centre: bool = False,
    missing: float = math.nan,
) -> Float[Tensor, "..."]:
    """How evenly the singular-value energy of every map is spread, in [0, 1] (METHOD section 2).

    0: one direction holds all energy; 1: all r directions hold the same. A map whose row axis has length 1 (D = 1 with
    `D_HW`) is a plane and unfolds into its two other axes, H×W. If there is only a single row or column, one direction
    holds all energy: scale 0.

    Args:
        maps: (…, D, H, W) class maps of any floating type and layout.
        unfold: the axis that becomes the rows; the other two become the columns.
        energy: `squared` singular values (the paper), or `singular` values plus 1e-6 (the authors' code); the latter
            depends on the maps' unit and takes about three times as long.
        centre: remove from every column its mean over the rows first (`D_HW`: from every pixel its mean along depth).
            The rows are then observations and the columns variables, so that the energies are the variances of a
            principal component analysis of the depth rows: the paper's motivation; its equations and code do not
            centre. One direction is lost, so that S stays below 1 where rows are the shorter side.
        missing: value for a map without a scale: one that is zero throughout (an absent class), has no energy left
            after centring, or holds a value that is not finite (in float64: whose square is not finite).

    Returns:
        (…) float32, or float64 for float64 maps. Differentiable once; a missing map gets a gradient of zero. Always
        computed in float64, outside autocast, in blocks: apart from one r×r matrix per map, the extra memory is a few
        megabytes (or one float64 map if rows outnumber columns).

    Raises:
        ValueError: fewer than three axes, an empty axis, a type that is not floating, or an unknown name.

    Examples:
        >>> round(semantic_scale(torch.eye(3).reshape(3, 3, 1)).item(), 6)
        1.0
        >>> semantic_scale(torch.zeros(3, 4, 5)).item()
        nan
    """
    check_variant(maps.shape, unfold, energy)
    check_floating(maps)
    with torch.autocast(maps.device.type, enabled=False):
        return _Scale.apply(maps, Unfolding.of(maps.shape[-3:], unfold), energy, centre, missing)


def energy_spectrum(
    maps: Shaped[Tensor, "..."], *, unfold: Unfold = "D_HW", energy: Energy = "squared", centre: bool = False
) -> Float64[Tensor, "..."]:
    """Compute the distribution `p_j` behind `semantic_scale`: (…, r), descending, summing to 1.

    Arguments and errors are those of `semantic_scale`. A map without a scale is NaN throughout. No gradient.
    """
    check_variant(maps.shape, unfold, energy)
    check_floating(maps)
    with torch.no_grad(), torch.autocast(maps.device.type, enabled=False):
        return shares(_cores(maps, Unfolding.of(maps.shape[-3:], unfold), energy, centre), energy)


def each_map(maps: Shaped[Tensor, "*maps D H W"]) -> Iterator[tuple[int, ...]]:
    """Yield the index of every map. Indexing gives views; `flatten` would copy `logits[:, 1:]`."""
    return itertools.product(*map(range, maps.shape[:-3]))


def add_to_cores(
    cores: Float64[Tensor, "*maps n n"],
    pieces: Float[Tensor, "*maps d h w"],
    unfolding: Unfolding,
    energy: Energy,
    centre: bool,
) -> None:
    """Fold every map, or the same tile of every map, into its core in place; a tile must hold all its columns' rows."""
    for index in each_map(pieces):
        for _, block in unfolding.blocks(pieces[index], centre=centre):
            fold(cores[index], block, energy)


def _cores(
    maps: Float[Tensor, "*maps D H W"], unfolding: Unfolding, energy: Energy, centre: bool
) -> Float64[Tensor, "*maps n n"]:
    cores = maps.new_zeros((*maps.shape[:-3], unfolding.rank, unfolding.rank), dtype=torch.float64)
    add_to_cores(cores, maps, unfolding, energy, centre)
    return cores


def map_cores(
    maps: Float[Tensor, "*maps D H W"], unfolding: Unfolding, energy: Energy, centre: bool
) -> Float64[Tensor, "*maps n n"]:
    """Compute the core (`spectrum.fold`) of every map, without gradient.

    Raises:
        ValueError: the values are not floating.
    """
    check_floating(maps)
    with torch.no_grad(), torch.autocast(maps.device.type, enabled=False):
        return _cores(maps, unfolding, energy, centre)


class _Scale(torch.autograd.Function):
    """`S` of every map; keeps the maps and one r×r matrix each for the gradient."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, unfolding: Unfolding, energy: Energy, centre: bool, missing: float) -> Tensor:
        cores = _cores(maps, unfolding, energy, centre)
        if ctx.needs_input_grad[0]:
            p, slope = shares_and_slope(cores, energy)
            ctx.save_for_backward(maps, slope, p[..., 0].isfinite())
            ctx.unfolding, ctx.centre = unfolding, centre
        else:
            p = shares(cores, energy)
        return scale_of(p, missing).to(torch.promote_types(maps.dtype, torch.float32))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, slope, present = ctx.saved_tensors
        with torch.no_grad():
            result = _Scale._gradient(ctx, maps, slope, present, gradient)
        return _Final.apply(result, maps, gradient), None, None, None, None

    @staticmethod
    def _gradient(ctx: Any, maps: Tensor, slope: Tensor, present: Tensor, gradient: Tensor) -> Tensor:
        result = torch.empty(maps.shape, dtype=maps.dtype, device=maps.device)
        # Set to 0, not multiplied by 0: where S is missing, the map and the incoming gradient may not be finite.
        for index, usable in zip(each_map(maps), present.flatten().tolist(), strict=True):
            if not usable:
                result[index].zero_()
                continue
            weight = slope[index] * gradient[index].double()
            # Slopes of a centred map are centred already: the vector of ones belongs to its null space.
            for part, block in ctx.unfolding.blocks(maps[index], centre=ctx.centre):
                ctx.unfolding.place(weight @ block, part, result[index])
        return result


class _Final(torch.autograd.Function):
    """Passes a gradient on but cannot be differentiated; `once_differentiable` would silently give no gradient."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, maps: Tensor, gradient: Tensor) -> Tensor:
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        raise RuntimeError(
            "semantic_scale has no second derivative: detach it, or leave it out of the gradient penalty"
        )
