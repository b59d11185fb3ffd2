"""What `auvseg check` says: what is alike for many cases once, and all of it in JSON."""

import json
import shutil

import pytest

from toy_cohorts import auvseg, draw_case, draw_dataset


@pytest.fixture
def dataset(tmp_path):
    return draw_dataset(tmp_path, [draw_case(seed) for seed in range(5)])


def test_a_missing_folder_is_one_row(dataset):
    shutil.rmtree(dataset / "labelsTr")
    result = auvseg("check", dataset)
    assert result.exit_code == 1
    assert result.stdout.count("missing_file") == 1
    assert "5 cases: case_000, case_001, case_002 ..." in result.stdout
    assert "labelsTr is missing: 0 of 5 labels exist" in result.stdout


def test_what_is_wrong_with_many_files_alike_is_one_row_and_every_file_in_json(dataset):
    for path in (dataset / "imagesTr").iterdir():
        path.write_text("<!DOCTYPE html><html><body>Sign in</body></html>")
    result = auvseg("check", dataset)
    assert result.stdout.count("is a web page") == 1
    assert "5 errors" in result.output
    found = json.loads(auvseg("check", dataset, "--json").stdout)["findings"]
    assert sorted(one["file"] for one in found) == sorted(path.name for path in (dataset / "imagesTr").iterdir())


def test_json_names_the_cases_of_what_is_told_once_and_the_notes(dataset):
    for path in list((dataset / "labelsTr").iterdir()):
        path.rename(path.with_name(path.name.replace(".nii.gz", "_0000.nii.gz")))
    (dataset / "labelsTr" / "readme.md").touch()
    report = json.loads(auvseg("check", dataset, "--json").stdout)
    (found,) = report["findings"]
    assert (found["kind"], found["cases"]) == ("misnamed_file", [f"case_{number:03d}" for number in range(5)])
    assert found["message"].startswith("0 of 5 labels in labelsTr follow nnU-Net's naming")
    assert any("readme.md" in note for note in report["notes"])
    assert {case["status"] for case in report["cases"]} == {"error"}
