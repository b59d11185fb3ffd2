import json

import pytest

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset

DESCRIPTION = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "liver": 1, "tumour": 2},
    "numTraining": 1,
    "file_ending": ".nii.gz",
}


@pytest.fixture
def raw(touch, describe):
    """A raw folder with the given files and the description with some keys changed."""

    def raw(*files, **changes):
        describe({**DESCRIPTION, **changes})
        return touch(*(files or ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")))

    return raw


def test_a_case_has_its_files_its_classes_and_the_modality(raw):
    folder = raw()
    dataset = read_dataset(folder)
    (case,) = dataset.cases
    assert (case.case_id, case.subset) == ("a", "training")
    assert case.images == (folder / "imagesTr/a_0000.nii.gz",)
    assert case.label == folder / "labelsTr/a.nii.gz"
    assert dataset.classes == (ClassDef(1, "liver", (1,)), ClassDef(2, "tumour", (2,)))
    assert dataset.layout == "nnU-Net v2 raw"
    assert dataset.source == folder / "dataset.json"
    assert (dataset.modality, dataset.ignore_value, dataset.notes) == ("ct", None, ())
    assert (dataset.name, dataset.root) == (folder.name, folder)


def test_channels_come_in_the_order_of_their_numbers_and_files(raw):
    names = {str(number): f"T1_{number}" for number in range(10, -1, -1)}
    files = [f"imagesTr/a_{number:04d}.nii.gz" for number in range(11)]
    dataset = read_dataset(raw(*files, "labelsTr/a.nii.gz", channel_names=names))
    assert dataset.channel_names == tuple(f"T1_{number}" for number in range(11))
    assert [path.name for path in dataset.cases[0].images] == [name.removeprefix("imagesTr/") for name in files]


def test_regions_are_numbered_by_position_and_keep_their_values(raw):
    labels = {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "enhancing": 3, "ignore": 4}
    dataset = read_dataset(raw(labels=labels, regions_class_order=[1, 2, 3]))
    assert dataset.classes == (
        ClassDef(1, "whole", (1, 2, 3)),
        ClassDef(2, "core", (2, 3)),
        ClassDef(3, "enhancing", (3,)),
    )
    assert dataset.ignore_value == 4
    assert dataset.notes == ()


def test_the_ignore_label_is_no_class(raw):
    dataset = read_dataset(raw(labels={"background": 0, "liver": 1, "ignore": 2}))
    assert dataset.classes == (ClassDef(1, "liver", (1,)),)
    assert dataset.ignore_value == 2


@pytest.mark.parametrize("ending", [".nii.gz", ".mha", ".nrrd", ".png"])
def test_only_files_of_the_declared_ending_are_cases_and_others_are_noted(raw, ending):
    folder = raw(f"imagesTr/a_0000{ending}", f"labelsTr/a{ending}", "imagesTr/readme.txt", file_ending=ending)
    dataset = read_dataset(folder)
    assert [case.case_id for case in dataset.cases] == ["a"]
    assert dataset.cases[0].label.name == f"a{ending}"
    (note,) = dataset.notes
    assert "readme.txt" in note


def test_a_label_without_image_and_an_image_without_label_are_cases_with_the_files_they_should_have(raw):
    folder = raw("imagesTr/a_0000.nii.gz", "labelsTr/b.nii.gz", numTraining=2)
    by_id = {case.case_id: case for case in read_dataset(folder).cases}
    assert by_id["a"].label == folder / "labelsTr/a.nii.gz"
    assert by_id["b"].images == (folder / "imagesTr/b_0000.nii.gz",)


def test_hidden_files_are_noted_and_no_cases(raw):
    files = ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTr/._a_0000.nii.gz", "imagesTr/.DS_Store")
    dataset = read_dataset(raw(*files))
    assert [case.case_id for case in dataset.cases] == ["a"]
    (note,) = dataset.notes
    assert note.startswith("2 hidden files in imagesTr")


def test_another_number_of_cases_than_declared_is_found(raw):
    (found,) = read_dataset(raw(numTraining=7)).findings
    assert "numTraining is 7, but there are 1" in found.message
    assert found.advice == 'write "numTraining": 1'


def test_labelled_test_cases_are_listed_and_not_counted_as_training(raw):
    files = ("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/t_0000.nii.gz", "labelsTs/t.nii.gz")
    dataset = read_dataset(raw(*files))
    assert {case.case_id: case.subset for case in dataset.cases} == {"a": "training", "t": "test"}
    assert dataset.notes == ()


def test_test_images_without_labels_are_not_listed(raw):
    dataset = read_dataset(raw("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/t_0000.nii.gz"))
    assert [case.case_id for case in dataset.cases] == ["a"]


def test_files_of_the_dataset_key_may_lie_elsewhere(raw, monkeypatch):
    monkeypatch.setenv("ELSEWHERE", "/mnt/scans")
    listed = {
        "b": {"images": ["../other/b_t1.nii.gz"], "label": "../other/b.nii.gz"},
        "a": {"images": ["$ELSEWHERE/a.nii.gz"], "label": "${ELSEWHERE}/a_seg.nii.gz"},
    }
    folder = raw(dataset=listed, numTraining=2)
    first, second = read_dataset(folder).cases
    assert (first.case_id, [str(path) for path in first.images]) == ("a", ["/mnt/scans/a.nii.gz"])
    assert str(first.label) == "/mnt/scans/a_seg.nii.gz"
    assert second.images[0].resolve() == (folder / "../other/b_t1.nii.gz").resolve()
    assert second.label.resolve() == (folder / "../other/b.nii.gz").resolve()


def test_the_dataset_key_needs_no_file_ending_and_may_lack_a_label(describe):
    content = {**DESCRIPTION, "dataset": {"a": {"images": ["a.mha"]}}}
    (case,) = read_dataset(describe(content, without="file_ending").parent).cases
    assert case.label is None


@pytest.mark.parametrize(
    ("names", "modality"),
    [
        ({"0": "CT"}, "ct"),
        ({"0": "ct"}, "ct"),
        ({"0": "T1", "1": "FLAIR"}, "mri"),
        ({"0": "noNorm"}, "mri"),
        ({"0": "CT", "1": "PET"}, None),
    ],
)
def test_modality_follows_the_rule_of_nnunet(raw, names, modality):
    assert read_dataset(raw(channel_names=names)).modality == modality


def test_an_unknown_channel_name_is_taken_as_arbitrary_intensities_and_noted(raw):
    dataset = read_dataset(raw(channel_names={"0": "ultrasound"}))
    assert dataset.modality == "mri"
    (note,) = dataset.notes
    assert "ultrasound" in note
    assert "--modality" in note


def test_dataset_json_stands_for_its_folder(raw):
    folder = raw()
    assert read_dataset(folder / "dataset.json") == read_dataset(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channel_names": ["CT"]}, ("channel_names", "list")),
        ({"channel_names": {}}, ("channel_names",)),
        ({"channel_names": {"CT": 0}}, ("channel_names",)),
        ({"channel_names": None}, ("channel_names",)),
        ({"labels": ["background", "liver"]}, ("labels", "list")),
        ({"labels": {}}, ("labels",)),
        ({"labels": {"background": 0}}, ("labels",)),
        ({"labels": {"background": 0, "liver": "1"}}, ("liver",)),
        ({"labels": {"background": 0, "liver": 1.5}}, ("liver", "1.5")),
        ({"labels": {"background": 0, "liver": True}}, ("liver",)),
        ({"labels": {"background": 0, "liver": None}}, ("liver",)),
        ({"labels": {"background": 0, "liver": []}}, ("liver",)),
        ({"labels": {"background": 0, "liver": [1, [2]]}}, ("liver",)),
        ({"labels": {"0": "background", "1": "liver"}}, ("label",)),
        ({"labels": {"background": 0, "liver": 1, "tumour": 1}}, ("liver", "tumour")),
        ({"labels": {"background": 0, "liver": 1, "ignore": 1}}, ("ignore", "1")),
        ({"file_ending": ["nii"]}, ("file_ending",)),
        ({"file_ending": ""}, ("file_ending",)),
        ({"dataset": {}}, ("dataset",)),
        ({"dataset": []}, ("dataset", "list")),
        ({"dataset": {"x": []}}, ("dataset", "x")),
        ({"dataset": {"x": {}}}, ("x", "images")),
        ({"dataset": {"x": {"images": []}}}, ("x", "images")),
        ({"dataset": {"x": {"images": "a.nii"}}}, ("x", "images")),
        ({"dataset": {"x/y": {"images": [3]}}}, ("x/y", "images")),
        ({"dataset": {"x/y": {}}}, ("x/y", "images")),
        ({"dataset": {"x": {"images": ["a.nii"], "label": 3}}}, ("x", "label")),
        ({"dataset": {"x": {"images": ["a.nii"], "label": ["a.nii"]}}}, ("x", "label")),
    ],
    ids=json.dumps,
)
def test_a_wrong_value_is_refused_by_file_and_key(raw, refusal, changes, words):
    text = refusal(raw(**changes))
    assert "dataset.json" in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("key", ["channel_names", "labels", "file_ending"])
def test_a_missing_key_is_named(raw, describe, refusal, key):
    folder = raw()
    describe(DESCRIPTION, without=key)
    assert refusal(folder) == f"dataset.json: the key {key!r} is missing"


def test_the_older_name_of_the_channels_is_taken(raw, describe):
    folder = raw()
    describe({**DESCRIPTION, "modality": {"0": "T1", "1": "T2"}}, without="channel_names")
    dataset = read_dataset(folder)
    assert (dataset.layout, dataset.channel_names) == ("nnU-Net v2 raw", ("T1", "T2"))


@pytest.mark.parametrize("declared", [".nii", "nii.gz", ".NII.GZ", ".gz", ".nii.gz ", ".png"])
def test_an_ending_that_no_file_has_is_refused_with_the_one_that_they_have(raw, refusal, declared):
    assert 'write "file_ending": ".nii.gz"' in refusal(raw(file_ending=declared))


def test_a_folder_without_cases_of_the_ending_is_refused(raw, refusal):
    said = refusal(raw("imagesTr/a_0000.mha", "labelsTr/a.mha"))
    assert "'file_ending' is '.nii.gz'" in said
    assert "2 of 2 images and labels end in '.mha'" in said
    assert ".nii.gz" in refusal(raw("labelsTr/readme.txt", file_ending=".nii.gz"))


def test_folders_of_nearly_the_names_are_told(raw, refusal):
    said = refusal(raw("imagestr/a_0000.nii.gz", "labels/a.nii.gz"))
    assert "rename imagestr to imagesTr" in said
    assert "rename labels to labelsTr" in said


def test_one_file_may_hold_every_declared_channel(raw):
    names = {"0": "R", "1": "G", "2": "B"}
    folder = raw("imagesTr/a_0000.png", "labelsTr/a.png", file_ending=".png", channel_names=names)
    (case,) = read_dataset(folder).cases
    assert [path.name for path in case.images] == ["a_0000.png"]


def test_where_any_case_has_several_files_all_should(raw):
    files = ("imagesTr/a_0000.png", "imagesTr/a_0001.png", "imagesTr/b_0000.png", "labelsTr/a.png", "labelsTr/b.png")
    folder = raw(*files, file_ending=".png", channel_names={"0": "T1", "1": "T2"}, numTraining=2)
    assert [len(case.images) for case in read_dataset(folder).cases] == [2, 2]


def test_links_to_files_that_were_not_fetched_are_cases(raw, tmp_path):
    folder = raw("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", numTraining=2)
    (tmp_path / "imagesTr/b_0000.nii.gz").symlink_to("../.git/annex/objects/b")
    (tmp_path / "labelsTr/b.nii.gz").symlink_to("../.git/annex/objects/c")
    assert [case.case_id for case in read_dataset(folder).cases] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "",
        "[1, 2]",
        '"text"',
        "null",
        "[" * 100_000,
        '{"a":' * 100_000,
        b"\xff\xfe{}",
        b'{"labels": "\xe9"}',
        "9" * 5000,
    ],
    ids=["broken", "empty", "list", "text", "null", "deep list", "deep object", "utf-16", "latin-1", "huge number"],
)
@pytest.mark.parametrize("given", ["folder", "file"])
def test_what_is_no_json_object_is_refused_by_name(touch, describe, refusal, text, given):
    touch("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz")
    path = describe(text)
    assert refusal(path.parent if given == "folder" else path).startswith("dataset.json: ")


def test_a_byte_order_mark_is_read_and_told_since_nnunet_stops_at_it(raw, describe):
    folder = raw()
    for text in (b"\xef\xbb\xbf" + json.dumps(DESCRIPTION).encode(), json.dumps(DESCRIPTION).encode("utf-16")):
        describe(text)
        dataset = read_dataset(folder)
        assert len(dataset.cases) == 1
        (found,) = dataset.findings
        assert "byte order mark" in found.message
