"""`check` on public data: what breaks readers gets a row, and what is sound is called sound."""

import csv
import json
from dataclasses import replace

import pytest

from auvseg.data.check.dataset import check_dataset
from auvseg.data.check.findings import Kind
from auvseg.data.dataset import read_dataset
from auvseg.data.layouts import decathlon, table

pytestmark = pytest.mark.data


def write_table(path, header, rows):
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    return path


def test_every_odd_file_gets_a_row_whatever_it_does_to_readers(real_data, tmp_path):
    files = sorted(path for path in (real_data / "odd_files").rglob("*") if path.is_file() and path.name != "README.md")
    # Each plane of a DICOM series stands for the whole of it: one of them says what the others would say again.
    files = list({path.parent if path.suffix == ".dcm" else path: path for path in reversed(files)}.values())
    assert "5D_small.nii" in {path.name for path in files}
    label = real_data / "odd_files" / "ibsi_phantom" / "ibsi_1_digital_phantom" / "nifti" / "mask" / "mask.nii.gz"
    rows = [(f"case_{number:03d}", path, label) for number, path in enumerate(files)]
    dataset = table.read(write_table(tmp_path / "odd.csv", ("id", "image", "label"), rows))
    report = check_dataset(dataset, num_workers=2, timeout_s=600)
    assert [case.case_id for case in report.cases] == [case_id for case_id, _, _ in rows]
    kinds_of = {row[0]: {found.kind.value for found in report.findings if found.case_id == row[0]} for row in rows}
    by_name = {path.name: kinds_of[case_id] for case_id, path, _ in rows}
    assert by_name["5D_small.nii"] >= {"too_many_axes"}
    assert by_name["not-nifti.nii"] == {"unreadable"}
    assert "unreadable" not in by_name["phantom.nii.gz"]
    assert str(real_data) not in json.dumps(report.to_json())


def test_the_hippocampus_data_set_is_clean(real_data):
    dataset = decathlon.read(real_data / "Task04_Hippocampus")
    report = check_dataset(replace(dataset, cases=dataset.cases[::4]), num_workers=2)
    assert report.findings == ()
    assert {case.status for case in report.cases} == {"ok"}


def test_ct_and_mr_of_the_same_patients_are_read_from_one_table(real_data, tmp_path):
    patients = sorted(folder for folder in (real_data / "sts").iterdir() if folder.is_dir())
    rows = [
        (folder / f"{kind}_image.nii.gz", folder / f"{kind}_mask.nii.gz", kind[:2])
        for folder in patients
        for kind in ("CT", "MR_T1")
    ]
    dataset = table.read(write_table(tmp_path / "sts.csv", ("image", "label", "modality"), rows))
    assert dataset.modality is None
    assert len(dataset.notes) == 1
    assert f"{patients[0].name}_CT_image" in {case.case_id for case in dataset.cases}
    report = check_dataset(dataset, num_workers=2)
    assert len(report.cases) == len(rows)
    assert not {"unreadable", "missing_file", "reader_crashed"} & report.counts.keys()


def test_a_multi_class_ct_and_mr_are_sound_but_stored_differently(real_data, tmp_path):
    folder = real_data / "totalsegmentator_example"
    rows = [(folder / "example_ct_sm.nii.gz", folder / "example_seg.nii.gz")]
    rows += [(folder / "example_mr_sm.nii.gz", folder / "example_seg_mr.nii.gz")]
    report = check_dataset(table.read(write_table(tmp_path / "total.csv", ("image", "label"), rows)), num_workers=2)
    (found,) = report.findings
    assert (found.kind, found.case_id) == (Kind.MIXED_ORIENTATION, "")
    assert "1 LPS (example_mr_sm)" in found.message
    assert "1 RAS (example_ct_sm)" in found.message


def test_a_label_of_another_scan_length_is_a_shape_mismatch(real_data, tmp_path):
    folder = real_data / "totalsegmentator_example"
    rows = [(folder / "example_ct.nii.gz", folder / "example_seg.nii.gz")]
    report = check_dataset(table.read(write_table(tmp_path / "total.csv", ("image", "label"), rows)), num_workers=1)
    assert [found.kind for found in report.findings] == [Kind.SHAPE_MISMATCH]
    assert report.findings[0].message == "the label has 122×101×30 voxels, the image 122×101×112"


def test_medsam_s_ct_lesions_are_sound(real_data):
    report = check_dataset(read_dataset(real_data / "ct_lesions"), num_workers=2)
    assert report.findings == ()
    assert len(report.cases) == 6


def test_raters_of_one_scan_share_the_image_and_no_label(real_data, tmp_path):
    # A label stands in for the scan, which is not here.
    folder = real_data / "kits_multirater"
    image = folder / "case_00004_kits23.nii.gz"
    rows = [(f"rater_{n}", image, folder / f"case_00004_ann{n}.nii.gz") for n in (1, 2)]
    header = ("id", "image", "label")
    report = check_dataset(table.read(write_table(tmp_path / "raters.csv", header, rows)), num_workers=2)
    assert [(found.kind, found.case_id) for found in report.findings if found.kind is Kind.DUPLICATE_IMAGE] == [
        (Kind.DUPLICATE_IMAGE, "rater_1"),
        (Kind.DUPLICATE_IMAGE, "rater_2"),
    ]
    assert "duplicate_label" not in report.counts
