import gzip
import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.errors import DatasetError, UsageError
from auvseg.evaluation.evaluate import COLUMNS, evaluate, held_by_one, summarise

CLASSES = (ClassDef(1, "liver", (1,)), ClassDef(2, "tumour", (2,)))
AFFINE = np.diag([1.5, 1.0, 3.0, 1.0])


def write(path, voxels, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(voxels, affine), path)


def draw(seed):
    rng = np.random.default_rng(seed)
    label = np.zeros((14, 12, 8), np.uint8)
    corner = rng.integers(1, 5, 3)
    label[tuple(slice(c, c + s) for c, s in zip(corner, (7, 6, 3), strict=True))] = 1
    label[tuple(slice(c + 1, c + 3) for c in corner)] = 2
    return label


def spoil(label, seed):
    rng = np.random.default_rng(seed)
    spoiled = np.where(rng.random(label.shape) < 0.08, rng.integers(0, 3, label.shape), label)
    return np.roll(spoiled, rng.integers(0, 2), axis=0).astype(np.uint8)


@pytest.fixture
def make(tmp_path):
    """Labels and predictions on disk, as a data set and a folder."""

    def build(labels, predictions, classes=CLASSES, ignore_value=None, subset="training"):
        cases = []
        for name, voxels in labels.items():
            write(tmp_path / "labelsTr" / f"{name}.nii.gz", voxels)
            cases.append(Case(name, (tmp_path / "none.nii.gz",), tmp_path / "labelsTr" / f"{name}.nii.gz", subset))
        for name, voxels in predictions.items():
            write(tmp_path / "predicted" / f"{name}.nii.gz", voxels)
        dataset = Dataset("set", tmp_path, "by hand", None, tuple(cases), classes, ignore_value)
        return dataset, tmp_path / "predicted"

    return build


@pytest.fixture
def three(make):
    labels = {f"case_{n}": draw(n) for n in range(3)}
    return make(labels, {name: spoil(label, 7) for name, label in labels.items()})


def nnunet(folder_ref, folder_pred, regions, ignore=None):
    from nnunetv2.evaluation.evaluate_predictions import compute_metrics
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIO

    return {
        path.name.removesuffix(".nii.gz"): compute_metrics(
            str(folder_ref / path.name), str(path), NibabelIO(), regions, ignore
        )["metrics"]
        for path in sorted(folder_pred.glob("*.nii.gz"))
    }


@pytest.mark.parametrize("ignore", [None, 3])
def test_dice_and_iou_of_labels_and_regions_are_those_of_nnunet(make, ignore):
    classes = (ClassDef(1, "whole", (1, 2)), ClassDef(2, "tumour", (2,)), ClassDef(3, "nowhere", (9,)))
    labels = {f"case_{n}": draw(n) for n in range(3)}
    labels["case_2"][labels["case_2"] == 2] = 1
    predictions = {name: spoil(label, 3) for name, label in labels.items()}
    for label in labels.values():
        label[:, 3:5] = 3
    dataset, folder = make(labels, predictions, classes, ignore)
    table = evaluate(dataset, folder, tolerance_mm=None, num_workers=0).table.set_index(["case", "class"])
    expected = nnunet(dataset.root / "labelsTr", folder, [(1, 2), 2, 9], ignore)
    for case, metrics in expected.items():
        for name, key in (("whole", (1, 2)), ("tumour", 2), ("nowhere", 9)):
            row = table.loc[case, name]
            np.testing.assert_allclose([row["dice"], row["iou"]], [metrics[key]["Dice"], metrics[key]["IoU"]])
            assert row["volume_ml"] == pytest.approx(metrics[key]["n_ref"] * 4.5e-3) or row["status"] == "absent"


def test_every_case_and_class_has_a_row_in_order(three):
    dataset, folder = three
    table = evaluate(dataset, folder, num_workers=0).table
    assert list(table.columns) == list(COLUMNS)
    expected = [(f"case_{n}", class_id) for n in range(3) for class_id in (1, 2)]
    assert list(zip(table["case"], table["class_id"], strict=True)) == expected
    assert table[["dice", "iou", "surface_dice"]].stack().between(0, 1).all()


def test_worker_processes_change_nothing(three):
    dataset, folder = three
    alone, seen = evaluate(dataset, folder, tolerance_mm=None, num_workers=0).table, []
    with_workers = evaluate(dataset, folder, tolerance_mm=None, num_workers=2, progress=lambda *step: seen.append(step))
    pd.testing.assert_frame_equal(alone, with_workers.table)
    assert seen[-1] == (3, 3, "case_2")


def test_a_perfect_prediction_has_ones_and_no_distance(make):
    dataset, folder = make({"a": draw(0)}, {"a": draw(0)})
    table = evaluate(dataset, folder, num_workers=0).table
    assert (table[["dice", "iou", "surface_dice"]] == 1).all(axis=None)
    assert (table["hd95_mm"] == 0).all()


def test_absent_in_both_has_no_number_and_absent_in_one_is_zero(make):
    only_liver = np.where(draw(0) == 2, 1, draw(0)).astype(np.uint8)
    nothing = np.zeros_like(only_liver)
    dataset, folder = make({"a": only_liver, "b": draw(1)}, {"a": only_liver, "b": nothing})
    table = evaluate(dataset, folder, num_workers=0).table.set_index(["case", "class"])
    assert table.loc[("a", "tumour"), "status"] == "absent"
    assert table.loc[("a", "tumour"), ["dice", "iou", "surface_dice"]].isna().all()
    assert (table.loc["b"][["dice", "iou", "surface_dice"]] == 0).all(axis=None)
    assert set(table.loc["b"]["reason"]) == {"the prediction lacks this class"}


def test_a_missing_an_unreadable_and_a_mismatching_prediction_are_rows(make):
    labels = {name: draw(0) for name in "abcd"}
    dataset, folder = make(labels, {"a": draw(0), "b": draw(0)[:-1]})
    (folder / "c.nii.gz").write_bytes(b"no image")
    result = evaluate(dataset, folder, num_workers=0)
    failed = result.failed.set_index("case")["reason"]
    assert list(failed.index) == ["b", "c", "d"]
    assert "13×12×8" in failed["b"]
    assert "c.nii.gz" in failed["c"]
    assert failed["d"] == "there is no prediction"
    assert (result.table["case"] == "a").sum() == 2


def test_only_what_is_predicted_and_only_subsets_that_are(make):
    dataset, folder = make({name: draw(0) for name in "abc"}, {"a": draw(0), "stranger": draw(0)})
    result = evaluate(dataset, folder, only_predicted=True, num_workers=0)
    assert set(result.table["case"]) == {"a"}
    assert any("2 cases" in note for note in result.notes)
    assert any("stranger.nii.gz" in note for note in result.notes)
    *others, last = dataset.cases
    with_test = replace(dataset, cases=(*others, replace(last, subset="test")))
    both = evaluate(with_test, folder, num_workers=0)
    assert set(both.table["case"]) == {"a", "b"}
    assert any("test cases" in note for note in both.notes)


def test_classes_that_are_not_declared_are_what_labels_and_predictions_hold(make):
    tumour_only = np.where(draw(1) == 2, 2, 0).astype(np.uint8)
    dataset, folder = make({"a": draw(0), "b": tumour_only}, {"a": draw(0), "b": tumour_only}, classes=None)
    table = evaluate(dataset, folder, num_workers=0).table
    assert list(zip(table["case"], table["class"], table["status"], strict=True)) == [
        ("a", "1", "ok"),
        ("a", "2", "ok"),
        ("b", "1", "absent"),
        ("b", "2", "ok"),
    ]


@pytest.mark.parametrize("asked", ["tumour", "2"])
def test_one_class_by_its_name_or_number(three, asked):
    dataset, folder = three
    assert set(evaluate(dataset, folder, classes=[asked], num_workers=0).table["class"]) == {"tumour"}


def test_what_cannot_be_asked_is_refused(three, tmp_path):
    dataset, folder = three
    with pytest.raises(UsageError, match="liver, tumour"):
        evaluate(dataset, folder, classes=["spleen"])
    with pytest.raises(UsageError, match="tolerance"):
        evaluate(dataset, folder, tolerance_mm=-1.0)
    with pytest.raises(DatasetError, match="cannot be read"):
        evaluate(dataset, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"case_0\.nii\.gz"):
        evaluate(dataset, tmp_path / "empty")


def test_a_value_that_nobody_declared_is_said(make):
    predicted = draw(0)
    predicted[0, 0, 0] = 7
    dataset, folder = make({"a": draw(0)}, {"a": predicted})
    (note,) = evaluate(dataset, folder, num_workers=0).notes
    assert "(7)" in note


@pytest.mark.slow
def test_the_summary_is_nnunets(three, tmp_path):
    from nnunetv2.evaluation.evaluate_predictions import compute_metrics_on_folder
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIO

    dataset, folder = three
    summary = summarise(evaluate(dataset, folder, tolerance_mm=None, num_workers=0).table).set_index("class")
    target = tmp_path / "summary.json"
    compute_metrics_on_folder(
        str(dataset.root / "labelsTr"), str(folder), str(target), NibabelIO(), ".nii.gz", [1, 2], num_processes=1
    )
    theirs = json.loads(target.read_text())
    assert summary.loc["liver", "dice"] == pytest.approx(theirs["mean"]["1"]["Dice"])
    assert summary.loc["mean of the classes", "iou"] == pytest.approx(theirs["foreground_mean"]["IoU"])
    assert summary.loc["liver", "cases"] == 3


def test_the_summary_names_the_worst_case_and_counts_absences():
    rows = [("a", 1, "one", 0.5, "ok"), ("b", 1, "one", 0.2, "ok"), ("c", 1, "one", np.nan, "absent")]
    table = pd.DataFrame(rows, columns=["case", "class_id", "class", "dice", "status"]).reindex(columns=list(COLUMNS))
    row = summarise(table).iloc[0]
    assert (row["worst"], row["worst_dice"], row["cases"], row["of"], row["absent"]) == ("b", 0.2, 2, 3, 1)
    assert row["dice"] == pytest.approx(0.35)


@pytest.fixture
def one_sided(make):
    """The tumour is right in a, missed in b and c, extra in d and in neither of e; f is not predicted."""
    without = {name: np.where(draw(0) == 2, 1, draw(0)).astype(np.uint8) for name in "bcde"}
    labels = {name: draw(0) for name in "abcf"} | {name: without[name] for name in "de"}
    predictions = {name: draw(0) for name in "ad"} | {name: without[name] for name in "bce"}
    return make(labels, predictions)


def test_every_mean_has_the_number_of_values_behind_it(one_sided):
    summary = summarise(evaluate(*one_sided, num_workers=0).table).set_index("class")
    tumour = summary.loc["tumour"]
    assert (tumour["of"], tumour["cases"], tumour["dice_n"], tumour["hd95_mm_n"]) == (6, 4, 4, 1)
    assert (tumour["absent"], tumour["missed"], tumour["extra"]) == (1, 2, 1)
    assert (tumour["dice"], tumour["surface_dice"], tumour["hd95_mm"]) == (0.25, 0.25, 0.0)
    both = summary.loc["mean of the classes"]
    assert (both["of"], both["dice_n"], both["hd95_mm_n"]) == (12, 9, 6)


def test_without_surfaces_their_means_are_over_nothing(one_sided):
    summary = summarise(evaluate(*one_sided, tolerance_mm=None, num_workers=0).table)
    assert (summary[["surface_dice_n", "hd95_mm_n"]] == 0).all(axis=None)
    assert summary[["surface_dice", "hd95_mm"]].isna().all(axis=None)


def test_a_class_that_is_nowhere_has_no_number_and_no_part_in_the_mean_of_the_classes(make):
    nowhere = (*CLASSES, ClassDef(3, "cyst", (3,)))
    summary = summarise(evaluate(*make({"a": draw(0)}, {"a": draw(0)}, nowhere), num_workers=0).table)
    summary = summary.set_index("class")
    assert np.isnan(summary.loc["cyst", "dice"])
    assert (summary.loc["cyst", "cases"], summary.loc["cyst", "absent"]) == (0, 1)
    both = summary.loc["mean of the classes"]
    assert (both["dice"], both["dice_n"], both["of"]) == (1.0, 2, 3)


def test_structures_that_one_side_lacks_are_named(one_sided):
    held = held_by_one(evaluate(*one_sided, num_workers=0).table)
    assert held[1] == {"absent": [], "missed": [], "extra": []}
    assert held[2] == {"absent": ["e"], "missed": ["b", "c"], "extra": ["d"]}


def test_a_case_that_the_data_set_cannot_read_is_a_failed_row_with_its_reason(three):
    dataset, predictions = three
    first, *others = dataset.cases
    refused = replace(dataset, cases=(replace(first, problem="its label names no structures"), *others))
    table = evaluate(refused, predictions, tolerance_mm=None, num_workers=0).table
    (row,) = table[table["status"] == "failed"].to_dict("records")
    assert (row["case"], row["reason"]) == ("case_0", "its label names no structures")


def test_distances_that_hang_on_a_doubtful_size_are_named_once_for_all_labels(three):
    dataset, predictions = three
    assert not [note for note in evaluate(dataset, predictions, num_workers=0).notes if "unreliable" in note]
    for case in dataset.cases[:2]:
        content = bytearray(gzip.decompress(case.label.read_bytes()))
        content[80:92] = np.ones(3, np.float32).tobytes()
        case.label.write_bytes(gzip.compress(bytes(content)))
    (note,) = [note for note in evaluate(dataset, predictions, num_workers=0).notes if "unreliable" in note]
    assert note.startswith("distances and volumes are unreliable in 2 of 3 labels (case_0, case_1): the sform says")
