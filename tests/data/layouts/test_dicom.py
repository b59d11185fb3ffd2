"""Which series and labels of a folder become which cases, and what never leaves a header."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from auvseg.data.case import ClassDef
from auvseg.data.dataset import read_dataset
from auvseg.data.volume import load_volume
from auvseg.errors import CaseError
from dicom_files import (
    MR,
    PET,
    SECONDARY_CAPTURE,
    SECRET,
    Scan,
    new_file,
    rectangle,
    write_contours,
    write_enhanced,
    write_segmentation,
    write_series,
)

VOXELS = np.arange(4 * 12 * 10, dtype=np.int16).reshape(4, 12, 10)


def structures(path, scan, *names, **options):
    """A structure set with a square of 9 voxels a name, side by side."""
    rois = {name: [rectangle(scan, (3 * n - 0.5, 3 * n + 2.5), (1.5, 4.5), 1)] for n, name in enumerate(names)}
    return write_contours(path, scan, rois, **options)


def test_a_labelled_series_is_a_case_in_the_canonical_orientation(tmp_path):
    scan = Scan()
    write_series(tmp_path / "p1" / "study" / "ct", VOXELS, scan)
    structures(tmp_path / "p1" / "study" / "rt" / "x.dcm", scan, "liver", "cord")
    dataset = read_dataset(tmp_path)
    (case,) = dataset.cases
    assert (dataset.layout, dataset.modality, dataset.notes) == ("DICOM", "ct", ())
    assert case.case_id == "p1"
    assert case.images == (tmp_path / "p1" / "study" / "ct",)
    assert case.label == tmp_path / "p1" / "study" / "rt" / "x.dcm"
    assert dataset.classes == (ClassDef(1, "cord", (1,)), ClassDef(2, "liver", (2,)))
    volume = load_volume(case)
    # Columns run to the left, rows to the back: both are turned; planes run upwards already.
    np.testing.assert_array_equal(volume.image, VOXELS[:, ::-1, ::-1] - 1024)
    assert volume.spacing_mm == pytest.approx((2.5, 0.7, 0.8))
    expected = np.zeros(VOXELS.shape, np.int32)
    expected[1, 2:5, 0:3], expected[1, 2:5, 3:6] = 2, 1
    np.testing.assert_array_equal(volume.label, expected[:, ::-1, ::-1])


def test_names_and_nesting_of_files_do_not_matter(tmp_path):
    """Images and labels of two patients in one folder, under names without meaning."""
    for patient in "ab":
        scan = Scan()
        files = write_series(tmp_path, VOXELS, scan, names=[f"{patient}{n}" for n in (3, 1, 2, 0)])
        write_segmentation(tmp_path / f"{patient}9", files, (VOXELS > 100).astype(np.uint8), ["organ"], "BINARY")
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    first, second = read_dataset(tmp_path).cases
    assert [first.case_id, second.case_id] == ["a0", "b0"]
    assert [first.label.name, second.label.name] == ["a9", "b9"]
    np.testing.assert_array_equal(load_volume(second).label, (VOXELS > 100)[:, ::-1, ::-1])


def test_the_same_name_is_the_same_class_in_every_case(tmp_path):
    for patient, names in (("1", ("spleen", "liver")), ("2", ("liver",)), ("3", ("  liver ", "aorta"))):
        scan = Scan()
        write_series(tmp_path / patient / "ct", VOXELS, scan)
        structures(tmp_path / patient / "rt.dcm", scan, *names)
    dataset = read_dataset(tmp_path)
    assert [one.name for one in dataset.classes] == ["aorta", "liver", "spleen"]
    assert [case.label_values for case in dataset.cases] == [
        {"spleen": 3, "liver": 2},
        {"liver": 2},
        {"liver": 2, "aorta": 1},
    ]
    assert [np.unique(load_volume(case).label).tolist() for case in dataset.cases] == [[0, 2, 3], [0, 2], [0, 1, 2]]


def test_names_that_look_alike_are_told_and_outlines_left_out(tmp_path):
    for patient, names in (("1", ("Liver", "BODY")), ("2", ("liver", "Couch"))):
        scan = Scan()
        write_series(tmp_path / patient / "ct", VOXELS, scan)
        structures(tmp_path / patient / "rt.dcm", scan, *names, types={"BODY": "EXTERNAL", "Couch": "SUPPORT"})
    dataset = read_dataset(tmp_path)
    assert [one.name for one in dataset.classes] == ["Liver", "liver"]
    alike, outlines = dataset.notes
    assert "'Liver' and 'liver'" in alike
    assert "BODY, Couch left out" in outlines


def test_a_study_without_labels_is_a_case_if_it_has_one_series(tmp_path):
    scan = Scan()
    write_series(
        tmp_path / "p" / "scout", VOXELS[:1], replace(scan, series=generate_uid(), image_type=("A", "B", "LOCALIZER"))
    )
    write_series(tmp_path / "p" / "pet", VOXELS, replace(scan, series=generate_uid(), sop_class=PET, modality="PT"))
    write_series(tmp_path / "p" / "ct", VOXELS, scan)
    dataset = read_dataset(tmp_path)
    (case,) = dataset.cases
    assert (case.images, case.label, case.problem) == ((tmp_path / "p" / "ct",), None, "")
    assert dataset.notes == ("2 series are scout views, or PET beside another scan: pet, scout ignored",)


def test_several_series_and_nothing_that_says_which_is_a_row_with_the_way_out(tmp_path):
    scan = Scan(modality="MR", sop_class=MR)
    write_series(tmp_path / "p" / "t1", VOXELS, scan)
    write_series(tmp_path / "p" / "t2", VOXELS, replace(scan, series=generate_uid()))
    (case,) = read_dataset(tmp_path).cases
    assert case.problem.startswith("its study has 2 series, and no label refers to one (t1, t2); state it in a table")
    with pytest.raises(CaseError, match="p: its study has 2 series"):
        load_volume(case)


def test_a_label_says_which_series_is_meant_and_the_others_are_noted(tmp_path):
    scan = Scan()
    write_series(tmp_path / "p" / "thick", VOXELS, replace(scan, series=generate_uid()))
    write_series(tmp_path / "p" / "thin", VOXELS, scan)
    structures(tmp_path / "p" / "rt.dcm", scan, "liver")
    dataset = read_dataset(tmp_path)
    assert dataset.cases[0].images == (tmp_path / "p" / "thin",)
    assert dataset.notes == ("1 series without a label in a study with a labelled one: thick ignored",)


def test_two_labels_of_one_series_are_a_row(tmp_path):
    scan = Scan()
    write_series(tmp_path / "p" / "ct", VOXELS, scan)
    structures(tmp_path / "p" / "rater1.dcm", scan, "liver")
    structures(tmp_path / "p" / "rater2.dcm", scan, "liver")
    (case,) = read_dataset(tmp_path).cases
    assert case.problem.startswith("its series has 2 labels (rater1.dcm, rater2.dcm)")


def test_a_structure_set_that_names_no_series_belongs_to_the_only_one_in_its_space(tmp_path):
    scan = Scan()
    write_series(tmp_path / "p" / "ct", VOXELS, scan)
    structures(tmp_path / "p" / "rt.dcm", scan, "liver", names_series=False)
    structures(tmp_path / "p" / "stray.dcm", Scan(), "liver")
    dataset = read_dataset(tmp_path)
    assert dataset.cases[0].label == tmp_path / "p" / "rt.dcm"
    assert dataset.notes == ("1 labels refer to none or several of the series found: stray.dcm ignored",)


def test_files_that_are_no_images_are_counted(tmp_path):
    scan = Scan()
    write_series(tmp_path / "p" / "ct", VOXELS, scan)
    new_file(replace(scan, series=generate_uid()), SECONDARY_CAPTURE).save_as(tmp_path / "p" / "screenshot")
    (tmp_path / "p" / "readme.txt").write_text("x")
    (tmp_path / "p" / "broken.dcm").write_bytes(bytes(128) + b"DICM" + bytes(range(200)))
    dataset = read_dataset(tmp_path)
    assert len(dataset.cases) == 1
    assert [note.split(":")[1] for note in dataset.notes] == [
        " broken.dcm ignored",
        " screenshot ignored",
        " readme.txt ignored",
    ]


def test_an_enhanced_file_is_a_case(tmp_path):
    path = write_enhanced(tmp_path / "x" / "mr.dcm", VOXELS, Scan(modality="MR"))
    dataset = read_dataset(tmp_path)
    assert (dataset.cases[0].images, dataset.cases[0].case_id, dataset.modality) == ((path,), "x", "mri")


def test_pet_alone_has_no_modality_until_one_is_named(tmp_path):
    write_series(tmp_path / "p", VOXELS, Scan(modality="PT", sop_class=PET))
    dataset = read_dataset(tmp_path)
    assert dataset.modality is None
    assert "PET is neither CT nor MRI: say --modality" in dataset.notes[0]


def test_a_series_spread_over_folders_is_read_from_the_folder_above_or_refused(tmp_path):
    scan = Scan()
    write_series(tmp_path / "p" / "a", VOXELS[:2], scan)
    write_series(tmp_path / "p" / "b", VOXELS[2:], replace(scan, origin=tuple(scan.position(2))))
    (case,) = read_dataset(tmp_path).cases
    np.testing.assert_array_equal(load_volume(case).image, VOXELS[:, ::-1, ::-1] - 1024)
    write_series(tmp_path / "p" / "b", VOXELS, Scan(), names=list("wxyz"))
    assert [case.problem.split(";")[0] for case in read_dataset(tmp_path).cases] == [
        "its files lie in several folders, mixed with other series",
        "",
    ]


@pytest.mark.parametrize("folder", ["musterfrau_erika", "19281", "MUSTERFRAU"])
def test_folders_that_name_the_patient_give_no_id(tmp_path, folder):
    write_series(tmp_path / folder / "ct", VOXELS, Scan(series="1.2.3"))
    dataset = read_dataset(tmp_path)
    assert dataset.cases[0].case_id == "case_c47f5b18"
    assert "hash of their series" in dataset.notes[0]


@pytest.mark.parametrize("identity", [{"patient": "LIDC-7", "patient_id": "LIDC-7"}, {"patient": "", "patient_id": ""}])
def test_pseudonyms_may_be_ids(tmp_path, identity):
    write_series(tmp_path / "LIDC-7" / "ct", VOXELS, Scan(**identity))
    assert read_dataset(tmp_path).cases[0].case_id == "LIDC-7"


def test_what_was_deidentified_keeps_its_folder_names(tmp_path):
    for path in write_series(tmp_path / "19281" / "ct", VOXELS, Scan()):
        file = pydicom.dcmread(path)
        file.PatientIdentityRemoved = "YES"
        file.save_as(path)
    assert read_dataset(tmp_path).cases[0].case_id == "19281"


def test_nothing_of_a_header_is_in_the_data_set(tmp_path):
    scan = Scan()
    write_series(tmp_path / "erika" / "ct", VOXELS, scan)
    write_series(tmp_path / "erika" / "ct2", VOXELS, replace(scan, series=generate_uid()))
    structures(tmp_path / "erika" / "rt.dcm", scan, "liver")
    shown = repr(replace(read_dataset(tmp_path), root=tmp_path / "erika"))
    for secret in (*SECRET.split("^"), scan.series, scan.study, scan.patient_id, "20200101"):
        assert secret not in shown


def test_ids_start_where_folders_differ_and_are_as_short_as_can_be(tmp_path):
    for place in ("export/p1/s1", "export/p1/s2", "export/p2/s1"):
        write_series(tmp_path / place / "ct", VOXELS, Scan())
    assert [case.case_id for case in read_dataset(tmp_path).cases] == ["p1_s1", "p1_s2", "p2"]
