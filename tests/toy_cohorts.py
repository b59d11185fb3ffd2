"""Small nnU-Net data sets with two organs, drawn case by case, and the command line to try them with."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.data.workers.pool import IsolatedPool
from auvseg.scoring import engines

SHAPE = (20, 22, 12)
ORGANS = ("liver", "spleen")


def draw_case(seed):
    """Image and label on the same grid (x, y, z): two boxes in a body, their sides a voxel longer in some cases."""
    rng = np.random.default_rng(seed)
    label = np.zeros(SHAPE, dtype=np.uint8)
    for value, corner in enumerate(((3, 4, 2), (11, 9, 4)), start=1):
        label[tuple(slice(low, low + size) for low, size in zip(corner, rng.integers(4, 7, 3), strict=True))] = value
    image = np.full(SHAPE, -900.0)
    image[1:-1, 1:-1] = 30
    image += 60 * label + rng.normal(0, 10, SHAPE)
    return np.rint(image).astype(np.int16), label


def draw_dataset(home: Path, cases, organs=ORGANS, name="Dataset042_Toy"):
    """Write a data set of these `(image, label)` pairs; returns its folder."""
    folder = home / name
    for kind in ("imagesTr", "labelsTr"):
        (folder / kind).mkdir(parents=True)
    affine = np.diag([1.0, 1.0, 2.5, 1.0])
    for number, (image, label) in enumerate(cases):
        nib.save(nib.Nifti1Image(image, affine), folder / "imagesTr" / f"case_{number:03d}_0000.nii.gz")
        nib.save(nib.Nifti1Image(label, affine), folder / "labelsTr" / f"case_{number:03d}.nii.gz")
    labels = {"background": 0} | {organ: value for value, organ in enumerate(organs, start=1)}
    content = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": len(cases), "file_ending": ".nii.gz"}
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def auvseg(*arguments):
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def scored(home: Path, cases, **options):
    """The run folder of a data set of these cases, scored without a model and without a process of its own."""
    dataset, run = draw_dataset(home, cases, **options), home / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "IsolatedPool", lambda **options: IsolatedPool(**{**options, "num_workers": 0}))
        result = auvseg("score", dataset, "-o", run, "--quick")
    assert result.exit_code == 0, result.output
    return run
