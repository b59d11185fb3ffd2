"""What the loss compares with: one channel a class in [0, 1], and which voxels count.

Axes: B batch, C classes, "*S" one to three spatial axes.
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional


def class_targets(
    target: Shaped[Tensor, "B K *S"],
    num_classes: int,
    ignore_index: int | None,
    mask: Shaped[Tensor, "B 1 *S"] | None,
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "B C *S"], Bool[Tensor, "B 1 *S"] | None]:
    """One channel a class, and the voxels that count.

    Args:
        target: (B, 1, *S) label map with values 0 … C-1 and `ignore_index`, of any dtype; or (B, C, *S) channels in
            [0, 1], soft or hard: regions, several raters' mean. With C = 1 both are the same.
        num_classes: C.
        ignore_index: the label of voxels that do not count; None if all do.
        mask: (B, 1, *S), true where a voxel counts; None if all do.
        dtype: of the channels.

    Returns:
        (B, C, *S) channels, and (B, 1, *S) which voxels count (None: all).

    Raises:
        ValueError: the number of channels is neither 1 nor C, a label is not a class, or a value is not in [0, 1].
    """
    counted = None if mask is None else mask.bool()
    if target.shape[1] == 1 and num_classes > 1:
        if ignore_index is not None:
            kept = target != ignore_index
            counted = kept if counted is None else counted & kept
            target = torch.where(kept, target, 0)
        return _one_hot(target, num_classes, dtype), counted
    if target.shape[1] != num_classes:
        raise ValueError(
            f"the target has {target.shape[1]} channels: 1 (a label map) or {num_classes} (one a class) are expected"
        )
    if ignore_index is not None:
        if num_classes > 1:
            raise ValueError("ignore_index belongs to label maps; pass mask= with one channel a class")
        kept = target != ignore_index
        counted = kept if counted is None else counted & kept
        target = torch.where(kept, target, 0)
    if target.dtype == torch.bool:
        return target.to(dtype), counted
    low, high = (float(value) for value in torch.aminmax(target))
    if not (low >= 0 and high <= 1):
        raise ValueError(f"targets with one channel a class are in [0, 1], not [{low:g}, {high:g}]")
    return target.to(dtype), counted


def _one_hot(label: Shaped[Tensor, "B 1 *S"], num_classes: int, dtype: torch.dtype) -> Float[Tensor, "B C *S"]:
    low, high = (float(value) for value in torch.aminmax(label))
    if not (low >= 0 and high < num_classes):
        raise ValueError(f"labels are 0 to {num_classes - 1}, not {low:g} to {high:g}; is ignore_index set?")
    channels = torch.zeros(label.shape[0], num_classes, *label.shape[2:], dtype=dtype, device=label.device)
    return channels.scatter_(1, label.long(), 1.0)


def at_resolution(target: Shaped[Tensor, "B K *S"], shape: torch.Size) -> Shaped[Tensor, "B K *s"]:
    """The target on a coarser grid of a deeply supervised network, by nearest neighbours."""
    if target.shape[2:] == shape:
        return target
    return functional.interpolate(target.float(), shape, mode="nearest-exact").to(target.dtype)
