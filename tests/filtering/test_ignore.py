import json
import os
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from auvseg.cohort.selection import filter_cases
from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.errors import ReadError, UsageError
from auvseg.filtering.for_nnunet import describe_for_nnunet
from auvseg.filtering.ignore import export_ignore
from auvseg.filtering.undo import undo
from slicer_files import write_slicer


@pytest.fixture
def selection(scores):
    """Suspicious: the liver of case 3, the tumour of case 5."""
    return filter_cases(scores, keep=0.9, scope="class")


@pytest.fixture
def export(tmp_path):
    def act(selection, dataset, name="Dataset107_LiverIgnore", **options):
        return export_ignore(selection, dataset, tmp_path / "filter", target=tmp_path / "raw" / name, **options)

    return act


def as_nnunet_reads_it(folder: Path) -> dict:
    """`dataset.json`, its paths joined and shortened as nnU-Net 2.8 does."""
    content = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    for entry in content["dataset"].values():
        files = [*entry["images"], entry["label"]]
        assert not any(Path(file).is_absolute() for file in files)
        *entry["images"], entry["label"] = [Path(os.path.abspath(folder / file)) for file in files]  # noqa: PTH100
    return content


def test_only_the_suspicious_class_of_the_affected_cases_changes(tmp_path, nnunet_dataset, selection, export):
    assert selection.suspicious_pairs == (("liver_003", 1), ("liver_005", 2))
    written = export(selection, nnunet_dataset)
    folder = tmp_path / "raw" / "Dataset107_LiverIgnore"
    labels = [folder / "labelsTr" / f"liver_00{number}.nii.gz" for number in (3, 5)]
    assert [file.path for file in written.files] == [*labels, folder / "dataset.json"]
    for case_id, class_id in selection.suspicious_pairs:
        before = nibabel.load(nnunet_dataset.root / "labelsTr" / f"{case_id}.nii.gz")
        after = nibabel.load(folder / "labelsTr" / f"{case_id}.nii.gz")
        labels_before, labels_after = np.asanyarray(before.dataobj), np.asanyarray(after.dataobj)
        np.testing.assert_array_equal(labels_after, np.where(labels_before == class_id, 3, labels_before))
        assert (labels_after == 3).any()
        assert after.header == before.header
        np.testing.assert_array_equal(after.affine, before.affine)


def test_the_description_names_every_file_where_it_is(tmp_path, nnunet_dataset, selection, export):
    export(selection, nnunet_dataset)
    folder = tmp_path / "raw" / "Dataset107_LiverIgnore"
    content = as_nnunet_reads_it(folder)
    assert content["labels"] == {"background": 0, "liver": 1, "tumour": 2, "ignore": 3}
    assert content["numTraining"] == len(content["dataset"]) == 10
    assert (content["channel_names"], content["file_ending"], content["licence"]) == ({"0": "CT"}, ".nii.gz", "CC0")
    for case in nnunet_dataset.cases[:10]:
        entry = content["dataset"][case.case_id]
        assert tuple(entry["images"]) == case.images
        changed = case.case_id in ("liver_003", "liver_005")
        assert entry["label"] == (folder / "labelsTr" / f"{case.case_id}.nii.gz" if changed else case.label)
        assert entry["label"].is_file()
    assert "unseen" not in content["dataset"]


def test_undo_takes_the_whole_data_set_away(tmp_path, nnunet_dataset, selection, export, snapshot):
    before = snapshot(tmp_path)
    export(selection, nnunet_dataset)
    assert undo(tmp_path / "filter").left == ()
    assert snapshot(tmp_path) == before
    assert not (tmp_path / "raw" / "Dataset107_LiverIgnore").exists()


def test_a_dry_run_reads_the_labels_and_writes_nothing(tmp_path, nnunet_dataset, selection, export, snapshot):
    before = snapshot(tmp_path)
    would = export(selection, nnunet_dataset, dry_run=True)
    assert snapshot(tmp_path) == before
    assert would == export(selection, nnunet_dataset)
    nnunet_dataset.cases[3].label.write_bytes(b"broken")
    with pytest.raises(ReadError, match="liver_003"):
        export(selection, nnunet_dataset, name="Dataset108_Other", dry_run=True)


def test_without_a_description_there_is_no_half_data_set(tmp_path, nnunet_dataset, selection, export):
    nnunet_dataset.cases[5].label.write_bytes(b"broken")
    with pytest.raises(ReadError, match="liver_005"):
        export(selection, nnunet_dataset)
    assert not (tmp_path / "raw" / "Dataset107_LiverIgnore").exists()


def test_a_second_export_replaces_the_first(tmp_path, nnunet_dataset, selection, scores, export):
    export(filter_cases(scores, keep=0.5, scope="class"), nnunet_dataset)
    export(selection, nnunet_dataset)
    content = as_nnunet_reads_it(tmp_path / "raw" / "Dataset107_LiverIgnore")
    own = [case for case, entry in content["dataset"].items() if "Dataset107" in str(entry["label"])]
    assert own == ["liver_003", "liver_005"]
    undo(tmp_path / "filter")
    assert not (tmp_path / "raw" / "Dataset107_LiverIgnore").exists()


def test_an_ignore_label_of_the_data_set_is_used(nnunet_dataset, selection, export, tmp_path):
    description = json.loads(nnunet_dataset.source.read_text())
    description["labels"]["ignore"] = 3
    nnunet_dataset.source.write_text(json.dumps(description))
    export(selection, replace(nnunet_dataset, ignore_value=3))
    content = as_nnunet_reads_it(tmp_path / "raw" / "Dataset107_LiverIgnore")
    assert content["labels"] == description["labels"]


@pytest.fixture
def region_dataset(nnunet_dataset):
    """The same labels, described as regions: the organ with its tumour, and the tumour."""
    description = json.loads(nnunet_dataset.source.read_text())
    description |= {"labels": {"background": 0, "whole": [1, 2], "core": [2]}, "regions_class_order": [1, 2]}
    nnunet_dataset.source.write_text(json.dumps(description))
    return replace(nnunet_dataset, classes=(ClassDef(1, "whole", (1, 2)), ClassDef(2, "core", (2,))))


def test_a_region_takes_all_of_its_values_with_it(tmp_path, region_dataset, selection, export):
    export(selection, region_dataset)
    folder = tmp_path / "raw" / "Dataset107_LiverIgnore"
    content = as_nnunet_reads_it(folder)
    assert content["labels"] == {"background": 0, "whole": [1, 2], "core": [2], "ignore": 3}
    assert content["regions_class_order"] == [1, 2]
    assert set(np.unique(nibabel.load(folder / "labelsTr" / "liver_003.nii.gz").dataobj)) == {0, 3}
    assert set(np.unique(nibabel.load(folder / "labelsTr" / "liver_005.nii.gz").dataobj)) == {0, 1, 3}


@pytest.fixture
def folder_dataset(nnunet_dataset):
    """The same files as plain folders would describe them: no dataset.json, no declared classes."""
    return replace(nnunet_dataset, source=None, classes=None, channel_names=(), modality="mri", name="My livers")


def test_a_data_set_without_description_gets_one(tmp_path, folder_dataset, selection, export):
    export(selection, folder_dataset)
    content = as_nnunet_reads_it(tmp_path / "raw" / "Dataset107_LiverIgnore")
    assert content["labels"] == {"background": 0, "class 1": 1, "class 2": 2, "ignore": 3}
    assert content["channel_names"] == {"0": "MRI"}
    assert content["file_ending"] == ".nii.gz"


def test_class_names_that_nnunet_reserves_get_their_number(tmp_path, folder_dataset, selection, export):
    named = tuple(ClassDef(number, name, (number,)) for number, name in ((1, "ignore"), (2, "background")))
    export(selection, replace(folder_dataset, classes=named))
    labels = as_nnunet_reads_it(tmp_path / "raw" / "Dataset107_LiverIgnore")["labels"]
    assert labels == {"background": 0, "ignore_1": 1, "background_2": 2, "ignore": 3}


def test_a_folder_of_data_sets_gets_a_free_number_and_the_same_one_again(tmp_path, nnunet_dataset, selection):
    raw = tmp_path / "raw"
    (raw / "Dataset008_Taken").mkdir()
    for _ in range(2):
        written = export_ignore(selection, nnunet_dataset, tmp_path / "filter", target=raw)
        assert written.files[-1].path == raw / "Dataset009_LiverIgnore" / "dataset.json"


def test_a_number_that_is_taken_is_refused(nnunet_dataset, selection, export):
    with pytest.raises(UsageError, match="already has Dataset007_Liver"):
        export(selection, nnunet_dataset, name="Dataset007_LiverIgnore")


def test_a_name_that_nnunet_would_not_find_is_refused(nnunet_dataset, selection, export):
    with pytest.raises(UsageError, match="three digits"):
        export(selection, nnunet_dataset, name="Dataset12_Liver")


def test_a_suspicious_structure_without_a_label_is_refused(nnunet_dataset, selection, export):
    cases = tuple(replace(case, label=None) if case.case_id == "liver_005" else case for case in nnunet_dataset.cases)
    with pytest.raises(UsageError, match="no label for 'liver_005'"):
        export(selection, replace(nnunet_dataset, cases=cases))


def test_the_original_data_set_is_never_the_target(tmp_path, nnunet_dataset, selection, export, snapshot):
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match="exists and was not written by this run"):
        export(selection, nnunet_dataset, name="Dataset007_Liver")
    assert snapshot(tmp_path) == before


def test_cases_that_are_left_with_background_are_said(nnunet_dataset, make_scores, export):
    values = {case.case_id: {1: 0.5} for case in nnunet_dataset.cases[:10]} | {"liver_004": {1: 0.1}}
    (warning,) = export(filter_cases(make_scores(values), keep=0.9, scope="class"), nnunet_dataset).warnings
    assert "only background is left in 1 case," in warning


def test_validation_and_unlabelled_cases_are_left_out_and_said(tmp_path, nnunet_dataset, selection, export):
    first, second, *others = nnunet_dataset.cases
    cases = (replace(first, subset="validation"), replace(second, label=None), *others)
    export_warnings = export(selection, replace(nnunet_dataset, cases=cases)).warnings
    assert len(as_nnunet_reads_it(tmp_path / "raw" / "Dataset107_LiverIgnore")["dataset"]) == 8
    assert any("1 validation cases are left out" in sentence for sentence in export_warnings)
    assert any("1 training cases have no label" in sentence for sentence in export_warnings)


def test_whole_case_selections_and_empty_ones_are_refused(nnunet_dataset, scores, export):
    with pytest.raises(UsageError, match="scope 'class'"):
        export(filter_cases(scores, keep=0.9), nnunet_dataset)
    with pytest.raises(UsageError, match="nothing to ignore"):
        export(filter_cases(scores, keep=1.0, scope="class"), nnunet_dataset)


def test_whole_image_scores_have_nothing_to_ignore(nnunet_dataset, make_scores, export):
    values = {case.case_id: {0: 0.1 * (n + 1)} for n, case in enumerate(nnunet_dataset.cases[:10])}
    with pytest.raises(UsageError, match="were whole images scored"):
        export(filter_cases(make_scores(values), keep=0.9, scope="class"), nnunet_dataset)


def with_first(dataset, **changes):
    return replace(dataset, cases=(replace(dataset.cases[0], **changes), *dataset.cases[1:]))


def test_what_nnunet_cannot_read_in_place_is_refused_in_words(
    tmp_path, nnunet_dataset, folder_dataset, selection, export
):
    image = nnunet_dataset.cases[0].images[0]
    nibabel.save(nibabel.Nifti1Image(np.zeros((6, 5, 4, 2), np.int16), np.eye(4)), tmp_path / "four_0000.nii.gz")
    labels = tuple(ClassDef(number, str(number), (number,)) for number in (1, 2, 5))
    wrong = {
        "is 4-D": with_first(nnunet_dataset, images=(tmp_path / "four_0000.nii.gz",)),
        "2 image files for 1 channels": with_first(nnunet_dataset, images=(image, image)),
        "1 image files for 2 channels": replace(folder_dataset, channel_names=("T1", "T2")),
        "one file ending": with_first(nnunet_dataset, label=tmp_path / "label.nii"),
        "cannot contain a slash": with_first(nnunet_dataset, case_id="site/1"),
        r"without gaps; My livers has \[0, 1, 2, 5\]": replace(folder_dataset, classes=labels),
        "environment variable": with_first(nnunet_dataset, label=tmp_path / "$HOME" / "label.nii.gz"),
        "not a single label value": replace(folder_dataset, classes=(ClassDef(1, "whole", (1, 2)),)),
    }
    for message, dataset in wrong.items():
        with pytest.raises(UsageError, match=message):
            export(selection, dataset)
    assert not (tmp_path / "raw" / "Dataset107_LiverIgnore").exists()


def test_a_broken_image_is_said_with_its_case(nnunet_dataset, selection, export):
    nnunet_dataset.cases[2].images[0].write_bytes(b"no image")
    with pytest.raises(ReadError, match="case 'liver_002'"):
        export(selection, nnunet_dataset)


def test_a_label_without_the_class_has_changed_since_it_was_scored(nnunet_dataset, selection, export):
    nibabel.save(nibabel.Nifti1Image(np.zeros((6, 5, 4), np.uint8), np.eye(4)), nnunet_dataset.cases[3].label)
    with pytest.raises(ReadError, match="has changed since it was scored"):
        export(selection, nnunet_dataset)


def test_npz_cases_cannot_be_shared_with_nnunet(tmp_path, nnunet_dataset, folder_dataset, selection, export):
    cases = tuple(Case(case.case_id, (tmp_path / "c.npz",), tmp_path / "c.npz") for case in nnunet_dataset.cases[:10])
    with pytest.raises(UsageError, match=r"c\.npz has the wrong ending"):
        export(selection, replace(folder_dataset, cases=cases))


@pytest.mark.data
def test_the_real_decathlon_layout_becomes_an_nnunet_data_set(tmp_path, real_data, make_scores):
    # Beyond a symbolic link the export names files by absolute paths, on purpose; here relative ones are tested.
    root = real_data.resolve() / "Task04_Hippocampus"
    ids = [path.name.removesuffix(".nii.gz") for path in sorted((root / "imagesTr").glob("h*.nii.gz"))[:10]]
    cases = tuple(Case(one, (root / "imagesTr" / f"{one}.nii.gz",), root / "labelsTr" / f"{one}.nii.gz") for one in ids)
    classes = (ClassDef(1, "Anterior", (1,)), ClassDef(2, "Posterior", (2,)))
    dataset = Dataset("Hippocampus", root, "decathlon", root / "dataset.json", cases, classes, None, ("MRI",), "mri")
    values = {one: {1: 0.1 + 0.01 * n, 2: 0.5} for n, one in enumerate(ids)}
    selection = filter_cases(make_scores(values), keep=0.9, scope="class")
    export_ignore(selection, dataset, tmp_path / "filter", target=tmp_path / "Dataset004_Hippocampus")
    content = as_nnunet_reads_it(tmp_path / "Dataset004_Hippocampus")
    assert content["labels"] == {"background": 0, "Anterior": 1, "Posterior": 2, "ignore": 3}
    assert all(path.is_file() for entry in content["dataset"].values() for path in (*entry["images"], entry["label"]))
    before = nibabel.load(cases[0].label).get_fdata()
    after = nibabel.load(content["dataset"][ids[0]]["label"]).get_fdata()
    np.testing.assert_array_equal(after, np.where(before == 1, 3, before))


@pytest.mark.parametrize(
    ("segments", "crop", "reason"),
    [
        ([("tumour", 1, 0), ("liver", 2, 0)], 0, r"in the data set 'tumour' 2 \(1 here\).*nnU-Net reads values, not"),
        ([("liver", 1, 0), ("tumour", 2, 0)], 1, r"other voxels than its image"),
        ([("liver", 1, 0), ("tumour", 2, 0)], 0, ""),
    ],
)
def test_labels_that_go_by_name_stay_only_where_their_values_say_the_same(tmp_path, segments, crop, reason):
    case = Case("a", (tmp_path / "a.nrrd",), tmp_path / "a.seg.nrrd", label_values={"liver": 1, "tumour": 2})
    voxels = np.zeros((4, 4, 4), np.uint8)
    voxels[1:3, 1:3, 1:3] = np.arange(8).reshape(2, 2, 2) % 2 + 1
    write_slicer(case.images[0], voxels, [], np.eye(4))
    first = (crop, crop, crop)
    write_slicer(case.label, voxels[crop:, crop:, crop:], segments, np.eye(4), first=first)
    classes = (ClassDef(1, "liver", (1,)), ClassDef(2, "tumour", (2,)))
    dataset = Dataset("toy", tmp_path, "", None, (case,), classes, modality="ct")
    if reason:
        with pytest.raises(UsageError, match=reason):
            describe_for_nnunet(dataset, dataset.cases, ())
    else:
        assert describe_for_nnunet(dataset, dataset.cases, ()).file_ending == ".nrrd"
