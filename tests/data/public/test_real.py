"""Real files of three data sets: the labels of the conversion are those of the source."""

import json

import nibabel as nib
import numpy as np
import pytest

from auvseg import convert, read_dataset
from auvseg.data.reading import read_header

pytestmark = pytest.mark.data


def _voxels(path):
    return np.asarray(nib.load(path).dataobj)


def test_hippocampus(real_data, tmp_path):
    source = tmp_path / "Task04_Hippocampus"
    source.mkdir()
    task = real_data / "Task04_Hippocampus"
    for part in ("imagesTr", "labelsTr"):
        (source / part).symlink_to(task / part)
    content = json.loads((task / "dataset.json").read_text())
    content["training"] = content["training"][::15] + [e for e in content["training"] if "_003" in e["image"]]
    (source / "dataset.json").write_text(json.dumps(content))
    result = convert("msd", source, tmp_path / "Dataset004_Hippocampus", num_workers=0)
    assert result.of("failed") == ()
    assert {row.case for row in result.of("mended")} == {"hippocampus_003"}
    dataset = read_dataset(tmp_path / "Dataset004_Hippocampus")
    assert len(dataset.cases) == 12
    for case in dataset.cases:
        np.testing.assert_array_equal(_voxels(case.label), _voxels(source / "labelsTr" / f"{case.case_id}.nii.gz"))


def test_totalsegmentator(real_data, tmp_path):
    example = real_data / "totalsegmentator_example"
    case = tmp_path / "source" / "s9000"
    (case / "segmentations").mkdir(parents=True)
    (case / "ct.nii.gz").symlink_to(example / "example_ct_sm.nii.gz")
    for mask in (example / "example_seg_fast").glob("*.nii.gz"):
        (case / "segmentations" / mask.name).symlink_to(mask)
    result = convert("totalsegmentator", tmp_path / "source", tmp_path / "Dataset300_Total", num_workers=0)
    assert len(result.of("converted")) == 1
    dataset = read_dataset(tmp_path / "Dataset300_Total")
    assert len(dataset.classes) == 117
    label = _voxels(dataset.cases[0].label)
    for one in dataset.classes:
        mask = _voxels(case / "segmentations" / f"{one.name}.nii.gz") > 0
        np.testing.assert_array_equal(label == one.class_id, mask)


def test_kits_labels(real_data, tmp_path):
    case = tmp_path / "source" / "data" / "case_00208"
    case.mkdir(parents=True)
    # Cut to a part, which takes a tenth of the time.
    stored = nib.load(real_data / "kits_multirater" / "case_00208_kits19.nii.gz").slicer[16:48, 260:380, 220:380]
    label = case / "segmentation.nii.gz"
    nib.save(stored, label)
    assert _voxels(label).max() == 2
    # The images are not at hand: one of zeros on the label's grid.
    nib.save(nib.Nifti1Image(np.zeros(stored.shape, np.uint8), stored.affine), case / "imaging.nii.gz")
    result = convert("kits", tmp_path / "source", tmp_path / "Dataset220_KiTS", num_workers=0)
    assert result.of("failed") == ()
    converted = read_dataset(tmp_path / "Dataset220_KiTS").cases[0]
    np.testing.assert_array_equal(_voxels(converted.label), _voxels(label))
    assert read_header(converted.label).axcodes == "IPL"
