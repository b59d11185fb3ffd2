import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from auvseg.data.case import Case, ClassDef, Dataset

CLASSES = (ClassDef(1, "liver", (1,)), ClassDef(2, "tumour", (2,)))


def draw_label(seed: int) -> np.ndarray:
    label = np.zeros((6, 5, 4), np.uint8)
    label[1:4, 1:4, 1:3] = 1
    label[2, 2, 1 + seed % 2] = 2
    return label


def write_nifti(path: Path, voxels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, np.diag([1.5, 2.0, 2.5, 1.0]))
    image.header["descrip"] = b"drawn for a test"
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


@pytest.fixture
def nnunet_dataset(tmp_path):
    """Ten labelled training cases and a test case in nnU-Net raw, on disk."""
    root = tmp_path / "raw" / "Dataset007_Liver"
    cases = []
    for number in range(10):
        case_id = f"liver_{number:03d}"
        image = root / "imagesTr" / f"{case_id}_0000.nii.gz"
        label = root / "labelsTr" / f"{case_id}.nii.gz"
        write_nifti(image, np.full((6, 5, 4), number, np.int16))
        write_nifti(label, draw_label(number))
        cases.append(Case(case_id, (image,), label))
    test_image = root / "imagesTs" / "unseen_0000.nii.gz"
    write_nifti(test_image, np.zeros((6, 5, 4), np.int16))
    cases.append(Case("unseen", (test_image,), None, "test"))
    description = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, "liver": 1, "tumour": 2},
        "numTraining": 10,
        "file_ending": ".nii.gz",
        "licence": "CC0",
    }
    source = root / "dataset.json"
    source.write_text(json.dumps(description))
    return Dataset("Dataset007_Liver", root, "nnU-Net v2 raw", source, tuple(cases), CLASSES, None, ("CT",), "ct")


@pytest.fixture
def scores(make_scores):
    """Case 3 is the worst throughout, case 5's tumour alone is bad."""
    values = {f"liver_{n:03d}": {1: 0.5 + 0.01 * n, 2: 0.7 + 0.01 * n} for n in range(10)}
    values["liver_003"] = {1: 0.1, 2: 0.6}
    values["liver_005"] = {1: 0.9, 2: 0.1}
    return make_scores(values)


@pytest.fixture
def snapshot():
    """Every file below a folder with its content."""

    def take(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }

    return take


@pytest.fixture
def full_disk(monkeypatch):
    """Makes the n-th flush to the disk fail."""

    def arrange(after: int = 0):
        calls = []

        def fail(descriptor):
            calls.append(descriptor)
            if len(calls) > after:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", fail)

    return arrange


@pytest.fixture
def unpacked():
    """The bytes of a NIfTI file without its compression."""
    return lambda path: gzip.decompress(path.read_bytes())
