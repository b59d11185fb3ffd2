import json

import pytest

from auvseg.errors import RunError
from auvseg.scoring.run import differences, open_run, read_run


def setup(**config):
    return {"config": {"measures": ["S"], **config}, "extractor": {"name": "lite_medsam"}}


def test_the_same_setup_opens_the_same_run(tmp_path):
    made = open_run(tmp_path / "run", tmp_path, setup(prompt="label"), "training")
    assert open_run(tmp_path / "run", tmp_path, setup(prompt="label"), "training") == made
    assert read_run(tmp_path / "run") == made


def test_another_setup_is_refused_and_the_difference_named(tmp_path):
    open_run(tmp_path / "run", tmp_path, setup(prompt="label", channel=0), "training")
    with pytest.raises(RunError, match=r'config.prompt="label" \(now asked: "none"\)'):
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


def test_differences_reach_into_nested_settings_and_name_nothing_else():
    assert differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}) == "a.c=2 (now asked: 3)"
    assert differences({"a": 1}, {"a": 1}) == ""
