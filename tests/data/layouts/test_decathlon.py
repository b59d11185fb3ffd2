import pytest

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset

DESCRIPTION = {
    "name": "Brain",
    "modality": {"0": "MRI"},
    "labels": {"0": "background", "1": "oedema", "2": "core"},
    "training": [
        {"image": "./imagesTr/b.nii.gz", "label": "./labelsTr/b.nii.gz"},
        {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"},
    ],
}


def test_cases_classes_and_modality_are_read(describe):
    folder = describe(DESCRIPTION).parent
    dataset = read_dataset(folder)
    assert [case.case_id for case in dataset.cases] == ["a", "b"]
    assert dataset.cases[0].images == (folder / "imagesTr/a.nii.gz",)
    assert dataset.cases[0].label == folder / "labelsTr/a.nii.gz"
    assert dataset.classes == (ClassDef(1, "oedema", (1,)), ClassDef(2, "core", (2,)))
    assert (dataset.name, dataset.layout, dataset.modality) == ("Brain", "decathlon", "mri")
    assert read_dataset(folder / "dataset.json") == dataset


def test_several_modalities_lie_in_one_file_in_the_order_of_their_numbers(describe):
    modality = {"10": "T2", **{str(n): f"T1_{n}" for n in range(10)}}
    dataset = read_dataset(describe({**DESCRIPTION, "modality": modality}).parent)
    assert dataset.channel_names == (*(f"T1_{n}" for n in range(10)), "T2")
    assert all(len(case.images) == 1 for case in dataset.cases)


def test_ct_beside_another_modality_says_nothing(describe):
    dataset = read_dataset(describe({**DESCRIPTION, "modality": {"0": "CT", "1": "PET"}}).parent)
    assert dataset.modality is None
    assert "CT" in dataset.notes[0]


def test_a_description_beside_nnunet_s_folders_is_read_by_its_list(describe, touch):
    touch("imagesTr/a.nii.gz", "imagesTr/c.nii.gz", "labelsTr/a.nii.gz", "labelsTr/c.nii.gz")
    assert [case.case_id for case in read_dataset(describe(DESCRIPTION).parent).cases] == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": []}, ("training",)),
        ({"training": {}}, ("training", "dict")),
        ({"training": None}, ("training",)),
        ({"training": [{"label": "a.nii"}]}, ("training entry 0", "image")),
        ({"training": [{"image": "a.nii", "label": "b.nii"}, {"image": 3}]}, ("training entry 1", "image")),
        ({"training": [{"image": "a.nii", "label": 4}]}, ("training entry 0", "label")),
        ({"training": [[]]}, ("training entry 0",)),
        ({"modality": ["MRI"]}, ("modality", "list")),
        ({"modality": {"MRI": "0"}}, ("modality",)),
        ({"labels": ["background", "core"]}, ("labels", "list")),
        ({"labels": {"core": "1"}}, ("labels",)),
        ({"labels": {"1": 7}}, ("labels",)),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_by_file_and_key(describe, refusal, changes, words):
    text = refusal(describe({**DESCRIPTION, **changes}).parent)
    for word in ("dataset.json", *words):
        assert word in text


def test_missing_labels_are_named(describe, refusal):
    assert refusal(describe(DESCRIPTION, without="labels").parent) == "dataset.json: the key 'labels' is missing"


def test_test_images_are_cases_without_a_label(describe):
    dataset = read_dataset(describe({**DESCRIPTION, "test": ["./imagesTs/c.nii.gz", {"image": "imagesTs/d.nii.gz"}]}))
    by_id = {case.case_id: case for case in dataset.cases}
    assert {name: case.subset for name, case in by_id.items()} == {
        "a": "training",
        "b": "training",
        "c": "test",
        "d": "test",
    }
    assert (by_id["c"].label, by_id["d"].label) == (None, None)


def test_files_that_nnunet_v1_split_by_channel_are_taken_and_noted(describe, touch):
    folder = touch("imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "imagesTr/b.nii.gz")
    describe({**DESCRIPTION, "modality": {"0": "T1", "1": "T2"}})
    dataset = read_dataset(folder)
    assert [path.name for path in dataset.cases[0].images] == ["a_0000.nii.gz", "a_0001.nii.gz"]
    assert [path.name for path in dataset.cases[1].images] == ["b.nii.gz"]
    (note,) = dataset.notes
    assert note.startswith("1 images have one file per channel")


def test_equal_names_in_several_folders_get_ids_of_their_own(describe):
    entries = [{"image": f"p{n}/ct.nii.gz", "label": f"p{n}/seg.nii.gz"} for n in (1, 2)]
    dataset = read_dataset(describe({**DESCRIPTION, "training": entries}))
    assert [case.case_id for case in dataset.cases] == ["p1_ct", "p2_ct"]


@pytest.mark.data
def test_the_public_hippocampus_data_set_is_listed_whole(real_data):
    folder = real_data / "Task04_Hippocampus"
    dataset = read_dataset(folder)
    assert (dataset.name, dataset.layout, dataset.modality, len(dataset.cases)) == (
        "Hippocampus",
        "decathlon",
        "mri",
        160,
    )
    assert [one.name for one in dataset.classes] == ["Anterior", "Posterior"]
    assert all(path.is_file() for case in dataset.cases for path in (*case.images, case.label))


@pytest.mark.parametrize("listed", ["./imagesTr/{}.nii.gz", "./imagesTr/{}_0000.nii.gz", ".\\imagesTr\\{}.nii.gz"])
def test_one_file_a_channel_is_found_whichever_way_it_is_listed(touch, describe, listed):
    names = ["a", "b"]
    files = [f"imagesTr/{name}_000{channel}.nii.gz" for name in names for channel in (0, 1)]
    folder = touch(*files, *(f"labelsTr/{name}.nii.gz" for name in names))
    training = [{"image": listed.format(name), "label": f"./labelsTr/{name}.nii.gz"} for name in names]
    labels = {"0": "background", "1": "liver"}
    describe({"modality": {"0": "T1", "1": "T2"}, "labels": labels, "training": training})
    dataset = read_dataset(folder)
    assert [case.case_id for case in dataset.cases] == names
    assert [[path.name for path in case.images] for case in dataset.cases] == [
        [f"{name}_0000.nii.gz", f"{name}_0001.nii.gz"] for name in names
    ]


def test_an_image_whose_own_name_ends_in_digits_keeps_them(touch, describe):
    folder = touch("imagesTr/a_0000.nii.gz", "labelsTr/a_0000.nii.gz")
    training = [{"image": "imagesTr/a_0000.nii.gz", "label": "labelsTr/a_0000.nii.gz"}]
    describe({"modality": {"0": "T1"}, "labels": {"0": "background", "1": "liver"}, "training": training})
    dataset = read_dataset(folder)
    assert ([case.case_id for case in dataset.cases], dataset.notes) == (["a_0000"], ())
