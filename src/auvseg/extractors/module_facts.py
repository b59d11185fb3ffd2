"""What auvseg must know of a network that it did not make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from auvseg.data.case import Modality
from auvseg.errors import UsageError
from auvseg.extractors.volumewise import Preprocessing

Outputs = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class ModuleFacts:
    """What auvseg must know of a network that it did not make.

    Attributes:
        classes: the network's output channel by the class's name; several where the class is their union.
        outputs: `softmax`, channels exclude each other; `sigmoid`, every channel is a question of its own.
        window: voxels along the network's axes that it sees at a time.
        overlap: share of a window that the next one covers again, in [0, 1).
        preprocessing: spacing, intensities and axes that it wants.
        channels: image channels that it wants.
        modalities: what it was trained on.
        about: plain values that become part of the record.
    """

    classes: Mapping[str, tuple[int, ...]]
    outputs: Outputs
    window: tuple[int, int, int]
    overlap: float
    preprocessing: Preprocessing
    channels: int
    modalities: frozenset[Modality]
    about: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


def standardised(volume: Float[Tensor, "K d h w"]) -> Float[Tensor, "K d h w"]:
    """Every channel with mean 0 and deviation 1; a constant one is 0."""
    mean = volume.mean(dim=(1, 2, 3), keepdim=True)
    deviation = volume.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (volume - mean) / deviation.clamp_min(torch.finfo(volume.dtype).tiny)


def as_channels(classes: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Every class's output channels as a tuple.

    Raises:
        UsageError: no class is named, or a channel is none.
    """
    if not classes:
        raise UsageError('a network of your own needs its classes, such as {"liver": 1, "tumour": 2}')
    found = {}
    for name, its in classes.items():
        channels = (its,) if isinstance(its, int) else tuple(its)
        if not channels or any(isinstance(one, bool) or not isinstance(one, int) or one < 0 for one in channels):
            raise UsageError(
                f"class {name!r}: {its!r} is no output channel; it must be a whole number from 0, or several"
            )
        found[str(name)] = channels
    return found
