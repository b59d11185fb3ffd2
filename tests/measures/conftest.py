"""Class maps drawn in code."""

import numpy as np
import pytest
import torch

from auvseg.data.case import ClassDef
from auvseg.extractors.base import ClassMap
from auvseg.measures.inputs import MeasureInput, WholeCase

IGNORED = 9


def ball(shape, radius, centre=None):
    """(D, H, W) bool: a ball."""
    centre = centre or tuple((size - 1) / 2 for size in shape)
    grids = np.ogrid[tuple(slice(0, size) for size in shape)]
    return sum((grid - middle) ** 2 for grid, middle in zip(grids, centre, strict=True)) <= radius**2


@pytest.fixture
def make_input():
    """Builds a `MeasureInput` from logits (array) and, if given, a label mask on a grid of its own.

    `other` is the mask of another structure, `valid` where the label is not to be ignored.
    """

    def build(
        logits,
        mask=None,
        *,
        other=None,
        valid=None,
        image=None,
        predicted_iou=None,
        spacing_mm=(1.0, 1.0, 1.0),
        axes_mm=None,
        total=None,
    ):
        logits = torch.as_tensor(np.asarray(logits), dtype=torch.float32)
        shape = tuple(logits.shape) if mask is None else mask.shape
        label = None if mask is None else mask.astype(np.int32)
        if other is not None:
            label[other & ~mask] = 2
        if valid is not None:
            label[~valid] = IGNORED
        return MeasureInput(
            class_map=ClassMap(
                class_def=ClassDef(1, "organ", (1,)),
                logits=logits,
                planes=tuple(range(len(logits))),
                planes_total=len(logits) if total is None else total,
                predicted_iou=None if predicted_iou is None else torch.as_tensor(predicted_iou, dtype=torch.float32),
            ),
            whole=WholeCase(
                image=np.zeros(shape, dtype=np.float32) if image is None else image.astype(np.float32),
                label=label,
                spacing_mm=spacing_mm,
                ignore_value=IGNORED,
                axes_mm=axes_mm,
            ),
            values=() if mask is None else (1,),
            volume_voxels=None if mask is None else int(mask.sum()),
        )

    return build


@pytest.fixture
def of_label(make_input):
    """Builds a `MeasureInput` of a label, and an image if given, without any map, as the extractor `none` gives it."""

    def build(mask, **options):
        return make_input(np.empty((len(mask), 0, 0)), mask, **options)

    return build


@pytest.fixture
def of_image(make_input):
    """Builds a `MeasureInput` of an image alone."""

    def build(image, **options):
        return make_input(np.empty((len(image), 0, 0)), image=image, **options)

    return build


@pytest.fixture
def draw_ball():
    """The `ball` function."""
    return ball
