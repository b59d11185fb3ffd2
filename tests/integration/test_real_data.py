"""Real images through the genuine model: CT and MRI of several layouts, most classes absent."""

import csv
import json

import nibabel
import numpy as np
import pytest

from auvseg import ScoreConfig, load_scores, read_dataset, score
from auvseg.data.case import Dataset

pytestmark = [pytest.mark.slow, pytest.mark.data]


def first(dataset, count):
    return Dataset(**{**dataset.__dict__, "cases": dataset.cases[:count]})


def test_decathlon_mri_is_scored_in_both_inputs(real_data, tmp_path):
    dataset = first(read_dataset(real_data / "Task04_Hippocampus"), 2)
    for kind in ("raw", "mask"):
        summary = score(dataset, tmp_path / kind, ScoreConfig(modality="mri", input=kind, max_slices=1))
        assert summary.failed == ()
    table = load_scores(tmp_path / "raw")
    assert len(table) == 4
    assert table["S"].between(0, 1).all()
    assert table["agreement"].mean() > 0.5
    assert not np.array_equal(table["S"], load_scores(tmp_path / "mask")["S"])


def test_ct_and_mri_of_a_table_are_scored(real_data, tmp_path):
    rows = []
    for patient in ("STS_002", "STS_008"):
        folder = real_data / "sts" / patient
        rows.append((folder / "CT_image.nii.gz", folder / "CT_mask.nii.gz"))
    with (tmp_path / "sts.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([("image", "label"), *rows])
    dataset = read_dataset(tmp_path / "sts.csv")
    assert [case.case_id for case in dataset.cases] == ["STS_002_CT_image", "STS_008_CT_image"]
    assert score(dataset, tmp_path / "run", ScoreConfig(modality="ct", max_slices=1)).failed == ()
    assert load_scores(tmp_path / "run")["S"].notna().all()


def test_many_classes_of_which_most_are_absent(real_data, tmp_path):
    folder = real_data / "totalsegmentator_example"
    image, label = folder / "example_ct_sm.nii.gz", tmp_path / "label.nii.gz"
    stored = nibabel.load(folder / "example_seg.nii.gz")
    # A quarter of the forty that are there: a plane of the model each takes seconds.
    values = np.asarray(stored.dataobj).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(np.where(values % 4 == 0, values, 0), stored.affine), label)
    names = {str(value): f"structure {value}" for value in range(1, 118)}
    description = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **{name: int(value) for value, name in names.items()}},
        "file_ending": ".nii.gz",
        "dataset": {"example": {"images": [str(image)], "label": str(label)}},
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset.json").write_text(json.dumps(description))
    dataset = read_dataset(tmp_path / "data")
    assert score(dataset, tmp_path / "run", ScoreConfig(modality="ct", max_slices=1)).failed == ()
    table = load_scores(tmp_path / "run")
    assert len(table) == 117
    absent = table[table["status"] == "absent"]
    assert 100 < len(absent) < 117
    assert absent["S"].isna().all()
    assert table[table["status"] == "ok"]["S"].between(0, 1).all()
