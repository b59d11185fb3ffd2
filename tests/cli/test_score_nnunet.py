"""The options of a trained nnU-Net as one types them."""

import json

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.cli.score import measures_named
from auvseg.measures.catalogue import CASE_MEASURES


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "Dataset900_Tiny"
    for name in ("imagesTr/case_0_0000", "labelsTr/case_0"):
        (folder / name).parent.mkdir(parents=True)
        nib.save(nib.Nifti1Image(np.ones((4, 4, 4), dtype=np.uint8), np.eye(4)), folder / f"{name}.nii.gz")
    description = {"channel_names": {"0": "MRI"}, "labels": {"background": 0, "one": 1}, "numTraining": 1}
    (folder / "dataset.json").write_text(json.dumps({**description, "file_ending": ".nii.gz"}))
    return folder


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--extractor", "nnunet"], "needs --model"),
        (["--folds", "0"], "add --model and --extractor nnunet"),
        (["--mirroring"], "add --model and --extractor nnunet"),
        (["--extractor", "none", "--model", "."], "add --extractor nnunet"),
        (["--extractor", "nnunet", "--model", ".", "--max-slices", "4"], "--max-slices has no meaning"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused_in_a_sentence(dataset, tmp_path, options, words):
    result = CliRunner().invoke(app, ["score", str(dataset), "-o", str(tmp_path / "run"), *options])
    text = " ".join((result.output + str(result.exception or "")).split())
    assert result.exit_code != 0
    assert words in text
    assert not (tmp_path / "run").exists()


def test_all_measures_leave_out_what_this_extractor_cannot_say():
    assert set(CASE_MEASURES) - set(measures_named("all", "nnunet")) == {"predicted_iou"}
