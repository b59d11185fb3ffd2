"""Files as the authors of foundation models publish them, with random numbers: names, shapes and folders are theirs.

Without arguments the sizes are the published ones. MedSAM2's files are made by `medsam2_weights`, nnU-Net's and
TotalSegmentator's by `nnunet_models`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.networks.nets.vista3d import vista3d132
from torch import Tensor, nn

from auvseg.extractors.clip_driven.network import UniversalNetwork
from auvseg.extractors.segvol.network import UNUSED, SegVolNetwork
from auvseg.extractors.vista3d.extractor import FEATURES

VOXTELL_PLANS: dict[str, Any] = {
    "configurations": {
        "3d_fullres": {
            "patch_size": [192, 192, 192],
            "architecture": {
                "arch_kwargs": {
                    "n_stages": 6,
                    "features_per_stage": [32, 64, 128, 256, 320, 320],
                    "conv_op": "torch.nn.modules.conv.Conv3d",
                    "kernel_sizes": [[3, 3, 3]] * 6,
                    "strides": [[1, 1, 1]] + [[2, 2, 2]] * 5,
                    "n_blocks_per_stage": [1, 3, 4, 6, 6, 6],
                    "n_conv_per_stage_decoder": [1] * 5,
                    "conv_bias": True,
                    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
                    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
                    "dropout_op": None,
                    "dropout_op_kwargs": None,
                    "nonlin": "torch.nn.LeakyReLU",
                    "nonlin_kwargs": {"inplace": True},
                },
                "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
            },
        }
    }
}
"""Of the network that its authors' trainer builds."""

_SEGVOL_OTHERS = (
    "prompt_encoder.point_embeddings.3.weight",
    "prompt_encoder.mask_downscaling.0.bias",
    "prompt_encoder.not_a_point_embed.weight",
    "mask_decoder.iou_prediction_head.layers.0.weight",
    "mask_decoder.output_hypernetworks_mlps.2.layers.1.bias",
    "text_encoder.clip_text_model.text_model.embeddings.position_ids",
)
"""Some of what SegVol's file holds for other prompts."""


def write_vista3d(path: Path, features: int = FEATURES) -> Path:
    """`model.pt`, the state dict itself; returns the path."""
    torch.manual_seed(0)
    torch.save(vista3d132(encoder_embed_dim=features).state_dict(), path)
    return path


def segvol_state(network: SegVolNetwork) -> dict[str, Tensor]:
    """A network's parameters as upstream writes them: SAM's names of layers, and what other prompts need."""
    state = {}
    for name, value in network.state_dict().items():
        if not UNUSED.match(name):
            theirs = name.replace("mlp.linear", "mlp.lin") if name.startswith("mask_decoder.") else name
            theirs = theirs.replace("clip_text_model.", "clip_text_model.text_model.")
            state[f"module.{theirs}"] = value
    return state | {f"module.{name}": torch.zeros(3) for name in _SEGVOL_OTHERS}


def write_segvol(path: Path, network: SegVolNetwork | None = None) -> Path:
    """`SegVol_v1.pth`; returns the path."""
    torch.manual_seed(0)
    torch.save({"model": segvol_state(network or SegVolNetwork()), "epoch": 270}, path)
    return path


def clip_driven_state(network: UniversalNetwork) -> dict[str, Tensor]:
    """A network's parameters as upstream writes them: `module.` everywhere, the backbone's name nowhere."""
    return {f"module.{name.removeprefix('backbone.')}": value for name, value in network.state_dict().items()}


def write_clip_driven(path: Path, network: UniversalNetwork | None = None) -> Path:
    """`clip_driven_universal_swin_unetr.pth`; returns the path."""
    torch.manual_seed(0)
    if network is None:
        network = UniversalNetwork()
        network.organ_embedding.normal_()
    torch.save({"net": clip_driven_state(network), "epoch": 450}, path)
    return path


def write_voxtell(
    folder: Path, network: nn.Module, prompts: Sequence[str], plans: Mapping[str, Any] = VOXTELL_PLANS
) -> Path:
    """The folder `voxtell_v1.1` with a network's parameters and random vectors of prompts; returns the folder."""
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans), encoding="utf-8")
    content = {"network_weights": network.state_dict(), "trainer_name": "VoxTellTrainer", "init_args": {}}
    torch.save(content, folder / "fold_0" / "checkpoint_final.pth")
    vectors = np.random.default_rng(0).normal(0, 1, (len(prompts), 2560)).astype(np.float16)
    np.savez(folder / "text_embeddings.npz", labels=np.array(prompts), embeddings=vectors)
    return folder
