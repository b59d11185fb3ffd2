"""What a path is taken for, and that no description, however strange, gives anything but a data set or one line."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auvseg.data.dataset import read_dataset
from auvseg.errors import DatasetError

NNUNET = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "liver": 1},
    "numTraining": 1,
    "file_ending": ".nii.gz",
    "dataset": {"a": {"images": ["a.nii.gz"], "label": "b.nii.gz"}},
}
DECATHLON = {
    "name": "x",
    "modality": {"0": "MRI"},
    "labels": {"0": "background", "1": "liver"},
    "training": [{"image": "a.nii", "label": "b.nii"}],
    "test": ["c.nii"],
}
DATALIST = {
    "name": "x",
    "dataroot": ".",
    "labels": {"1": "liver"},
    "modality": "CT",
    "training": [{"image": "a.nii", "label": "b.nii", "id": "a", "fold": 0}],
    "validation": [],
    "test": ["c.nii"],
}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_nnunet(folder):
    write(folder / "dataset.json", {key: value for key, value in NNUNET.items() if key != "dataset"})
    for name in ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_relative_text_a_path_and_the_description_give_the_same_cases(tmp_path, monkeypatch):
    write_nnunet(tmp_path / "Dataset001_Liver")
    monkeypatch.chdir(tmp_path)
    whole = read_dataset(tmp_path / "Dataset001_Liver")
    for path in ("Dataset001_Liver", Path("Dataset001_Liver/dataset.json")):
        dataset = read_dataset(path)
        assert dataset.name == whole.name
        assert [case.images[0].resolve() for case in dataset.cases] == [case.images[0] for case in whole.cases]


def test_the_present_folder_has_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(write_nnunet(tmp_path / "Dataset001_Liver"))
    assert read_dataset(".").name == "Dataset001_Liver"


@pytest.mark.parametrize("name", ["Dataset007_Liver", "7", "007"])
def test_name_and_number_are_looked_up_below_nnunet_raw(tmp_path, monkeypatch, name):
    folder = write_nnunet(tmp_path / "raw" / "Dataset007_Liver")
    write_nnunet(tmp_path / "raw" / "Dataset070_Other")
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    monkeypatch.chdir(tmp_path)
    assert read_dataset(name).root == folder


def test_a_folder_that_exists_is_taken_before_nnunet_raw(tmp_path, monkeypatch):
    write_nnunet(tmp_path / "raw" / "Dataset007_Liver")
    own = write_nnunet(tmp_path / "7")
    monkeypatch.setenv("nnUNet_raw", str(tmp_path / "raw"))
    monkeypatch.chdir(tmp_path)
    assert read_dataset("7").root.resolve() == own


def test_two_data_sets_of_one_number_are_refused(tmp_path, monkeypatch):
    for name in ("Dataset007_A", "Dataset007_B"):
        write_nnunet(tmp_path / name)
    monkeypatch.setenv("nnUNet_raw", str(tmp_path))
    with pytest.raises(DatasetError, match="several data sets of this number"):
        read_dataset("7")


@pytest.mark.parametrize("raw", [None, "/nowhere/at/all"])
@pytest.mark.parametrize(
    "path", ["7", "missing", "missing/folder", "[", "**", "x" * 300, "a\0b", "~nobody_at_all/x", "9" * 200]
)
def test_a_path_that_does_not_exist_is_refused_by_name(tmp_path, monkeypatch, path, raw):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("nnUNet_raw", raising=False)
    if raw is not None:
        monkeypatch.setenv("nnUNet_raw", raw)
    with pytest.raises(DatasetError) as caught:
        read_dataset(path)
    assert str(caught.value).startswith(path)


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    write_nnunet(tmp_path / "data")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_dataset("~/data").root == tmp_path / "data"


@pytest.mark.parametrize("name", ["empty", "scan.nii.gz", "notes.txt"])
def test_what_is_no_data_set_is_told_what_auvseg_reads(tmp_path, name):
    path = tmp_path / name
    path.touch() if "." in name else path.mkdir()
    with pytest.raises(DatasetError, match="no data set recognised; auvseg reads nnU-Net v2"):
        read_dataset(path)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["0", "1", "-1", "a.nii"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(st.text(max_size=4), st.sampled_from(["0", "1", "image", "label", "images"])), inner, max_size=3
        ),
    ),
    max_leaves=8,
)
DESCRIPTIONS = {"nnunet": NNUNET, "decathlon": DECATHLON, "datalist": DATALIST}
KEYS = [(kind, key) for kind, content in DESCRIPTIONS.items() for key in content]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("described")


def outcome(path):
    """The data set, or the one line with which it is refused; any other exception fails the test."""
    try:
        return read_dataset(path), None
    except DatasetError as error:
        return None, str(error)


@pytest.mark.parametrize(("kind", "key"), KEYS, ids=lambda value: value)
@given(value=VALUES)
@example(value=None)
@example(value=[])
@example(value={})
@example(value={"0": []})
@example(value=[[]])
@example(value=[{"image": "a", "label": "\0"}])
@example(value={"\ud800": 1})
@example(value={"x": "\ud800"})
@example(value=math.nan)
@example(value="9" * 5000)
@example(value={"9" * 5000: "x"})
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_of_any_key_gives_a_data_set_or_one_line(place, kind, key, value):
    path = write(
        place / ("datalist.json" if kind == "datalist" else "dataset.json"), {**DESCRIPTIONS[kind], key: value}
    )
    dataset, refusal = outcome(path)
    if dataset is None:
        assert path.name in refusal or place.name in refusal
        assert "\n" not in refusal
        return
    ids = [case.case_id for case in dataset.cases]
    assert all(ids)
    assert ids
    assert ids == sorted(ids)


@given(content=VALUES)
@settings(max_examples=60)
@pytest.mark.parametrize("name", ["dataset.json", "datalist.json"])
def test_any_json_gives_a_data_set_or_one_line(place, name, content):
    dataset, refusal = outcome(write(place / name, content))
    assert dataset is None or dataset.cases
    assert refusal is None or refusal.startswith((name, place.name))


TABLE = "image,label\nimages/a.nii,images/b.nii\n"


def described(folder, name, content):
    (folder / "images").mkdir(parents=True)
    for file in ("images/a.nii", "images/b.nii"):
        (folder / file).touch()
    if name is not None:
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("written", "named"),
    [
        (lambda home: write_nnunet(home / "data"), ["data", "data/", "./data", "data/dataset.json", "data/../data"]),
        (lambda home: described(home / "data", "dataset.json", DECATHLON), ["data", "data/dataset.json"]),
        (lambda home: described(home / "data", "list.json", DATALIST), ["data/list.json"]),
        (lambda home: described(home / "data", "a list.csv", TABLE), ["data/a list.csv"]),
    ],
)
def test_a_data_set_is_found_again_from_any_folder_however_it_was_named(tmp_path, monkeypatch, written, named):
    written(tmp_path / "née ü")
    (tmp_path / "née ü" / "link").symlink_to(tmp_path / "née ü" / "data")
    (tmp_path / "elsewhere").mkdir()
    for name in (*named, *(path.replace("data", "link", 1) for path in named)):
        monkeypatch.chdir(tmp_path / "née ü")
        dataset = read_dataset(name)
        place = dataset.place
        monkeypatch.chdir(tmp_path / "elsewhere")
        again = read_dataset(place)
        assert place.is_absolute()
        assert again.place == place
        assert [case.case_id for case in again.cases] == [case.case_id for case in dataset.cases]
        assert again.name == dataset.name


def test_a_description_that_is_a_link_is_read_beside_its_name(tmp_path):
    described(tmp_path / "data", None, None)
    (tmp_path / "elsewhere.csv").write_text(TABLE)
    (tmp_path / "data" / "list.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert read_dataset(tmp_path / "data" / "list.csv").place == tmp_path / "data" / "list.csv"


@pytest.mark.parametrize("name", ["7", "Dataset007_Liver", "dataset007_liver"])
def test_of_what_is_not_below_nnunet_raw_the_names_near_it_are_said(tmp_path, monkeypatch, name):
    write_nnunet(tmp_path / "Dataset017_Liver")
    monkeypatch.setenv("nnUNet_raw", str(tmp_path))
    monkeypatch.chdir("/")
    with pytest.raises(DatasetError, match="Dataset017_Liver"):
        read_dataset(name)
