"""Tiny nnU-Net data sets, planned and preprocessed by nnU-Net itself, and trainers on them."""

import json
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pytest

from nnunet_in_process import small_sample_of_intensities, threads_for_processes

IDS = tuple(f"case_{number}" for number in range(6))
PATCH = (16, 16, 16)


@dataclass(frozen=True)
class NnUNetFolders:
    """Where nnU-Net looks, and the data set in it."""

    root: Path
    name: str

    @property
    def preprocessed(self) -> Path:
        return self.root / "preprocessed" / self.name

    @property
    def environment(self) -> dict[str, str]:
        return {
            "nnUNet_raw": str(self.root / "raw"),
            "nnUNet_preprocessed": str(self.root / "preprocessed"),
            "nnUNet_results": str(self.root / "results"),
            "nnUNet_def_n_proc": "1",
            "nnUNet_n_proc_DA": "0",
        }


def write_raw(root: Path, name: str, labels: dict, channels: int, *, regions: bool) -> None:
    """Blobs in noise: label 1 around 2 around, where there is one, an ignored corner."""
    folder = root / "raw" / name
    generator = np.random.default_rng(0)
    for number, case in enumerate(IDS):
        shape = (16, 16 + number % 2, 16)
        grid = np.stack(np.meshgrid(*(np.arange(side) for side in shape), indexing="ij"), -1)
        distance = np.linalg.norm(grid - np.array(shape) / 2 - generator.normal(0, 1.5, 3), axis=-1)
        label = (distance < 6).astype(np.uint8) + (distance < 3)
        if "ignore" in labels:
            label[:3, :3, :3] = labels["ignore"]
        for channel in range(channels):
            image = (label * (1 + channel) + generator.normal(0, 0.3, shape)).astype(np.float32)
            path = folder / "imagesTr" / f"{case}_{channel:04d}.nii.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), path)
        path = folder / "labelsTr" / f"{case}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(label, np.eye(4)), path)
    description = {
        "channel_names": {str(channel): "MRI" for channel in range(channels)},
        "labels": labels,
        "numTraining": len(IDS),
        "file_ending": ".nii.gz",
        **({"regions_class_order": [1, 2]} if regions else {}),
    }
    (folder / "dataset.json").write_text(json.dumps(description))


def prepare(root: Path, number: int, labels: dict, channels: int, *, regions: bool) -> NnUNetFolders:
    """Plan and preprocess with nnU-Net, then shrink the plans to what a test can train."""
    folders = NnUNetFolders(root, f"Dataset{number:03d}_Blobs")
    write_raw(root, folders.name, labels, channels, regions=regions)
    with pytest.MonkeyPatch.context() as patch, threads_for_processes(), small_sample_of_intensities():
        for variable, value in folders.environment.items():
            patch.setenv(variable, value)
        patch.setenv("nnUNet_n_proc_DA", "1")
        from nnunetv2.experiment_planning.plan_and_preprocess_api import (
            extract_fingerprints,
            plan_experiments,
            preprocess,
        )

        extract_fingerprints([number], num_processes=1, check_dataset_integrity=True)
        plan_experiments([number])
        preprocess([number], configurations=("3d_fullres",), num_processes=(1,))
    shrink(folders.preprocessed / "nnUNetPlans.json")
    return folders


def shrink(path: Path) -> None:
    plans = json.loads(path.read_text())
    configuration = plans["configurations"]["3d_fullres"]
    configuration["patch_size"] = list(PATCH)
    configuration["batch_size"] = 2
    configuration["auvseg_swin_features"] = 12
    arguments = configuration["architecture"]["arch_kwargs"]
    arguments.update(
        n_stages=3,
        features_per_stage=[4, 6, 8],
        kernel_sizes=[[3, 3, 3]] * 3,
        strides=[[1, 1, 1], [2, 2, 2], [2, 2, 2]],
        n_conv_per_stage=[1, 1, 1],
        n_conv_per_stage_decoder=[1, 1],
    )
    path.write_text(json.dumps(plans))


@pytest.fixture(scope="session")
def blobs(tmp_path_factory):
    """Two exclusive classes, one channel."""
    root = tmp_path_factory.mktemp("nnunet")
    return prepare(root, 901, {"background": 0, "outer": 1, "inner": 2}, 1, regions=False)


@pytest.fixture(scope="session")
def regions(tmp_path_factory):
    """Two overlapping regions, an ignore label, two channels."""
    labels = {"background": 0, "whole": [1, 2], "inner": 2, "ignore": 3}
    return prepare(tmp_path_factory.mktemp("nnunet_regions"), 902, labels, 2, regions=True)


@pytest.fixture
def make_trainer(monkeypatch, tmp_path):
    """Builds a trainer by its name, as nnU-Net does, with one epoch of two steps unless told otherwise."""

    def make(folders, name, *, results=None, **settings):
        from auvseg.nnunet.search_path import with_search_folder

        for variable, value in folders.environment.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("nnUNet_results", str(results or tmp_path / "results"))
        monkeypatch.setenv("nnUNet_extTrainer", with_search_folder({}))
        for setting, value in {"epochs": 1, "iterations": 2, "validation_iterations": 1, "seed": 0, **settings}.items():
            monkeypatch.setenv(f"AUVSEG_{setting.upper()}", str(value))
        import torch
        from nnunetv2.run.run_training import get_trainer_from_args

        return get_trainer_from_args(folders.name, "3d_fullres", 0, name, device=torch.device("cpu"))

    with threads_for_processes():
        yield make
