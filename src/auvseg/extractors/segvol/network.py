"""SegVol's network, prompted by text alone: MONAI's ViT, and SAM's mask decoder with a third axis.

Du et al., SegVol: Universal and Interactive Volumetric Medical Image Segmentation, NeurIPS 2024 (code: MIT). The text
goes in twice: as the one token of the prompt, and by its likeness with every voxel's features, which is added to the
mask. What other prompts and further masks need is in the published file, and is left out here by name.

Names of parameters are those of the published file but for two of MONAI's (`own_name`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from monai.networks.nets.vista3d import MLP, TwoWayTransformer
from monai.networks.nets.vit import ViT
from torch import Tensor, nn
from torch.nn import functional

UNUSED = re.compile(
    r"image_encoder\.blocks\.\d+\.(norm_cross_attn|cross_attn)\."
    r"|prompt_encoder\.(point_embeddings|not_a_point_embed|mask_downscaling)\."
    r"|mask_decoder\.(iou_prediction_head\.|output_hypernetworks_mlps\.[123]\.)"
    r"|text_encoder\.clip_text_model\.(text_model\.)?embeddings\.position_ids$"
)
"""Published parameters of what a text prompt does not use."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of the network.

    Attributes:
        image: voxels along (z, y, x) that it sees.
        patch: voxels of one token.
        hidden: channels of a token; a multiple of 8.
        layers: of the image encoder.
        heads: of its attention.
        text: what differs from CLIP's own text encoder.
    """

    image: tuple[int, int, int] = (32, 256, 256)
    patch: tuple[int, int, int] = (4, 16, 16)
    hidden: int = 768
    layers: int = 12
    heads: int = 12
    text: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tokens along (z, y, x)."""
        z, y, x = (side // step for side, step in zip(self.image, self.patch, strict=True))
        return z, y, x


PUBLISHED_SIZES = Architecture()


class SegVolNetwork(nn.Module):
    """The network.

    Args:
        architecture: its sizes.
    """

    def __init__(self, architecture: Architecture = PUBLISHED_SIZES) -> None:
        super().__init__()
        self._grid = architecture.grid
        self.image_encoder = ViT(
            in_channels=1,
            img_size=architecture.image,
            patch_size=architecture.patch,
            hidden_size=architecture.hidden,
            mlp_dim=4 * architecture.hidden,
            num_layers=architecture.layers,
            num_heads=architecture.heads,
            proj_type="perceptron",
            classification=False,
        )
        self.prompt_encoder = _Positions(architecture.hidden)
        self.mask_decoder = _MaskDecoder(architecture.hidden, architecture.grid)
        self.text_encoder = _TextEncoder(architecture)

    def encode_image(self, image: Float[Tensor, "1 1 z y x"]) -> Float[Tensor, "1 F gz gy gx"]:
        """The embedding of an image with intensities in [0, 1]."""
        tokens, _ = self.image_encoder(image)
        found: Tensor = tokens.transpose(1, 2).reshape(1, -1, *self._grid)
        return found

    def encode_text(self, tokens: tuple[int, ...]) -> Float[Tensor, "F"]:
        """The vector of a sentence's tokens."""
        device = next(self.parameters()).device
        found: Tensor = self.text_encoder(torch.tensor([tokens], device=device))[0]
        return found

    def decode(self, embedding: Float[Tensor, "1 F gz gy gx"], text: Float[Tensor, "F"]) -> Float[Tensor, "z y x"]:
        """Logits of the class that a text names, at four times the tokens' resolution."""
        positions = self.prompt_encoder.positions(self._grid)
        embedding = embedding + self.prompt_encoder.no_mask_embed.weight.reshape(1, -1, 1, 1, 1)
        found: Tensor = self.mask_decoder(embedding, positions, text)
        return found


class _Positions(nn.Module):
    """SAM's positions by random frequencies, and what stands for no mask."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.pe_layer = nn.Module()
        self.pe_layer.register_buffer("positional_encoding_gaussian_matrix", torch.zeros(3, hidden // 2))
        self.no_mask_embed = nn.Embedding(1, hidden)

    def positions(self, grid: tuple[int, int, int]) -> Float[Tensor, "1 F gz gy gx"]:
        """Sine and cosine of every token's place; the second axis comes first, as SAM writes x before y."""
        matrix: Any = self.pe_layer.positional_encoding_gaussian_matrix
        places = [(torch.arange(side, device=matrix.device) + 0.5) / side for side in grid]
        first, second, third = torch.meshgrid(*places, indexing="ij")
        angles = 2 * math.pi * ((2 * torch.stack([second, first, third], dim=-1) - 1) @ matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1).permute(3, 0, 1, 2).unsqueeze(0)


class _MaskDecoder(nn.Module):
    """SAM's mask decoder on a volume, for one mask."""

    def __init__(self, hidden: int, grid: tuple[int, int, int]) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(depth=2, embedding_dim=hidden, num_heads=8, mlp_dim=2048)
        self.iou_token = nn.Embedding(1, hidden)
        self.mask_tokens = nn.Embedding(4, hidden)
        doubled = [2 * side for side in grid]
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose3d(hidden, hidden // 4, kernel_size=2, stride=2),
            nn.LayerNorm([hidden // 4, *doubled]),
            nn.GELU(),
            nn.ConvTranspose3d(hidden // 4, hidden // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList([MLP(hidden, hidden, hidden // 8, 3)])
        self.txt_align_upscaled_embedding = nn.Linear(hidden, hidden // 8)

    def forward(
        self, image: Float[Tensor, "1 F gz gy gx"], positions: Float[Tensor, "1 F gz gy gx"], text: Float[Tensor, "F"]
    ) -> Float[Tensor, "z y x"]:
        tokens = torch.cat([self.iou_token.weight, self.mask_tokens.weight, text[None]])[None]
        queries, keys = self.transformer(image, positions, tokens)
        features = self.output_upscaling(keys.transpose(1, 2).reshape(image.shape))[0]
        # The first mask's token comes after that of the quality.
        mask = self.output_hypernetworks_mlps[0](queries[0, 1]) + self.txt_align_upscaled_embedding(text)
        return torch.tensordot(mask, features, dims=1)


class _TextEncoder(nn.Module):
    """CLIP's text encoder, and its way to the decoder's channels."""

    def __init__(self, architecture: Architecture) -> None:
        from transformers import CLIPTextConfig, CLIPTextModel

        super().__init__()
        config = CLIPTextConfig(**architecture.text)
        self.clip_text_model = CLIPTextModel(config)
        self.dim_align = nn.Linear(config.hidden_size, architecture.hidden)

    def forward(self, tokens: Tensor) -> Float[Tensor, "B F"]:
        found: Tensor = self.dim_align(self.clip_text_model(tokens).pooler_output)
        return found


def full_size(logits: Float[Tensor, "z y x"], image: tuple[int, int, int]) -> Float[Tensor, "Z Y X"]:
    """Logits at the size of the image that the network saw, linear between voxels as upstream brings them there."""
    return functional.interpolate(logits[None, None], size=image, mode="trilinear", align_corners=False)[0, 0]


def own_name(name: str, text_prefix: str) -> str:
    """The network's name of a published parameter.

    Args:
        name: in the published file.
        text_prefix: before the names of CLIP's text encoder in the installed transformers: `text_model.` or nothing.
    """
    name = name.removeprefix("model.")
    name = re.sub(r"\.mlp\.lin([12])\.", r".mlp.linear\1.", name) if name.startswith("mask_decoder.") else name
    return re.sub(r"^(text_encoder\.clip_text_model\.)(text_model\.)?", rf"\g<1>{text_prefix}", name)
