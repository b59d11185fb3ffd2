"""Every kind of finding alone, all of them at once, and what a report promises."""

import csv
import json
import os
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.check import check_dataset
from auvseg.data.findings import KINDS
from auvseg.data.layouts import decathlon, table

SHAPE = (6, 5, 4)
CLASSES = (ClassDef(1, "liver", (1,)), ClassDef(2, "tumour", (2,)))


class DeadlyPath(type(Path())):
    """A path that ends the process which receives it, as a file does that corrupts a reader's heap."""

    def __reduce__(self):
        return os._exit, (3,)


class Folder:
    """Writes cases below a folder; every case's voxels differ from every other's."""

    def __init__(self, root):
        self.root = root
        self.affine = np.diag([1.0, 1.0, 2.0, 1.0])

    def write(self, name, array, affine=None):
        nib.save(nib.Nifti1Image(array, self.affine if affine is None else affine), self.root / name)
        return self.root / name

    def image(self, seed, shape=SHAPE):
        return np.random.default_rng(seed).integers(-1000, 1000, shape).astype(np.int16)

    def label(self, seed):
        array = np.random.default_rng(seed).integers(0, 3, SHAPE).astype(np.uint8)
        array[0, 0, :3] = (0, 1, 2)
        return array

    def case(self, name, seed, *, image=None, label=None, label_affine=None):
        return Case(
            name,
            (self.write(f"{name}_image.nii", self.image(seed) if image is None else image),),
            self.write(f"{name}_label.nii", self.label(seed) if label is None else label, label_affine),
        )

    def dataset(self, *cases, classes=CLASSES, **more):
        """The cases beside two sound ones."""
        sound = (self.case("sound_a", 100), self.case("sound_b", 101))
        return Dataset("drawn", self.root, "drawn in code", None, (*sound, *cases), classes, **more)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def with_value(array, value):
    changed = array.astype(np.float32)
    changed[2, 2, 2] = value
    return changed


def missing_file(folder):
    case = folder.case("faulty", 1)
    case.images[0].unlink()
    return folder.dataset(case)


def missing_label(folder):
    return folder.dataset(replace(folder.case("faulty", 1), label=None))


def unreadable(folder):
    case = folder.case("faulty", 1)
    case.images[0].write_bytes(case.images[0].read_bytes()[:400])
    return folder.dataset(case)


def reader_crashed(folder):
    case = folder.case("faulty", 1)
    return folder.dataset(replace(case, images=(DeadlyPath(case.images[0]),)))


def too_many_axes(folder):
    return folder.dataset(folder.case("faulty", 1, image=folder.image(1, (*SHAPE, 3))))


def nan_or_inf(folder):
    return folder.dataset(folder.case("faulty", 1, image=with_value(folder.image(1), np.nan)))


def constant_image(folder):
    return folder.dataset(folder.case("faulty", 1, image=np.full(SHAPE, 7, np.int16)))


def shape_mismatch(folder):
    return folder.dataset(folder.case("faulty", 1, label=folder.label(1)[:, :-1]))


def affine_mismatch(folder):
    return folder.dataset(folder.case("faulty", 1, label_affine=np.diag([1.0, 1.0, 2.5, 1.0])))


def label_is_image(folder):
    return folder.dataset(folder.case("faulty", 1, image=folder.label(1).astype(np.int16)))


def non_integer_label(folder):
    return folder.dataset(folder.case("faulty", 1, label=with_value(folder.label(1), 0.5)))


def unexpected_label(folder):
    return folder.dataset(folder.case("faulty", 1, label=with_value(folder.label(1), 9)))


def empty_label(folder):
    return folder.dataset(folder.case("faulty", 1, label=np.zeros(SHAPE, np.uint8)))


def class_never_present(folder):
    return folder.dataset(classes=(*CLASSES, ClassDef(3, "cyst", (3,))))


def duplicate_image(folder):
    # Another type on disk does not make it another image.
    return folder.dataset(folder.case("faulty", 1, image=folder.image(100).astype(np.float64)))


def duplicate_id(folder):
    return folder.dataset(folder.case("faulty", 1), replace(folder.case("other", 2), case_id="Faulty"))


FAULTS = [
    missing_file,
    missing_label,
    unreadable,
    reader_crashed,
    too_many_axes,
    nan_or_inf,
    constant_image,
    shape_mismatch,
    affine_mismatch,
    label_is_image,
    non_integer_label,
    unexpected_label,
    empty_label,
    class_never_present,
    duplicate_image,
    duplicate_id,
]
OF_TWO_CASES = ("duplicate_image", "duplicate_id")


def check(dataset, **options):
    """In this process, unless a file would kill it."""
    deadly = any(isinstance(path, DeadlyPath) for case in dataset.cases for path in case.images)
    return check_dataset(dataset, **{"num_workers": 1 if deadly else 0, **options})


def test_every_kind_has_a_data_set_with_this_fault():
    assert sorted(fault.__name__ for fault in FAULTS) == sorted(KINDS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_single_fault_gives_this_finding_and_no_other(folder, fault):
    report = check(fault(folder))
    kind = fault.__name__
    assert [found.kind for found in report.findings] == [kind] * (2 if kind in OF_TWO_CASES else 1)
    for found in report.findings:
        assert found.severity == KINDS[kind]
        assert found.message
        assert found.advice
        assert "\n" not in found.message + found.advice
    blamed = {found.case_id for found in report.findings}
    for case_id, verdict in report.cases.items():
        assert verdict == (KINDS[kind] if case_id in blamed else "ok")
    assert report.errors == (len(report.findings) if KINDS[kind] == "error" else 0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_finding_names_the_case_and_the_file_at_fault(folder, fault):
    kind = fault.__name__
    blamed = {(found.case_id, found.file) for found in check(fault(folder)).findings}
    of_the_label = ("shape_mismatch", "affine_mismatch", "label_is_image", "non_integer_label", "unexpected_label")
    expected = {
        "missing_label": {("faulty", "")},
        "reader_crashed": {("faulty", "faulty_image.nii, faulty_label.nii")},
        "class_never_present": {("", "")},
        "duplicate_image": {("faulty", "faulty_image.nii"), ("sound_a", "sound_a_image.nii")},
        "duplicate_id": {("faulty", ""), ("Faulty", "")},
    }
    part = "label" if kind in (*of_the_label, "empty_label") else "image"
    assert blamed == expected.get(kind, {("faulty", f"faulty_{part}.nii")})


def test_a_sound_data_set_has_no_finding_and_a_row_a_case(folder):
    report = check(folder.dataset())
    assert report.findings == ()
    assert report.cases == {"sound_a": "ok", "sound_b": "ok"}
    assert report.errors == 0
    assert (report.dataset, report.layout) == ("drawn", "drawn in code")


def test_a_data_set_without_cases_gives_an_empty_report(tmp_path):
    report = check(Dataset("none", tmp_path, "drawn in code", None, ()))
    assert report.cases == {}
    assert report.findings == ()


@pytest.fixture
def ten_faults(folder):
    """Ten faults in eight cases, and what a check must find of them."""
    gone = folder.case("gone", 1)
    gone.images[0].unlink()
    torn = folder.case("torn", 2)
    torn.label.write_bytes(torn.label.read_bytes()[:360])
    dataset = folder.dataset(
        gone,
        torn,
        folder.case("broken", 3, image=with_value(folder.image(3), np.inf), label=with_value(folder.label(3), 0.3)),
        folder.case("flat", 4, image=np.full(SHAPE, 3, np.int16), label=np.zeros(SHAPE, np.uint8)),
        folder.case("moved", 5, label_affine=np.diag([2.0, 1.0, 2.0, 1.0])),
        folder.case("copy", 6, image=folder.image(100)),
        replace(folder.case("bare", 7), label=None),
        folder.case("odd", 8, label=with_value(folder.label(8), 77)),
    )
    expected = {
        ("gone", "missing_file"),
        ("torn", "unreadable"),
        ("broken", "nan_or_inf"),
        ("broken", "non_integer_label"),
        ("flat", "constant_image"),
        ("flat", "empty_label"),
        ("moved", "affine_mismatch"),
        ("copy", "duplicate_image"),
        ("sound_a", "duplicate_image"),
        ("bare", "missing_label"),
        ("odd", "unexpected_label"),
    }
    return dataset, expected


def test_ten_faults_are_all_found_in_one_pass(ten_faults):
    dataset, expected = ten_faults
    report = check(dataset)
    assert {(found.case_id, found.kind) for found in report.findings} == expected
    assert len(report.findings) == len(expected)
    assert Counter(report.cases.values()) == {"error": 6, "warning": 3, "ok": 1}


def test_the_report_does_not_depend_on_the_number_of_workers(ten_faults):
    dataset, _ = ten_faults
    reports = [check_dataset(dataset, num_workers=workers) for workers in (0, 1, 2)]
    assert reports[0] == reports[1] == reports[2]


@pytest.mark.parametrize("seed", range(5))
def test_the_report_does_not_depend_on_the_order_of_the_cases(ten_faults, seed):
    dataset, _ = ten_faults
    shuffled = random.Random(seed).sample(dataset.cases, len(dataset.cases))
    assert check(replace(dataset, cases=tuple(shuffled))).to_json() == check(dataset).to_json()


def test_the_order_of_cases_of_one_id_does_not_change_the_report(folder):
    twins = [replace(folder.case(name, seed), case_id="twin") for seed, name in enumerate("ab")]
    twins[1].label.unlink()
    dataset = folder.dataset(*twins)
    report = check(dataset)
    assert report == check(replace(dataset, cases=dataset.cases[::-1]))
    assert {found.kind for found in report.findings} == {"duplicate_id", "missing_file"}


def test_a_report_is_plain_json_without_a_path_of_the_machine(ten_faults, tmp_path):
    dataset, expected = ten_faults
    content = check(dataset).to_json()
    text = json.dumps(content)
    assert str(tmp_path) not in text
    assert tmp_path.name not in text
    assert json.loads(text) == content
    assert content["counts"] == dict(Counter(kind for _, kind in sorted(expected, key=lambda pair: pair[1])))
    assert list(content["cases"]) == sorted(case.case_id for case in dataset.cases)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_no_kind_of_finding_tells_where_the_data_lie(folder, tmp_path, fault):
    assert str(tmp_path) not in json.dumps(check(fault(folder)).to_json())


def test_a_name_longer_than_the_system_allows_is_a_finding_and_the_label_is_still_looked_at(folder, tmp_path):
    case = folder.case("faulty", 1, label=np.zeros(SHAPE, np.uint8))
    report = check(folder.dataset(replace(case, images=(tmp_path / f"{'x' * 400}.nii",))))
    assert [found.kind for found in report.findings] == ["empty_label", "unreadable"]
    assert str(tmp_path) not in json.dumps(report.to_json())


@pytest.mark.parametrize("workers", [0, 2])
def test_progress_is_told_once_a_case(ten_faults, workers):
    dataset, _ = ten_faults
    calls = []
    check_dataset(dataset, num_workers=workers, progress=lambda *call: calls.append(call))
    ids = sorted(case.case_id for case in dataset.cases)
    assert calls == [(number, len(ids), case_id) for number, case_id in enumerate(ids, start=1)]


def test_a_crash_costs_only_its_own_case(folder):
    deadly = replace(folder.case("deadly", 1), images=(DeadlyPath(folder.root / "deadly_image.nii"),))
    empty = folder.case("empty", 2, label=np.zeros(SHAPE, np.uint8))
    report = check(folder.dataset(deadly, empty), num_workers=1)
    assert [(found.case_id, found.kind) for found in report.findings] == [
        ("deadly", "reader_crashed"),
        ("empty", "empty_label"),
    ]


def test_a_case_that_takes_too_long_is_reported_with_the_limit(folder):
    report = check_dataset(folder.dataset(), num_workers=1, timeout_s=0.0)
    assert [found.kind for found in report.findings][:2] == ["class_never_present", "class_never_present"]
    late = [found for found in report.findings if found.kind == "reader_crashed"]
    assert [found.case_id for found in late] == ["sound_a", "sound_b"]
    assert all("gave up after 0 s" in found.message for found in late)


def test_the_image_named_as_its_own_label_is_found(folder):
    image = folder.write("x.nii", folder.label(1).astype(np.int16))
    report = check(folder.dataset(Case("faulty", (image,), image)))
    assert [found.kind for found in report.findings] == ["label_is_image"]


def test_image_and_label_of_one_npz_are_no_fault(folder, tmp_path):
    np.savez(tmp_path / "case.npz", imgs=np.arange(120, dtype=np.uint8).reshape(SHAPE), gts=folder.label(1))
    path = tmp_path / "case.npz"
    assert check(folder.dataset(Case("npz", (path,), path))).findings == ()


def test_a_file_that_holds_the_declared_channels_is_no_fault(folder):
    case = folder.case("channels", 1, image=folder.image(1, (*SHAPE, 2)))
    dataset = replace(folder.dataset(case), channel_names=("T1", "T2"))
    assert check(dataset).findings == ()


def test_a_channel_on_another_grid_is_found_beside_the_label(folder):
    case = folder.case("faulty", 1)
    other = folder.write("second.nii", folder.image(2, (6, 5, 3)))
    dataset = folder.dataset(replace(case, images=(*case.images, other)))
    (found,) = check(replace(dataset, channel_names=("T1", "T2"))).findings
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
    assert (found.kind, found.message) == ("unexpected_label", "negative label values -1")


def write_table(path, header, rows):
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    return path


@pytest.mark.data
def test_every_odd_file_gets_a_row_whatever_it_does_to_readers(real_data, tmp_path):
    files = sorted(
        path for path in (real_data / "odd_files").rglob("*") if path.is_file() and path.name not in ("README.md",)
    )
    assert "5D_small.nii" in {path.name for path in files}
    label = real_data / "odd_files" / "ibsi_phantom" / "ibsi_1_digital_phantom" / "nifti" / "mask" / "mask.nii.gz"
    rows = [(f"case_{number:03d}", path, label) for number, path in enumerate(files)]
    dataset = table.read(write_table(tmp_path / "odd.csv", ("id", "image", "label"), rows))
    report = check_dataset(dataset, num_workers=2, timeout_s=60)
    assert list(report.cases) == [case_id for case_id, _, _ in rows]
    kinds_of = {row[0]: {found.kind for found in report.findings if found.case_id == row[0]} for row in rows}
    by_name = {path.name: kinds_of[case_id] for case_id, path, _ in rows}
    assert by_name["5D_small.nii"] >= {"too_many_axes"}
    assert by_name["not-nifti.nii"] == {"unreadable"}
    assert "unreadable" not in by_name["phantom.nii.gz"]
    assert str(real_data) not in json.dumps(report.to_json())


@pytest.mark.data
def test_the_hippocampus_data_set_is_clean(real_data):
    dataset = decathlon.read(real_data / "Task04_Hippocampus")
    report = check_dataset(replace(dataset, cases=dataset.cases[::4]), num_workers=2)
    assert report.findings == ()
    assert set(report.cases.values()) == {"ok"}


@pytest.mark.data
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
    assert not {"unreadable", "missing_file", "reader_crashed"} & {found.kind for found in report.findings}
