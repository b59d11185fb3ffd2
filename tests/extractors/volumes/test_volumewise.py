"""A case to what a volume model wants and back, held to MONAI's own transforms."""

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, CropForeground, Orientation, ScaleIntensityRange, Spacing
from torch import nn

from auvseg.data.case import ClassDef
from auvseg.data.volume import as_stored
from auvseg.errors import CaseError
from auvseg.extractors.base import ExtractorInput, RawImage
from auvseg.extractors.volumes.sliding_window import WindowedNetwork, Windows
from auvseg.extractors.volumes.volumewise import (
    Preprocessing,
    above,
    canonical_order,
    planes_counted,
    prepare,
    turned,
    windowed,
)

SPACING = (3.0, 1.1, 0.8)
CLASSES = (ClassDef(1, "one", (1,)), ClassDef(2, "two", (2,)))


def make_case(axcodes="RAS", shape=(14, 20, 24), label=False, seed=0):
    """HU of a body of noise in air."""
    rng = np.random.default_rng(seed)
    image = np.full(shape, -1000.0, dtype=np.float32)
    image[3:12, 4:17, 5:20] = rng.normal(100.0, 300.0, (9, 13, 15))
    values = np.zeros(shape, dtype=np.int32)
    values[4:6, 5:9, 6:9] = 1
    return ExtractorInput(image, values if label else None, SPACING, RawImage(image[None], axcodes))


def identity(size=(64, 64, 64)):
    module = nn.Identity()
    return WindowedNetwork(module, lambda w, outputs: w[:, :1].repeat(1, len(outputs), 1, 1, 1), Windows(size))


def through(network, prepared):
    """The case's planes after the network's first output."""
    return prepared.on_planes(next(network.logits(prepared.image, [(0,)])))


HOW = Preprocessing(spacing_mm=(1.5, 1.5, 1.5), intensity=windowed(-963.8, 1053.7), crop=above(0.0), crop_margin=3)


@pytest.mark.parametrize("axcodes", ["RAS", "LPS", "IPL", "ALI"])
def test_preparation_is_that_of_monai_from_the_file_on(axcodes):
    case = make_case(axcodes)
    stored = np.ascontiguousarray(as_stored(case.image, axcodes))
    spacing = as_stored(np.empty((1, 2, 3)), axcodes).shape
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, letter in enumerate(axcodes):
        world = next(row for row, pair in enumerate(("RL", "AP", "SI")) if letter in pair)
        affine[world, axis] = SPACING[spacing[axis] - 1] * (1 if letter in "RAS" else -1)
    theirs = Compose(
        [
            Spacing(pixdim=(1.5, 1.5, 1.5), mode="bilinear"),
            CropForeground(allow_smaller=True, margin=3),
            ScaleIntensityRange(-963.8, 1053.7, 0, 1, clip=True),
            Orientation("RAS", labels=(("L", "R"), ("P", "A"), ("I", "S"))),
        ]
    )(MetaTensor(torch.from_numpy(stored)[None], affine=affine))
    ours = prepare(case, HOW).image
    assert ours.shape == theirs.shape
    assert torch.allclose(ours, theirs.as_tensor(), atol=1e-5)


def test_an_identity_network_gives_the_case_back():
    case = make_case()
    keep = Preprocessing(spacing_mm=None, intensity=lambda volume: volume)
    assert torch.allclose(through(identity(), prepare(case, keep)), torch.from_numpy(case.image), atol=1e-3)


@pytest.mark.parametrize("axcodes", ["RAS", "LPI"])
def test_through_windows_it_is_the_case_resampled_there_and_back(axcodes):
    case = make_case(axcodes)
    prepared = prepare(case, Preprocessing((1.5, 1.5, 1.5), lambda volume: volume))
    found = through(identity((16, 16, 16)), prepared)
    assert found.shape == (14, 15, 13)
    assert torch.allclose(found, prepared.on_planes(prepared.image[0]), atol=2e-3)


def test_where_the_foreground_was_cut_a_class_has_its_lowest_logit():
    case = make_case()
    found = through(identity(), prepare(case, HOW))
    assert found[0].eq(found.min()).all()
    assert found[7].max() > 0.5


def test_planes_that_hold_a_class_are_counted_from_the_label():
    counted = planes_counted(make_case(label=True))
    assert [counted(one) for one in CLASSES] == [2, 0]
    assert planes_counted(make_case())(CLASSES[0]) == 14


def test_other_axes_of_the_model_are_undone():
    case = make_case()
    for axcodes in ("RAS", "PLS", "SPR"):
        prepared = prepare(case, Preprocessing((1.5, 1.5, 1.5), lambda v: v, axcodes=axcodes))
        back = turned(prepared.image[0], axcodes, back=True)
        assert torch.equal(turned(back, axcodes), prepared.image[0])
        assert back.shape == tuple(axis.count for axis in prepared.grid)
    assert canonical_order((1.0, 2.0, 3.0), "RAS") == (3.0, 2.0, 1.0)
    assert canonical_order((1.0, 2.0, 3.0), "PLS") == (3.0, 1.0, 2.0)


def test_a_case_without_foreground_is_taken_whole():
    image = np.full((4, 5, 6), -1000.0, dtype=np.float32)
    prepared = prepare(ExtractorInput(image, None, (1.5, 1.5, 1.5), RawImage(image[None], "RAS")), HOW)
    assert prepared.image.shape == (1, 6, 5, 4)


def test_another_number_of_channels_is_refused():
    with pytest.raises(CaseError, match="has 1 channels, the network was trained on 2"):
        prepare(make_case(), HOW, channels=2)
