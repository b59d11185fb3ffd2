"""A small data set that nnU-Net can read, stored in an orientation of its own."""

import json

import nibabel
import numpy as np

SHAPE = (24, 22, 20)


def write_balls(folder, cases=20, *, channels=1, ending=".nii.gz", labels=None):
    """A ball in a ball, in noise, the axes to left, posterior and superior."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    axes = np.meshgrid(*(np.arange(side) for side in SHAPE), indexing="ij")
    affine = np.diag([-1.0, -1.5, 2.0, 1.0])
    for number in range(cases):
        radius = rng.uniform(5, 6)
        middle = np.array((12, 11, 10)) + rng.normal(0, 1, 3)
        squares = sum((axis - centre) ** 2 for axis, centre in zip(axes, middle, strict=True))
        label = (squares < radius**2).astype(np.uint8) + (squares < radius**2 / 4)
        for channel in range(channels):
            image = (80 * label + rng.normal(100 * channel, 15, label.shape)).astype(np.int16)
            save(image, affine, folder / "imagesTr" / f"case_{number:02}_{channel:04}{ending}")
        save(label, affine, folder / "labelsTr" / f"case_{number:02}{ending}")
    description = {
        "channel_names": {str(channel): "MRI" for channel in range(channels)},
        "labels": labels or {"background": 0, "outer": 1, "inner": 2},
        "numTraining": cases,
        "file_ending": ending,
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


def save(array, affine, path):
    if path.name.endswith((".nii", ".nii.gz")):
        nibabel.save(nibabel.Nifti1Image(array, affine), path)
        return
    import SimpleITK

    image = SimpleITK.GetImageFromArray(array.transpose())
    image.SetSpacing([float(abs(step)) for step in np.diag(affine)[:3]])
    SimpleITK.WriteImage(image, str(path))
