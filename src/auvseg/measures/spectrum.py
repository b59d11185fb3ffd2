"""Energies of an unfolded map without an SVD: from its Gram matrix or a triangular factor of it.

    squared:    G = Z Zᵀ = U Λ Uᵀ                   λ_j = σ_j²
    singular:   Zᵀ = Q T,  T = · Σ Uᵀ               σ_j + 1e-6

Both are n×n, in float64, and both grow block by block. The Gram matrix halves the digits of a singular value, which is
harmless to σ² but not to σ: of a rank-1 map the roots of rounding errors would sum up to more than 1e-6 of entropy.
Hence the triangle for the authors' variant. Float32 products would take half the time, with errors of about 1e-6; but
AUV takes the logarithm of scales that are themselves of the order of 1e-6 where a background's offset dominates.

Shapes: n side of the Gram matrix, k columns of a block, "*m" any axes of maps.
"""

import math

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from auvseg.measures.catalogue import Energy

SINGULAR_OFFSET = 1e-6
"""What the authors' code adds to every singular value (`energy="singular"`)."""

_EPSILON = torch.finfo(torch.float64).eps


def fold(core: Float64[Tensor, "n n"], block: Float64[Tensor, "n k"], energy: Energy) -> None:
    """Add a block of columns, in place, to the core of its map: the Gram matrix or the triangle; zero at first.

    Only the lower triangle of the Gram matrix is computed, as far as two products allow.
    """
    if energy == "singular":
        core.copy_(torch.linalg.qr(torch.cat([core, block.T]), mode="r").R)
        return
    half = len(core) // 2
    core[:, :half].addmm_(block, block[:half].T)
    core[half:, half:].addmm_(block[half:], block[half:].T)


def shares(core: Float64[Tensor, "*m n n"], energy: Energy) -> Float64[Tensor, "*m n"]:
    """The distribution p_j, descending; NaN for a map without energy or with a value that is not finite."""
    usable, core = _usable(core, energy)
    if energy == "squared":
        values = torch.linalg.eigvalsh(core).flip(-1).clamp_min(0)
    else:
        values = torch.linalg.svdvals(core) + SINGULAR_OFFSET
    return _normalised(values, usable)


def shares_and_slope(
    core: Float64[Tensor, "*m n n"], energy: Energy
) -> tuple[Float64[Tensor, "*m n"], Float64[Tensor, "*m n n"]]:
    """The distribution p_j in no order, and the symmetric matrix A with dS/dZ = A Z; A is undefined where p is NaN.

        A = U diag(g) Uᵀ,   g_j = -(log p_j + H) / (T log r) · (dv_j/dσ_j) / σ_j,   p_j = v_j / T,   T = Σ v_j

    with v = σ² or σ + 1e-6 and H the entropy. This is a function of the spectrum alone: there is no division by a
    difference of eigenvalues, so equal ones are harmless. Along a direction without energy the slope is 0 for
    `squared`, since σ log σ vanishes; for `singular` the subgradient 0 is taken.
    """
    usable, core = _usable(core, energy)
    if energy == "squared":
        values, vectors = torch.linalg.eigh(core)
        values = values.clamp_min(0)
        derivative = torch.full_like(values, 2.0)
    else:
        _, roots, adjoint = torch.linalg.svd(core)
        vectors, values = adjoint.mT, roots + SINGULAR_OFFSET
        significant = roots > roots.amax(-1, keepdim=True) * core.shape[-1] * _EPSILON
        derivative = torch.where(significant, 1 / roots, 0.0)
    p = _normalised(values, usable)
    # Shares below float64's resolution are rounding; the bound keeps their logarithm finite.
    deviation = p.clamp_min(_EPSILON).log() + torch.special.entr(p).sum(-1, keepdim=True)
    slope = -deviation * derivative / (values.sum(-1, keepdim=True) * _largest_entropy(p))
    return p, (vectors * slope.unsqueeze(-2)) @ vectors.mT


def scale_of(p: Float64[Tensor, "*m n"], missing: float) -> Float64[Tensor, "*m"]:
    """Entropy of a distribution over its largest possible value, in [0, 1]; `missing` where it is NaN."""
    scale = (torch.special.entr(p).sum(-1) / _largest_entropy(p)).clamp_max(1)
    return torch.where(scale.isnan(), missing, scale)


def _largest_entropy(p: Float64[Tensor, "*m n"]) -> float:
    # With one direction the entropy is 0 whatever the divisor.
    return math.log(max(p.shape[-1], 2))


def _usable(core: Float64[Tensor, "*m n n"], energy: Energy) -> tuple[Bool[Tensor, "*m"], Float64[Tensor, "*m n n"]]:
    """Mask the maps with finite energy, and zero the cores of the others: LAPACK refuses values that are not finite."""
    total = core.diagonal(dim1=-2, dim2=-1).sum(-1) if energy == "squared" else core.square().sum((-2, -1))
    usable = total.isfinite() & (total > 0)
    return usable, torch.where(usable[..., None, None], core, 0.0)


def _normalised(values: Float64[Tensor, "*m n"], usable: Bool[Tensor, "*m"]) -> Float64[Tensor, "*m n"]:
    return torch.where(usable[..., None], values / values.sum(-1, keepdim=True), math.nan)
