"""Names that are nearly nnU-Net's: every image finds its label, none is lost, and what is wrong is told once."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.check.findings import Kind
from auvseg.data.layouts.nnunet import arrange

CASES = [f"case_{number:03d}" for number in range(12)]
ENDING = ".nii.gz"


def arranged(images, labels, ending=ENDING):
    notes = []
    cases, findings = arrange(
        [Path("imagesTr") / name for name in images],
        [Path("labelsTr") / name for name in labels],
        ending,
        ("imagesTr", "labelsTr"),
        notes,
    )
    return cases, findings, notes


def named(pattern, channels=1):
    """The file names of all cases; `{c}` is the case, `{k}` the channel."""
    return [pattern.format(c=case, k=channel) for case in CASES for channel in range(channels)]


def test_names_as_nnunet_wants_them_give_no_finding():
    cases, findings, notes = arranged(named("{c}_{k:04d}.nii.gz", 2), named("{c}.nii.gz"))
    assert (findings, notes) == ([], [])
    assert sorted(cases) == CASES
    assert all(sorted(case.images) == [0, 1] and case.label is not None for case in cases.values())


@pytest.mark.parametrize(("ending", "told"), [(".tif", 0), (".nii.gz", 1)])
def test_json_files_beside_tiffs_state_the_voxel_size_and_are_not_reported(ending, told):
    images, sidecars = named("{c}_0000" + ending), named("{c}.json")
    cases, findings, notes = arranged([*images, *sidecars], named("{c}" + ending), ending)
    assert (sorted(cases), findings, len(notes)) == (CASES, [], told)


@pytest.mark.parametrize(
    ("images", "words", "right"),
    [
        ("{c}.nii.gz", "without the channel suffix _0000", "case_000_0000.nii.gz"),
        ("{c}.{k:04d}.nii.gz", "without _ before", "case_000_0000.nii.gz"),
        ("{c}-{k:04d}.nii.gz", "without _ before", "case_000_0000.nii.gz"),
        ("{c}_{k}.nii.gz", "without a four-digit channel", "case_000_0000.nii.gz"),
        ("{c}_ch{k}.nii.gz", "without a four-digit channel", "case_000_0000.nii.gz"),
        ("{c}_image.nii.gz", "with a word", "case_000_0000.nii.gz"),
        ("{c}_image_{k:04d}.nii.gz", "with a word", "case_000_0000.nii.gz"),
        ("{c}_{k:04d}.NII.GZ", "without the ending .nii.gz", "case_000_0000.nii.gz"),
        ("{c}_{k:04d}.nii", "without the ending .nii.gz", "case_000_0000.nii.gz"),
    ],
)
def test_images_of_one_mistake_find_their_labels_and_are_told_once(images, words, right):
    cases, (found,), notes = arranged(named(images), named("{c}.nii.gz"))
    assert sorted(cases) == CASES
    assert all(list(case.images) == [0] and case.label is not None for case in cases.values())
    assert notes == []
    assert found.kind == Kind.MISNAMED_FILE
    assert found.cases == tuple(CASES)
    assert found.message.startswith("0 of 12 images in imagesTr follow nnU-Net's naming; 12 ")
    assert words in found.message
    assert found.advice.endswith(f" to {right}, and the others likewise")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("{c}_0000.nii.gz", "with a channel suffix"),
        ("{c}.0000.nii.gz", "with a channel suffix"),
        ("{c}_seg.nii.gz", "with a word"),
        ("mask-{c}.nii.gz", "with a word"),
        ("{c}.nii", "without the ending"),
        ("C{c}", "with other letters, zeros or separators"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_labels_of_one_mistake_find_their_images_and_are_told_once(labels, words, channels):
    names = [name.upper().removesuffix(".NII.GZ") + ".nii.gz" for name in named("{c}.nii.gz")]
    names = names if labels == "C{c}" else named(labels)
    cases, (found,), notes = arranged(named("{c}_{k:04d}.nii.gz", channels), names)
    assert sorted(cases) == CASES
    assert all(len(case.images) == channels and case.label is not None for case in cases.values())
    assert notes == []
    assert found.message.startswith("0 of 12 labels in labelsTr follow nnU-Net's naming; 12 ")
    assert words in found.message


def test_numbered_cases_of_one_name_are_no_channels_of_one_case():
    names = [f"PID_{number:04d}.nii.gz" for number in range(5)]
    cases, (found,), _ = arranged(names, names)
    assert sorted(cases) == [name.removesuffix(".nii.gz") for name in names]
    assert "nnU-Net takes their last digits for it" in found.message
    assert found.advice.startswith("rename PID_0000.nii.gz to PID_0000_0000.nii.gz")


def test_a_file_of_another_format_is_to_be_converted_and_not_renamed():
    _, (found,), _ = arranged(["a_0000.nii"], ["a.nii.gz"])
    assert found.advice == "convert a_0000.nii to a_0000.nii.gz"
    _, (found,), _ = arranged(["a_0000.NII.gz"], ["a.nii.gz"])
    assert found.advice == "rename a_0000.NII.gz to a_0000.nii.gz"


def test_several_mistakes_are_told_apart():
    images = [f"{case}_0000.nii.gz" for case in CASES[:6]] + [f"{case}.nii.gz" for case in CASES[6:9]]
    images += [f"{case}.0000.nii.gz" for case in CASES[9:]]
    cases, findings, _ = arranged(images, named("{c}.nii.gz"))
    assert sorted(cases) == CASES
    assert [re.match(r"(\d+) of (\d+) .*; (\d+) ", found.message).groups() for found in findings] == [
        ("6", "12", "3"),
        ("6", "12", "3"),
    ]


def test_a_spelling_of_composed_letters_is_the_same_case():
    composed, decomposed = "Mu\u0308ller", "M\u00fcller"
    cases, (found,), _ = arranged([f"{composed}_0000.nii.gz"], [f"{decomposed}.nii.gz"])
    # nnU-Net takes the names of cases from their images.
    assert list(cases) == [composed]
    assert "with other letters" in found.message


def test_what_is_no_image_and_what_is_there_twice_is_noted_and_no_case():
    images = ["a_0000.nii.gz", "a_0000.nii", "overview.png", "readme.txt"]
    cases, findings, notes = arranged(images, ["a.nii.gz", "list.csv"])
    assert (list(cases), findings) == (["a"], [])
    assert cases["a"].images == {0: Path("imagesTr/a_0000.nii.gz")}
    assert len(notes) == 2
    assert "3 files in imagesTr" in notes[0]


def test_voxel_sizes_beside_a_tiff_are_no_files_to_wonder_at():
    cases, findings, notes = arranged(["a_0000.tif", "a.json"], ["a.tif", "a.json"], ".tif")
    assert (list(cases), findings, notes) == (["a"], [], [])
    assert len(arranged(["a_0000.nii.gz", "a.json"], ["a.nii.gz"])[2]) == 1


def test_what_has_no_counterpart_stays_a_case():
    cases, findings, _ = arranged(["a_0000.nii.gz", "b_0000.nii.gz", "mean.nii.gz"], ["a.nii.gz", "c.nii.gz"])
    assert sorted(cases) == ["a", "b", "c", "mean"]
    assert cases["b"].label is None
    assert cases["c"].images == {}
    (found,) = findings
    assert found.cases == ("mean",)


def test_two_labels_for_one_image_are_not_guessed_between():
    cases, findings, _ = arranged(["a_0000.nii.gz"], ["a_seg.nii.gz", "a_mask.nii.gz"])
    assert sorted(cases) == ["a", "a_mask", "a_seg"]
    assert cases["a"].label is None
    assert findings == []


STEMS = st.text("aB1_.- ", min_size=1, max_size=6)
NAMES = st.lists(
    st.builds(
        "".join,
        st.tuples(
            STEMS,
            st.sampled_from(["", "_0000", ".0000", "_0001", "_seg"]),
            st.sampled_from([".nii.gz", ".nii", ".NII.GZ", ".txt"]),
        ),
    ),
    max_size=8,
    unique=True,
)


@given(NAMES, NAMES)
def test_every_file_is_in_one_case_or_in_a_note(images, labels):
    cases, findings, notes = arranged(images, labels)
    taken = [path for case in cases.values() for path in (*case.images.values(), case.label) if path is not None]
    assert len(taken) == len(set(taken))
    counted = sum(int(note.split()[0]) for note in notes)
    assert len(taken) + counted == len(images) + len(labels)
    assert {case for found in findings for case in found.cases} <= {name.strip() for name in cases}


@given(NAMES, NAMES, st.randoms())
def test_the_order_of_the_files_does_not_matter(images, labels, random):
    first = arranged(sorted(images), sorted(labels))
    random.shuffle(images)
    random.shuffle(labels)
    cases, findings, _ = arranged(images, labels)
    assert {name: (case.images, case.label) for name, case in cases.items()} == {
        name: (case.images, case.label) for name, case in first[0].items()
    }
    assert findings == first[1]


@pytest.mark.parametrize("label", ["case{:03d}", "case-{:03d}", "case_{}", "CASE.{}", "case {:04d}"])
def test_names_of_the_same_words_and_numbers_are_one_case(label):
    labels = [f"{label.format(number)}.nii.gz" for number in range(12)]
    cases, (found,), _ = arranged(named("{c}_{k:04d}.nii.gz"), labels)
    assert sorted(cases) == CASES
    assert all(case.label is not None for case in cases.values())
    assert "with other letters, zeros or separators" in found.message


def test_names_that_may_mean_two_cases_mean_none():
    images = ["a_1_0000.nii.gz", "a_01_0000.nii.gz"]
    cases, findings, _ = arranged(images, ["a1.nii.gz"])
    assert sorted(cases) == ["a1", "a_01", "a_1"]
    assert findings == []
    # Numbers next to each other are two numbers.
    cases, _, _ = arranged(["a_1_1_0000.nii.gz"], ["a_11.nii.gz"])
    assert sorted(cases) == ["a_11", "a_1_1"]
