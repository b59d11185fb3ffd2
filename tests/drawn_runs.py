"""A run of `auvseg score` drawn in code: a few ellipsoids, seen by a model that errs where it is told to."""

import nibabel as nib
import numpy as np
import torch
from scipy import ndimage

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.extractors import register_extractor
from auvseg.extractors.base import ClassMap
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.score import score

SHAPE = (14, 40, 48)
SPACING_MM = (3.0, 1.0, 1.0)
CLASSES = (ClassDef(1, "liver", (1,)), ClassDef(2, "tumour", (2,)), ClassDef(3, "kidney", (3,)))


class BlurredLabel:
    """A model whose mask is the label, blurred and, on half of the planes of an odd case, moved."""

    name = "blurred-label"
    weights_id = "0" * 64
    modalities = frozenset({"ct", "mri"})

    def __init__(self, **options):
        self.prompt = options["prompt"]

    def settings(self):
        return {"precision": "float32"}

    def class_maps(self, case, classes):
        odd = float(case.image.mean()) > 0.38
        for one in classes:
            held = np.isin(case.label, one.values)
            planes = tuple(int(plane) for plane in np.flatnonzero(held.any(axis=(1, 2))))
            if not planes:
                continue
            soft = ndimage.gaussian_filter(held.astype(np.float32), (0, 2, 2))[list(planes)]
            if odd:
                soft[::2] = np.roll(soft[::2], 7, axis=2)
            logits = torch.from_numpy((16 * soft - 7 + case.image[list(planes)]).astype(np.float32))
            quality = torch.from_numpy(soft.max(axis=(1, 2)))
            embedding = torch.from_numpy(soft.mean(axis=0).ravel()[::97].astype(np.float32))
            yield ClassMap(one, logits, planes, len(planes), quality, embedding)


def _ellipsoid(centre, radii):
    grid = np.indices(SHAPE).astype(np.float32)
    return sum(((axis - c) / r) ** 2 for axis, c, r in zip(grid, centre, radii, strict=True)) <= 1


def draw_case(folder, number, case_id, *, odd=False):
    """One CT-like case on disk; every fifth holds no kidney."""
    rng = np.random.default_rng(number)
    label = np.zeros(SHAPE, dtype=np.uint8)
    label[_ellipsoid(rng.normal((7, 20, 30), 0.5), rng.normal((5, 11, 10), 0.5))] = 1
    label[_ellipsoid(rng.normal((7, 22, 33), 0.7), np.array((2.5, 3, 3.5)) * (1.6 if odd else 1))] = 2
    if number % 5:
        label[_ellipsoid(rng.normal((6, 12, 12), 0.5), (4, 5, 4))] = 3
    hu = np.full(SHAPE, -900.0)
    hu[_ellipsoid((7, 20, 24), (12, 19, 23))] = -60
    for value, middle in ((1, 90), (2, 40), (3, 140)):
        hu[label == value] = middle
    hu += rng.normal(0, 120 if odd else 15, SHAPE) + (60 if odd else 0)
    files = []
    for kind, array in (("image", hu.astype(np.int16)), ("label", label)):
        # On disk (x, y, z) to the left, the back and the head; the canonical orientation is (S, A, R).
        stored = np.ascontiguousarray(array.transpose(2, 1, 0)[::-1, ::-1])
        path = folder / f"{number:03}_{kind}.nii.gz"
        nib.save(nib.Nifti1Image(stored, np.diag([-1.0, -1.0, 3.0, 1.0])), path)
        files.append(path)
    site = "north" if number % 2 else "south"
    return Case(case_id, (files[0],), files[1], attributes={"site": site})


def draw_dataset(folder, ids, *, classes=CLASSES, odd=(1, 4), name="drawn"):
    """A data set whose cases have these ids; those at the positions `odd` are noisy, and the model errs there."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = [draw_case(folder, number, case_id, odd=number in odd) for number, case_id in enumerate(ids)]
    ordered = tuple(sorted(cases, key=lambda case: case.case_id))
    return Dataset(name, folder, "drawn in code", None, ordered, classes=classes, modality="ct")


def draw_run(dataset, run_folder):
    """Score a drawn data set."""
    register_extractor("blurred-label", BlurredLabel)
    score(dataset, run_folder, ScoreConfig(modality="ct", extractor="blurred-label"))
    return run_folder
