"""Checkpoints in MedSAM2's published layout with random weights; names and shapes are those of upstream's source."""

import math
from itertools import pairwise

import torch

from auvseg.extractors.medsam2.network import Architecture

SMALL = Architecture(
    side=128,
    widths=(8, 16, 32, 64),
    blocks=(1, 1, 2, 1),
    heads=(1, 1, 2, 2),
    windows=(4, 2, 6, 3),
    global_blocks=(3,),
    channels=32,
    hidden=64,
)
"""Everything that MedSAM2 has, small enough to be run in milliseconds."""

TRUNK, DECODER, PROMPT = "image_encoder.trunk", "sam_mask_decoder", "sam_prompt_encoder"


def linear(name, inputs, outputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm(name, channels):
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def convolution(name, inputs, outputs, kernel):
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def perceptron(name, *widths):
    shapes = {}
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        shapes |= linear(f"{name}.layers.{number}", inputs, outputs)
    return shapes


def attention(name, channels, inner, keys=None):
    shapes = linear(f"{name}.q_proj", channels, inner) | linear(f"{name}.out_proj", inner, channels)
    for part in ("k_proj", "v_proj"):
        shapes |= linear(f"{name}.{part}", keys or channels, inner)
    return shapes


def trunk_shapes(a):
    shapes = {f"{TRUNK}.pos_embed": (1, a.widths[0], 7, 7)}
    shapes[f"{TRUNK}.pos_embed_window"] = (1, a.widths[0], a.windows[0], a.windows[0])
    shapes |= convolution(f"{TRUNK}.patch_embed.proj", 3, a.widths[0], 7)
    width, number = a.widths[0], 0
    for stage, blocks in enumerate(a.blocks):
        for _ in range(blocks):
            wider, block = a.widths[stage], f"{TRUNK}.blocks.{number}"
            shapes |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", wider)
            shapes |= linear(f"{block}.attn.qkv", width, 3 * wider) | linear(f"{block}.attn.proj", wider, wider)
            shapes |= perceptron(f"{block}.mlp", wider, 4 * wider, wider)
            if wider != width:
                shapes |= linear(f"{block}.proj", width, wider)
            width, number = wider, number + 1
    for number, inputs in enumerate(reversed(a.widths)):
        shapes |= convolution(f"image_encoder.neck.convs.{number}.conv", inputs, a.channels, 1)
    return shapes


def prompt_shapes(a):
    shapes = {f"{PROMPT}.pe_layer.positional_encoding_gaussian_matrix": (2, a.channels // 2)}
    for name in (*(f"point_embeddings.{number}" for number in range(4)), "not_a_point_embed", "no_mask_embed"):
        shapes[f"{PROMPT}.{name}.weight"] = (1, a.channels)
    mask = f"{PROMPT}.mask_downscaling"
    shapes |= convolution(f"{mask}.0", 1, 4, 2) | norm(f"{mask}.1", 4) | convolution(f"{mask}.3", 4, 16, 2)
    return shapes | norm(f"{mask}.4", 16) | convolution(f"{mask}.6", 16, a.channels, 1)


def decoder_shapes(a):
    k, half = a.channels, a.channels // 2
    shapes = {f"{DECODER}.{name}.weight": (rows, k) for name, rows in (("iou_token", 1), ("mask_tokens", 4))}
    shapes[f"{DECODER}.obj_score_token.weight"] = (1, k)
    for number in range(2):
        layer = f"{DECODER}.transformer.layers.{number}"
        shapes |= attention(f"{layer}.self_attn", k, k) | perceptron(f"{layer}.mlp", k, a.hidden, k)
        for name in ("cross_attn_token_to_image", "cross_attn_image_to_token"):
            shapes |= attention(f"{layer}.{name}", k, half)
        for which in range(1, 5):
            shapes |= norm(f"{layer}.norm{which}", k)
    shapes |= attention(f"{DECODER}.transformer.final_attn_token_to_image", k, half)
    shapes |= norm(f"{DECODER}.transformer.norm_final_attn", k) | norm(f"{DECODER}.output_upscaling.1", k // 4)
    # Transposed convolutions have their inputs first.
    for number, inputs, outputs in ((0, k, k // 4), (3, k // 4, k // 8)):
        shapes[f"{DECODER}.output_upscaling.{number}.weight"] = (inputs, outputs, 2, 2)
        shapes[f"{DECODER}.output_upscaling.{number}.bias"] = (outputs,)
    shapes |= convolution(f"{DECODER}.conv_s0", k, k // 8, 1) | convolution(f"{DECODER}.conv_s1", k, k // 4, 1)
    for number in range(4):
        shapes |= perceptron(f"{DECODER}.output_hypernetworks_mlps.{number}", k, k, k, k // 8)
    shapes |= perceptron(f"{DECODER}.iou_prediction_head", k, k, k, 4)
    return shapes | perceptron(f"{DECODER}.pred_obj_score_head", k, k, k, 1)


def memory_shapes(a):
    """What only propagation needs; the memory has 64 channels."""
    k, memory = a.channels, 64
    shapes = {"maskmem_tpos_enc": (7, 1, 1, memory), "no_mem_embed": (1, 1, k), "no_mem_pos_enc": (1, 1, k)}
    shapes |= {"no_obj_ptr": (1, k), "no_obj_embed_spatial": (1, memory)} | convolution("mask_downsample", 1, 1, 4)
    for number in range(4):
        layer = f"memory_attention.layers.{number}"
        shapes |= attention(f"{layer}.self_attn", k, k) | attention(f"{layer}.cross_attn_image", k, k, memory)
        shapes |= linear(f"{layer}.linear1", k, a.hidden) | linear(f"{layer}.linear2", a.hidden, k)
        for which in range(1, 4):
            shapes |= norm(f"{layer}.norm{which}", k)
    shapes |= norm("memory_attention.norm", k)
    inputs, encoder = 1, "memory_encoder.mask_downsampler.encoder"
    for number, outputs in ((0, 4), (3, 16), (6, 64), (9, 256)):
        shapes |= convolution(f"{encoder}.{number}", inputs, outputs, 3) | norm(f"{encoder}.{number + 1}", outputs)
        inputs = outputs
    shapes |= convolution(f"{encoder}.12", 256, k, 1) | convolution("memory_encoder.pix_feat_proj", k, k, 1)
    for number in range(2):
        layer = f"memory_encoder.fuser.layers.{number}"
        shapes |= {f"{layer}.gamma": (k,), f"{layer}.dwconv.weight": (k, 1, 7, 7), f"{layer}.dwconv.bias": (k,)}
        shapes |= norm(f"{layer}.norm", k) | linear(f"{layer}.pwconv1", k, 4 * k)
        shapes |= linear(f"{layer}.pwconv2", 4 * k, k)
    shapes |= convolution("memory_encoder.out_proj", k, memory, 1) | perceptron("obj_ptr_proj", k, k, k, k)
    return shapes | linear("obj_ptr_tpos_proj", k, memory)


def upstream_shapes(architecture):
    """Shape of every tensor in a published checkpoint, by upstream's name."""
    a = architecture
    return trunk_shapes(a) | prompt_shapes(a) | decoder_shapes(a) | memory_shapes(a)


def random_state(architecture, seed=0):
    """Random weights of a size that lets values neither vanish nor explode on their way through the network."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in upstream_shapes(architecture).items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith(".bias"):
            state[name] = 0.1 * noise
        elif len(shape) == 1:
            state[name] = 1 + 0.1 * noise
        elif name.endswith("proj.weight") or len(shape) == 4 or ".layers." in name or "linear" in name:
            state[name] = noise / math.sqrt(math.prod(shape[1:]))
        else:
            state[name] = noise
    return state


def write_checkpoint(path, architecture=SMALL, seed=0, **changes):
    """A file as upstream publishes it; `changes` replace tensors, None takes one out. Returns the path."""
    state = random_state(architecture, seed) | changes
    torch.save({"model": {name: value for name, value in state.items() if value is not None}}, path)
    return path
