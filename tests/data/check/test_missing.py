"""Files that are not there: one by one where they are few, once a folder where they are many, by what is near."""

import json
import shutil

import pytest

from auvseg.data.case import Case, Dataset
from auvseg.data.check.findings import Kind
from auvseg.data.check.missing import missing_files
from auvseg.data.dataset import read_dataset
from faulty_datasets import Folder, check

NAMES = [f"c{number}" for number in range(6)]


def dataset(root, images="{}.nii", label="{}_label.nii"):
    """Cases that name such files below a folder; nothing is written."""
    cases = tuple(Case(name, (root / images.format(name),), root / label.format(name)) for name in NAMES)
    return Dataset("drawn", root, "drawn in code", None, cases)


def write(root, *patterns, names=NAMES):
    for pattern in patterns:
        for name in names:
            path = root / pattern.format(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def test_nothing_is_found_where_every_file_is_there_be_it_a_link_to_nothing(tmp_path):
    write(tmp_path, "{}.nii", "{}_label.nii")
    (tmp_path / "c0.nii").unlink()
    (tmp_path / "c0.nii").symlink_to("nowhere")
    assert missing_files(dataset(tmp_path)) == ([], frozenset())


def test_a_few_are_told_one_by_one(tmp_path):
    write(tmp_path, "{}.nii", "{}_label.nii")
    gone = tmp_path / "c1.nii", tmp_path / "c2_label.nii"
    for path in gone:
        path.unlink()
    findings, absent = missing_files(dataset(tmp_path))
    assert [(found.case_id, found.file) for found in findings] == [("c1", "c1.nii"), ("c2", "c2_label.nii")]
    assert absent == frozenset(gone)


def test_many_are_told_once_with_their_count(tmp_path):
    write(tmp_path, "{}.nii", "{}_label.nii")
    for name in NAMES[:4]:
        (tmp_path / f"{name}_label.nii").unlink()
    ((found,), absent) = missing_files(dataset(tmp_path))
    assert found.message.startswith(f"2 of 6 labels in {tmp_path.name} exist")
    assert (found.kind, found.case_id, found.cases) == (Kind.MISSING_FILE, "", ("c0", "c1", "c2", "c3"))
    assert len(absent) == 4


def test_a_folder_that_is_missing_is_told_once(tmp_path):
    write(tmp_path, "images/{}.nii")
    ((found,), _) = missing_files(dataset(tmp_path, "images/{}.nii", "labels/{}.nii"))
    assert found.message.startswith("labels is missing: 0 of 6 labels exist")


@pytest.mark.parametrize("there", ["Labels", "label", "labels_"])
def test_a_folder_of_nearly_the_name_is_named(tmp_path, there):
    write(tmp_path, "images/{}.nii", there + "/x{}.nii")
    ((found,), _) = missing_files(dataset(tmp_path, "images/{}.nii", "labels/{}.nii"))
    assert found.message.endswith(f"the folder {there} is")
    assert found.advice == f"rename {there} to labels"


@pytest.mark.parametrize("there", ["{}.nii.gz", "{}.NII", "{}_0000.nii", "{}.mha"])
def test_the_name_under_which_a_file_is_there_is_told(tmp_path, there):
    write(tmp_path, there, "{}_label.nii")
    ((found,), _) = missing_files(dataset(tmp_path))
    assert f"for c0.nii there is {there.format('c0')}, and 5 more likewise" in found.message
    write(tmp_path, "{}.nii", names=NAMES[2:])
    ((found,), _) = missing_files(dataset(tmp_path))
    assert f"for c0.nii there is {there.format('c0')}, and 1 more likewise" in found.message
    write(tmp_path, "{}.nii", names=NAMES[1:2])
    ((found,), _) = missing_files(dataset(tmp_path))
    assert found.message == f"the file does not exist; {there.format('c0')} exists"


def test_a_path_of_another_machine_is_told_what_of_it_is_here_and_not_taken(tmp_path):
    write(tmp_path, "images/{}.nii", "labels/{}.nii")
    for start in ("/mnt/server/study/", "C:\\study\\"):
        table = tmp_path / "cases.csv"
        separator = "\\" if "\\" in start else "/"
        rows = [f"{name},{start}images{separator}{name}.nii,labels/{name}.nii" for name in NAMES]
        table.write_text("\n".join(["id,image,label", *rows]))
        known = read_dataset(table)
        ((found,), absent) = missing_files(known)
        assert found.message.startswith("0 of 6 images are where the description says; for ")
        assert "there is images/c0.nii, and 5 more likewise" in found.message
        assert found.advice == "write the path as it is here: images/c0.nii"
        assert len(absent) == 6
        assert str(tmp_path) not in json.dumps([found.message, found.advice])


def test_check_tells_a_missing_folder_once_and_looks_at_what_is_there(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "labels").mkdir()
    cases = [folder.case(name, seed) for seed, name in enumerate(NAMES)]
    for case in cases:
        case.label.rename(tmp_path / "labels" / case.label.name)
    cases = [Case(case.case_id, case.images, tmp_path / "labels" / case.label.name) for case in cases]
    shutil.rmtree(tmp_path / "labels")
    report = check(folder.dataset(*cases))
    (found,) = report.findings
    assert found.cases == tuple(NAMES)
    assert [case.status for case in report.cases] == ["error"] * 6 + ["ok"] * 2
    assert report.to_json()["findings"][0]["cases"] == NAMES
