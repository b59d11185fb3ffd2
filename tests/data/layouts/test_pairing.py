from pathlib import Path

import pytest

from auvseg.data.layouts.pairing import key_of, pair


def paired(images, labels):
    """Image names and label name by case id, and the notes."""
    notes = []
    cases = pair([Path("i", name) for name in images], [Path("l", name) for name in labels], "training", notes)
    found = {
        case.case_id: ([image.name for image in case.images], case.label.name if case.label else None) for case in cases
    }
    return found, notes


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("case_1_seg", "case_1"),
        ("case-1.mask", "case-1"),
        ("volume-12", "12"),
        ("segmentation-12", "12"),
        ("img_case_1", "case_1"),
        ("sub-01_dseg", "sub-01"),
        # Words count only where they stand apart, and a name is never empty.
        ("brainseg", "brainseg"),
        ("imager_1", "imager_1"),
        ("target", "target"),
        ("mask", "mask"),
        ("seg_mask", "seg"),
    ],
)
def test_a_word_that_stands_apart_is_no_part_of_the_key(name, key):
    assert key_of(name) == key


def test_channels_of_one_label_are_one_case():
    found, notes = paired(["a_0001.nii", "a_0000.nii", "b_0000.nii", "b_0001.nii"], ["a.nii", "b_seg.nii"])
    assert found == {"a": (["a_0000.nii", "a_0001.nii"], "a.nii"), "b": (["b_0000.nii", "b_0001.nii"], "b_seg.nii")}
    assert notes == []


def test_a_case_without_a_label_has_its_channels_where_others_have_theirs():
    found, notes = paired(["a_0000.nii", "a_0001.nii", "b_0000.nii", "b_0001.nii"], ["a.nii"])
    assert found["b"] == (["b_0000.nii", "b_0001.nii"], None)
    assert "1 images have no label" in notes[0]


def test_four_digits_that_the_labels_have_too_are_the_case_s_own():
    names = ["scan_0001.nii", "scan_0002.nii"]
    found, notes = paired(names, names)
    assert found == {"scan_0001": (names[:1], names[0]), "scan_0002": (names[1:], names[1])}
    assert notes == []


def test_four_digits_without_any_label_stay():
    found, _ = paired(["scan_0001.nii", "scan_0002.nii"], [])
    assert found == {"scan_0001": (["scan_0001.nii"], None), "scan_0002": (["scan_0002.nii"], None)}


def test_two_images_of_one_label_are_both_seen():
    found, _ = paired(["a.nii", "a.nii.gz"], ["a.nii"])
    assert found == {"a": (["a.nii"], "a.nii"), "a.nii.gz": (["a.nii.gz"], "a.nii")}


def test_words_are_cut_off_all_ids_or_none():
    names = ["img_1.nii", "img_2.nii"]
    found, _ = paired(names, ["img_1.nii"])
    assert list(found) == ["img_1", "img_2"]
    found, _ = paired(names, ["mask_1.nii"])
    assert list(found) == ["1", "2"]


def test_a_channel_in_two_formats_loses_no_file():
    found, _ = paired(["a_0000.nii", "a_0000.nii.gz", "a_0001.nii"], ["a.nii"])
    assert sorted(name for images, _ in found.values() for name in images) == [
        "a_0000.nii",
        "a_0000.nii.gz",
        "a_0001.nii",
    ]


def test_labels_without_an_image_are_named():
    _, notes = paired(["a.nii"], ["a.nii", "b.nii", "c.nii", "d.nii", "e.nii"])
    assert notes == ["4 labels have no image of the same name: b.nii, c.nii, d.nii ... ignored"]
