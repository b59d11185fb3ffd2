"""What the loss compares with: one channel a class in [0, 1], and which voxels count.

Axes: B batch, C classes, "*S" one to three spatial axes.
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional

from auvseg.data.label_values import INTEGER_TOLERANCE


def class_targets(
    target: Shaped[Tensor, "B K *S"],
    num_classes: int,
    ignore_index: int | None,
    mask: Shaped[Tensor, "B 1 *S"] | None,
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "B C *S"], Bool[Tensor, "B 1 *S"] | None]:
    """One channel a class, and the voxels that count.

    The number of channels tells what the target is: one of several classes is a label map, one a class are soft or hard
    shares. With C = 1 both are the same.

    Args:
        target: (B, 1, *S) label map with values 0 … C-1 and `ignore_index`, of any dtype; floats are rounded to the
            whole number that they lie next to, by the rule of reading and `check`. Or (B, C, *S) channels in [0, 1],
            soft or hard: regions, several raters' mean.
        num_classes: C.
        ignore_index: the label of voxels that do not count; None if all do.
        mask: (B, 1, *S), true where a voxel counts; None if all do.
        dtype: of the channels.

    Returns:
        (B, C, *S) channels, and (B, 1, *S) which voxels count (None: all).

    Raises:
        ValueError: the number of channels is neither 1 nor C, a label is not a class or no whole number, or a share is
            not in [0, 1].
    """
    counted = None if mask is None else mask.bool()
    if target.shape[1] == 1 and num_classes > 1:
        return _one_hot(target, num_classes, ignore_index, counted, dtype)
    if target.shape[1] != num_classes:
        raise ValueError(
            f"the target has {target.shape[1]} channels: 1 (a label map) or {num_classes} (one a class) are expected"
        )
    if ignore_index is not None:
        if num_classes > 1:
            raise ValueError("ignore_index belongs to label maps; pass mask= with one channel a class")
        target, counted = _without_ignored(target, ignore_index, counted)
    if target.dtype == torch.bool:
        return target.to(dtype), counted
    low, high = torch.stack(torch.aminmax(target)).tolist()
    # Interpolating and averaging shares leaves them a rounding error outside.
    if not (low >= -INTEGER_TOLERANCE and high <= 1 + INTEGER_TOLERANCE):
        raise ValueError(
            f"the target has one channel a class, so it is taken for shares in [0, 1], not [{low:g}, {high:g}]; "
            f"a label map has one channel, of several classes"
        )
    return (target if low >= 0 and high <= 1 else target.clamp(0, 1)).to(dtype), counted


def _one_hot(
    label: Shaped[Tensor, "B 1 *S"],
    num_classes: int,
    ignore_index: int | None,
    counted: Bool[Tensor, "B 1 *S"] | None,
    dtype: torch.dtype,
) -> tuple[Float[Tensor, "B C *S"], Bool[Tensor, "B 1 *S"] | None]:
    stored = label
    if label.is_floating_point():
        label = label.round()
    rounded = label
    if ignore_index is not None:
        label, counted = _without_ignored(label, ignore_index, counted)
    facts = [*torch.aminmax(label)]
    if stored.is_floating_point():
        facts.append((stored - rounded).abs().amax())
    # One transfer from the device, where each number would wait for it.
    low, high, *off = torch.stack(facts).tolist()
    taken = f"the target has one channel, so it is taken for a label map of {num_classes} classes: "
    if not (low >= 0 and high < num_classes):
        raise ValueError(f"{taken}labels are 0 to {num_classes - 1}, not {low:g} to {high:g}; is ignore_index set?")
    if off and not off[0] <= INTEGER_TOLERANCE:
        example = stored[(stored - rounded).abs() > INTEGER_TOLERANCE][0].item()
        raise ValueError(
            f"{taken}labels are whole numbers, not {example:g}; resample labels with nearest neighbour, or give soft "
            f"targets one channel a class, (B, {num_classes}, ...)"
        )
    channels = torch.zeros(label.shape[0], num_classes, *label.shape[2:], dtype=dtype, device=label.device)
    return channels.scatter_(1, label.long(), 1.0), counted


def _without_ignored(
    target: Shaped[Tensor, "B K *S"], ignore_index: int, counted: Bool[Tensor, "B 1 *S"] | None
) -> tuple[Shaped[Tensor, "B K *S"], Bool[Tensor, "B 1 *S"]]:
    """The target with 0 where it is to be ignored, and what counts elsewhere."""
    kept = target != ignore_index
    return torch.where(kept, target, 0), kept if counted is None else counted & kept


def at_resolution(target: Shaped[Tensor, "B K *S"], shape: torch.Size) -> Shaped[Tensor, "B K *s"]:
    """The target on a coarser grid of a deeply supervised network, by nearest neighbours."""
    if target.shape[2:] == shape:
        return target
    return functional.interpolate(target.float(), shape, mode="nearest-exact").to(target.dtype)
