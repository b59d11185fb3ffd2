from pathlib import Path

import pytest

from auvseg.data.case import Case
from auvseg.errors import DatasetError
from auvseg.evaluation.evaluate import match_predictions


def make_cases(**labels):
    return [Case(name, (Path("i.nii.gz"),), Path(label)) for name, label in labels.items()]


def put(folder, *names):
    for name in names:
        (folder / name).touch()


def test_a_prediction_is_named_after_its_case(tmp_path):
    put(tmp_path, "a.nii.gz", "b.nrrd", "summary.json", "._a.nii.gz", "stranger.nii.gz")
    matches = match_predictions(tmp_path, make_cases(a="l/a.nii.gz", b="l/b.nii.gz", c="l/c.nii.gz"))
    assert matches.found == {"a": tmp_path / "a.nii.gz", "b": tmp_path / "b.nrrd"}
    assert matches.unknown == ("stranger.nii.gz",)


def test_or_after_its_label_where_that_is_the_name_of_one_label_only(tmp_path):
    put(tmp_path, "seg_1.nii.gz", "mask.nii.gz", "a.nii.gz")
    cases = make_cases(a="l/seg_9.nii.gz", b="l/seg_1.nii.gz", c="x/mask.nii.gz", d="y/mask.nii.gz")
    assert match_predictions(tmp_path, cases).found == {"a": tmp_path / "a.nii.gz", "b": tmp_path / "seg_1.nii.gz"}


def test_the_ending_of_3d_slicer_is_no_part_of_a_name_unless_it_is_the_cases(tmp_path):
    put(tmp_path, "a.seg.nrrd", "b.seg.nrrd", "c.nrrd")
    cases = make_cases(a="l/a.nii.gz", **{"b.seg": "l/b.seg.nrrd"}, c="l/c.seg.nrrd")
    found = {"a": "a.seg.nrrd", "b.seg": "b.seg.nrrd", "c": "c.nrrd"}
    assert match_predictions(tmp_path, cases).found == {case: tmp_path / name for case, name in found.items()}


def test_the_name_of_another_case_is_never_taken_for_a_label(tmp_path):
    put(tmp_path, "b.nii.gz")
    assert match_predictions(tmp_path, make_cases(a="l/b.nii.gz", b="l/c.nii.gz")).found == {"b": tmp_path / "b.nii.gz"}


def test_probabilities_beside_the_labels_are_no_prediction(tmp_path):
    put(tmp_path, "a.npz", "a.nii.gz", "a.pkl")
    assert match_predictions(tmp_path, make_cases(a="l/a.mha")).found == {"a": tmp_path / "a.nii.gz"}


def test_of_several_formats_the_labels_own_is_taken_and_else_none(tmp_path):
    put(tmp_path, "a.mha", "a.nii.gz", "b.mha", "b.nrrd")
    matches = match_predictions(tmp_path, make_cases(a="l/a.nii.gz", b="l/b.nii.gz"))
    assert matches.found == {"a": tmp_path / "a.nii.gz"}
    assert matches.ambiguous == {"b": ("b.mha", "b.nrrd")}


def test_a_folder_without_any_is_refused(tmp_path):
    put(tmp_path, "stranger.nii.gz")
    with pytest.raises(DatasetError, match=r"name them like a\.nii\.gz"):
        match_predictions(tmp_path, make_cases(a="l/a.nii.gz"))
    with pytest.raises(DatasetError, match="cannot be read"):
        match_predictions(tmp_path / "nowhere", make_cases(a="l/a.nii.gz"))


def test_a_folder_of_other_names_is_told_what_is_near(tmp_path):
    put(tmp_path, "a_0000.nii.gz", "b_0000.nii.gz")
    with pytest.raises(DatasetError, match=r"there is a_0000\.nii\.gz for a; name them like a\.nii\.gz"):
        match_predictions(tmp_path, make_cases(a="l/a.nii.gz", b="l/b.nii.gz"))
