"""Summaries that nnU-Net's own function wrote, and others."""

import json
import math
import shutil
import warnings

import nibabel as nib
import numpy as np
import pytest

from auvseg.bench.correlation.reading import read_metrics
from auvseg.data.case import ClassDef
from auvseg.errors import UsageError
from auvseg.nnunet.results import find_summaries, read_summaries
from nnunet_in_process import threads_for_processes

REGIONS = (1, (2, 3), (1, 2, 3))
LABELS = {"background": 0, "core": 1, "oedema": [2, 3], "whole": [1, 2, 3]}


def write_label(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(values, dtype=np.uint8).reshape(2, 2, -1), np.eye(4)), path)


@pytest.fixture(scope="module")
def summarise():
    """nnU-Net's function, with threads where it starts processes."""
    from nnunetv2.evaluation import evaluate_predictions as nnunet
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIO

    with threads_for_processes():

        def call(reference, predictions, regions):
            target = str(predictions / "summary.json")
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Mean of empty slice")
                return nnunet.compute_metrics_on_folder(
                    str(reference), str(predictions), target, NibabelIO(), ".nii.gz", list(regions), num_processes=1
                )

        yield call


@pytest.fixture(scope="module")
def results(tmp_path_factory, summarise):
    """A results folder of two folds with regions; the second fold's case lacks oedema in label and prediction."""
    folder = tmp_path_factory.mktemp("results") / "nnUNetTrainer__nnUNetPlans__3d_fullres"
    reference = folder.parent / "labels"
    labels = {"a.b": [0, 1, 1, 1, 2, 2, 3, 3], "c": [0, 1, 1, 1, 0, 0, 0, 0]}
    predicted = {"a.b": [0, 0, 1, 1, 2, 0, 3, 2], "c": [0, 1, 1, 0, 0, 0, 0, 0]}
    for fold, case in enumerate(labels):
        write_label(reference / f"{case}.nii.gz", labels[case])
        write_label(folder / f"fold_{fold}" / "validation" / f"{case}.nii.gz", predicted[case])
        summarise(reference, folder / f"fold_{fold}" / "validation", REGIONS)
    (folder / "dataset.json").write_text(json.dumps({"labels": LABELS, "file_ending": ".nii.gz"}))
    return folder


def by_key(metrics):
    return {(row.case, row.class_name): row.value for row in metrics.rows}


def test_all_folds_of_a_results_folder_give_the_out_of_fold_dice_by_region_name(results):
    known = read_metrics(results)
    values = by_key(known)
    assert values["a.b", "core"] == pytest.approx(2 * 2 / (3 + 2))
    assert values["a.b", "oedema"] == pytest.approx(2 * 3 / (4 + 3))
    assert values["a.b", "whole"] == pytest.approx(2 * 5 / (7 + 5))
    assert values["c", "core"] == pytest.approx(2 * 2 / (3 + 2))
    assert math.isnan(values["c", "oedema"])
    assert {row.class_name: row.class_id for row in known.rows} == {"core": 1, "oedema": 2, "whole": 3}
    assert known.files == ("fold_0/summary.json", "fold_1/summary.json")


def test_one_fold_by_its_file_its_folder_and_its_validation_folder(results):
    fold = results / "fold_0"
    asked = [read_metrics(path) for path in (fold, fold / "validation", fold / "validation" / "summary.json")]
    assert asked[0] == asked[1] == asked[2]
    assert {row.case for row in asked[0].rows} == {"a.b"}


def test_another_metric_of_nnunet(results):
    assert by_key(read_metrics(results, "iou"))["a.b", "core"] == pytest.approx(2 / 3)
    with pytest.raises(UsageError, match="has no 'hd95'; there are Dice"):
        read_metrics(results, "hd95")


def test_a_case_of_two_folds_is_named(results, tmp_path):
    shutil.copytree(results, tmp_path / "results")
    shutil.copytree(results / "fold_0", tmp_path / "results" / "fold_2")
    with pytest.raises(UsageError, match=r"case 'a\.b' is in fold_0/summary\.json and in fold_2/summary\.json"):
        read_metrics(tmp_path / "results")


def test_joined_folds_are_read_where_the_folds_have_no_summary(results, tmp_path):
    joined = tmp_path / "crossval_results_folds_0_1"
    joined.mkdir()
    parts = [json.loads((results / f"fold_{n}" / "validation" / "summary.json").read_text()) for n in (0, 1)]
    entries = [entry for part in parts for entry in part["metric_per_case"]]
    (joined / "summary.json").write_text(json.dumps({"metric_per_case": entries}))
    shutil.copy(results / "dataset.json", joined)
    known = by_key(read_metrics(tmp_path))
    assert known.keys() == by_key(read_metrics(results)).keys()


def test_fold_all_is_not_out_of_fold(results, tmp_path):
    shutil.copytree(results / "fold_0", tmp_path / "fold_all")
    shutil.copy(results / "dataset.json", tmp_path)
    with pytest.raises(UsageError, match="trained on every case"):
        find_summaries(tmp_path)
    assert "not out-of-fold" in read_metrics(tmp_path / "fold_all").notes[0]
    shutil.copytree(results / "fold_0", tmp_path / "fold_0")
    assert read_metrics(tmp_path).files == ("fold_0/summary.json",)


def test_without_dataset_json_labels_keep_their_numbers_and_regions_need_a_name(results, tmp_path, summarise):
    write_label(tmp_path / "labels" / "a.nii.gz", [0, 1, 1, 2])
    write_label(tmp_path / "predictions" / "a.nii.gz", [0, 1, 2, 2])
    summarise(tmp_path / "labels", tmp_path / "predictions", (1, 2))
    rows = read_metrics(tmp_path / "predictions").rows
    assert [(row.class_id, row.class_name) for row in rows] == [(1, "1"), (2, "2")]
    shutil.copy(results / "fold_0" / "validation" / "summary.json", tmp_path)
    with pytest.raises(UsageError, match=r"the region .* has no name"):
        read_summaries([tmp_path / "summary.json"], "dice")
    classes = (ClassDef(1, "core", (1,)), ClassDef(2, "oedema", (3, 2)), ClassDef(3, "whole", (1, 2, 3)))
    named = read_metrics(tmp_path / "summary.json", classes=lambda: classes)
    assert {row.class_name for row in named.rows} == {"core", "oedema", "whole"}


def test_files_of_another_system_give_their_case(tmp_path):
    entry = {"prediction_file": "D:\\out\\case_1.nii.gz", "metrics": {"1": {"Dice": None}, "0": {"Dice": 1.0}}}
    (tmp_path / "summary.json").write_text(json.dumps({"metric_per_case": [entry]}))
    (row,) = read_metrics(tmp_path).rows
    assert row.case == "case_1"
    assert math.isnan(row.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no valid JSON"),
        ("[]", "no summary.json of nnU-Net"),
        ('{"metric_per_case": []}', "no summary.json of nnU-Net"),
        ('{"metric_per_case": [{"metrics": {}}]}', "lacks its files"),
        ('{"metric_per_case": [{"prediction_file": "a.nii", "metrics": {"1": 3}}]}', "lacks its files or its metrics"),
        ('{"metric_per_case": [{"prediction_file": "a.nii", "metrics": {"x": {"Dice": 1}}}]}', "neither a label"),
        ('{"metric_per_case": [{"prediction_file": "a.nii", "metrics": {"1": {"Dice": "x"}}}]}', "not a number"),
    ],
)
def test_a_damaged_summary_is_said(tmp_path, text, words):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(UsageError) as caught:
        read_metrics(tmp_path / "summary.json")
    assert words in str(caught.value)


def test_a_folder_must_hold_one_kind_of_metrics(tmp_path):
    with pytest.raises(UsageError, match="contains no metrics; name the"):
        read_metrics(tmp_path)
    (tmp_path / "metrics.csv").write_text("case,dice\na,1\n")
    assert read_metrics(tmp_path).rows[0].case == "a"
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(UsageError, match="name one of the two"):
        read_metrics(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        read_metrics(tmp_path / "nowhere.csv")
