"""The CLIP-Driven Universal Model with its Swin UNETR, written from the paper and the names of its published tensors.

Liu et al., CLIP-Driven Universal Model for Organ Segmentation and Tumor Detection, ICCV 2023, section 3. A class's head
is not learnt but made: from the text embedding `w` of "a computerized tomography of a [CLS]" and the pooled bottleneck
`g` of the image a controller makes the weights of three pointwise layers,

    theta_c = controller(g, relu(text_to_vision(w_c))),      z_c = W3 relu(W2 relu(W1 h + b1) + b2) + b3,

with `h` eight channels of the decoder's last features. Text embeddings are part of the checkpoint: no text encoder is
needed. Parameters have the checkpoint's names and shapes.

The checkpoint was trained with the order of patch merging that MONAI had before 1.5, in which two of eight neighbours
are taken twice and two never. With today's order the same weights load without complaint and give other features.
"""

import torch
from jaxtyping import Float
from monai.networks.nets.swin_unetr import PatchMergingV2, SwinUNETR
from torch import Tensor, nn
from torch.nn import functional

FEATURES, CLASSES = 48, 32
"""Of the published network."""

_NEIGHBOURS = ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 0), (0, 0, 1), (1, 1, 1))
_HEAD = 8
_LAYERS = (_HEAD * _HEAD, _HEAD * _HEAD, _HEAD, _HEAD, _HEAD, 1)
"""Numbers that the controller makes: weights of the three layers, then their biases."""
_POOLED, _TEXT = 256, 512
_GROUPS = 16


class OldPatchMerging(PatchMergingV2):  # type: ignore[misc]  # MONAI says no types
    """Eight neighbours become one place with eight times the channels, in MONAI's order before 1.5."""

    def forward(self, x: Float[Tensor, "B x y z C"]) -> Float[Tensor, "B x2 y2 z2 C2"]:
        """Merge (B, x, y, z, C) to (B, ⌈x/2⌉, ⌈y/2⌉, ⌈z/2⌉, 2C); odd sides are padded with zeros."""
        _, first, second, third, _ = x.shape
        padded = functional.pad(x, (0, 0, 0, third % 2, 0, second % 2, 0, first % 2))
        merged = torch.cat([padded[:, i::2, j::2, k::2] for i, j, k in _NEIGHBOURS], dim=-1)
        found: Tensor = self.reduction(self.norm(merged))
        return found


class _Backbone(SwinUNETR):  # type: ignore[misc]  # MONAI says no types
    """Swin UNETR without its output layer: the bottleneck and the last features."""

    def __init__(self, features: int) -> None:
        super().__init__(in_channels=1, out_channels=1, feature_size=features, downsample=OldPatchMerging)
        del self.out

    def forward(self, image: Float[Tensor, "B 1 x y z"]) -> tuple[Tensor, Tensor]:
        stages = self.swinViT(image, self.normalize)
        bottleneck = self.encoder10(stages[4])
        up = self.decoder5(bottleneck, stages[3])
        up = self.decoder4(up, self.encoder4(stages[2]))
        up = self.decoder3(up, self.encoder3(stages[1]))
        up = self.decoder2(up, self.encoder2(stages[0]))
        return bottleneck, self.decoder1(up, self.encoder1(image))


class UniversalNetwork(nn.Module):
    """The network.

    Args:
        features: channels of the decoder at full resolution; a multiple of 48.
        classes: how many classes the text embeddings name.
    """

    organ_embedding: Tensor

    def __init__(self, features: int = FEATURES, classes: int = CLASSES) -> None:
        super().__init__()
        self.backbone = _Backbone(features)
        self.precls_conv = nn.Sequential(nn.GroupNorm(_GROUPS, features), nn.ReLU(), nn.Conv3d(features, _HEAD, 1))
        bottleneck = 16 * features
        self.GAP = nn.Sequential(
            nn.GroupNorm(_GROUPS, bottleneck), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Conv3d(bottleneck, _POOLED, 1)
        )
        self.controller = nn.Conv3d(_POOLED + _POOLED, sum(_LAYERS), 1)
        self.register_buffer("organ_embedding", torch.zeros(classes, _TEXT))
        self.text_to_vision = nn.Linear(_TEXT, _POOLED)

    def forward(self, image: Float[Tensor, "B 1 x y z"], classes: tuple[int, ...]) -> Float[Tensor, "B C x y z"]:
        """Logits of some classes against everything else.

        Args:
            image: intensities in [0, 1]; sides are multiples of 32, not all 32.
            classes: rows of the text embeddings, from 0.
        """
        bottleneck, last = self.backbone(image)
        heads = self._heads(self.GAP(bottleneck).flatten(1), classes)
        features = self.precls_conv(last)
        return torch.stack([self._three_layers(features, heads[:, number]) for number in range(len(classes))], dim=1)

    def _heads(self, pooled: Float[Tensor, "B P"], classes: tuple[int, ...]) -> Float[Tensor, "B C N"]:
        """The numbers of every class's three layers."""
        text = functional.relu(self.text_to_vision(self.organ_embedding[list(classes)]))
        count = len(classes)
        both = torch.cat([pooled[:, None].expand(-1, count, -1), text[None].expand(len(pooled), -1, -1)], dim=2)
        # Pointwise: the batch is one of (image, class) pairs.
        made = self.controller(both.flatten(0, 1)[:, :, None, None, None])
        return made.reshape(len(pooled), count, -1)

    @staticmethod
    def _three_layers(features: Float[Tensor, "B H x y z"], numbers: Float[Tensor, "B N"]) -> Float[Tensor, "B x y z"]:
        """One class's three layers."""
        first, second, third, *biases = numbers.split(_LAYERS, dim=1)
        found = features.flatten(2)
        for weights, bias in zip((first, second), biases[:2], strict=True):
            found = functional.relu(torch.baddbmm(bias[:, :, None], weights.reshape(-1, _HEAD, _HEAD), found))
        found = torch.baddbmm(biases[2][:, :, None], third[:, None], found)
        return found.reshape(features.shape[0], *features.shape[2:])
