"""Architectures as nnU-Net 2.8 writes them into its plans, with fewer stages and features."""

PLAIN_3D = {
    "n_stages": 3,
    "features_per_stage": [4, 6, 8],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[3, 3, 3]] * 3,
    "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
    "n_conv_per_stage": [2, 2, 2],
    "n_conv_per_stage_decoder": [2, 2],
    "conv_bias": True,
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
    "dropout_op": None,
    "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}
PLAIN_2D = PLAIN_3D | {
    "conv_op": "torch.nn.modules.conv.Conv2d",
    "kernel_sizes": [[3, 3]] * 3,
    "strides": [[1, 1], [2, 2], [2, 2]],
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
}
ANISOTROPIC = PLAIN_3D | {
    "n_stages": 4,
    "features_per_stage": [4, 6, 8, 8],
    "kernel_sizes": [[1, 3, 3], [1, 3, 3], [3, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2], [1, 2, 2], [2, 1, 2]],
    "n_conv_per_stage": [2, 2, 2, 2],
    "n_conv_per_stage_decoder": [2, 2, 2],
}
RESIDUAL = {name: value for name, value in PLAIN_3D.items() if name != "n_conv_per_stage"} | {
    "n_blocks_per_stage": [1, 3, 4],
    "n_conv_per_stage_decoder": [1, 1],
}
PLANS = {
    "3D": (PLAIN_3D, (8, 8, 12)),
    "2D": (PLAIN_2D, (12, 8)),
    "anisotropic": (ANISOTROPIC, (4, 8, 16)),
    "residual": (RESIDUAL, (8, 8, 8)),
}
"""An architecture of every kind, and a patch size for each."""
