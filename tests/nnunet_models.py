"""Trained nnU-Nets as nnU-Net leaves them in its results: random weights, real plans; tiny unless asked for."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np

SPACING = (2.0, 1.5, 1.0)
"""Along the file's x, y and z when they grow to the right, the front and the head."""

RESAMPLING = {
    "resampling_fn_data": "resample_data_or_seg_to_shape",
    "resampling_fn_seg": "resample_data_or_seg_to_shape",
    "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
    "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None},
    "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None},
    "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None},
}


def architecture(dimensions, features=(4, 6), convolutions=1):
    name = f"torch.nn.modules.{{}}{dimensions}d"
    stages = len(features)
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": list(features),
            "conv_op": name.format("conv.Conv"),
            "kernel_sizes": [[3] * dimensions] * stages,
            "strides": [[1] * dimensions] + [[2] * dimensions] * (stages - 1),
            "n_conv_per_stage": [convolutions] * stages,
            "n_conv_per_stage_decoder": [convolutions] * (stages - 1),
            "conv_bias": True,
            "norm_op": name.format("instancenorm.InstanceNorm"),
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def make_plans(
    *,
    spacing,
    channels=1,
    reader="SimpleITKIO",
    transpose=(0, 1, 2),
    patch=(16, 16, 8),
    features=(4, 6),
    convolutions=1,
):
    """Plans with the configurations 2d, 3d_fullres, 3d_lowres and the cascade; `spacing` after the transpose.

    Patch, features of the stages and convolutions a stage are those of the networks over volumes.
    """
    shared = {
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "normalization_schemes": ["ZScoreNormalization"] * channels,
        "use_mask_for_norm": [False] * channels,
        "batch_dice": False,
        **RESAMPLING,
    }
    plane = {
        **shared,
        "data_identifier": "2d",
        "patch_size": [16, 16],
        "median_image_size_in_voxels": [20, 20],
        "spacing": list(spacing[1:]),
        "architecture": architecture(2),
    }
    full = {
        **shared,
        "data_identifier": "3d",
        "patch_size": list(patch),
        "median_image_size_in_voxels": [20, 20, 12],
        "spacing": list(spacing),
        "architecture": architecture(3, features, convolutions),
    }
    low = {**full, "spacing": [1.7 * size for size in spacing], "next_stage": "3d_cascade_fullres"}
    return {
        "dataset_name": "Dataset900_Tiny",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": reader,
        "transpose_forward": list(transpose),
        "transpose_backward": [list(transpose).index(axis) for axis in range(3)],
        "configurations": {
            "2d": plane,
            "3d_fullres": full,
            "3d_lowres": low,
            "3d_cascade_fullres": {"inherits_from": "3d_fullres", "previous_stage": "3d_lowres"},
        },
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            str(channel): dict.fromkeys(
                ("max", "mean", "median", "min", "percentile_00_5", "percentile_99_5", "std"), 1.0
            )
            for channel in range(channels)
        },
    }


def write_model(
    folder,
    *,
    labels,
    configuration="3d_fullres",
    folds=(0,),
    trainer="nnUNetTrainer",
    regions_class_order=None,
    channels=1,
    **plans,
):
    """A model folder with the files that nnU-Net's trainer writes, its weights drawn at random."""
    import torch
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    plans = make_plans(channels=channels, **{"spacing": SPACING[::-1], **plans})
    dataset = {
        "channel_names": {str(channel): "MRI" for channel in range(channels)},
        "labels": labels,
        "numTraining": 4,
        "file_ending": ".nii.gz",
        **({} if regions_class_order is None else {"regions_class_order": regions_class_order}),
    }
    folder = Path(folder) / f"{trainer}__nnUNetPlans__{configuration}"
    folder.mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    manager = PlansManager(plans)
    heads = manager.get_label_manager(dataset).num_segmentation_heads
    settings = manager.get_configuration(configuration)
    for fold in folds:
        torch.manual_seed(7 if fold == "all" else fold)
        network = recursive_find_trainer_class_by_name(trainer).build_network_architecture(
            manager, settings, channels, heads, enable_deep_supervision=False
        )
        with torch.no_grad():
            for weights in network.parameters():
                # nnU-Net's first weights give logits near 0, which are equal in half precision.
                weights.add_(0.3 * torch.randn(weights.shape))
        content = {
            "network_weights": network.state_dict(),
            "optimizer_state": None,
            "grad_scaler_state": None,
            "logging": {"mean_fg_dice": [np.float64(0.5)], "dice_per_class_or_region": [[np.float32(0.5)]]},
            "_best_ema": np.float64(0.5),
            "current_epoch": 1,
            "init_args": {"configuration": configuration, "fold": fold, "device": torch.device("cpu")},
            "trainer_name": trainer,
            "inference_allowed_mirroring_axes": (0, 1) if configuration == "2d" else (0, 1, 2),
        }
        (folder / f"fold_{fold}").mkdir()
        torch.save(content, folder / f"fold_{fold}" / "checkpoint_final.pth")
    return folder


def write_images(folder, name, seed, *, axcodes="RAS", channels=1, shape=(21, 18, 13), border=0):
    """Image files of one case, stored with their axes as asked for, and the label of two blobs in it."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(side) for side in shape), indexing="ij"), -1)
    distance = np.linalg.norm((grid - np.array(shape) / 2.2) * SPACING, axis=-1)
    label = (distance < 8).astype(np.uint8) + (distance < 4)
    files = []
    for channel in range(channels):
        image = (label * (1 + channel) + 1 + rng.normal(0, 0.4, shape)).astype(np.float32)
        if border:
            inside = np.zeros(shape, dtype=bool)
            inside[border:-border, border:, : -border - 1] = True
            image[~inside] = 0
        files.append(Path(folder) / f"{name}_{channel:04d}.nii.gz")
        save(image, files[-1], axcodes)
    target = Path(folder) / f"{name}.nii.gz"
    save(label, target, axcodes)
    return files, target


def save(array, path, axcodes):
    """Save an array whose axes grow to R, A and S as a file whose axes grow to `axcodes`."""
    image = nib.Nifti1Image(array, np.diag([*SPACING, 1.0]))
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(tuple(axcodes))
    )
    nib.save(image.as_reoriented(turn), path)
