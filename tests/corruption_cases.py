"""A case with a liver, a spleen and two lesions in the liver, for everything that plants faults in cases."""

import numpy as np

from auvseg.bench.corruptions import CORRUPTIONS

SHAPE = (14, 40, 44)
SPACING_MM = (3.0, 1.5, 1.5)
LIVER, SPLEEN, LESION = 1, 2, 3


def ball(centre, radius_mm):
    grids = np.meshgrid(*[np.arange(size) for size in SHAPE], indexing="ij")
    squares = [((axis - middle) * step) ** 2 for axis, middle, step in zip(grids, centre, SPACING_MM, strict=True)]
    return sum(squares) < radius_mm**2


def liver_case():
    """Image and label; no intensity is negative, so that MRI could have made it."""
    label = np.zeros(SHAPE, dtype=np.int32)
    label[ball((7, 18, 14), 15)] = LIVER
    label[ball((7, 24, 35), 9)] = SPLEEN
    label[ball((6, 18, 14), 6)] = LESION
    label[ball((9, 13, 18), 3.5)] = LESION
    densities = np.array([40.0, 240.0, 260.0, 190.0], dtype=np.float32)
    texture = np.random.default_rng(5).normal(0, 5, SHAPE).astype(np.float32)
    return densities[label] + texture, label


def corrupt(name, severity=0.6, seed=0, class_id=None, case=None, spacing_mm=SPACING_MM):
    """One fault in the liver case, or in another."""
    image, label = case or liver_case()
    return CORRUPTIONS[name].apply(
        image, label, severity=severity, rng=np.random.default_rng(seed), class_id=class_id, spacing_mm=spacing_mm
    )
