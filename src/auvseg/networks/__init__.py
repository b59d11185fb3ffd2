"""Backbones beside nnU-Net's own: Swin-UNETR and U-Mamba, built as nnU-Net builds networks from its plans.

network = SwinUNETR(input_channels=1, num_classes=3)
network = umamba_from_plans("bottleneck", plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"],
                            input_channels=1, num_classes=3)
"""

from auvseg.networks.architecture import Architecture
from auvseg.networks.mamba import Mamba, selective_scan
from auvseg.networks.swin_unetr import SwinUNETR
from auvseg.networks.umamba import UMambaBot, UMambaEnc, umamba_from_plans

__all__ = ["Architecture", "Mamba", "SwinUNETR", "UMambaBot", "UMambaEnc", "selective_scan", "umamba_from_plans"]
