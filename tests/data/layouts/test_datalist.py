from pathlib import Path

import pytest

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset


@pytest.fixture
def datalist(describe):
    """The data set that a datalist of these keys is read as."""

    def datalist(**content):
        return read_dataset(describe(content, "folds.json"))

    return datalist


def entry(name, **more):
    return {"image": f"{name}.nii.gz", "label": f"{name}_seg.nii.gz", **more}


def test_every_list_is_its_subset(datalist):
    lists = {"training": "a", "train": "b", "validation": "c", "val": "d", "test": "e", "testing": "f"}
    dataset = datalist(**{key: [entry(name)] for key, name in lists.items()})
    assert {case.case_id: case.subset for case in dataset.cases} == {
        "a": "training",
        "b": "training",
        "c": "validation",
        "d": "validation",
        "e": "test",
        "f": "test",
    }
    assert (dataset.name, dataset.layout) == ("folds", "MONAI datalist")


def test_further_keys_are_attributes_as_text(datalist):
    (case,) = datalist(training=[entry("a", fold=0, site="Bern", contrast=True, weight=0.5)]).cases
    assert {key: case.attributes[key] for key in ("fold", "site", "weight")} == {
        "fold": "0",
        "site": "Bern",
        "weight": "0.5",
    }
    assert case.attributes["contrast"].lower() == "true"
    assert not {"image", "label"} & case.attributes.keys()


def test_paths_start_at_the_file_or_at_dataroot(datalist, tmp_path):
    (case,) = datalist(training=[entry("x/a")]).cases
    assert case.images == (tmp_path / "x/a.nii.gz",)
    (case,) = datalist(training=[entry("x/a")], dataroot="scans").cases
    assert (case.images[0], case.label) == (tmp_path / "scans/x/a.nii.gz", tmp_path / "scans/x/a_seg.nii.gz")
    dataset = datalist(training=[entry("a")], dataroot="/mnt/scans")
    assert dataset.cases[0].images == (Path("/mnt/scans/a.nii.gz"),)
    assert dataset.root == Path("/mnt/scans")


@pytest.mark.parametrize("dataroot", [None, ""])
def test_an_empty_dataroot_is_none(datalist, tmp_path, dataroot):
    (case,) = datalist(training=[entry("a")], dataroot=dataroot).cases
    assert case.images == (tmp_path / "a.nii.gz",)


@pytest.mark.parametrize("key", ["case_id", "id", "case"])
def test_an_entry_may_state_its_id(datalist, key):
    cases = datalist(training=[entry("a", **{key: "patient 7"}), entry("b", **{key: 12})]).cases
    assert [case.case_id for case in cases] == ["12", "patient 7"]
    assert all(key not in case.attributes for case in cases)


def test_an_empty_id_is_none(datalist):
    assert datalist(training=[entry("a", id=" ")]).cases[0].case_id == "a"


def test_equal_names_get_the_folders_that_tell_them_apart(datalist):
    cases = datalist(training=[entry("p1/scan"), entry("p2/scan"), entry("p3/other")]).cases
    assert [case.case_id for case in cases] == ["other", "p1_scan", "p2_scan"]


def test_an_entry_may_be_the_image_alone(datalist, tmp_path):
    (case,) = datalist(testing=["x/a.nii.gz"]).cases
    assert (case.case_id, case.images, case.label) == ("a", (tmp_path / "x/a.nii.gz",), None)


@pytest.mark.parametrize("label", [None, ""])
def test_an_entry_may_have_no_label(datalist, label):
    assert datalist(training=[{"image": "a.nii", "label": label}]).cases[0].label is None


def test_a_list_of_images_is_a_file_a_channel(datalist):
    dataset = datalist(training=[{"image": ["a_t1.nii", "a_t2.nii"], "label": "a.nii"}])
    assert [path.name for path in dataset.cases[0].images] == ["a_t1.nii", "a_t2.nii"]


def test_classes_and_modality_are_taken_where_a_datalist_has_them(datalist):
    stated = datalist(training=[entry("a")], labels={"0": "background", "2": "liver"}, modality={"0": "CT"})
    assert (stated.classes, stated.modality) == ((ClassDef(2, "liver", (2,)),), "ct")
    silent = datalist(training=[entry("a")])
    assert (silent.classes, silent.modality) == (None, None)


def test_a_datalist_called_dataset_json_is_read(describe):
    path = describe({"training": [entry("a")]})
    assert read_dataset(path).layout == "MONAI datalist"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"training": []}, ("training",)),
        ({"training": {"image": "a.nii"}}, ("training", "dict")),
        ({"training": None}, ("training",)),
        ({"training": [entry("a")], "validation": 3}, ("validation", "int")),
        ({"training": [entry("a"), {"label": "b.nii"}]}, ("training entry 1", "image")),
        ({"training": [{"image": 3}]}, ("training entry 0", "image")),
        ({"training": [{"image": ""}]}, ("training entry 0", "image")),
        ({"training": [{"image": []}]}, ("training entry 0", "image")),
        ({"training": [{"image": ["a.nii", 3]}]}, ("training entry 0", "image")),
        ({"training": [7]}, ("training entry 0",)),
        ({"training": [["a.nii"]]}, ("training entry 0",)),
        ({"training": [{"image": "a.nii", "label": 3}]}, ("training entry 0", "label")),
        ({"training": [{"image": "a.nii", "label": {"path": "b.nii"}}]}, ("training entry 0", "label")),
        ({"training": [entry("a")], "dataroot": 3}, ("dataroot",)),
        ({"training": [entry("a")], "labels": {"liver": "1"}}, ("labels",)),
        ({"training": [entry("a")], "modality": {"x": "CT"}}, ("modality",)),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_by_file_and_key(describe, refusal, content, words):
    text = refusal(describe(content, "folds.json"))
    for word in ("folds.json", *words):
        assert word in text


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, b"\xff\xfe"], ids=["broken", "list", "deep", "utf-16"])
def test_what_is_no_json_object_is_refused_by_name(describe, refusal, text):
    assert refusal(describe(text, "folds.json")).startswith("folds.json: ")


def test_a_json_file_of_another_kind_is_no_data_set(describe, refusal):
    assert refusal(describe({"weights": [1]}, "model.json")).startswith("model.json: no data set recognised")


def test_nested_attributes_become_json(datalist):
    (case,) = datalist(training=[entry("a", spacing=[1, 2.5], scanner={"field_t": 3})]).cases
    assert case.attributes == {"spacing": "[1, 2.5]", "scanner": '{"field_t": 3}'}


def test_channels_are_counted_where_no_modality_names_them(datalist):
    images = {"image": ["a_t1.nii", "a_t2.nii"], "label": "a.nii"}
    assert datalist(training=[images]).channel_names == ("channel_0", "channel_1")
    assert datalist(training=[images], modality={"0": "T1", "1": "T2"}).channel_names == ("T1", "T2")
    assert datalist(training=[entry("a")]).channel_names == ()


@pytest.mark.parametrize(
    ("words", "modality", "notes"), [(("CT", "CT"), "ct", 0), (("CT", "MR"), None, 1), (("CT", None), None, 0)]
)
def test_modality_may_stand_in_every_entry(datalist, words, modality, notes):
    dataset = datalist(training=[entry(f"a{n}", modality=word) for n, word in enumerate(words)])
    assert (dataset.modality, len(dataset.notes)) == (modality, notes)


def test_a_list_of_one_label_is_that_label(datalist, tmp_path):
    assert datalist(training=[{"image": "a.nii", "label": ["b.nii"]}]).cases[0].label == tmp_path / "b.nii"


def test_a_folder_may_hold_a_datalist_as_dataset_json(describe, touch):
    folder = touch("imagesTr/x.nii.gz", "labelsTr/x.nii.gz")
    describe({"training": [entry("a")]})
    assert read_dataset(folder) == read_dataset(folder / "dataset.json")
    assert read_dataset(folder).layout == "MONAI datalist"
