"""Swin-UNETR (Hatamizadeh et al., 2022) as nnU-Net calls networks, for images of any size.

Axes: B batch, C channels or classes; "*image" two or three axes of an image.
"""

import inspect
from types import SimpleNamespace
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

MULTIPLE = 32
"""MONAI's network halves an image five times."""


class SwinUNETR(nn.Module):
    """MONAI's Swin-UNETR, which pads what it is given and crops what it returns.

    Images are padded with zeros on the far side of every axis, up to a multiple of 32. Where that would be 32
    throughout, the last axis is padded to 64: a bottleneck of a single voxel has no variance to normalise by.

    Zero is what the network knows as "beyond the image": nnU-Net pads with it after normalisation, in training as in
    prediction. In z-scored images it is the mean, so that padding moves no mean; copies of the border or a reflection
    would show the attention tissue that is not there, and a reflection needs more tissue than a thin image has.

    Args:
        input_channels: of the images.
        num_classes: channels of the logits.
        deep_supervision: nnU-Net's argument; there is none here.
        feature_size: channels of the first stage, a multiple of 12; 48 in the paper.
        spatial_dims: 2 or 3.
        **options: further arguments of `monai.networks.nets.SwinUNETR`, such as `use_checkpoint=True`.

    Attributes:
        decoder: has `deep_supervision`, which nnU-Net sets and which has no effect.
        output_layer: the name of the convolution that gives the logits.

    Raises:
        ValueError: deep supervision is asked for, or MONAI refuses an argument.
    """

    output_layer = "network.out.conv.conv"

    def __init__(
        self,
        input_channels: int,
        num_classes: int,
        *,
        deep_supervision: bool | None = None,
        feature_size: int = 48,
        spatial_dims: int = 3,
        **options: Any,
    ) -> None:
        super().__init__()
        if deep_supervision:
            # A loss over resolutions would take the cases of the batch for them.
            raise ValueError("Swin-UNETR has no deep supervision: set enable_deep_supervision = False in the trainer")
        # Only here: importing MONAI's networks takes seconds.
        from monai.networks import nets

        if "img_size" in inspect.signature(nets.SwinUNETR).parameters:
            # Until MONAI 1.4 it is required, checked, and otherwise unused.
            options = {"img_size": (2 * MULTIPLE,) * spatial_dims, **options}
        self.network: nn.Module = nets.SwinUNETR(
            in_channels=input_channels,
            out_channels=num_classes,
            feature_size=feature_size,
            spatial_dims=spatial_dims,
            **options,
        )
        self.decoder = SimpleNamespace(deep_supervision=False)

    def forward(self, x: Float[Tensor, "B C *image"]) -> Float[Tensor, "B K *image"]:
        """(B, input_channels, *image) to (B, num_classes, *image) logits, one tensor always."""
        size = x.shape[2:]
        padding = [side for axis in reversed(range(len(size))) for side in (0, padded_size(size)[axis] - size[axis])]
        logits = self.network(functional.pad(x, padding))
        return logits[(..., *map(slice, size))]


def padded_size(size: tuple[int, ...]) -> tuple[int, ...]:
    """The axes up to the next multiple of 32, the last one to 64 where all would be 32."""
    padded = tuple(-(-side // MULTIPLE) * MULTIPLE for side in size)
    return padded if max(padded) > MULTIPLE else (*padded[:-1], 2 * MULTIPLE)
