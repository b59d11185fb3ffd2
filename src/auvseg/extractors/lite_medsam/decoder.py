"""LiteMedSAM's prompt encoder and mask decoder: a box to a mask's logits (Segment Anything, ICCV 2023).

Seven tokens (one for the mask's quality, four for masks, two for the box) and the 4096 pixels of the embedding attend
to each other. Because the tokens are so few, the pixels' projections are never computed: a query that meets every
pixel's key is first taken through the key's projection, `q . (W x) = (W' q) . x`, which is the same number for a third
of the arithmetic. Only upstream's first mask is decoded, the one for unambiguous prompts.

One box is decoded at a time. Several at once are no faster on a CPU, and would let the low bits of a class depend on
which other classes a case holds.

Axes: N pixels of the embedding, row by row; T tokens; K = 256 channels.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from auvseg.extractors.lite_medsam.layers import LayerNorm, Weights, part

_HEADS = 8
EMBEDDING_SIDE = 64
"""Rows and columns of the encoder's embedding."""

_SIDE = 256
_ROWS_AT_ONCE = 16
"""Rows of the embedding that are upscaled together, few enough to stay in the cache."""


class Linear(nn.Module):
    """A linear layer whose parameters are given."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.register_buffer("weight", weights["weight"])
        self.register_buffer("bias", weights["bias"])

    def forward(self, x: Float[Tensor, "*n K"]) -> Float[Tensor, "*n k"]:
        """(..., K) to (..., k)."""
        return functional.linear(x, self.weight, self.bias)


class Perceptron(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, *layers: Weights) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(layer) for layer in layers)

    def forward(self, x: Float[Tensor, "*n K"]) -> Float[Tensor, "*n k"]:
        """(..., K) to (..., k)."""
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        return self.layers[-1](x)


class Attention(nn.Module):
    """Multi-head attention in the three directions that the decoder needs."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (
            Linear(part(weights, name)) for name in ("q_proj", "k_proj", "v_proj", "out_proj")
        )
        self.head = self.query.weight.shape[0] // _HEADS
        self.scale = 1.0 / math.sqrt(self.head)

    def among_tokens(self, tokens: Float[Tensor, "T K"], values: Float[Tensor, "T K"]) -> Float[Tensor, "T K"]:
        """Every token attends to every token."""
        query, key, value = (
            projected.unflatten(-1, (_HEADS, self.head)).transpose(0, 1)
            for projected in (self.query(tokens), self.key(tokens), self.value(values))
        )
        weights = torch.softmax(query @ key.transpose(1, 2) * self.scale, dim=-1)
        return self.out((weights @ value).transpose(0, 1).flatten(1))

    def tokens_to_pixels(
        self, tokens: Float[Tensor, "T K"], keys: Float[Tensor, "N K"], values: Float[Tensor, "N K"]
    ) -> Float[Tensor, "T K"]:
        """Every token attends to every pixel.

        The bias of the keys adds the same to all of a token's scores, so it cancels; that of the values comes through
        unchanged, because the weights of a token add up to one.
        """
        query = self.query(tokens).unflatten(-1, (_HEADS, self.head)) * self.scale
        through_key = torch.einsum("thd,hdk->htk", query, self.key.weight.unflatten(0, (_HEADS, self.head)))
        weights = torch.softmax(through_key.flatten(0, 1) @ keys.T, dim=-1)
        mixed = (weights @ values).unflatten(0, (_HEADS, -1))
        value = torch.einsum("htk,hdk->thd", mixed, self.value.weight.unflatten(0, (_HEADS, self.head)))
        return self.out(value.flatten(1) + self.value.bias)

    def pixels_to_tokens(
        self, pixels: Float[Tensor, "N K"], keys: Float[Tensor, "T K"], values: Float[Tensor, "T K"]
    ) -> Float[Tensor, "N K"]:
        """Every pixel attends to every token."""
        key = self.key(keys).unflatten(-1, (_HEADS, self.head)) * self.scale
        through_query = torch.einsum("thd,hdk->htk", key, self.query.weight.unflatten(0, (_HEADS, self.head)))
        shift = torch.einsum("thd,hd->ht", key, self.query.bias.unflatten(0, (_HEADS, self.head)))
        scores = torch.addmm(shift.flatten().unsqueeze(1), through_query.flatten(0, 1), pixels.T)
        weights = torch.softmax(scores.unflatten(0, (_HEADS, -1)), dim=1).flatten(0, 1)
        value = self.value(values).unflatten(-1, (_HEADS, self.head))
        through_out = torch.einsum("thd,khd->htk", value, self.out.weight.unflatten(1, (_HEADS, self.head)))
        return torch.addmm(self.out.bias, weights.T, through_out.flatten(0, 1))


class TwoWayBlock(nn.Module):
    """Tokens attend to each other and to the pixels, then the pixels to the tokens."""

    def __init__(self, weights: Weights, *, first: bool) -> None:
        super().__init__()
        self.among_tokens = Attention(part(weights, "self_attn"))
        self.to_pixels = Attention(part(weights, "cross_attn_token_to_image"))
        self.to_tokens = Attention(part(weights, "cross_attn_image_to_token"))
        self.mlp = Perceptron(part(weights, "mlp.lin1"), part(weights, "mlp.lin2"))
        self.norm1, self.norm2, self.norm3, self.norm4 = (LayerNorm(part(weights, f"norm{k}")) for k in (1, 2, 3, 4))
        self.first = first

    def forward(
        self,
        tokens: Float[Tensor, "T K"],
        pixels: Float[Tensor, "N K"],
        prompt: Float[Tensor, "T K"],
        position: Float[Tensor, "N K"],
    ) -> tuple[Float[Tensor, "T K"], Float[Tensor, "N K"]]:
        """New tokens and pixels; `prompt` and `position` are where each of them started or stands."""
        if self.first:
            tokens = self.norm1(self.among_tokens.among_tokens(tokens, tokens))
        else:
            tokens = self.norm1(tokens + self.among_tokens.among_tokens(tokens + prompt, tokens))
        placed = pixels + position
        tokens = self.norm2(tokens + self.to_pixels.tokens_to_pixels(tokens + prompt, placed, pixels))
        tokens = self.norm3(tokens + self.mlp(tokens))
        pixels = self.norm4(self.to_tokens.pixels_to_tokens(placed, tokens + prompt, tokens).add_(pixels))
        return tokens, pixels


class Upscaling(nn.Module):
    """Two transposed convolutions to four times the grid, and the product with what a token asks for.

    A transposed convolution with stride 2 and a 2x2 kernel is one matrix product a pixel, which writes four pixels.
    """

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        for name, number in (("first", 0), ("second", 3)):
            kernel, bias = weights[f"{number}.weight"], weights[f"{number}.bias"]
            self.register_buffer(name, kernel.permute(2, 3, 1, 0).flatten(0, 2).contiguous())
            self.register_buffer(f"{name}_bias", bias.repeat(4))
        self.norm = LayerNorm(part(weights, "1"), eps=1e-6)

    def forward(self, pixels: Float[Tensor, "N K"], wanted: Float[Tensor, "k"]) -> Float[Tensor, "h w"]:
        """(4096, 256) pixels and a (32,) vector to (256, 256) logits."""
        return torch.cat([self._rows(some, wanted) for some in pixels.split(_ROWS_AT_ONCE * EMBEDDING_SIDE)])

    def _rows(self, pixels: Float[Tensor, "n K"], wanted: Float[Tensor, "k"]) -> Float[Tensor, "rows w"]:
        doubled = functional.linear(pixels, self.first, self.first_bias).unflatten(-1, (4, -1))
        doubled = functional.gelu(self.norm(doubled))
        again = functional.linear(doubled, self.second, self.second_bias).unflatten(-1, (4, -1))
        logits = functional.gelu(again) @ wanted
        # (row, column, its 2x2, their 2x2) to rows and columns of the mask.
        by_axis = logits.view(-1, EMBEDDING_SIDE, 2, 2, 2, 2).permute(0, 2, 4, 1, 3, 5)
        return by_axis.reshape(-1, _SIDE)


class MaskDecoder(nn.Module):
    """A box, and what the encoder made of the plane, to logits and the model's estimate of their quality."""

    frequencies: Tensor
    position: Tensor
    corners: Tensor
    tokens: Tensor
    no_mask: Tensor

    def __init__(self, prompt: Weights, decoder: Weights) -> None:
        super().__init__()
        self.register_buffer("frequencies", prompt["pe_layer.positional_encoding_gaussian_matrix"])
        centres = (torch.arange(EMBEDDING_SIDE) + 0.5) / EMBEDDING_SIDE
        grid = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1)
        self.register_buffer("position", self._encode_position(grid).flatten(0, 1))
        corners = [prompt[f"point_embeddings.{number}.weight"] for number in (2, 3)]
        self.register_buffer("corners", torch.cat(corners))
        self.register_buffer("tokens", torch.cat([decoder["iou_token.weight"], decoder["mask_tokens.weight"]]))
        self.register_buffer("no_mask", prompt["no_mask_embed.weight"])
        self.blocks = nn.ModuleList(
            TwoWayBlock(part(decoder, f"transformer.layers.{number}"), first=number == 0) for number in range(2)
        )
        self.last = Attention(part(decoder, "transformer.final_attn_token_to_image"))
        self.last_norm = LayerNorm(part(decoder, "transformer.norm_final_attn"))
        self.upscaling = Upscaling(part(decoder, "output_upscaling"))
        self.wanted = _perceptron(part(decoder, "output_hypernetworks_mlps.0"))
        self.quality = _perceptron(part(decoder, "iou_prediction_head"))

    def forward(
        self, embedding: Float[Tensor, "N K"], box: tuple[float, float, float, float]
    ) -> tuple[Float[Tensor, "h w"], Float[Tensor, ""]]:
        """Decode one box.

        Args:
            embedding: (4096, 256) from the encoder.
            box: left, top, right and bottom in pixels of the 256x256 plane.

        Returns:
            (256, 256) logits, and the predicted intersection over union of the mask with the truth.
        """
        corners = torch.tensor(box, dtype=torch.float32, device=embedding.device).view(2, 2)
        prompt = torch.cat([self.tokens, self._encode_position((corners + 0.5) / _SIDE) + self.corners])
        tokens, pixels = prompt, embedding + self.no_mask
        for block in self.blocks:
            tokens, pixels = block(tokens, pixels, prompt, self.position)
        attended = self.last.tokens_to_pixels(tokens + prompt, pixels + self.position, pixels)
        tokens = self.last_norm(tokens + attended)
        return self.upscaling(pixels, self.wanted(tokens[1])), self.quality(tokens[0])[0]

    def _encode_position(self, points: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n K"]:
        """(..., 2) points (x, y) in [0, 1] to random Fourier features."""
        angles = 2 * math.pi * ((2 * points - 1) @ self.frequencies)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _perceptron(weights: Weights) -> Perceptron:
    return Perceptron(*(part(weights, f"layers.{number}") for number in range(3)))
