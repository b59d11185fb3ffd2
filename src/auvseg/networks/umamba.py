"""Residual stages, an encoder and a decoder of them: the convolutional part of U-Mamba.

Axes: B batch, F features; "*image" two or three axes of an image.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from auvseg.networks.architecture import Architecture
from auvseg.networks.mamba import Mamba


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


class MambaLayer(nn.Module):
    """Normalise and mix all positions of a feature map; what comes out replaces it, without a skip.

    A sequence runs over the voxels, in the order of memory, and has C channels; or, with channel tokens, over the
    channels, and has as many channels as there are voxels. Computed in float32 outside autocast: upstream met NaN
    otherwise.

    Args:
        width: C; with channel tokens the number of voxels.
        channel_tokens: which of the two.
    """

    def __init__(self, width: int, *, channel_tokens: bool = False) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mamba = Mamba(width)
        self.channel_tokens = channel_tokens

    def forward(self, x: Float[Tensor, "B C *image"]) -> Float[Tensor, "B C *image"]:
        """(B, C, *image) to (B, C, *image), in the parameters' type."""
        with torch.autocast(x.device.type, enabled=False):
            tokens = x.flatten(2).to(self.norm.weight.dtype)
            # Sequences run along the last axis but one.
            tokens = tokens if self.channel_tokens else tokens.mT
            mixed = self.mamba(self.norm(tokens))
            mixed = mixed if self.channel_tokens else mixed.mT
            return mixed.reshape(x.shape)


class _UMamba(nn.Module):
    """What both variants share; `arch_kwargs` are the fields of `Architecture`, as nnU-Net's plans have them."""

    architecture: Architecture
    encoder: Encoder
    decoder: Decoder

    def _check(self, size: Sequence[int]) -> None:
        self.architecture.check(size)

    def _mix_coarsest(self, features: Tensor) -> Tensor:
        return features

    def forward(self, x: Float[Tensor, "B C *image"]) -> Tensor | list[Tensor]:
        """Logits of an image.

        Args:
            x: (B, input_channels, *image), every axis a multiple of its strides' product.

        Returns:
            (B, num_classes, *image) logits; with `decoder.deep_supervision` a list of them, one of each stage but the
            coarsest, finest first.

        Raises:
            ValueError: the network cannot take images of this size, or instance normalisation finds a single voxel in
                the coarsest stage.
        """
        self._check(x.shape[2:])
        *finer, coarsest = self.encoder(x)
        return self.decoder([*finer, self._mix_coarsest(coarsest)])


class UMambaBot(_UMamba):
    """U-Mamba with one Mamba layer, in the bottleneck. Takes images of any size that its strides divide.

    Args:
        input_channels: of the images.
        num_classes: channels of the logits.
        deep_supervision: whether to return the logits of every resolution.
        **arch_kwargs: the fields of `Architecture`, or the `arch_kwargs` of nnU-Net's plans as they are.

    Raises:
        ValueError: the architecture is none, as `Architecture.read` says.
    """

    def __init__(
        self, *, input_channels: int, num_classes: int, deep_supervision: bool = False, **arch_kwargs: Any
    ) -> None:
        super().__init__()
        self.architecture = _thinned(Architecture.read(arch_kwargs))
        self.encoder = Encoder(self.architecture, input_channels)
        self.mamba_layer = MambaLayer(self.architecture.features_per_stage[-1])
        self.decoder = Decoder(self.architecture, num_classes, deep_supervision=deep_supervision)
        self.apply(_initialise)

    def _mix_coarsest(self, features: Tensor) -> Tensor:
        return self.mamba_layer(features)


class UMambaEnc(_UMamba):
    """U-Mamba with a Mamba layer after every stage of the encoder, for images of one size.

    Stages that have no more voxels than channels scan over channels, so that parameters depend on the size.

    Args:
        input_channels: of the images.
        num_classes: channels of the logits.
        patch_size: the axes of every image.
        deep_supervision: whether to return the logits of every resolution.
        **arch_kwargs: the fields of `Architecture`, or the `arch_kwargs` of nnU-Net's plans as they are.

    Raises:
        ValueError: the architecture is none, as `Architecture.read` says, or does not divide the patch size.
    """

    def __init__(
        self,
        *,
        input_channels: int,
        num_classes: int,
        patch_size: Sequence[int],
        deep_supervision: bool = False,
        **arch_kwargs: Any,
    ) -> None:
        super().__init__()
        self.architecture = _thinned(Architecture.read(arch_kwargs))
        self.patch_size = tuple(map(int, patch_size))
        voxels = [math.prod(size) for size in self.architecture.sizes(self.patch_size)]

        def mix(stage: int) -> MambaLayer:
            features = self.architecture.features_per_stage[stage]
            return MambaLayer(min(voxels[stage], features), channel_tokens=voxels[stage] <= features)

        self.encoder = Encoder(self.architecture, input_channels, mix)
        self.decoder = Decoder(self.architecture, num_classes, deep_supervision=deep_supervision)
        self.apply(_initialise)

    def _check(self, size: Sequence[int]) -> None:
        if tuple(size) != self.patch_size:
            raise ValueError(
                f"this UMambaEnc was built for images of {self.patch_size}, not of {tuple(size)}: "
                "predict in patches of that size, or build it with another patch_size"
            )


def umamba_from_plans(
    variant: Literal["bottleneck", "encoder"],
    arch_kwargs: Mapping[str, Any],
    *,
    input_channels: int,
    num_classes: int,
    deep_supervision: bool = False,
    patch_size: Sequence[int] | None = None,
) -> UMambaBot | UMambaEnc:
    """A U-Mamba with the stages of an nnU-Net plan.

    Args:
        variant: where Mamba layers are: in the `bottleneck` alone, or after every stage of the `encoder`.
        arch_kwargs: of a PlainConvUNet or ResidualEncoderUNet, classes as such or as paths of `torch.nn`.
        input_channels: of the images.
        num_classes: channels of the logits.
        deep_supervision: whether to return the logits of every resolution.
        patch_size: the plan's; needed for `encoder`.

    Raises:
        ValueError: an unknown variant, no patch size for `encoder`, or as `Architecture.read` says.
    """
    heads: dict[str, Any] = {"num_classes": num_classes, "deep_supervision": deep_supervision}
    if variant == "bottleneck":
        return UMambaBot(input_channels=input_channels, **heads, **arch_kwargs)
    if variant != "encoder":
        raise ValueError(f"variant must be bottleneck or encoder, not {variant!r}")
    if patch_size is None:
        raise ValueError("a U-Mamba with Mamba layers in its encoder is built for one patch_size")
    return UMambaEnc(input_channels=input_channels, patch_size=patch_size, **heads, **arch_kwargs)


def _thinned(architecture: Architecture) -> Architecture:
    """One block a stage in the coarser half of the encoder and the finer half of the decoder, as the authors do."""
    half = math.ceil(architecture.n_stages / 2)

    def thin(blocks: Sequence[int]) -> tuple[int, ...]:
        return (*blocks[:half], *(1 for _ in blocks[half:]))

    return dataclasses.replace(
        architecture,
        n_blocks_per_stage=thin(architecture.n_blocks_per_stage),
        n_conv_per_stage_decoder=thin(architecture.n_conv_per_stage_decoder),
    )


def _initialise(module: nn.Module) -> None:
    """He's initialisation of the image's convolutions; Mamba's own stays."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, a=1e-2)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
