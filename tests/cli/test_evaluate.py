"""`auvseg evaluate`: no mean is shown as if it were over all cases."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from auvseg.cli import app

CLASSES = {"background": 0, "liver": 1, "tumour": 2, "cyst": 3}
AFFINE = np.diag([1.5, 1.0, 3.0, 1.0])


def draw(tumour=True, moved=0):
    voxels = np.zeros((16, 12, 8), np.uint8)
    voxels[2 + moved : 12 + moved, 2:10, 1:7] = 1
    if tumour:
        voxels[5 + moved : 8 + moved, 4:7, 3:6] = 2
    return voxels


def write(path, voxels):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, AFFINE), path)


@pytest.fixture
def folders(tmp_path):
    """A data set of six cases and predictions of five: the tumour is missed in b and c, and extra in d."""
    dataset, predictions = tmp_path / "Dataset007_Liver", tmp_path / "predictions"
    for name in "abcdef":
        write(dataset / "imagesTr" / f"{name}_0000.nii.gz", draw().astype(np.int16))
        write(dataset / "labelsTr" / f"{name}.nii.gz", draw(tumour=name != "d"))
    for name in "abcde":
        write(predictions / f"{name}.nii.gz", draw(tumour=name not in "bc", moved=1))
    about = {"channel_names": {"0": "CT"}, "labels": CLASSES, "numTraining": 6, "file_ending": ".nii.gz"}
    (dataset / "dataset.json").write_text(json.dumps(about))
    return predictions, dataset


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--workers", "0"])


def row(output, name):
    return next(line for line in output.splitlines() if line.startswith(f"{name} "))


def test_a_mean_over_fewer_cases_says_over_how_many_and_why(folders):
    result = run(*folders)
    assert result.exit_code == 1
    assert "1.500 (2 of 6)" in row(result.stdout, "tumour")
    assert row(result.stdout, "liver").count("(5 of 6)") == 5
    assert row(result.stdout, "cyst").count("– (0 of 6)") == 5
    assert "(7 of 18)" in row(result.stdout, "mean of the classes")
    said = " ".join(result.stderr.split())
    assert "tumour: missing from the prediction in 2 of 6 cases (b, c)" in said
    assert "tumour: missing from the label in 1 of 6 cases (d)" in said
    assert "cyst: in no label and no prediction" in said
    assert "f: there is no prediction" in said


def test_a_mean_over_all_cases_says_nothing_more(folders):
    result = run(*folders, "--only-predicted", "--classes", "liver")
    assert result.exit_code == 0
    assert "means over 5 cases" in result.stdout
    assert "of 5)" not in row(result.stdout, "liver")


def test_surfaces_that_were_left_out_have_no_column(folders):
    result = run(*folders, "--no-surfaces")
    assert "HD95" not in result.stdout
    assert "surface" not in result.stdout


def test_json_has_the_means_their_counts_and_every_row(folders):
    result = run(*folders, "--json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    liver, tumour, cyst = content["classes"]
    assert (content["cases"], content["tolerance_mm"]) == (6, 1.0)
    assert (tumour["hd95_mm"], tumour["hd95_mm_n"], tumour["dice_n"], tumour["of"]) == (1.5, 2, 5, 6)
    assert (tumour["missed"], tumour["extra"]) == (["b", "c"], ["d"])
    assert (liver["missed"], liver["hd95_mm_n"]) == ([], 5)
    assert (cyst["dice"], cyst["dice_n"], cyst["absent"]) == (None, 0, ["a", "b", "c", "d", "e"])
    both = content["mean_of_classes"]
    assert (both["hd95_mm_n"], both["of"]) == (7, 18)
    table = pd.read_csv(folders[0] / "metrics.csv")
    assert [one["dice"] for one in content["rows"]] == table["dice"].replace(np.nan, None).tolist()
    assert [one["case"] for one in content["rows"] if one["status"] == "failed"] == ["f"]
