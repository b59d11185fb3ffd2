"""Map the parameter names of MedSAM2's checkpoint to those of `transformers`' SAM 2 image and video models.

Upstream's names are those of the SAM 2 repository. Those in `MODULES`, `TENSORS` and `POINTS` exist in both models;
those in `MEMORY_MODULES` and `MEMORY_TENSORS` propagate masks between planes and exist only in the video model.
"""

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from auvseg.errors import WeightsError

_ENCODER, _DECODER, _PROMPT = "image_encoder", "sam_mask_decoder", "sam_prompt_encoder"

_PROJECTIONS = (("q_proj", "q_proj"), ("k_proj", "k_proj"), ("v_proj", "v_proj"), ("out_proj", "o_proj"))

MODULES = {
    f"{_ENCODER}.trunk.patch_embed.proj": "vision_encoder.backbone.patch_embed.projection",
    f"{_ENCODER}.trunk.blocks.*.norm1": "vision_encoder.backbone.blocks.*.layer_norm1",
    f"{_ENCODER}.trunk.blocks.*.norm2": "vision_encoder.backbone.blocks.*.layer_norm2",
    f"{_ENCODER}.trunk.blocks.*.attn.qkv": "vision_encoder.backbone.blocks.*.attn.qkv",
    f"{_ENCODER}.trunk.blocks.*.attn.proj": "vision_encoder.backbone.blocks.*.attn.proj",
    f"{_ENCODER}.trunk.blocks.*.mlp.layers.0": "vision_encoder.backbone.blocks.*.mlp.proj_in",
    f"{_ENCODER}.trunk.blocks.*.mlp.layers.1": "vision_encoder.backbone.blocks.*.mlp.proj_out",
    f"{_ENCODER}.trunk.blocks.*.proj": "vision_encoder.backbone.blocks.*.proj",
    f"{_ENCODER}.neck.convs.*.conv": "vision_encoder.neck.convs.*",
    f"{_PROMPT}.not_a_point_embed": "prompt_encoder.not_a_point_embed",
    f"{_PROMPT}.no_mask_embed": "prompt_encoder.no_mask_embed",
    f"{_PROMPT}.mask_downscaling.0": "prompt_encoder.mask_embed.conv1",
    f"{_PROMPT}.mask_downscaling.1": "prompt_encoder.mask_embed.layer_norm1",
    f"{_PROMPT}.mask_downscaling.3": "prompt_encoder.mask_embed.conv2",
    f"{_PROMPT}.mask_downscaling.4": "prompt_encoder.mask_embed.layer_norm2",
    f"{_PROMPT}.mask_downscaling.6": "prompt_encoder.mask_embed.conv3",
    f"{_DECODER}.iou_token": "mask_decoder.iou_token",
    f"{_DECODER}.mask_tokens": "mask_decoder.mask_tokens",
    f"{_DECODER}.obj_score_token": "mask_decoder.obj_score_token",
    **{
        f"{_DECODER}.transformer.{attention}.{theirs}": f"mask_decoder.transformer.{attention}.{ours}"
        for attention in (
            "layers.*.self_attn",
            "layers.*.cross_attn_token_to_image",
            "layers.*.cross_attn_image_to_token",
            "final_attn_token_to_image",
        )
        for theirs, ours in _PROJECTIONS
    },
    **{
        f"{_DECODER}.transformer.layers.*.norm{number}": f"mask_decoder.transformer.layers.*.layer_norm{number}"
        for number in (1, 2, 3, 4)
    },
    f"{_DECODER}.transformer.layers.*.mlp.layers.0": "mask_decoder.transformer.layers.*.mlp.proj_in",
    f"{_DECODER}.transformer.layers.*.mlp.layers.1": "mask_decoder.transformer.layers.*.mlp.proj_out",
    f"{_DECODER}.transformer.norm_final_attn": "mask_decoder.transformer.layer_norm_final_attn",
    f"{_DECODER}.output_upscaling.0": "mask_decoder.upscale_conv1",
    f"{_DECODER}.output_upscaling.1": "mask_decoder.upscale_layer_norm",
    f"{_DECODER}.output_upscaling.3": "mask_decoder.upscale_conv2",
    f"{_DECODER}.conv_s0": "mask_decoder.conv_s0",
    f"{_DECODER}.conv_s1": "mask_decoder.conv_s1",
    **{
        f"{_DECODER}.{head}.layers.{theirs}": f"mask_decoder.{head}.{ours}"
        for head in ("output_hypernetworks_mlps.*", "iou_prediction_head", "pred_obj_score_head")
        for theirs, ours in ((0, "proj_in"), (1, "layers.0"), (2, "proj_out"))
    },
}
"""Upstream's module to that of `transformers`; `*` is a number, the same in both. Each has a weight, most a bias."""

TENSORS = {
    "no_mem_embed": ("no_memory_embedding",),
    f"{_ENCODER}.trunk.pos_embed": ("vision_encoder.backbone.pos_embed",),
    f"{_ENCODER}.trunk.pos_embed_window": ("vision_encoder.backbone.pos_embed_window",),
    f"{_PROMPT}.pe_layer.positional_encoding_gaussian_matrix": (
        "prompt_encoder.shared_embedding.positional_embedding",
        "shared_image_embedding.positional_embedding",
    ),
}
"""Parameters that are not the weight or bias of a module; one of them has two places."""

POINTS = tuple(f"{_PROMPT}.point_embeddings.{number}.weight" for number in range(4))
"""Negative and positive point, first and last corner of a box: the four rows of `prompt_encoder.point_embed.weight`."""

_ATTENTION, _MEMORY, _POINTER = "memory_attention", "memory_encoder", "object_pointer_proj"

MEMORY_MODULES = {
    **{
        f"{_ATTENTION}.layers.*.{attention}.{theirs}": f"{_ATTENTION}.layers.*.{attention}.{ours}"
        for attention in ("self_attn", "cross_attn_image")
        for theirs, ours in _PROJECTIONS
    },
    **{f"{_ATTENTION}.layers.*.linear{number}": f"{_ATTENTION}.layers.*.linear{number}" for number in (1, 2)},
    **{f"{_ATTENTION}.layers.*.norm{number}": f"{_ATTENTION}.layers.*.layer_norm{number}" for number in (1, 2, 3)},
    f"{_ATTENTION}.norm": f"{_ATTENTION}.layer_norm",
    **{
        f"{_MEMORY}.mask_downsampler.encoder.{3 * layer + place}": f"{_MEMORY}.mask_downsampler.layers.{layer}.{ours}"
        for layer in range(4)
        for place, ours in enumerate(("conv", "layer_norm"))
    },
    f"{_MEMORY}.mask_downsampler.encoder.12": f"{_MEMORY}.mask_downsampler.final_conv",
    f"{_MEMORY}.pix_feat_proj": f"{_MEMORY}.feature_projection",
    f"{_MEMORY}.fuser.layers.*.dwconv": f"{_MEMORY}.memory_fuser.layers.*.depthwise_conv",
    f"{_MEMORY}.fuser.layers.*.norm": f"{_MEMORY}.memory_fuser.layers.*.layer_norm",
    f"{_MEMORY}.fuser.layers.*.pwconv1": f"{_MEMORY}.memory_fuser.layers.*.pointwise_conv1",
    f"{_MEMORY}.fuser.layers.*.pwconv2": f"{_MEMORY}.memory_fuser.layers.*.pointwise_conv2",
    f"{_MEMORY}.out_proj": f"{_MEMORY}.projection",
    "obj_ptr_proj.layers.0": f"{_POINTER}.proj_in",
    "obj_ptr_proj.layers.1": f"{_POINTER}.layers.0",
    "obj_ptr_proj.layers.2": f"{_POINTER}.proj_out",
    "obj_ptr_tpos_proj": "temporal_positional_encoding_projection_layer",
    "mask_downsample": "mask_downsample",
}
"""As `MODULES`, of what carries a mask from plane to plane."""

MEMORY_TENSORS = {
    "maskmem_tpos_enc": ("memory_temporal_positional_encoding",),
    "no_mem_pos_enc": ("no_memory_positional_encoding",),
    "no_obj_ptr": ("no_object_pointer",),
    "no_obj_embed_spatial": ("occlusion_spatial_embedding_parameter",),
    **{
        f"{_MEMORY}.fuser.layers.{number}.gamma": (f"{_MEMORY}.memory_fuser.layers.{number}.scale",)
        for number in range(2)
    },
}
"""As `TENSORS`, of what carries a mask from plane to plane."""


class _Table:
    """Where upstream's names go.

    Args:
        modules: upstream's module to that of `transformers`.
        tensors: upstream's tensor to its places.
    """

    def __init__(self, modules: Mapping[str, str], tensors: Mapping[str, tuple[str, ...]]) -> None:
        self._tensors = tensors
        self._rules = [
            (re.compile(re.escape(theirs).replace(r"\*", r"(\d+)")), ours) for theirs, ours in modules.items()
        ]

    def places(self, name: str) -> Iterator[str]:
        """Where a parameter belongs; nowhere where its name is unknown."""
        yield from self._tensors.get(name, ())
        module, _, parameter = name.rpartition(".")
        if parameter in ("weight", "bias"):
            for pattern, ours in self._rules:
                found = pattern.fullmatch(module)
                if found:
                    yield f"{ours.replace('*', ''.join(found.groups()))}.{parameter}"


_IMAGE_TABLE, _MEMORY_TABLE = _Table(MODULES, TENSORS), _Table(MEMORY_MODULES, MEMORY_TENSORS)


def to_transformers(state: Mapping[str, Tensor], *, memory: bool = False) -> dict[str, Tensor]:
    """The parameters of the image model, or with `memory` those of the video model, under its names.

    Args:
        state: upstream's whole state dict; what carries a mask from plane to plane may be missing without `memory`.
        memory: whether the model carries masks from plane to plane.

    Raises:
        WeightsError: a name is not upstream's, or one of the point embeddings is missing.
    """
    translated = {}
    for name, value in state.items():
        if name in POINTS:
            continue
        places, remembered = list(_IMAGE_TABLE.places(name)), list(_MEMORY_TABLE.places(name))
        if not places and not remembered:
            raise WeightsError(f"holds {name}, which MedSAM2 does not have; take the file MedSAM2_latest.pt")
        translated.update(dict.fromkeys([*places, *remembered] if memory else places, value))
    missing = [name for name in POINTS if name not in state]
    if missing:
        raise WeightsError(f"has no {missing[0]}, which MedSAM2 has; take the file MedSAM2_latest.pt")
    translated["prompt_encoder.point_embed.weight"] = torch.cat([state[name] for name in POINTS])
    return translated
