"""Residual stages, an encoder and a decoder of them: the convolutional part of U-Mamba.

Axes: B batch, F features; "*image" two or three axes of an image.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from auvseg.networks.architecture import Architecture


class ResidualBlock(nn.Module):
    """Two convolutions, the skip around them, the activation of the sum (He et al., 2016).

    Where channels or resolution change, and at the head of every stage, the skip is a 1×1 convolution without
    normalisation; elsewhere it is the identity.
    """

    def __init__(
        self, architecture: Architecture, stage: int, inputs: int, outputs: int, *, down: bool, project: bool
    ) -> None:
        super().__init__()
        convolution, bias = architecture.conv_op, architecture.conv_bias
        kernel = tuple(architecture.kernel_sizes[stage])
        stride = tuple(architecture.strides[stage]) if down else 1
        padding = tuple(side // 2 for side in kernel)
        self.conv1 = convolution(inputs, outputs, kernel, stride, padding, bias=bias)
        self.norm1 = architecture.norm(outputs)
        self.act1 = architecture.activation()
        self.conv2 = convolution(outputs, outputs, kernel, padding=padding, bias=bias)
        self.norm2 = architecture.norm(outputs)
        self.act2 = architecture.activation()
        self.skip = convolution(inputs, outputs, 1, stride, bias=bias) if project else nn.Identity()

    def forward(self, x: Float[Tensor, "B F *image"]) -> Float[Tensor, "B G *smaller"]:
        """(B, F, *image) to (B, G, *image / stride)."""
        inner = self.act1(self.norm1(self.conv1(x)))
        return self.act2(self.norm2(self.conv2(inner)) + self.skip(x))


def residual_stage(
    architecture: Architecture, stage: int, blocks: int, inputs: int, *, down: bool = False
) -> nn.Sequential:
    """Blocks with the kernel and the features of a stage; the first one projects, and takes the stride where `down`."""
    features = architecture.features_per_stage[stage]
    head = ResidualBlock(architecture, stage, inputs, features, down=down, project=True)
    rest = (ResidualBlock(architecture, stage, features, features, down=False, project=False) for _ in range(1, blocks))
    return nn.Sequential(head, *rest)


class Encoder(nn.Module):
    """A stem at full resolution, then the stages, each followed by what `mix` makes for it.

    Args:
        architecture: of the network.
        input_channels: of the images.
        mix: the stage's number to the layer after it.
    """

    def __init__(
        self, architecture: Architecture, input_channels: int, mix: Callable[[int], nn.Module] | None = None
    ) -> None:
        super().__init__()
        features, blocks = architecture.features_per_stage, architecture.n_blocks_per_stage
        self.stem = residual_stage(architecture, 0, blocks[0], input_channels)
        inputs = (features[0], *features)
        self.stages = nn.ModuleList(
            residual_stage(architecture, stage, blocks[stage], inputs[stage], down=True)
            for stage in range(architecture.n_stages)
        )
        self.mamba_layers = nn.ModuleList(map(mix, range(architecture.n_stages)) if mix else ())

    def forward(self, x: Float[Tensor, "B F *image"]) -> list[Tensor]:
        """(B, F, *image) to the features of every stage, (B, features, *image / strides), finest first."""
        x = self.stem(x)
        features = []
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if self.mamba_layers:
                x = self.mamba_layers[number](x)
            features.append(x)
        return features


class Upsampling(nn.Module):
    """Repeat every voxel, then a 1×1 convolution to the channels of the finer stage.

    Done in the other order: a 1×1 convolution gives repeated voxels repeated results, at a fraction of the arithmetic.
    """

    def __init__(self, convolution: type[nn.Module], inputs: int, outputs: int, factors: Sequence[int]) -> None:
        super().__init__()
        self.conv = convolution(inputs, outputs, 1)
        self.factors = tuple(map(float, factors))

    def forward(self, x: Float[Tensor, "B F *image"]) -> Float[Tensor, "B G *larger"]:
        """(B, F, *image) to (B, G, *image · factors)."""
        return functional.interpolate(self.conv(x), scale_factor=list(self.factors), mode="nearest")


class Decoder(nn.Module):
    """From the coarsest features up: upsample, join the encoder's features, a residual stage, and 1×1 logits.

    Attributes:
        deep_supervision: whether `forward` returns the logits of every resolution; may be changed at any time.
        seg_layers: the convolutions that give logits, the last one at full resolution.
    """

    def __init__(self, architecture: Architecture, num_classes: int, *, deep_supervision: bool) -> None:
        super().__init__()
        self.deep_supervision = deep_supervision
        features, convolution = architecture.features_per_stage, architecture.conv_op
        finer = range(architecture.n_stages - 2, -1, -1)
        self.upsample_layers = nn.ModuleList(
            Upsampling(convolution, features[stage + 1], features[stage], architecture.strides[stage + 1])
            for stage in finer
        )
        self.stages = nn.ModuleList(
            residual_stage(architecture, stage, blocks, 2 * features[stage])
            for stage, blocks in zip(finer, architecture.n_conv_per_stage_decoder, strict=True)
        )
        self.seg_layers = nn.ModuleList(convolution(features[stage], num_classes, 1) for stage in finer)

    def forward(self, features: list[Tensor]) -> Tensor | list[Tensor]:
        """The encoder's features, finest first, to logits (B, num_classes, *image), or a list of them, finest first."""
        *skips, x = features
        logits = []
        for up, stage, layer in zip(self.upsample_layers, self.stages, self.seg_layers, strict=True):
            x = stage(torch.cat((up(x), skips.pop()), 1))
            if self.deep_supervision or not skips:
                logits.append(layer(x))
        return logits[::-1] if self.deep_supervision else logits[0]
