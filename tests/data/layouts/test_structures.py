"""Tables and datalists whose images are DICOM series and whose labels name their structures."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from pydicom.uid import generate_uid

from auvseg.data.dataset import read_dataset
from auvseg.data.volume import load_volume
from dicom_files import Scan, rectangle, write_contours, write_series

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
