import json

import pytest

from auvseg.errors import RunError, UsageError
from auvseg.files.atomic import TEMPORARY_PREFIX
from auvseg.files.owned_folder import OwnedFiles, is_ours

MARKER = "marker.json"


def owned(folder, *, version=1, endings=(".csv",)):
    return OwnedFiles(folder, MARKER, ("version", version), endings, "is somebody else's")


def write(folder, *names):
    files = owned(folder)
    files.begin(names)
    for name in names:
        (folder / name).write_text("ours")
    files.finish(names)


def listed(folder):
    return json.loads((folder / MARKER).read_text())["files"]


def test_a_new_folder_and_one_with_left_overs_alone_may_become_ours(tmp_path):
    assert not is_ours(tmp_path / "nowhere", MARKER, "is foreign")
    for name in (f"{TEMPORARY_PREFIX}x", ".DS_Store"):
        (tmp_path / name).touch()
    assert not is_ours(tmp_path, MARKER, "is foreign")
    (tmp_path / MARKER).touch()
    assert is_ours(tmp_path, MARKER, "is foreign")


def test_a_folder_of_something_else_is_refused_as_the_caller_says(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    for error in (RunError, UsageError):
        with pytest.raises(error, match=r"is foreign$"):
            is_ours(tmp_path, MARKER, "is foreign", error)
        with pytest.raises(error, match="is a file"):
            is_ours(tmp_path / "thesis.tex", MARKER, "is foreign", error)


def test_files_of_an_earlier_call_are_replaced_or_removed_and_others_stay(tmp_path):
    write(tmp_path, "a.csv", "b.csv")
    (tmp_path / "mine.csv").write_text("mine")
    write(tmp_path, "b.csv", "c.csv")
    assert listed(tmp_path) == ["b.csv", "c.csv"]
    assert {path.name for path in tmp_path.iterdir()} == {"b.csv", "c.csv", "mine.csv", MARKER}


def test_a_file_of_somebody_elses_is_not_written_over(tmp_path):
    write(tmp_path, "a.csv")
    (tmp_path / "b.csv").write_text("mine")
    with pytest.raises(RunError, match=r"b\.csv was not written by auvseg"):
        owned(tmp_path).begin(["a.csv", "b.csv"])
    assert listed(tmp_path) == ["a.csv"]


def test_what_an_interrupted_call_wrote_is_known(tmp_path):
    write(tmp_path, "a.csv")
    owned(tmp_path).begin(["b.csv"])
    (tmp_path / "b.csv").write_text("ours")
    assert listed(tmp_path) == ["a.csv", "b.csv"]
    write(tmp_path, "c.csv")
    assert {path.name for path in tmp_path.iterdir()} == {"c.csv", MARKER}


@pytest.mark.parametrize("name", ["../keep.csv", "folder/keep.csv", "keep.txt", "..", ""])
def test_a_marker_that_lists_what_is_not_ours_removes_nothing(tmp_path, name):
    folder = tmp_path / "out"
    (folder / "folder").mkdir(parents=True)
    kept = [tmp_path / "keep.csv", folder / "folder" / "keep.csv", folder / "keep.txt"]
    for path in kept:
        path.write_text("keep")
    (folder / MARKER).write_text(json.dumps({"version": 1, "files": [name]}))
    write(folder, "a.csv")
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize(
    "marker", ["", "[]", "1", "{}", '{"version": 1}', '{"version": 1, "files": [1]}', '{"version": 1, "files": "a"}']
)
def test_a_damaged_marker_is_refused(tmp_path, marker):
    (tmp_path / MARKER).write_text(marker)
    with pytest.raises(RunError, match="somebody else's"):
        owned(tmp_path)
    assert (tmp_path / MARKER).read_text() == marker


def test_a_marker_of_another_version_is_refused(tmp_path):
    write(tmp_path, "a.csv")
    with pytest.raises(RunError, match="another version"):
        owned(tmp_path, version=2)
