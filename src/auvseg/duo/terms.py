"""The base loss of METHOD section 5, one value a sample and class: Dice and binary cross-entropy, both at least 0.

Axes: B batch, C classes, "*S" one to three spatial axes.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

Activation = Literal["softmax", "sigmoid"]

_LOG_DOMINANT = math.log(0.6)
"""Far enough above 1/2 that, whatever is rounded, one class of a voxel at most is above it."""


def probabilities(logits: Float[Tensor, "B C *S"], activation: Activation) -> Float[Tensor, "B C *S"]:
    """(B, C, *S) probabilities."""
    return torch.softmax(logits, dim=1) if activation == "softmax" else torch.sigmoid(logits)


def dice_loss(
    p: Float[Tensor, "B C *S"],
    y: Float[Tensor, "B C *S"],
    counted: Bool[Tensor, "B 1 *S"] | None,
    smooth: float,
) -> Float[Tensor, "B C"]:
    """1 - Dice, in [0, 1].

        1 - (2 Σ min(p, y) + s) / (Σ p + Σ y + s)

    For labels of 0 and 1, min(p, y) = p·y, so this is the usual Dice. For soft ones it is smallest, and 0, at p = y;
    the product is not (MONAI issue 8094). A class that is neither there nor predicted has loss 0.
    """
    overlap = torch.minimum(p, y)
    if counted is not None:
        p, y, overlap = p * counted, y * counted, overlap * counted
    inner, total = overlap.flatten(2).sum(-1), p.flatten(2).sum(-1) + y.flatten(2).sum(-1)
    return 1 - (2 * inner + smooth) / (total + smooth)


def binary_cross_entropy(
    logits: Float[Tensor, "B C *S"],
    y: Float[Tensor, "B C *S"],
    counted: Bool[Tensor, "B 1 *S"] | None,
    activation: Activation,
) -> Float[Tensor, "B C"]:
    """Mean of -(y log p + (1 - y) log(1 - p)) over the voxels that count; 0 if none does."""
    if activation == "sigmoid":
        entropy = functional.softplus(logits) - y * logits
    else:
        log_p = torch.log_softmax(logits, dim=1)
        entropy = -torch.lerp(_log_complement(log_p), log_p, y)
    if counted is None:
        return entropy.flatten(2).mean(-1)
    voxels = counted.flatten(2).sum(-1).clamp_min(1)
    return (entropy * counted).flatten(2).sum(-1) / voxels


def _log_complement(log_p: Float[Tensor, "B C *S"]) -> Float[Tensor, "B C *S"]:
    """log(1 - p) of a softmax, exact also where p rounds to 1 and a wrong label needs its gradient most.

    Only the largest class of a voxel can have p well above 1/2, where 1 - p cancels. There the sum over the others is
    taken.
    """
    dominant = log_p > _LOG_DOMINANT
    # Masked before the logarithm: the gradient of an unused -inf would be NaN.
    others = torch.where(dominant, -torch.inf, log_p)
    return torch.where(dominant, others.logsumexp(dim=1, keepdim=True), torch.log1p(-others.exp()))
