import json

import pytest

from auvseg.errors import RunError
from auvseg.scoring.record import file_name
from auvseg.scoring.run import open_run, read_dataset_of, read_run
from small_dataset import write_nnunet_folder


def setup(**config):
    return {"config": {"measures": ["S"], **config}, "extractor": {"name": "lite_medsam"}}


def test_the_same_setup_opens_the_same_run(tmp_path):
    made = open_run(tmp_path / "run", tmp_path, setup(prompt="label"), "training")
    assert open_run(tmp_path / "run", tmp_path, setup(prompt="label"), "training") == made
    assert read_run(tmp_path / "run") == made


def test_another_setup_is_refused_and_the_difference_named(tmp_path):
    open_run(tmp_path / "run", tmp_path, setup(prompt="label", channel=0), "training")
    with pytest.raises(RunError, match=r"--prompt label \(now none\).*start anew"):
        open_run(tmp_path / "run", tmp_path, setup(prompt="none", channel=0), "training")


def test_another_data_set_is_refused(tmp_path):
    open_run(tmp_path / "run", tmp_path / "a", setup(), "training")
    with pytest.raises(RunError, match="holds the scores of"):
        open_run(tmp_path / "run", tmp_path / "b", setup(), "training")


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match="is no auvseg run"):
        open_run(tmp_path, tmp_path, setup(), "training")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["thesis.tex"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps({"run_version": 1}),
        json.dumps({"run_version": 1, "dataset": "/a", "subset": "training", "setup": {"config": [], "extractor": {}}}),
    ],
)
def test_a_damaged_run_file_is_an_error_with_words(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match="damaged"):
        read_run(tmp_path)


def test_a_run_of_another_version_is_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"run_version": 99}))
    with pytest.raises(RunError, match="another version"):
        read_run(tmp_path)


def recorded(run, *case_ids):
    (run / "records").mkdir()
    for case_id in case_ids:
        (run / "records" / file_name(case_id)).write_text("{}")


def test_a_run_whose_data_set_was_moved_goes_on_where_that_has_all_of_its_cases(tmp_path):
    made = open_run(tmp_path / "run", tmp_path / "old", setup(), "training")
    recorded(made.folder, "a", "b")
    said = []
    with pytest.raises(RunError, match="holds the scores of"):
        open_run(made.folder, tmp_path / "other", setup(), "training", case_ids=["a", "c"])
    with pytest.raises(RunError, match="prompt"):
        open_run(made.folder, tmp_path / "new", setup(prompt="none"), "training", case_ids=["a", "b", "c"])
    assert read_run(made.folder).dataset_path == tmp_path / "old"
    open_run(made.folder, tmp_path / "new", setup(), "training", case_ids=["a", "b", "c"], on_note=said.append)
    assert read_run(made.folder).dataset_path == tmp_path / "new"
    assert str(tmp_path / "new") in said[0]


def test_a_run_whose_data_set_is_still_there_does_not_take_another(tmp_path):
    (tmp_path / "old").mkdir()
    made = open_run(tmp_path / "run", tmp_path / "old", setup(), "training")
    with pytest.raises(RunError, match="holds the scores of"):
        open_run(made.folder, tmp_path / "new", setup(), "training", case_ids=["a"])


def test_a_folder_its_description_and_a_link_to_it_are_one_data_set(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    made = open_run(tmp_path / "run", tmp_path / "data" / "dataset.json", setup(), "training")
    assert open_run(made.folder, tmp_path / "data", setup(), "training").folder == made.folder
    made = open_run(tmp_path / "second", tmp_path / "link", setup(), "training")
    assert open_run(made.folder, tmp_path / "data", setup(), "training").folder == made.folder


def test_the_data_set_of_a_run_is_found_where_it_was_or_where_it_is_said_to_be(tmp_path):
    data = write_nnunet_folder(tmp_path, 2)
    made = open_run(tmp_path / "run", data, setup(), "training")
    recorded(made.folder, "case_0")
    assert read_dataset_of(made.folder).root == data
    moved = data.rename(tmp_path / "moved")
    with pytest.raises(RunError, match="--dataset"):
        read_dataset_of(made.folder)
    assert read_dataset_of(made.folder, moved).root == moved
    (moved / "imagesTr" / "case_0_0000.nii.gz").rename(moved / "imagesTr" / "another_0000.nii.gz")
    (moved / "labelsTr" / "case_0.nii.gz").unlink()
    with pytest.raises(RunError, match="none of the cases"):
        read_dataset_of(made.folder, moved)
