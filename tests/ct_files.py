"""Small CTs with two structures, as arrays and as files of a table."""

import csv

import nibabel
import numpy as np

SPACING = (3.0, 1.5, 1.5)


def ct(seed=0):
    """HU of a body of noise in air, (D, H, W), and a label with values 1 and 2."""
    rng = np.random.default_rng(seed)
    image = np.full((20, 40, 44), -1000, dtype=np.float32)
    image[2:18, 4:36, 5:40] = rng.normal(40, 60, (16, 32, 35))
    label = np.zeros(image.shape, dtype=np.int32)
    label[5:9, 10:20, 10:20], label[9:12, 20:26, 20:30] = 1, 2
    return image, label


def write_ct_table(folder, cases=2):
    """A table of CTs in a folder; its path."""
    rows = [("image", "label")]
    for number in range(cases):
        for name, array in zip(("image", "label"), ct(number), strict=True):
            stored = np.ascontiguousarray(array.transpose(2, 1, 0))
            stored = stored.astype(np.uint8) if name == "label" else stored
            nibabel.save(nibabel.Nifti1Image(stored, np.diag([*SPACING[::-1], 1.0])), folder / f"{name}{number}.nii.gz")
        rows.append((f"image{number}.nii.gz", f"label{number}.nii.gz"))
    with (folder / "cases.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    return folder / "cases.csv"
