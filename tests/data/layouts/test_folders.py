import pytest

from auvseg.data.dataset import read_dataset


def pairs(dataset):
    """Case ids with the names of image and label."""
    return {
        case.case_id: (case.images[0].name, case.label.name if case.label is not None else None)
        for case in dataset.cases
    }


def test_images_and_labels_of_every_subset_are_paired_by_name(touch):
    folder = touch(
        *(f"{kind}{subset}/{subset}1.nii.gz" for kind in ("images", "labels") for subset in ("Tr", "Val", "Ts"))
    )
    dataset = read_dataset(folder)
    assert {case.case_id: case.subset for case in dataset.cases} == {
        "Tr1": "training",
        "Val1": "validation",
        "Ts1": "test",
    }
    assert all(case.label.name == case.images[0].name for case in dataset.cases)
    assert (dataset.layout, dataset.source, dataset.classes) == ("image and label folders", None, None)
    assert dataset.notes == ()


@pytest.mark.parametrize(
    ("images", "masks"), [("images", "masks"), ("Image", "Label"), ("imgs", "gts"), ("scans", "seg")]
)
@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("a.png", "a.png"),
        ("a.nii.gz", "a_seg.nii.gz"),
        ("a_0000.nii.gz", "a.nii.gz"),
        ("a_img.nii", "a-mask.nrrd"),
        ("a_image.mha", "a_label.mha"),
    ],
)
def test_a_label_has_its_image_s_name_but_for_a_word(touch, images, masks, image, label):
    dataset = read_dataset(touch(f"{images}/{image}", f"{masks}/{label}"))
    assert pairs(dataset) == {"a": (image, label)}
    assert dataset.notes == ()


def test_what_has_no_partner_is_noted(touch):
    dataset = read_dataset(touch("images/a.nii", "images/b.nii", "masks/a.nii", "masks/c.nii"))
    assert pairs(dataset) == {"a": ("a.nii", "a.nii"), "b": ("b.nii", None)}
    assert len(dataset.notes) == 2


def test_labels_of_the_same_name_are_not_guessed_between(touch):
    dataset = read_dataset(touch("images/a.nii", "images/b.nii", "masks/a_seg.nii", "masks/a_mask.nii", "masks/b.nii"))
    assert pairs(dataset) == {"a": ("a.nii", None), "b": ("b.nii", "b.nii")}
    assert any("several labels for a" in note for note in dataset.notes)


def test_hidden_files_are_no_cases(touch):
    dataset = read_dataset(touch("images/a.nii", "images/._a.nii", "masks/a.nii", "masks/.DS_Store"))
    assert pairs(dataset) == {"a": ("a.nii", "a.nii")}


def test_a_header_stands_for_its_pair_of_files(touch):
    dataset = read_dataset(touch("images/a.hdr", "images/a.img", "labels/a.hdr", "labels/a.img"))
    assert pairs(dataset) == {"a": ("a.hdr", "a.hdr")}
    assert dataset.notes == ()


def test_an_image_that_is_called_image_has_a_name(touch):
    assert all(case.case_id for case in read_dataset(touch("images/image.png", "masks/mask.png")).cases)


def test_a_folder_may_be_a_case(touch):
    folder = touch(
        "p1/ct.nii.gz", "p1/ct_seg.nii.gz", "p2/scan.nrrd", "p2/Segmentation.nrrd", "p2/notes.txt", "p3/x.nii"
    )
    (folder / "readme.txt").touch()
    dataset = read_dataset(folder)
    assert pairs(dataset)["p1"] == ("ct.nii.gz", "ct_seg.nii.gz")
    assert pairs(dataset)["p2"] == ("scan.nrrd", "Segmentation.nrrd")
    assert dataset.notes


@pytest.mark.parametrize(
    "names",
    [
        ("p1/ct.nii", "p1/mr.nii", "p1/ct_seg.nii", "p2/ct.nii", "p2/mr.nii", "p2/ct_seg.nii"),
        ("p1/ct.nii", "p1/liver_seg.nii", "p1/tumour_seg.nii"),
        ("p1/ct.nii", "p1/ct_seg.nii", "p2/a.nii", "p3/b.nii", "p3/c.nii"),
        ("images/a.nii",),
        ("images/a.txt", "labels/a.txt"),
        ("a.nii", "b.nii"),
        ("dicom/1.dcm",),
    ],
    ids=str,
)
def test_what_is_ambiguous_or_empty_is_refused(touch, refusal, names):
    folder = touch(*names)
    assert refusal(folder).startswith(f"{folder.name}: no data set recognised")


def test_cases_are_sorted_whatever_the_system_lists_first(touch):
    names = [f"{number}.png" for number in (10, 9, 2, 1)]
    dataset = read_dataset(touch(*(f"{kind}/{name}" for name in names for kind in ("images", "masks"))))
    assert [case.case_id for case in dataset.cases] == ["1", "10", "2", "9"]
