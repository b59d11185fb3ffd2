"""Every kind of finding: found where it is the only fault, and not where there is none."""

import json
from dataclasses import replace

import numpy as np
import pytest

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.check.findings import Kind
from faulty_datasets import CLASSES, FAULTS, OF_TWO_CASES, SHAPE, Folder, check, with_value


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_every_kind_has_a_data_set_with_this_fault():
    assert sorted(fault.__name__ for fault in FAULTS) == sorted(kind.value for kind in Kind)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_single_fault_gives_this_finding_and_no_other(folder, fault):
    report = check(fault(folder))
    kind = Kind(fault.__name__)
    assert [found.kind for found in report.findings] == [kind] * (2 if kind.value in OF_TWO_CASES else 1)
    for found in report.findings:
        assert found.severity == kind.severity
        assert found.message
        assert found.advice
        assert "\n" not in found.message + found.advice
    blamed = {case for found in report.findings for case in found.cases or (found.case_id,)}
    for case in report.cases:
        assert case.status == (kind.severity if case.case_id in blamed else "ok")
        assert case.errors + case.warnings == (1 if case.case_id in blamed else 0)
    assert report.errors == (len(report.findings) if kind.severity == "error" else 0)
    assert report.errors + report.warnings == len(report.findings)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_finding_names_the_case_and_the_file_at_fault(folder, fault):
    kind = fault.__name__
    blamed = {(found.case_id, found.file) for found in check(fault(folder)).findings}
    of_the_label = {"shape_mismatch", "spacing_mismatch", "affine_mismatch", "label_is_image"}
    of_the_label |= {"non_integer_label", "unexpected_label", "indistinct_label", "label_overflow", "empty_label"}
    of_the_label |= {"background_not_zero", "no_background", "grey_levels", "soft_label", "rounded_label"}
    expected = {
        "misnamed_file": {("", "")},
        "inexact_path": {("", "")},
        "refused_by_nnunet": {("", "")},
        "split_overlap": {("", "splits_final.json")},
        "unusable_split": {("", "splits_final.json")},
        "doubtful_split": {("", "splits_final.json")},
        "missing_label": {("faulty", "")},
        "unsupported_format": {("faulty", "faulty_image.vox")},
        "ambiguous_case": {("faulty", "")},
        "unusable_series": {("faulty", "faulty_series")},
        "altered_label": {("faulty", "faulty_label.dcm")},
        "crossing_contours": {("faulty", "faulty_label.dcm")},
        "renumbered_label": {("faulty", "faulty_label.seg.nrrd")},
        "needs_export": {("faulty", "faulty_label.seg.nrrd")},
        "unnamed_label": {("faulty", "")},
        "contradicting_names": {("faulty", "")},
        "other_frame_of_reference": {("faulty", "")},
        "unstated_spacing": {("faulty", "faulty_image.npz")},
        "sheared_grid": {("faulty", "faulty_image.npz")},
        "spacing_unseen": {("faulty", "faulty_image.tif")},
        "pixels_only": {("", "")},
        "channel_mismatch": {("faulty", "")},
        "default_geometry": {("faulty", "")},
        "mixed_orientation": {("", "")},
        "class_never_present": {("", "")},
        "duplicate_image": {("faulty", "faulty_image.nii"), ("sound_a", "sound_a_image.nii")},
        "duplicate_label": {("faulty", "faulty_label.nii"), ("other", "other_label.nii")},
        "duplicate_id": {("faulty", ""), ("Faulty", "")},
    }
    part = "label" if kind in of_the_label else "image"
    assert blamed == expected.get(kind, {("faulty", f"faulty_{part}.nii")})


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_no_kind_of_finding_tells_where_the_data_lie(folder, tmp_path, fault):
    assert str(tmp_path) not in json.dumps(check(fault(folder)).to_json())


def test_a_name_longer_than_the_system_allows_is_a_finding_and_the_label_is_still_looked_at(folder, tmp_path):
    case = folder.case("faulty", 1, label=np.zeros(SHAPE, np.uint8))
    report = check(folder.dataset(replace(case, images=(tmp_path / f"{'x' * 400}.nii",))))
    assert [found.kind for found in report.findings] == ["empty_label", "unreadable"]
    assert str(tmp_path) not in json.dumps(report.to_json())


def test_the_image_named_as_its_own_label_is_found(folder):
    image = folder.write("x.nii", folder.label(1).astype(np.int16))
    report = check(folder.dataset(Case("faulty", (image,), image)))
    assert [found.kind for found in report.findings] == ["label_is_image"]


def test_image_and_label_of_one_npz_are_no_fault(folder, tmp_path):
    path = tmp_path / "case.npz"
    image = np.arange(120, dtype=np.uint8).reshape(SHAPE)
    np.savez(path, imgs=image, gts=folder.label(1), spacing=np.array([1.0, 1.0, 2.0]))
    assert check(Dataset("drawn", tmp_path, "", None, (Case("npz", (path,), path),), CLASSES)).findings == ()


def test_small_labels_may_be_equal_by_chance(folder):
    assert check(folder.dataset(folder.case("a", 1, label=folder.label(100)))).findings == ()


def test_a_file_that_holds_the_declared_channels_is_no_fault(folder):
    case = folder.case("channels", 1, image=folder.image(1, (*SHAPE, 2)))
    assert check(Dataset("drawn", folder.root, "", None, (case,), channel_names=("T1", "T2"))).findings == ()


def test_a_channel_on_another_grid_is_found_beside_the_label(folder):
    case = folder.case("faulty", 1)
    other = folder.write("second.nii", folder.image(2, (6, 5, 3)))
    cases = (replace(case, images=(*case.images, other)),)
    (found,) = check(Dataset("drawn", folder.root, "", None, cases, channel_names=("T1", "T2"))).findings
    assert (found.kind, found.file) == ("shape_mismatch", "second.nii")
    assert found.message.startswith("the channel has 6×5×3 voxels")


def test_ignore_value_and_regions_are_declared_values(folder):
    label = with_value(folder.label(1), 3)
    regions = (ClassDef(1, "whole", (1, 2)), ClassDef(2, "core", (2,)))
    assert check(folder.dataset(folder.case("x", 1, label=label), classes=regions, ignore_value=3)).findings == ()


def test_without_declared_classes_only_negative_values_are_wrong(folder):
    cases = (folder.case("a", 1, label=with_value(folder.label(1), 40)),)
    assert check(folder.dataset(*cases, classes=None)).findings == ()
    cases = (folder.case("a", 1, label=with_value(folder.label(1), -1)),)
    (found,) = check(folder.dataset(*cases, classes=None)).findings
    assert (found.kind, found.message) == ("unexpected_label", "label values -1 are not class numbers")
