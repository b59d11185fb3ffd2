"""Names that want out of a data set, into another file, or into the terminal."""

import json
import os
import re

import numpy as np
import pytest

from auvseg.data.check.dataset import check_dataset
from auvseg.data.dataset import read_dataset
from auvseg.data.layouts.naming import clean_id
from auvseg.scoring.record import record_path
from auvseg.scoring.view import view_path
from dicom_files import Scan, write_series

NAMES = ("../../x", "/etc/x", "..", "a/b", "a\\b", "a\0b", "CON", "nul.txt", "x" * 300, "a\nb", "\x1b[2Jx", "é" * 200)
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""What Windows takes for a device, whatever its ending."""


def write_decathlon(folder, image, label="labelsTr/a.nii.gz"):
    content = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "liver"}}
    training = [{"image": "imagesTr/b.nii.gz", "label": "labelsTr/b.nii.gz"}, {"image": image, "label": label}]
    (folder / "dataset.json").write_text(json.dumps({**content, "training": training}))


@pytest.mark.parametrize("image", ["../../etc/passwd", "/etc/passwd", "imagesTr/../../a.nii.gz", "../a.nii.gz"])
@pytest.mark.parametrize("which", ["image", "label"])
def test_a_decathlon_case_outside_the_folder_is_a_row_with_its_reason(tmp_path, image, which):
    folder = tmp_path / "Task09_Liver"
    folder.mkdir()
    write_decathlon(
        folder, **({"image": image} if which == "image" else {"image": "imagesTr/a.nii.gz", "label": image})
    )
    outside = [case for case in read_dataset(folder).cases if case.problem]
    assert len(outside) == 1
    assert "lies outside the data set's folder" in outside[0].problem
    rows = [
        row for row in check_dataset(read_dataset(folder), num_workers=0).findings if row.case_id == outside[0].case_id
    ]
    assert any("lies outside" in row.message for row in rows)


def test_a_decathlon_case_behind_a_link_is_the_users_own(tmp_path, monkeypatch):
    folder, elsewhere = tmp_path / "Task09_Liver", tmp_path / "store"
    folder.mkdir()
    elsewhere.mkdir()
    (folder / "imagesTr").symlink_to(elsewhere)
    write_decathlon(folder, "./imagesTr/a.nii.gz")
    monkeypatch.chdir(tmp_path)
    for place in (folder, "Task09_Liver"):
        assert not [case.problem for case in read_dataset(place).cases if case.problem]


@pytest.mark.parametrize("name", NAMES)
def test_a_stated_id_never_leaves_the_run_folder(tmp_path, name):
    (tmp_path / "list.json").write_text(json.dumps({"training": [{"image": "a.nii", "case_id": name}]}))
    (case,) = read_dataset(tmp_path / "list.json").cases
    for path in (record_path(tmp_path, case.case_id), view_path(tmp_path, case.case_id)):
        assert path.parent.parent == tmp_path
        assert path.name.isascii()
        assert len(path.name) <= 100
        assert not RESERVED.match(path.name)


@pytest.mark.parametrize("name", NAMES)
def test_an_id_is_one_line_that_steers_no_terminal(name):
    assert clean_id(name).isprintable()
    assert clean_id(clean_id(name)) == clean_id(name)


@pytest.mark.parametrize("layout", ["nnunet", "folders", "dicom"])
def test_links_in_a_circle_end(tmp_path, layout):
    folder = tmp_path / "data"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a.nii.gz").symlink_to("a.nii.gz")
        (folder / name / "round").symlink_to(folder)
        (folder / name / "b_0000.nii.gz").write_bytes(b"x")
    (folder / "round").symlink_to(folder)
    if layout == "nnunet":
        content = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz"}
        (folder / "dataset.json").write_text(json.dumps(content))
    if layout == "dicom":
        for name in ("imagesTr", "labelsTr"):
            (folder / name / "b_0000.nii.gz").unlink()
        write_series(folder / "imagesTr", np.zeros((2, 3, 4), np.int16), Scan())
    dataset = read_dataset(folder)
    assert len(dataset.cases) < 4
    for path in (os.fspath(folder / "imagesTr" / "a.nii.gz"), folder / "missing"):
        with pytest.raises(Exception, match="no such file") as caught:
            read_dataset(path)
        assert type(caught.value).__name__ == "DatasetError"


@pytest.mark.parametrize("odd", ["liver\ud800", "\udce9"])
def test_names_of_a_description_can_always_be_written(tmp_path, odd):
    case = {"image": "imagesTr/a.nii.gz", "label": "labelsTr/a.nii.gz", "site": odd, odd: 1}
    decathlon = {"modality": {"0": odd}, "labels": {"0": "background", "1": odd}, "training": [case]}
    nnunet = {"channel_names": {"0": odd}, "labels": {"background": 0, odd: 1}, "file_ending": ".nii.gz"}
    nnunet |= {"numTraining": 1, "dataset": {"a": {"images": ["a_0000.nii.gz"], "label": "a.nii.gz"}}}
    for name, content in (("Task01_Odd", decathlon), ("Dataset001_Odd", nnunet)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dataset.json").write_text(json.dumps(content))
        dataset = read_dataset(tmp_path / name)
        (found,) = dataset.cases
        for text in (dataset.classes[0].name, *dataset.channel_names, *found.attributes, *found.attributes.values()):
            assert text.encode()
