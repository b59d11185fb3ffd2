"""Files that stay where they are, as a description elsewhere names them."""

import json
import os
from pathlib import Path

import pytest

from auvseg.errors import UsageError
from auvseg.nnunet.raw import as_json, path_for_nnunet, path_from


@pytest.mark.parametrize("name", ["a.nii.gz", "my données/ü b.nii.gz", "~a/b", "%20/#1.nii.gz"])
def test_a_name_leads_back_to_its_file_as_nnunet_reads_it(tmp_path, name):
    file, folder = tmp_path / "data" / name, tmp_path / "raw" / "Dataset001_X"
    named = path_for_nnunet(file, folder)
    assert not Path(named).is_absolute()
    # What nnU-Net does: variables are replaced, then the text is shortened.
    assert os.path.abspath(folder / os.path.expandvars(named)) == str(file)  # noqa: PTH100
    assert json.loads(as_json({"image": named})) == {"image": named}


def test_where_a_link_makes_the_way_back_ambiguous_the_whole_path_is_named(tmp_path):
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "raw").symlink_to(tmp_path / "far" / "away")
    assert path_from(tmp_path / "data" / "a.nii", tmp_path / "raw" / "Dataset001_X") == str(tmp_path / "data" / "a.nii")


@pytest.mark.parametrize("name", ["$HOME/a.nii", "a$b.nii", "${HOME}.nii", "price_$.nii"])
def test_a_dollar_is_refused_wherever_it_would_be_written(tmp_path, name):
    with pytest.raises(UsageError, match="environment variable"):
        path_for_nnunet(tmp_path / "data" / name, tmp_path / "raw" / "Dataset001_X")
    home = tmp_path / "$USER"
    assert path_for_nnunet(home / "data" / "a.nii", home / "raw" / "Dataset001_X") == "../../data/a.nii"


def test_any_name_of_a_file_can_be_written(tmp_path):
    assert json.loads(as_json(["\udcff"]).decode("utf-8", "surrogatepass")) == ["\udcff"]
