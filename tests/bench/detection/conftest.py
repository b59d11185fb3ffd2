"""Small data sets on disk: a bright ball and a small cube in noise, as nnU-Net would hold them."""

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.case import Case, ClassDef, Dataset


def write_case(folder, name, seed):
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(np.arange(24), np.arange(24), np.arange(12), indexing="ij")
    centre = np.array([10.0, 10.0, 6.0]) + rng.uniform(-1, 1, 3)
    ball = sum((axis - middle) ** 2 for axis, middle in zip(axes, centre, strict=True)) < rng.uniform(4, 5) ** 2
    label = ball.astype(np.uint8)
    label[17:22, 17:22, 3:9] = 2
    image = (100 * ball + 60 * (label == 2) + rng.normal(0, 5, label.shape)).astype(np.float32)
    for kind, array in (("image", image), ("label", label)):
        nib.save(nib.Nifti1Image(array, np.eye(4)), folder / f"{name}_{kind}.nii.gz")
    return Case(name, (folder / f"{name}_image.nii.gz",), folder / f"{name}_label.nii.gz", "training", {})


@pytest.fixture(scope="session")
def balls(tmp_path_factory):
    """Twelve cases of two classes."""
    folder = tmp_path_factory.mktemp("balls")
    cases = tuple(write_case(folder, f"ball_{n:02}", n) for n in range(12))
    classes = (ClassDef(1, "ball", (1,)), ClassDef(2, "cube", (2,)))
    return Dataset("balls", folder, "folders", None, cases, classes=classes, modality="mri")
