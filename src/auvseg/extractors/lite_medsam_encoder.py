"""LiteMedSAM's image encoder, TinyViT at full resolution: a plane of 256x256 pixels to 64x64 vectors of 256 values.

The architecture of Wu et al. (TinyViT, ECCV 2022) as LiteMedSAM trained it: patches of one pixel, so that the first
stage runs on the whole 256x256 grid. Upstream sees three equal channels; the first convolution is a function of their
sum. One plane is encoded at a time: a batch only pushes activations out of the cache. Inference only.
"""

from collections.abc import Iterator
from itertools import zip_longest

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from auvseg.extractors.lite_medsam_layers import Bottleneck, Convolution, Layer, LayerNorm, Weights, part
from auvseg.extractors.lite_medsam_windows import LocalMlp, WindowAttention

SIDE = 256
"""Rows and columns of the input."""

_STAGES = ((128, 7, 2), (64, 14, 6), (64, 7, 2))
"""Grid, window and depth of the three transformer stages."""

_MERGING_STRIDES = (2, 2, 1)

_SKIPPING_LAYERS = 8
"""Layers that can leave out what is empty; after them nearly everything has been reached."""

_EMBEDDED_ROWS = 64


class PixelEmbedding(nn.Module):
    """Two 1x1 convolutions of a grey value."""

    gain: Tensor
    shift: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        first = Convolution.folded(part(weights, "seq.0"))
        self.register_buffer("gain", first.weight.sum(dim=(1, 2, 3)))
        self.register_buffer("shift", first.bias)
        self.second = Convolution.folded(part(weights, "seq.2"))

    def forward(self, plane: Float[Tensor, "H W"]) -> Float[Tensor, "H W K"]:
        """(H, W) grey values in [0, 1] to (H, W, 64)."""
        strips = torch.split(plane.unsqueeze(-1), _EMBEDDED_ROWS)
        return torch.cat([self.second(functional.gelu(torch.addcmul(self.shift, s, self.gain))) for s in strips])


class Neck(nn.Module):
    """From the last stage's channels to the 256 of the embedding."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.first = Convolution(weights["0.weight"], None)
        self.first_norm = LayerNorm(part(weights, "1"), eps=1e-6)
        self.second = Convolution(weights["2.weight"], None)
        self.second_norm = LayerNorm(part(weights, "3"), eps=1e-6)

    def forward(self, x: Float[Tensor, "H W K"]) -> Float[Tensor, "H W k"]:
        """(64, 64, 320) to (64, 64, 256)."""
        return self.second_norm(self.second(self.first_norm(self.first(x))))


class ImageEncoder(nn.Module):
    """The encoder; see the module's documentation."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.embed = PixelEmbedding(part(weights, "patch_embed"))
        self.layers = nn.ModuleList(_layers(weights))
        self._steps: tuple[Layer, ...] = tuple(self.layers)  # type: ignore[arg-type]
        self.neck = Neck(part(weights, "neck"))
        self._answers: list[Tensor] = []

    def multiply_in_bfloat16(self) -> None:
        """Compute most products in bfloat16; the sums that pass from layer to layer stay float32.

        Exact remain the first product, whose input is a function of the grey value alone, so that rounding moves all
        pixels of a tissue alike, and the mergings, on which all later layers build.
        """
        first, second = (step for step in self._steps if isinstance(step, Bottleneck) and step.residual)
        products = [first.mix, first.narrow, second.widen, second.mix, second.narrow]
        products += [self.neck.first, self.neck.second]
        for step in self._steps:
            if isinstance(step, WindowAttention):
                products += [step.to_qkv, step.project]
            elif isinstance(step, LocalMlp):
                products += [step.widen, step.narrow]
        for product in products:
            product.in_bfloat16()

    def move(self, device: str) -> None:
        """Go to a device, and forget what was computed on the one before."""
        self._answers = []
        self.to(device)

    def forward(self, plane: Float32[np.ndarray, "H W"]) -> Float32[Tensor, "N K"]:
        """(256, 256) grey values in [0, 1], zero where padded, to (4096, 256): the 64x64 embedding row by row."""
        answers = self._answers_to_an_empty_plane()
        x, active = self._embed(plane), plane != 0
        for layer, answer in zip_longest(self._steps, answers):
            active = layer.spread(active)
            if answer is None or active.all():
                x = layer(x, active, None)
            else:
                x = layer(x, active, answer) if active.any() else answer
        return self.neck(x).flatten(0, 1)

    def _answers_to_an_empty_plane(self) -> list[Tensor]:
        """The outputs of the layers that skip, computed once: 75 MB in float32."""
        if not self._answers:
            x = self._embed(np.zeros((SIDE, SIDE), np.float32))
            active = np.ones((SIDE, SIDE), bool)
            for layer in self._steps[:_SKIPPING_LAYERS]:
                active = layer.spread(active)
                x = layer(x, active, None)
                self._answers.append(x)
        return self._answers

    def _embed(self, plane: Float32[np.ndarray, "H W"]) -> Float[Tensor, "H W K"]:
        return self.embed(torch.from_numpy(plane).to(self.embed.gain))


def _layers(weights: Weights) -> Iterator[Layer]:
    """Every step between the embedding and the neck, in order, under upstream's names."""
    for block in range(2):
        yield Bottleneck(part(weights, f"layers.0.blocks.{block}"), residual=True)
    for stage, ((grid, window, depth), stride) in enumerate(zip(_STAGES, _MERGING_STRIDES, strict=True), start=1):
        yield Bottleneck(part(weights, f"layers.{stage - 1}.downsample"), residual=False, stride=stride)
        for block in range(depth):
            below = part(weights, f"layers.{stage}.blocks.{block}")
            yield WindowAttention(part(below, "attn"), grid=grid, window=window)
            yield LocalMlp(part(below, "local_conv"), part(below, "mlp"))
