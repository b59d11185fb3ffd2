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


def test_several_channels_are_one_case_and_counted(touch):
    dataset = read_dataset(touch("imagesTr/a_0000.nii", "imagesTr/a_0001.nii", "labelsTr/a.nii"))
    (case,) = dataset.cases
    assert [path.name for path in case.images] == ["a_0000.nii", "a_0001.nii"]
    assert dataset.channel_names == ("channel_0", "channel_1")


def test_subsets_that_number_from_1_again_get_their_folder_s_name(touch):
    names = [f"{kind}{subset}/1.png" for kind in ("images", "labels") for subset in ("Tr", "Ts")]
    dataset = read_dataset(touch(*names))
    assert {case.case_id: case.subset for case in dataset.cases} == {"1": "training", "imagesTs_1": "test"}


@pytest.mark.parametrize("form", ["{0}_train", "{0}-train", "{0} Train", "{0}Train"])
def test_folder_names_may_be_written_in_several_ways(touch, form):
    names = [f"{form.format(kind)}/a.png" for kind in ("images", "masks")]
    assert pairs(read_dataset(touch(*names))) == {"a": ("a.png", "a.png")}


def test_a_second_label_folder_is_noted(touch):
    dataset = read_dataset(touch("images/a.png", "labels/a.png", "masks/a.png"))
    assert dataset.cases[0].label.parent.name == "labels"
    assert dataset.notes == ("the folder masks is ignored beside images and labels",)


def test_files_of_no_image_format_and_hidden_ones_are_noted(touch):
    dataset = read_dataset(touch("images/a.nii", "images/a.json", "images/._a.nii", "masks/a.nii"))
    assert len(dataset.notes) == 2
    assert any("a.json" in note for note in dataset.notes)


def test_a_case_folder_without_a_label_is_a_case_and_an_ambiguous_one_is_named(touch):
    sound = [f"p{n}/{name}.nii" for n in range(3) for name in ("ct", "mask")]
    dataset = read_dataset(touch(*sound, "bare/ct.nii", "two/ct.nii", "two/mr.nii"))
    assert pairs(dataset)["bare"] == ("ct.nii", None)
    assert "two" not in pairs(dataset)
    assert dataset.notes == ("1 folders do not hold one image and one label: two ignored",)


def test_a_description_that_nothing_reads_is_noted(touch, describe):
    folder = touch("imagesTr/a.nii", "labelsTr/a.nii")
    describe({"release": "1.0"})
    dataset = read_dataset(folder)
    assert dataset.layout == "image and label folders"
    assert "what it says is not used" in dataset.notes[-1]
