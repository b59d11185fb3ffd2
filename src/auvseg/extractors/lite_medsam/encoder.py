"""The transformer half of LiteMedSAM's encoder: attention within windows, then a 3x3 convolution and an MLP.

Upstream pads the grid at the right and bottom until whole windows fit, and lets the padded pixels take part in the
attention. Every padded pixel has the same key and value, so here one key stands for all of them:
`sum_p exp(q.k + b_p) = exp(q.k + log sum_p exp(b_p))`. Padded queries, whose output upstream cuts off, are never
computed.

Axes: H, W the grid of one stage, K its channels; n windows of t pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn
from torch.nn import functional

from auvseg.extractors.lite_medsam.layers import Bottleneck, Convolution, Layer, LayerNorm, Weights, dilated, part

HEAD_CHANNELS = 32
"""Channels of one head's queries, keys and values."""

_PIXELS_AT_ONCE = 2048
"""Pixels that go through an MLP together: few enough for their hidden channels to stay in the cache."""


@dataclass(frozen=True)
class WindowShape:
    """All windows of one stage that have the same shape: whole ones, or those that the border cuts.

    Attributes:
        pixels: (n, t) which pixels of the flattened grid each window holds.
        inside: (t,) position of those pixels in a whole window.
    """

    pixels: Int64[np.ndarray, "n t"]
    inside: Int64[np.ndarray, "t"]


def window_shapes(grid: int, window: int) -> list[WindowShape]:
    """The windows of a square grid, whole ones first; together they hold each pixel once."""
    whole = grid // window * window
    numbers = np.arange(grid * grid).reshape(grid, grid)
    shapes = []
    for rows, height in ((slice(0, whole), window), (slice(whole, None), grid - whole)):
        for columns, width in ((slice(0, whole), window), (slice(whole, None), grid - whole)):
            block = numbers[rows, columns]
            if block.size:
                tiles = block.reshape(block.shape[0] // height, height, block.shape[1] // width, width)
                inside = np.arange(window * window).reshape(window, window)[:height, :width]
                shapes.append(WindowShape(tiles.swapaxes(1, 2).reshape(-1, height * width), inside.ravel()))
    return shapes


class WindowAttention(Layer):
    """Multi-head self-attention within windows, with a learnt bias for each distance, plus the input."""

    pad: Tensor

    def __init__(self, weights: Weights, *, grid: int, window: int) -> None:
        super().__init__()
        self.norm = LayerNorm(part(weights, "norm"))
        self.to_qkv = Convolution.linear(part(weights, "qkv"))
        self.project = Convolution.linear(part(weights, "proj"))
        self.heads = weights["attention_biases"].shape[0]
        self.shapes = window_shapes(grid, window)
        bias = _bias_by_position(weights["attention_biases"], window)
        for number, shape in enumerate(self.shapes):
            # Four axes: with three the attention falls back to a slower implementation.
            self.register_buffer(f"bias{number}", _bias_among(bias, shape.inside).unsqueeze(0))
        # A padded pixel is zero, and the normalisation makes its own bias of that.
        pad = functional.linear(weights["norm.bias"], weights["qkv.weight"], weights["qkv.bias"])
        self.register_buffer("pad", pad.view(1, 1, self.heads, 3, HEAD_CHANNELS))

    def spread(self, active: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
        """Every pixel of a window that holds an active one."""
        spread = np.zeros_like(active)
        for shape in self.shapes:
            spread.ravel()[shape.pixels[active.ravel()[shape.pixels].any(axis=1)]] = True
        return spread

    def forward(
        self, x: Float[Tensor, "H W K"], active: Bool[np.ndarray, "H W"], empty: Float[Tensor, "H W K"] | None
    ) -> Float[Tensor, "H W K"]:
        """See `Layer.forward`."""
        pixels = x.view(-1, x.shape[-1])
        y = torch.empty_like(pixels) if empty is None else empty.view_as(pixels).clone()
        for number, shape in enumerate(self.shapes):
            windows = shape.pixels if empty is None else shape.pixels[active.ravel()[shape.pixels[:, 0]]]
            for some in torch.split(
                torch.from_numpy(windows).to(x.device), max(_PIXELS_AT_ONCE // windows.shape[1], 1)
            ):
                if len(some):
                    order = some.flatten()
                    y.index_copy_(0, order, self._attend(pixels.index_select(0, order), some.shape, number))
        return y.view_as(x)

    def _attend(self, pixels: Float[Tensor, "N K"], windows: torch.Size, number: int) -> Float[Tensor, "N K"]:
        """Attention among the pixels of each of n windows of t pixels, n * t = N."""
        qkv = self.to_qkv.of_pixels(self.norm(pixels))
        query, key, value = qkv.view(*windows, self.heads, 3, HEAD_CHANNELS).permute(3, 0, 2, 1, 4)
        bias = self.get_buffer(f"bias{number}")
        if bias.shape[-1] > windows[1]:
            _, pad_key, pad_value = self.pad.to(qkv.dtype).expand(windows[0], -1, -1, -1, -1).permute(3, 0, 2, 1, 4)
            key, value = torch.cat([key, pad_key], dim=2), torch.cat([value, pad_value], dim=2)
        attend = _attend_head_by_head if qkv.dtype == torch.bfloat16 else functional.scaled_dot_product_attention
        attended = attend(query, key, value, bias)
        return self.project.of_pixels(attended.transpose(1, 2).reshape(pixels.shape)) + pixels


class LocalMlp(Layer):
    """A 3x3 convolution channel by channel, then a two-layer perceptron on every pixel plus its input."""

    def __init__(self, convolution: Weights, mlp: Weights) -> None:
        super().__init__()
        self.mix = Convolution.folded(convolution, groups=convolution["c.weight"].shape[0])
        self.norm = LayerNorm(part(mlp, "norm"))
        self.widen = Convolution.linear(part(mlp, "fc1"))
        self.narrow = Convolution.linear(part(mlp, "fc2"))

    def spread(self, active: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
        """Whatever sees an active input in its 3x3 neighbourhood."""
        return dilated(active)

    def forward(
        self, x: Float[Tensor, "H W K"], active: Bool[np.ndarray, "H W"], empty: Float[Tensor, "H W K"] | None
    ) -> Float[Tensor, "H W K"]:
        """See `Layer.forward`."""
        mixed = self.mix(x).reshape(-1, x.shape[-1])
        if empty is None:
            return torch.cat([self._mlp(pixels) for pixels in torch.split(mixed, _PIXELS_AT_ONCE)]).view_as(x)
        y = empty.clone()
        for order in torch.split(torch.from_numpy(np.flatnonzero(active)).to(x.device), _PIXELS_AT_ONCE):
            y.view(-1, x.shape[-1]).index_copy_(0, order, self._mlp(mixed.index_select(0, order)))
        return y

    def _mlp(self, pixels: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        hidden = functional.gelu(self.widen.of_pixels(self.norm(pixels)))
        return self.narrow.of_pixels(hidden) + pixels


def _attend_head_by_head(
    query: Float[Tensor, "n heads t head"],
    key: Float[Tensor, "n heads keys head"],
    value: Float[Tensor, "n heads keys head"],
    bias: Float[Tensor, "1 heads t keys"],
) -> Float[Tensor, "n heads t head"]:
    """Attention as three plain products: in bfloat16 that is faster on a CPU than PyTorch's fused kernel."""
    scale = query.shape[-1] ** -0.5
    attended = torch.empty_like(query)
    for head, added in enumerate(bias[0].to(query.dtype)):
        scores = torch.baddbmm(added.expand(len(query), -1, -1), query[:, head] * scale, key[:, head].transpose(1, 2))
        attended[:, head] = torch.bmm(torch.softmax(scores, dim=-1), value[:, head])
    return attended


def _bias_by_position(by_distance: Float[Tensor, "heads distances"], window: int) -> Float[Tensor, "heads t t"]:
    """(heads, window², window²) bias of each query and key; upstream numbers distances (|dy|, |dx|) row by row."""
    row, column = np.divmod(np.arange(window * window), window)
    distance = np.abs(row[:, None] - row) * window + np.abs(column[:, None] - column)
    return by_distance[:, torch.from_numpy(distance)]


def _bias_among(bias: Float[Tensor, "heads T T"], inside: Int64[np.ndarray, "t"]) -> Float[Tensor, "heads t keys"]:
    """The bias among the pixels inside; where pixels are missing from the window, one more key stands for them."""
    present = torch.from_numpy(inside)
    kept = bias[:, present][:, :, present]
    if len(inside) == bias.shape[-1]:
        return kept
    missing = torch.from_numpy(np.setdiff1d(np.arange(bias.shape[-1]), inside))
    padded = torch.logsumexp(bias[:, present][:, :, missing], dim=-1, keepdim=True)
    return torch.cat([kept, padded], dim=-1)


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
