"""`check` on public data: what breaks readers gets a row, and what is sound is called sound."""

import csv
import json
from dataclasses import replace

import pytest

from auvseg.data.check import check_dataset
from auvseg.data.layouts import decathlon, table

pytestmark = pytest.mark.data


def write_table(path, header, rows):
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    return path


def test_every_odd_file_gets_a_row_whatever_it_does_to_readers(real_data, tmp_path):
    files = sorted(
        path for path in (real_data / "odd_files").rglob("*") if path.is_file() and path.name not in ("README.md",)
    )
    assert "5D_small.nii" in {path.name for path in files}
    label = real_data / "odd_files" / "ibsi_phantom" / "ibsi_1_digital_phantom" / "nifti" / "mask" / "mask.nii.gz"
    rows = [(f"case_{number:03d}", path, label) for number, path in enumerate(files)]
    dataset = table.read(write_table(tmp_path / "odd.csv", ("id", "image", "label"), rows))
    report = check_dataset(dataset, num_workers=2, timeout_s=60)
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
