"""Cases of a few hundred voxels with two structures, drawn from a seed."""

import json

import nibabel as nib
import numpy as np

from auvseg.data.case import Case, ClassDef, Dataset


def write_case(folder, name, seed, *, depth=6, labels=(1, 2)):
    rng = np.random.default_rng(seed)
    label = np.zeros((16, 16, depth), dtype=np.uint8)
    for value in labels:
        label[4 * value : 4 * value + 4, 3:12, 1:-1] = value
    image = (100 * rng.random(label.shape) + 50 * label).astype(np.float32)
    for kind, array in (("image", image), ("label", label)):
        nib.save(nib.Nifti1Image(array, np.diag([-1.0, -1.0, 3.0, 1.0])), folder / f"{name}_{kind}.nii.gz")
    return Case(name, (folder / f"{name}_image.nii.gz",), folder / f"{name}_label.nii.gz", attributes={"site": "A"})


def small_dataset(folder, cases=4, depths=()):
    """`cases` cases of 6 planes and one that lacks the second structure; further ones of the named depths."""
    drawn = [write_case(folder, f"case_{n}", n) for n in range(cases)]
    drawn += [write_case(folder, f"case_of_{depth}_planes", depth, depth=depth) for depth in depths]
    drawn.append(write_case(folder, f"case_{cases}_without_two", 4, labels=(1,)))
    classes = (ClassDef(1, "one", (1,)), ClassDef(2, "two", (2,)))
    return Dataset("tiny", folder, "test", None, tuple(drawn), classes=classes)


def write_nnunet_folder(folder, cases):
    """The same cases as an nnU-Net data set of MRI."""
    root = folder / "Dataset007_Tiny"
    for name in ("imagesTr", "labelsTr"):
        (root / name).mkdir(parents=True)
    for number in range(cases):
        case = write_case(folder, f"case_{number}", number)
        case.images[0].rename(root / "imagesTr" / f"case_{number}_0000.nii.gz")
        case.label.rename(root / "labelsTr" / f"case_{number}.nii.gz")
    labels = {"background": 0, "one": 1, "two": 2}
    description = {"channel_names": {"0": "MRI"}, "labels": labels, "numTraining": cases, "file_ending": ".nii.gz"}
    (root / "dataset.json").write_text(json.dumps(description))
    return root
