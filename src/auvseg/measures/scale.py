"""The semantic perception scale `S` (METHOD section 2).

    p_j = σ_j² / Σ_k σ_k²           S = -Σ_j p_j log p_j / log r,   r = min(rows, columns) of the unfolded map

The squared singular values of a matrix are the eigenvalues of its Gram matrix: one product in float64 and one small
symmetric eigenproblem replace the SVD. The gradient of the entropy is a spectral function of the Gram matrix, which
stays finite where singular values coincide or vanish; it is written out here, so that no eigenvector is
differentiated. The paper's ε in the denominator is taken to its limit 0: a map without energy has no scale, so nothing
is ever divided by 0.

Shapes: N maps, D depth, H rows, W columns of a map; R, K rows and columns of the unfolded map; n = min(R, K).
"""

import math
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from auvseg.measures.catalogue import Energy, Unfold

SINGULAR_OFFSET = 1e-6
"""What the authors' code adds to every singular value (`energy="singular"`)."""

_ROW_AXIS = {"D_HW": -3, "H_DW": -2, "W_DH": -1}
_NO_ENERGY = 1e-28
"""Share of a map's energy below which what is left after centring is rounding: (1e-16)² of float64, times voxels."""
_SMALLEST_SHARE = 1e-30
"""Shares of energy below this have no part in the entropy's gradient beyond a finite logarithm."""


def semantic_scale(
    maps: Float[Tensor, "*maps D H W"],
    *,
    unfold: Unfold = "D_HW",
    energy: Energy = "squared",
    centre: bool = False,
    missing: float = math.nan,
) -> Float[Tensor, "*maps"]:
    """How evenly the singular-value energy of every map is spread, in [0, 1] (METHOD section 2).

    0: one direction holds all energy; 1: all directions hold the same. A map with one row (D = 1 with `D_HW`) is a
    plane and unfolds into its two other axes; a map with a single row or column altogether has one direction, and
    scale 0.

    Args:
        maps: (…, D, H, W) class maps of any floating type.
        unfold: which axis becomes the rows, the other two the columns.
        energy: `squared` singular values (the paper), or `singular` values plus 1e-6 (the authors' code).
        centre: remove from every column its mean over the rows first, so that the energy is that of the covariance
            between rows (the paper's motivation; its equations and code do not centre).
        missing: what a map without a scale gets: one that is zero throughout (an absent class), has no energy left
            after centring, or holds a value that is not finite.

    Returns:
        (…) float32, float64 for float64 maps. Differentiable once; a missing map gets a zero gradient. Computed in
        float64 whatever the maps' type, outside autocast.

    Raises:
        ValueError: fewer than three axes, an empty axis, a type that is not floating, or an unknown name.

    Examples:
        >>> semantic_scale(torch.eye(3).reshape(3, 3, 1)).item()
        1.0
        >>> semantic_scale(torch.zeros(3, 4, 5)).item()
        nan
    """
    check_options(maps.shape, unfold, energy)
    if not maps.is_floating_point():
        raise ValueError(f"maps must be floating, not {maps.dtype}; convert label maps with .float()")
    flat = maps.reshape(-1, *maps.shape[-3:])
    with torch.autocast(maps.device.type, enabled=False):
        scale = _Scale.apply(flat, unfold, energy, centre, missing)
    return scale.reshape(maps.shape[:-3])


def energy_spectrum(
    maps: Float[Tensor, "*maps D H W"], *, unfold: Unfold = "D_HW", energy: Energy = "squared", centre: bool = False
) -> Float64[Tensor, "*maps r"]:
    """The distribution `p_j` behind `semantic_scale`, descending, summing to 1; NaN for a map without a scale.

    Arguments and errors are those of `semantic_scale`; no gradient.
    """
    check_options(maps.shape, unfold, energy)
    flat = maps.detach().reshape(-1, *maps.shape[-3:])
    with torch.autocast(maps.device.type, enabled=False):
        shares = [_decompose(one, unfold, energy, centre)[0] for one in flat]
    return torch.stack(shares).reshape(*maps.shape[:-3], -1)


def check_options(shape: torch.Size | tuple[int, ...], unfold: str, energy: str) -> None:
    """Refuse shapes and names that have no scale.

    Raises:
        ValueError: fewer than three axes, an empty axis, or an unknown name.
    """
    if len(shape) < 3:
        raise ValueError(f"maps need the axes (…, D, H, W); got {tuple(shape)}; a single plane is (1, H, W)")
    if 0 in shape[-3:]:
        raise ValueError(f"maps have an empty axis: {tuple(shape)}")
    if unfold not in get_args(Unfold):
        raise ValueError(f"unfold must be one of {', '.join(get_args(Unfold))}, not {unfold!r}")
    if energy not in get_args(Energy):
        raise ValueError(f"energy must be one of {', '.join(get_args(Energy))}, not {energy!r}")


def matrix_axes(shape: torch.Size | tuple[int, ...], unfold: str) -> tuple[int, int, int]:
    """The axes (negative) of a map that become the rows and the two parts of the columns.

    A row axis of length 1 is no direction at all: the map is then a plane, whose first axis gives the rows.
    """
    row = _ROW_AXIS[unfold]
    first, second = (axis for axis in (-3, -2, -1) if axis != row)
    return (row, first, second) if shape[row] > 1 else (first, row, second)


def entropy_of_gram(
    gram: Float64[Tensor, "n n"], energy: Energy, total: float | None = None
) -> tuple[Float64[Tensor, "n"], Float64[Tensor, ""]]:
    """Shares and scale of the map whose smaller Gram matrix this is; NaN where it holds no energy.

    Args:
        gram: (n, n) Gram matrix.
        energy: as in `semantic_scale`. Singular values as roots of eigenvalues are exact to about 1e-8 of the largest
            one.
        total: the energy before centring, against which what is left counts as rounding.
    """
    left = float(gram.diagonal().sum())
    if not math.isfinite(left) or left <= _NO_ENERGY * (left if total is None else total):
        nothing = torch.full_like(gram.diagonal(), math.nan)
        return nothing, nothing.sum()
    eigenvalues = torch.linalg.eigvalsh(gram).flip(-1).clamp_min(0)
    return shares_and_scale(eigenvalues if energy == "squared" else eigenvalues.sqrt() + SINGULAR_OFFSET)


def shares_and_scale(values: Float64[Tensor, "r"]) -> tuple[Float64[Tensor, "r"], Float64[Tensor, ""]]:
    """Normalise energies to shares `p_j`, and their entropy by its largest possible value."""
    shares = values / values.sum()
    entropy = torch.special.entr(shares).sum()
    return shares, (entropy / math.log(len(shares)) if len(shares) > 1 else torch.zeros_like(entropy))


def _unfolded(one: Float[Tensor, "D H W"], unfold: Unfold) -> Float[Tensor, "R K"]:
    row, first, second = matrix_axes(one.shape, unfold)
    return one.permute(row % 3, first % 3, second % 3).reshape(one.shape[row], -1)


def _matrix(one: Float[Tensor, "D H W"], unfold: Unfold, centre: bool) -> tuple[Float64[Tensor, "R K"], float]:
    """The unfolded map in float64, centred if asked, and its energy before centring."""
    matrix = _unfolded(one, unfold).double()
    if one.dtype == torch.float64:
        # Squares of float64 may leave its range; a common factor does not change the shares.
        largest = float(matrix.abs().max())
        if math.isfinite(largest) and largest > 0:
            matrix = matrix / largest
    if not centre:
        return matrix, 0.0
    total = float(matrix.square().sum())
    return matrix - matrix.mean(dim=0, keepdim=True), total


Side = Literal["rows", "columns"]


def _gram(matrix: Float64[Tensor, "R K"]) -> tuple[Float64[Tensor, "n n"], Side]:
    """The smaller of the two Gram matrices, and which side it is of."""
    if matrix.shape[0] <= matrix.shape[1]:
        return matrix @ matrix.T, "rows"
    return matrix.T @ matrix, "columns"


def _decompose(
    one: Float[Tensor, "D H W"], unfold: Unfold, energy: Energy, centre: bool
) -> tuple[Float64[Tensor, "r"], Float64[Tensor, ""]]:
    """Shares and scale of one map, without what the gradient needs."""
    matrix, total = _matrix(one, unfold, centre)
    gram, _ = _gram(matrix)
    if energy == "squared":
        return entropy_of_gram(gram, energy, total)
    shares, scale = entropy_of_gram(gram, "squared", total)
    if bool(scale.isnan()):
        return shares, scale
    # The roots of the eigenvalues would be exact to 1e-8 of the largest only, and here small ones count.
    return shares_and_scale(torch.linalg.svdvals(matrix) + SINGULAR_OFFSET)


def _decompose_with_weight(
    one: Float[Tensor, "D H W"], unfold: Unfold, energy: Energy, centre: bool
) -> tuple[Float64[Tensor, ""], Float64[Tensor, "n n"]]:
    """Scale of one map, and the matrix `A` with `dS/dM = A M` (rows) or `M A` (columns)."""
    matrix, total = _matrix(one, unfold, centre)
    gram, side = _gram(matrix)
    left = float(gram.diagonal().sum())
    if not math.isfinite(left) or left <= _NO_ENERGY * total or left == 0:
        return torch.full_like(gram[0, 0], math.nan), torch.zeros_like(gram)
    if energy == "squared":
        values, vectors = torch.linalg.eigh(gram)
        values = values.clamp_min(0)
        slope = torch.full_like(values, 2.0)
    else:
        left_vectors, roots, right_vectors = torch.linalg.svd(matrix, full_matrices=False)
        vectors = left_vectors if side == "rows" else right_vectors.T
        values = roots + SINGULAR_OFFSET
        # dσ/dM = u vᵀ = u uᵀ M / σ; along a direction without energy the subgradient 0 is taken.
        significant = roots > 1e-12 * roots.max()
        slope = torch.where(significant, 1 / roots.clamp_min(torch.finfo(roots.dtype).tiny), 0.0)
    shares, scale = shares_and_scale(values)
    if len(shares) == 1:
        return scale, torch.zeros_like(gram)
    log_shares = shares.clamp_min(_SMALLEST_SHARE).log()
    entropy = torch.special.entr(shares).sum()
    per_value = -(log_shares + entropy) / (values.sum() * math.log(len(shares)))
    return scale, (vectors * (slope * per_value)) @ vectors.T


class _Scale(torch.autograd.Function):
    """`S` of every map, keeping for the gradient no more than one n×n matrix a map beside the maps themselves."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, maps: Tensor, unfold: Unfold, energy: Energy, centre: bool, missing: float
    ) -> Tensor:
        needs_gradient = bool(ctx.needs_input_grad[0])  # type: ignore[attr-defined]
        scales, weights = [], []
        for one in maps:
            if needs_gradient:
                scale, weight = _decompose_with_weight(one, unfold, energy, centre)
                weights.append(weight)
            else:
                _, scale = _decompose(one, unfold, energy, centre)
            scales.append(scale)
        if needs_gradient:
            ctx.save_for_backward(maps, torch.stack(weights) if weights else maps.new_zeros(0))
            ctx.options = (unfold, centre)  # type: ignore[attr-defined]
        result = torch.stack(scales) if scales else maps.new_zeros(0, dtype=torch.float64)
        result = result.nan_to_num(nan=missing).clamp_max(1.0) if missing == missing else result.clamp_max(1.0)
        return result if maps.dtype == torch.float64 else result.float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        maps, weights = ctx.saved_tensors
        unfold, centre = ctx.options
        result = torch.zeros_like(maps, memory_format=torch.contiguous_format)
        for one, weight, factor, target in zip(maps, weights, gradient, result, strict=True):
            if not weight.any():
                continue
            matrix, _ = _matrix(one, unfold, centre)
            slope = weight @ matrix if matrix.shape[0] <= matrix.shape[1] else matrix @ weight
            if centre:
                slope = slope - slope.mean(dim=0, keepdim=True)
            if one.dtype == torch.float64:
                slope = slope / one.abs().max()
            row, first, second = matrix_axes(one.shape, unfold)
            folded = slope.reshape(one.shape[row], one.shape[first], one.shape[second])
            order = [axis % 3 for axis in (row, first, second)]
            target.copy_((factor.double() * folded).permute([order.index(axis) for axis in range(3)]))
        return result, None, None, None, None
