"""Tables and datalists whose images are DICOM series and whose labels name their structures."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK
from pydicom.uid import generate_uid

from auvseg.data.check.dataset import check_dataset
from auvseg.data.check.findings import Kind
from auvseg.data.dataset import read_dataset
from auvseg.data.reading import label_sha256
from auvseg.data.volume import load_volume
from auvseg.errors import CaseError
from dicom_files import Scan, rectangle, write_contours, write_segmentation, write_series
from slicer_files import segment, write_slicer

VOXELS = np.arange(4 * 12 * 12, dtype=np.int16).reshape(4, 12, 12)


@pytest.fixture
def table(tmp_path):
    """The data set that a CSV of these lines is read as, beside two series `1`, `2` and their structure sets."""
    for number in "12":
        scan = Scan()
        write_series(tmp_path / number, VOXELS, scan)
        names = ("GTVp", "GTVn", "lung=left") if number == "1" else ("GTV", "lung=left")
        rois = {name: [rectangle(scan, (4 * n - 0.5, 4 * n + 2.5), (1.5, 4.5), 1)] for n, name in enumerate(names)}
        write_contours(tmp_path / f"{number}.dcm", scan, rois)

    def table(*lines):
        (tmp_path / "cases.csv").write_text("\n".join(lines) + "\n")
        return read_dataset(tmp_path / "cases.csv")

    return table


def test_a_row_may_name_a_series_and_its_structure_set(table):
    dataset = table("id,image,label", "a,1,1.dcm", "b,2/IM0003,2.dcm")
    assert dataset.layout == "table of images and labels"
    assert [one.name for one in dataset.classes] == ["GTV", "GTVn", "GTVp", "lung=left"]
    assert [np.unique(load_volume(case).label).tolist() for case in dataset.cases] == [[0, 2, 3, 4], [0, 1, 4]]


def test_a_row_may_choose_structures_and_name_their_class(table):
    dataset = table("image,label,structures", "1,1.dcm,GTV=GTVp; GTV = GTVn; lung=left", "2,2.dcm,GTV;spleen")
    assert [one.name for one in dataset.classes] == ["GTV", "lung=left"]
    assert [case.label_values for case in dataset.cases] == [{"GTVp": 1, "GTVn": 1, "lung=left": 2}, {"GTV": 1}]
    assert (load_volume(dataset.cases[0]).label == 1).sum() == 2 * 9
    assert dataset.notes[-1] == "1 cases lack a structure that their structures name: 2"


def test_a_label_of_another_series_in_another_space_is_a_row(table):
    dataset = table("image,label", "1,2.dcm", "2,2.dcm")
    assert [case.problem for case in dataset.cases] == [
        "its label was drawn on another series, in another frame of reference",
        "",
    ]


def test_a_series_may_have_a_label_of_another_format(table, tmp_path):
    label = (VOXELS > 300).astype(np.uint8).transpose()
    nib.save(nib.Nifti1Image(label, Scan().affine), tmp_path / "label.nii.gz")
    dataset = table("image,label", "1,label.nii.gz")
    assert dataset.classes is None
    volume = load_volume(dataset.cases[0])
    assert volume.warnings == ()
    np.testing.assert_array_equal(volume.label, (VOXELS > 300)[:, ::-1, ::-1])


def test_an_image_of_another_format_may_have_a_structure_set(tmp_path):
    scan = Scan()
    nib.save(nib.Nifti1Image(VOXELS.transpose(), scan.affine), tmp_path / "image.nii.gz")
    write_contours(tmp_path / "rt.dcm", scan, {"liver": [rectangle(scan, (0.5, 4.5), (1.5, 6.5), 2)]})
    (tmp_path / "cases.csv").write_text("image,label\nimage.nii.gz,rt.dcm\n")
    volume = load_volume(read_dataset(tmp_path / "cases.csv").cases[0])
    expected = np.zeros(VOXELS.shape, np.int32)
    expected[2, 2:7, 1:5] = 1
    np.testing.assert_array_equal(volume.label, expected[:, ::-1, ::-1])


def test_a_datalist_may_declare_the_numbers(table, tmp_path):
    entries = [{"image": "1", "label": "1.dcm"}, {"image": "2", "label": "2.dcm"}]
    content = {"labels": {"0": "background", "5": "GTV", "3": "lung=left"}, "training": entries}
    (tmp_path / "list.json").write_text(json.dumps(content))
    dataset = read_dataset(tmp_path / "list.json")
    assert [case.label_values for case in dataset.cases] == [{"lung=left": 3}, {"GTV": 5, "lung=left": 3}]
    assert dataset.notes[-1] == "2 structures are not among the declared classes: GTVn, GTVp ignored"


def test_a_structure_set_that_names_its_series_by_another_id_is_taken_where_the_space_is_the_same(tmp_path):
    """As after a series was sent through a de-identifier that renumbered it."""
    scan = Scan()
    write_series(tmp_path / "ct", VOXELS, scan)
    other = replace(scan, series=generate_uid())
    write_contours(tmp_path / "rt.dcm", other, {"liver": [rectangle(scan, (0.5, 4.5), (1.5, 6.5), 2)]})
    (tmp_path / "cases.csv").write_text("image,label\nct,rt.dcm\n")
    (case,) = read_dataset(tmp_path / "cases.csv").cases
    assert case.problem == ""
    assert load_volume(case).label.any()


def test_damaged_labels_leave_the_reason_to_reading(table, tmp_path):
    (tmp_path / "1.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(200)))
    dataset = table("image,label", "1,1.dcm", "2,2.dcm")
    assert [bool(case.label_values) for case in dataset.cases] == [False, True]


@pytest.mark.parametrize("kind", ["contours", "segmentation"])
def test_a_label_of_this_series_in_another_space_is_a_row_of_its_own_kind(tmp_path, kind):
    """Positions of two spaces cannot be compared, whatever series the label says it was drawn on."""
    scan = Scan()
    files = write_series(tmp_path / "ct", VOXELS, scan)
    other = replace(scan, space=generate_uid())
    if kind == "contours":
        write_contours(tmp_path / "label.dcm", other, {"liver": [rectangle(scan, (0.5, 4.5), (1.5, 6.5), 2)]})
    else:
        write_segmentation(tmp_path / "label.dcm", files, (VOXELS > 300).astype(np.uint8), ["liver"], "BINARY")
        file = pydicom.dcmread(tmp_path / "label.dcm")
        file.FrameOfReferenceUID = other.space
        file.save_as(tmp_path / "label.dcm")
    (tmp_path / "cases.csv").write_text("image,label\nct,label.dcm\n")
    dataset = read_dataset(tmp_path / "cases.csv")
    (found,) = check_dataset(dataset, num_workers=0).findings
    assert (found.kind, found.severity) == (Kind.OTHER_FRAME_OF_REFERENCE, "error")
    assert "another frame of reference than the image" in found.message
    with pytest.raises(CaseError, match="another frame of reference"):
        load_volume(dataset.cases[0])


def test_a_structure_set_may_state_its_space_for_its_structures_alone(tmp_path):
    """The space of the image is among those of the structures."""
    scan = Scan()
    write_series(tmp_path / "ct", VOXELS, scan)
    path = write_contours(tmp_path / "rt.dcm", scan, {"liver": [rectangle(scan, (0.5, 4.5), (1.5, 6.5), 2)]})
    file = pydicom.dcmread(path)
    file.FrameOfReferenceUID = generate_uid()
    file.save_as(path)
    (tmp_path / "cases.csv").write_text("image,label\nct,rt.dcm\n")
    assert read_dataset(tmp_path / "cases.csv").cases[0].problem == ""


AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
LABEL = np.zeros((6, 5, 4), np.uint8)
LABEL[1:4, 1:4, 1:3], LABEL[4, 1:4, 1:3] = 1, 2
LIVER_FIRST = [("liver", 1, 0), ("tumour", 2, 0)]
TUMOUR_FIRST = [("tumour", 1, 0), ("liver", 2, 0)]
SWAPPED = np.array([0, 2, 1], np.uint8)[LABEL]


@pytest.fixture
def slicer(tmp_path):
    """The data set of a folder with a case for every file: voxels, and the segments that its header names."""

    def slicer(*files, description=None):
        images, labels = ("imagesTr", "labelsTr") if description else ("images", "labels")
        (tmp_path / images).mkdir(exist_ok=True)
        (tmp_path / labels).mkdir(exist_ok=True)
        for number, (voxels, segments) in enumerate(files):
            image = SimpleITK.GetImageFromArray((VOXELS[:4, :5, :6] + number).astype(np.int16))
            image.SetSpacing((1.0, 1.0, 2.0))
            image.SetDirection((-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0))
            name = f"c{number}_0000.nrrd" if description else f"c{number}.nrrd"
            SimpleITK.WriteImage(image, str(tmp_path / images / name))
            ending = ".nrrd" if description else ".seg.nrrd"
            write_slicer(tmp_path / labels / f"c{number}{ending}", voxels, segments, AFFINE)
        if description:
            content = {"channel_names": {"0": "CT"}, "file_ending": ".nrrd", "numTraining": len(files), **description}
            (tmp_path / "dataset.json").write_text(json.dumps(content))
        return read_dataset(tmp_path)

    return slicer


def values(dataset):
    return {one.name: one.values[0] for one in dataset.classes}


def held(dataset, place):
    """Voxels of every class of a case."""
    label = load_volume(dataset.cases[place]).label
    return {one.name: int((label == one.values[0]).sum()) for one in dataset.classes if (label == one.values[0]).any()}


def kinds(dataset):
    found = check_dataset(dataset, num_workers=0).findings
    return [(finding.case_id, finding.kind.value) for finding in found if finding.kind is not Kind.DUPLICATE_LABEL]


def test_segments_that_all_files_number_alike_keep_their_numbers(slicer):
    dataset = slicer((LABEL, LIVER_FIRST), (LABEL, LIVER_FIRST))
    assert values(dataset) == {"liver": 1, "tumour": 2}
    assert dataset.notes == ()
    assert kinds(dataset) == []


def test_numbers_of_files_need_not_follow_the_alphabet_or_each_other(slicer):
    dataset = slicer((np.array([0, 40, 7], np.uint8)[LABEL], [("aorta", 40, 0), ("spleen", 7, 0)]))
    assert values(dataset) == {"spleen": 7, "aorta": 40}


def test_where_files_number_them_otherwise_classes_go_by_name_and_the_odd_files_are_found(slicer):
    dataset = slicer((LABEL, LIVER_FIRST), (SWAPPED, TUMOUR_FIRST), (LABEL, LIVER_FIRST))
    assert values(dataset) == {"liver": 1, "tumour": 2}
    assert [held(dataset, place) for place in range(3)] == [{"liver": 18, "tumour": 6}] * 3
    assert kinds(dataset) == [("c1", "renumbered_label")]
    # The record of a case is one of these numbers.
    one, other = dataset.cases[0], dataset.cases[1]
    assert label_sha256(one.label, one.label_values) != label_sha256(one.label, {"liver": 2, "tumour": 1})
    assert one.label_values == other.label_values


def test_names_that_look_alike_stay_apart_and_a_note_says_so(slicer):
    dataset = slicer((LABEL, LIVER_FIRST), (LABEL, [("liver", 1, 0), ("Tumour", 2, 0)]))
    assert values(dataset) == {"liver": 1, "Tumour": 2, "tumour": 3}
    assert any("'Tumour' and 'tumour'" in note for note in dataset.notes)


def test_a_row_may_choose_segments_and_name_their_class(tmp_path, slicer):
    slicer((LABEL, LIVER_FIRST), (LABEL, [("Leber", 1, 0), ("tumour", 2, 0)]))
    rows = ["image,label,structures", "images/c0.nrrd,labels/c0.seg.nrrd,liver"]
    rows += ["images/c1.nrrd,labels/c1.seg.nrrd,liver = Leber"]
    (tmp_path / "cases.csv").write_text("\n".join(rows) + "\n")
    dataset = read_dataset(tmp_path / "cases.csv")
    assert values(dataset) == {"liver": 1}
    assert [held(dataset, place) for place in (0, 1)] == [{"liver": 18}] * 2


def test_labels_that_name_nothing_are_taken_by_value_where_values_mean_the_same_everywhere(slicer):
    dataset = slicer((LABEL, LIVER_FIRST), (LABEL, []))
    assert dataset.notes == (
        "1 labels name no structures (c1): their values are read as in the others, 1 liver, 2 tumour",
    )
    assert held(dataset, 1) == {"liver": 18, "tumour": 6}


def test_labels_that_name_nothing_are_refused_where_values_do_not_say_which_is_which(slicer):
    dataset = slicer((LABEL, LIVER_FIRST), (SWAPPED, TUMOUR_FIRST), (LABEL, []))
    assert ("c2", "unnamed_label") in kinds(dataset)
    with pytest.raises(CaseError, match="c2: its label names no structures, unlike those of other cases"):
        load_volume(dataset.cases[2])


def test_of_dicom_the_order_of_drawing_numbers_nothing_so_that_labels_of_numbers_are_refused(table, tmp_path):
    label = (VOXELS > 300).astype(np.uint8).transpose()
    nib.save(nib.Nifti1Image(label, Scan().affine), tmp_path / "label.nii.gz")
    dataset = table("image,label", "1,1.dcm", "2,label.nii.gz")
    assert [case.problem_kind for case in dataset.cases if case.problem] == [Kind.UNNAMED_LABEL]


NAMED = {"labels": {"background": 0, "liver": 1, "tumour": 2}}


@pytest.mark.parametrize(
    ("files", "expected", "kind"),
    [
        ((LABEL, LIVER_FIRST), {"liver": 18, "tumour": 6}, []),
        # The names win, and what nnU-Net would read is an error.
        ((SWAPPED, TUMOUR_FIRST), {"liver": 18, "tumour": 6}, ["renumbered_label"]),
        # A label of numbers alone is what the description is for.
        ((LABEL, []), {"liver": 18, "tumour": 6}, []),
        # Nobody named these, or as good as the data set does.
        ((LABEL, [("Segment_1", 1, 0), ("Segment_2", 2, 0)]), {"liver": 18, "tumour": 6}, []),
        ((LABEL, [("Liver", 1, 0), ("TUMOUR", 2, 0)]), {"liver": 18, "tumour": 6}, []),
        ((LABEL, [("liver", 1, 0), ("spleen", 2, 0)]), None, ["contradicting_names"]),
        # What the data set does not declare is left out, as of every label that names its structures.
        ((np.array([0, 1, 9], np.uint8)[LABEL], [("liver", 1, 0), ("spleen", 9, 0)]), {"liver": 18}, []),
        ((LABEL, [("liver", 1, 0), ("liver", 2, 0)]), None, ["unreadable"]),
    ],
)
def test_declared_classes_win_and_what_contradicts_them_is_found(slicer, files, expected, kind):
    dataset = slicer(files, (LABEL, LIVER_FIRST), description=NAMED)
    assert [found for case, found in kinds(dataset) if case == "c0"] == kind
    if expected is None:
        with pytest.raises(CaseError, match=r"'spleen' in its label, but 'tumour' in the data set|are called 'liver'"):
            load_volume(dataset.cases[0])
    else:
        assert held(dataset, 0) == expected


def test_regions_and_the_ignore_label_go_by_value(slicer):
    labels = {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}
    voxels = LABEL.copy()
    voxels[0, 0, 0] = 3
    files = [("edema", 1, 0), ("core", 2, 0), ("ignore", 3, 0)]
    dataset = slicer((voxels, files), description={"labels": labels, "regions_class_order": [1, 2]})
    np.testing.assert_array_equal(np.unique(load_volume(dataset.cases[0]).label), [0, 1, 2, 3])
    assert kinds(dataset) == []


def test_a_datalist_may_declare_the_classes_of_segments(slicer, tmp_path):
    slicer((LABEL, LIVER_FIRST))
    entries = [{"image": "images/c0.nrrd", "label": "labels/c0.seg.nrrd"}]
    content = {"labels": {"0": "background", "5": "liver", "3": "tumour"}, "training": entries}
    (tmp_path / "list.json").write_text(json.dumps(content))
    assert held(read_dataset(tmp_path / "list.json"), 0) == {"liver": 18, "tumour": 6}


def test_values_beyond_32_bits_are_numbered_anew(slicer):
    dataset = slicer((LABEL, {**segment(0, "liver", 2**40), **segment(1, "tumour", 2)}))
    assert values(dataset) == {"liver": 1, "tumour": 2}
