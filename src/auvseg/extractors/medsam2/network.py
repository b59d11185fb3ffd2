"""MedSAM2's image model: `transformers`' SAM 2, built from an explicit configuration and loaded with given weights.

No hub is contacted, and no code comes with the weights. The configuration is that of
`sam2.1_hiera_t512.yaml`: SAM 2.1 with the tiny Hiera encoder, at 512 instead of 1024 pixels.

Axes: S rows and columns of the input; N pixels of the embedding, row by row; K their channels; (h, w) the logits, a
quarter of S.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from auvseg.errors import WeightsError
from auvseg.extractors.medsam2.names import to_transformers

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in ImageNet."""

_PATCH = 16
"""Input pixels of a pixel of the embedding, along either axis."""


@dataclass(frozen=True)
class Architecture:
    """The numbers that make a SAM 2 network; the defaults are MedSAM2's.

    Attributes:
        side: rows and columns of the input, in pixels.
        widths: channels of the encoder's four stages.
        blocks: transformer blocks of each stage.
        heads: attention heads of each stage.
        windows: side of the attention windows of each stage.
        global_blocks: blocks, counted over all stages, that attend to everything.
        channels: of the embedding and the mask decoder.
        hidden: width of the mask decoder's perceptrons.
    """

    side: int = 512
    widths: tuple[int, int, int, int] = (96, 192, 384, 768)
    blocks: tuple[int, int, int, int] = (1, 2, 7, 2)
    heads: tuple[int, int, int, int] = (1, 2, 4, 8)
    windows: tuple[int, int, int, int] = (8, 4, 14, 7)
    global_blocks: tuple[int, ...] = (5, 7, 9)
    channels: int = 256
    hidden: int = 2048

    @property
    def embedding_side(self) -> int:
        """Rows and columns of the embedding."""
        return self.side // _PATCH


MEDSAM2 = Architecture()


@dataclass(frozen=True)
class Embedding:
    """What the encoder makes of a plane.

    Attributes:
        levels: (1, K/8, S/4, S/4), (1, K/4, S/8, S/8) and (1, K, S/16, S/16), float32, fine to coarse.
    """

    levels: tuple[Tensor, Tensor, Tensor]

    @property
    def pixels(self) -> Float32[Tensor, "N K"]:
        """The coarsest level, a pixel a row."""
        return self.levels[2][0].flatten(1).T


class Network:
    """The frozen image model on a device.

    Args:
        state: parameters by upstream's names, those that only propagation needs among them or not.
        architecture: the network's numbers.
        device: where it runs.
        bfloat16: whether the encoder multiplies in bfloat16 (autocast). The decoder never does: rounded to bfloat16, a
            box's corner would be off by pixels.

    Raises:
        WeightsError: the parameters are not exactly those of this network.
    """

    def __init__(
        self, state: Mapping[str, Tensor], architecture: Architecture, *, device: str, bfloat16: bool = False
    ) -> None:
        # Building draws random weights, which must not shift the caller's random numbers.
        with torch.random.fork_rng(devices=[]):
            self._model = _image_model(architecture)
        fill(self._model, to_transformers(state), "image model")
        self._model.eval().requires_grad_(False).to(device)
        self._device = torch.device(device)
        self._bfloat16 = bfloat16

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._device

    def move(self, device: str) -> None:
        """Go to a device."""
        self._model.to(device)
        self._device = torch.device(device)

    @torch.inference_mode()
    def encode(self, plane: Float32[np.ndarray, "S S"]) -> Embedding:
        """(S, S) grey values in [0, 1] to the embedding."""
        with (
            reproducible(),
            torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bfloat16),
        ):
            fine, middle, coarse = self._model.get_image_embeddings(normalised(plane, self._device))
        return Embedding((fine.float(), middle.float(), coarse.float()))

    @torch.inference_mode()
    def decode(
        self, embedding: Embedding, box: tuple[float, float, float, float]
    ) -> tuple[Float32[Tensor, "h w"], Float32[Tensor, ""]]:
        """Decode one box, as upstream does for the plane that is prompted.

        The first mask, the one for unambiguous prompts, is taken where it is stable: where at least 98 % of its pixels
        with a logit above -0.05 have one above +0.05. Else the one of the other three whose quality is estimated best.
        Where upstream's scripts hold the object to be absent they set the whole plane to -1024; here no logit changes.

        Args:
            embedding: of the plane.
            box: left, top, right and bottom in pixels of the (S, S) plane.

        Returns:
            (S/4, S/4) logits, and the predicted intersection over union of the mask with the truth.
        """
        corners = torch.tensor(box, dtype=torch.float32, device=self._device).view(1, 1, 4)
        with reproducible():
            found = self._model(image_embeddings=list(embedding.levels), input_boxes=corners, multimask_output=False)
        return found.pred_masks[0, 0, 0], found.iou_scores[0, 0, 0]


def normalised(plane: Float32[np.ndarray, "S S"], device: torch.device) -> Float32[Tensor, "1 3 S S"]:
    """(S, S) grey values in [0, 1] as red, green and blue, each with ImageNet's mean taken off and its deviation 1."""
    grey = torch.from_numpy(plane).to(device).expand(1, 3, -1, -1)
    mean, deviation = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (_MEAN, _DEVIATION))
    return (grey - mean) / deviation


def vision_config(architecture: Architecture) -> Any:
    """What `transformers` wants to know of the encoder; all that MedSAM2's configuration says is written out."""
    from transformers.models.sam2.configuration_sam2 import Sam2HieraDetConfig, Sam2VisionConfig

    side = architecture.side
    backbone = Sam2HieraDetConfig(
        image_size=[side, side],
        hidden_size=architecture.widths[0],
        num_attention_heads=architecture.heads[0],
        embed_dim_per_stage=list(architecture.widths),
        blocks_per_stage=list(architecture.blocks),
        num_attention_heads_per_stage=list(architecture.heads),
        window_size_per_stage=list(architecture.windows),
        global_attention_blocks=list(architecture.global_blocks),
        window_positional_embedding_background_size=[7, 7],
        num_query_pool_stages=3,
    )
    return Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=list(reversed(architecture.widths)),
        backbone_feature_sizes=[[side // step] * 2 for step in (4, 8, _PATCH)],
        fpn_hidden_size=architecture.channels,
        fpn_top_down_levels=[2, 3],
    )


def prompt_settings(architecture: Architecture) -> dict[str, Any]:
    """Keywords of the prompt encoder's configuration."""
    return {"hidden_size": architecture.channels, "image_size": architecture.side, "patch_size": _PATCH}


def decoder_settings(architecture: Architecture) -> dict[str, Any]:
    """Keywords of the mask decoder's configuration."""
    return {
        "hidden_size": architecture.channels,
        "mlp_dim": architecture.hidden,
        "iou_head_hidden_dim": architecture.channels,
        "num_multimask_outputs": 3,
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    }


def _image_model(architecture: Architecture) -> Any:
    """`transformers`' image model with random weights."""
    from transformers.models.sam2.configuration_sam2 import Sam2Config, Sam2MaskDecoderConfig, Sam2PromptEncoderConfig
    from transformers.models.sam2.modeling_sam2 import Sam2Model

    return Sam2Model(
        Sam2Config(
            vision_config=vision_config(architecture),
            prompt_encoder_config=Sam2PromptEncoderConfig(**prompt_settings(architecture)),
            mask_decoder_config=Sam2MaskDecoderConfig(**decoder_settings(architecture)),
            attn_implementation="sdpa",
        )
    )


def fill(model: Any, parameters: Mapping[str, Tensor], what: str) -> None:
    """Give MedSAM2's `what` exactly its parameters.

    Raises:
        WeightsError: one is missing, has another shape, or has no place.
    """
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    missing = sorted(expected.keys() - parameters.keys())
    if missing:
        raise WeightsError(f"lacks {len(missing)} parameters of MedSAM2's {what}, {missing[0]} the first of them")
    for name, value in parameters.items():
        if expected.get(name) != tuple(value.shape):
            raise WeightsError(
                f"{name} has the shape {tuple(value.shape)}, MedSAM2's {what} {expected.get(name, 'has none')}"
            )
    model.load_state_dict(parameters, strict=True)


@contextlib.contextmanager
def reproducible() -> Iterator[None]:
    """On CUDA, convolutions in full float32 that give the same bits each time; elsewhere nothing."""
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=cudnn.enabled, benchmark=False, deterministic=True, allow_tf32=False):
        yield
