"""A data set by its number, its name or its folder, and one line for what nnU-Net has not preprocessed."""

import json

import pytest

from auvseg.errors import UsageError
from auvseg.nnunet.preprocessed import preprocessed_name


@pytest.fixture
def home(tmp_path, monkeypatch):
    """nnU-Net's folders, with two data sets; the present folder is nnUNet_raw."""
    for name in ("Dataset004_Hippocampus", "Dataset040_Liver"):
        folder = tmp_path / "preprocessed" / name
        folder.mkdir(parents=True)
        (folder / "nnUNetPlans.json").write_text(json.dumps({"configurations": {"2d": {}, "3d_fullres": {}}}))
        (tmp_path / "raw" / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "raw" / "Dataset004_Hippocampus")
    monkeypatch.chdir(tmp_path / "raw")
    return tmp_path


def find(home, named, configuration="3d_fullres", plans="nnUNetPlans"):
    return preprocessed_name(named, configuration, plans, {"nnUNet_preprocessed": str(home / "preprocessed")})


@pytest.mark.parametrize(
    "named",
    [
        "4",
        "004",
        "Dataset004_Hippocampus",
        "Dataset004_Hippocampus/",
        "./Dataset004_Hippocampus/dataset.json",
        "{}/raw/Dataset004_Hippocampus",
        "{}/preprocessed/Dataset004_Hippocampus",
        "{}/link",
    ],
)
def test_a_number_a_name_and_a_folder_mean_the_same(home, named):
    assert find(home, named.format(home)) == "Dataset004_Hippocampus"


def test_the_present_folder_has_a_name(home, monkeypatch):
    monkeypatch.chdir(home / "raw" / "Dataset040_Liver")
    assert find(home, ".") == "Dataset040_Liver"


def test_what_is_not_preprocessed_is_refused_with_what_is(home):
    for named in ("5", "Dataset004_Hipocampus", "/nowhere/Dataset005_Hippocampus"):
        with pytest.raises(UsageError, match="Dataset004_Hippocampus"):
            find(home, named)
    with pytest.raises(UsageError, match="did you mean 3d_fullres"):
        find(home, "4", configuration="3d_fulres")
    with pytest.raises(UsageError, match="no plans Other"):
        find(home, "4", plans="Other")
    (home / "preprocessed" / "Dataset004_Hippocampus" / "nnUNetPlans.json").write_text("[]")
    with pytest.raises(UsageError, match="no plans file"):
        find(home, "4")


def test_two_data_sets_of_one_number_are_refused(home):
    (home / "preprocessed" / "Dataset004_Other").mkdir()
    with pytest.raises(UsageError, match="name one of them"):
        find(home, "4")


@pytest.mark.parametrize("environment", [{}, {"nnUNet_preprocessed": ""}, {"nnUNet_preprocessed": "/nowhere"}])
def test_without_the_folder_that_nnunet_preprocesses_into_that_is_said(environment):
    with pytest.raises(UsageError, match="nnUNet_preprocessed"):
        preprocessed_name("4", "2d", "nnUNetPlans", environment)
