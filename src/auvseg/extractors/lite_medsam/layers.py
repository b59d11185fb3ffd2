"""Building blocks of LiteMedSAM's encoder: channels-last convolutions that skip empty regions.

Upstream's convolutions are here without their batch normalisation, which is folded into the weights, and linear layers
are 1x1 convolutions, which oneDNN computes faster than BLAS on many processors.

**Skipping.** A plane is min-max normalised and zero-padded before it enters the network, so air around the patient
and padding are exactly zero. Far enough from anything else, a layer answers there as it does to an empty plane. Each
layer can say which of its outputs may differ from that answer (`spread`), compute those alone, and take the rest from
the answer that it once gave to an empty plane. That leaves out arithmetic, not accuracy.

Axes: H, W rows and columns of a layer's input, h, w of its output; K channels, last in memory.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, Tensor]

STRIP_ROWS = 16
"""Rows computed at once on a CPU: few enough for their 256 hidden channels to stay in the cache."""

_SPAN_STEP = 32
"""Widths are multiples of this, so that few kernels have to be generated for them."""


def part(weights: Weights, prefix: str) -> dict[str, Tensor]:
    """The parameters whose names start with `prefix.`, without it."""
    return {name[len(prefix) + 1 :]: value for name, value in weights.items() if name.startswith(f"{prefix}.")}


class Convolution(nn.Module):
    """A convolution with "same" padding that reads and writes channels last."""

    weight: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("bias", bias)
        self.stride, self.groups = stride, groups
        self.padding = weight.shape[-1] // 2

    @classmethod
    def folded(cls, weights: Weights, *, stride: int = 1, groups: int = 1) -> "Convolution":
        """The convolution `c` with the batch normalisation `bn` that follows it: one affine map instead of two."""
        gain = weights["bn.weight"] / torch.sqrt(weights["bn.running_var"] + 1e-5)
        shift = weights["bn.bias"] - weights["bn.running_mean"] * gain
        return cls(weights["c.weight"] * gain[:, None, None, None], shift, stride=stride, groups=groups)

    @classmethod
    def linear(cls, weights: Weights) -> "Convolution":
        """A linear layer, as a 1x1 convolution."""
        return cls(weights["weight"][:, :, None, None], weights["bias"])

    def in_bfloat16(self) -> None:
        """Multiply in bfloat16 from now on, and give the result in it."""
        self.to(torch.bfloat16)

    def forward(self, x: Float[Tensor, "H W K"]) -> Float[Tensor, "h w k"]:
        """(H, W, K) to (H/stride, W/stride, k)."""
        batch = x.to(self.weight.dtype).unsqueeze(0).permute(0, 3, 1, 2)
        y = functional.conv2d(batch, self.weight, self.bias, self.stride, self.padding, groups=self.groups)
        return y.permute(0, 2, 3, 1).squeeze(0)

    def of_pixels(self, x: Float[Tensor, "N K"]) -> Float[Tensor, "N k"]:
        """(N, K) to (N, k): a 1x1 convolution of a list of pixels."""
        return self(x.unsqueeze(0)).squeeze(0)


class LayerNorm(nn.Module):
    """Normalisation over the channels of each pixel, in float32 whatever comes."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights, eps: float = 1e-5) -> None:
        super().__init__()
        self.register_buffer("weight", weights["weight"])
        self.register_buffer("bias", weights["bias"])
        self.eps = eps

    def forward(self, x: Float[Tensor, "*pixels K"]) -> Float[Tensor, "*pixels K"]:
        """(..., K) to (..., K)."""
        return functional.layer_norm(x.float(), self.weight.shape, self.weight, self.bias, self.eps)


class Layer(nn.Module):
    """One step of the encoder, which can compute only what may differ from its answer to an empty plane."""

    def spread(self, active: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "h w"]:
        """Which outputs may differ from the answer to an empty plane where only these inputs do."""
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "H W K"], active: Bool[np.ndarray, "h w"], empty: Float[Tensor, "h w k"] | None
    ) -> Float[Tensor, "h w k"]:
        """Compute at least the outputs that are active, and take the others from `empty`.

        Args:
            x: (H, W, K) input.
            active: (h, w) what `spread` says of it.
            empty: (h, w, k) this layer's answer to an empty plane; None computes everything.
        """
        raise NotImplementedError


class Bottleneck(Layer):
    """Widen by a 1x1 convolution, mix 3x3 neighbourhoods channel by channel, narrow by a 1x1 convolution.

    Upstream's `MBConv` where `residual`, its `PatchMerging` where not. Done in strips of rows, because the widened
    activations of a whole 256x256 plane are 67 MB, and moving them takes longer than computing them.
    """

    def __init__(self, weights: Weights, *, residual: bool, stride: int = 1) -> None:
        super().__init__()
        hidden = weights["conv2.c.weight"].shape[0]
        self.widen = Convolution.folded(part(weights, "conv1"))
        self.mix = Convolution.folded(part(weights, "conv2"), stride=stride, groups=hidden)
        self.narrow = Convolution.folded(part(weights, "conv3"))
        self.residual, self.stride = residual, stride

    def spread(self, active: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "h w"]:
        """Whatever sees an active input in its 3x3 neighbourhood."""
        return dilated(active)[:: self.stride, :: self.stride]

    def forward(
        self, x: Float[Tensor, "H W K"], active: Bool[np.ndarray, "h w"], empty: Float[Tensor, "h w k"] | None
    ) -> Float[Tensor, "h w k"]:
        """See `Layer.forward`."""
        if empty is None:
            active = np.ones_like(active)
            y = x.new_empty((*active.shape, self.narrow.weight.shape[0]))
        else:
            y = empty.clone()
        for rows, columns in strips(active, STRIP_ROWS if x.device.type == "cpu" else len(active)):
            seen_rows, first_row = _seen(rows, self.stride, x.shape[0])
            seen_columns, first_column = _seen(columns, self.stride, x.shape[1])
            hidden = functional.gelu(self.widen(x[seen_rows, seen_columns]))
            # The convolution pads with zeros, which is right at the plane's border and cut off elsewhere.
            mixed = self.mix(hidden)[first_row:, first_column:][
                : rows.stop - rows.start, : columns.stop - columns.start
            ]
            narrowed = self.narrow(functional.gelu(mixed))
            if self.residual:
                narrowed = functional.gelu(narrowed + x[rows, columns])
            y[rows, columns] = narrowed
        return y


def dilated(active: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Every pixel with an active one in its 3x3 neighbourhood."""
    return ndimage.binary_dilation(active, np.ones((3, 3), bool))


def strips(active: Bool[np.ndarray, "H W"], height: int) -> Iterator[tuple[slice, slice]]:
    """Rectangles of at most `height` rows that cover everything active, each as wide as its strip needs."""
    for top in range(0, active.shape[0], height):
        rows = slice(top, min(top + height, active.shape[0]))
        columns = np.flatnonzero(active[rows].any(axis=0))
        if len(columns):
            left = columns[0] // _SPAN_STEP * _SPAN_STEP
            right = min(-(-(columns[-1] + 1) // _SPAN_STEP) * _SPAN_STEP, active.shape[1])
            yield rows, slice(int(left), int(right))


def _seen(outputs: slice, stride: int, size: int) -> tuple[slice, int]:
    """Which inputs, of `size`, a 3x3 convolution needs for these outputs, and which of its outputs is the first.

    One output more is computed before the first than needed, so that the input starts at a multiple of the stride.
    """
    first = max(outputs.start - 1, 0)
    return slice(first * stride, min((outputs.stop - 1) * stride + 2, size)), outputs.start - first
