"""A CT of any size with any number of structures, as an nnU-Net data set: what the benchmarks score.

    python benchmarks/synthetic_ct.py FOLDER [--shape 600 512 512] [--classes 104] [--cases 1] [--gzip]

Structures are ellipsoids in a body, of 2 ml to 1500 ml whatever the number of voxels: the spread of TotalSegmentator's
organs, vertebrae and muscles, of which about 25 meet a plane. Small ones are drawn last, so that none is hidden. The
field of view is 410×410×600 mm at any shape. Intensities are HU with a scanner's noise. The same arguments, the same
voxels.
"""

import argparse
import json
from pathlib import Path

import nibabel as nib
import numpy as np

FIELD_MM = (600.0, 410.0, 410.0)
"""Of every image, along (D, H, W)."""

MIN_ML, MAX_ML = 2.0, 1500.0
NOISE_HU = 15.0
AIR_HU, BODY_HU = -1000.0, 40.0
_BODY = 0.46
"""Half axes of the body's cross-section, as a share of the field."""


def draw(shape: tuple[int, int, int], classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Image (D, H, W) int16 in HU and label (D, H, W) uint8 with the values 1 to `classes`."""
    generator = np.random.default_rng(seed)
    spacing = np.array(FIELD_MM) / shape
    across = [(np.arange(size) + 0.5) / size - 0.5 for size in shape[1:]]
    body = np.hypot(across[0][:, None], across[1][None, :]) < _BODY
    hu = np.full(shape, np.float32(AIR_HU), dtype=np.float32)
    hu[:, body] = BODY_HU
    label = np.zeros(shape, dtype=np.uint8)
    volumes_ml = np.geomspace(MAX_ML, MIN_ML, classes)
    for value, volume_ml in enumerate(volumes_ml, start=1):
        half_mm = _half_axes_mm(float(volume_ml), generator)
        angle, radius = generator.uniform(0, 2 * np.pi), np.sqrt(generator.uniform(0, 1))
        room = np.clip(_BODY * FIELD_MM[1] - half_mm[1:], 0, None)
        centre = np.array([0.0, *(radius * room * (np.cos(angle), np.sin(angle)) + np.array(FIELD_MM[1:]) / 2)])
        centre[0] = generator.uniform(half_mm[0], FIELD_MM[0] - half_mm[0])
        _add(hu, label, value, centre / spacing, half_mm / spacing, generator.uniform(-100, 200))
    for plane in hu:
        plane += generator.standard_normal(plane.shape, dtype=np.float32) * np.float32(NOISE_HU)
    return np.rint(hu, out=hu).astype(np.int16), label


def write_dataset(
    folder: Path, shape: tuple[int, int, int], classes: int, cases: int = 1, *, compressed: bool = False
) -> Path:
    """Write cases in nnU-Net's layout, and return the folder."""
    ending = ".nii.gz" if compressed else ".nii"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    depth, height, width = (size / count for size, count in zip(FIELD_MM, shape, strict=True))
    affine = np.diag([-width, -height, depth, 1.0])
    nib.openers.Opener.default_compresslevel = 1
    for index in range(cases):
        image, label = draw(shape, classes, seed=index)
        for name, array in ((f"imagesTr/ct_{index:03d}_0000", image), (f"labelsTr/ct_{index:03d}", label)):
            # Files hold x, y, z; x grows to the left and y to the back, as most scanners store them.
            nib.save(nib.Nifti1Image(array.transpose(2, 1, 0)[::-1, ::-1], affine), folder / f"{name}{ending}")
    description = {
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **{f"structure {value}": value for value in range(1, classes + 1)}},
        "numTraining": cases,
        "file_ending": ending,
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


def _half_axes_mm(volume_ml: float, generator: np.random.Generator) -> np.ndarray:
    """Of an ellipsoid of this volume, longer along the body than across it, as most structures are."""
    ratios = np.array([generator.uniform(1.0, 3.0), generator.uniform(0.7, 1.4), 1.0])
    radius = (3 * volume_ml * 1000 / (4 * np.pi * ratios.prod())) ** (1 / 3)
    return np.minimum(ratios * radius, np.array(FIELD_MM) * (0.45, _BODY, _BODY))


def _add(hu: np.ndarray, label: np.ndarray, value: int, centre: np.ndarray, half: np.ndarray, offset_hu: float) -> None:
    low = np.clip(np.floor(centre - half), 0, np.array(hu.shape) - 1).astype(int)
    high = np.clip(np.ceil(centre + half) + 1, low + 1, hu.shape).astype(int)
    axes = [
        ((np.arange(first, stop) + 0.5 - middle) / size) ** 2
        for first, stop, middle, size in zip(low, high, centre, half, strict=True)
    ]
    cut = tuple(slice(first, stop) for first, stop in zip(low, high, strict=True))
    # Small volumes have structures between voxels; each keeps at least the voxel at its centre.
    inside = axes[0][:, None, None] + axes[1][:, None] + axes[2] <= 1
    inside[tuple((np.array(inside.shape) - 1) // 2)] = True
    label[cut][inside] = value
    hu[cut][inside] = BODY_HU + offset_hu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shape", type=int, nargs=3, default=[600, 512, 512])
    parser.add_argument("--classes", type=int, default=104)
    parser.add_argument("--cases", type=int, default=1)
    parser.add_argument("--gzip", action="store_true", help="compressed files, as most data sets have them")
    options = parser.parse_args()
    shape = (options.shape[0], options.shape[1], options.shape[2])
    write_dataset(options.folder, shape, options.classes, options.cases, compressed=options.gzip)
    print(f"{options.folder}: {options.cases} cases of {'×'.join(map(str, shape))}, {options.classes} structures")


if __name__ == "__main__":
    main()
