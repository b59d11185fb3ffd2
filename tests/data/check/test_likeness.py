"""Images in the place of labels, in every way in which they come there; and labels, which are none."""

import numpy as np
import pytest

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.check.likeness import roughness
from faulty_datasets import Folder, check

SHAPE = (20, 18, 16)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def ct(seed=0):
    """Air, a body and an organ, with noise."""
    image = np.full(SHAPE, -950.0)
    image[3:17, 3:15, 2:14] = 30
    image[7:13, 6:12, 5:11] = 120
    return np.rint(image + np.random.default_rng(seed).normal(0, 15, SHAPE)).astype(np.int16)


def windowed(image, low, high, top=255):
    return np.rint((image.astype(float).clip(low, high) - low) / (high - low) * top)


def organs(image):
    return (image > -400).astype(np.uint8) + (image > 75)


def found(folder, image, label, classes=None):
    case = Case("case", (folder.write("image.nii", image),), folder.write("label.nii", label))
    report = check(Dataset("drawn", folder.root, "", None, (case,), classes))
    return [finding.kind.value for finding in report.findings]


@pytest.mark.parametrize(
    "label",
    [
        lambda image: image.astype(np.float64),
        lambda image: image + np.int16(1024),
        lambda image: windowed(image, -1000, 400).astype(np.uint8),
        lambda image: windowed(image, -160, 240).astype(np.uint8),
        lambda image: 255 - windowed(image, -160, 240).astype(np.uint8),
        lambda image: windowed(image, -1000, 400, 65535).astype(np.uint16),
        lambda image: np.sqrt(windowed(image, -1000, 400) * 255).astype(np.uint8),
        lambda image: ((image - image.mean()) / image.std()).astype(np.float32),
        lambda image: ct(seed=9) + np.int16(1100),
    ],
    ids=["copy", "offset", "wide", "narrow", "inverted", "16-bit", "gamma", "z-score", "another patient"],
)
@pytest.mark.parametrize("classes", [None, (ClassDef(1, "body", (1,)), ClassDef(2, "organ", (2,)))])
def test_an_image_in_the_place_of_a_label_is_found(folder, label, classes):
    image = ct()
    kinds = found(folder, image, label(image), classes)
    other_patient = np.array_equal(label(image), ct(seed=9) + 1100)
    assert kinds.count("label_is_image") == (0 if classes and other_patient else 1)
    assert "unexpected_label" in kinds or "non_integer_label" in kinds or classes is None


@pytest.mark.parametrize("name", ["thresholds", "parcels", "instances", "gradient"])
def test_a_label_is_no_image_however_many_values_it_has_or_how_well_it_follows_the_edges(folder, name):
    image = ct()
    x, y, z = np.indices(SHAPE)
    labels = {
        # Many of the usual structures are what a threshold gives.
        "thresholds": organs(image) + (image > 120).astype(np.uint8) * np.uint8(2),
        # As an atlas of a hundred structures at a coarse resolution.
        "parcels": (organs(image) > 0) * (1 + x // 4 * 20 + y // 4 * 4 + z // 4).astype(np.uint8),
        "instances": (organs(image) > 0) * (1 + x // 3 * 90 + y // 3 * 9 + z // 3).astype(np.int16),
        # Sectors that grow with what the image does.
        "gradient": np.where(organs(image) > 0, 1 + x, 0).astype(np.uint8),
    }
    assert found(folder, image, labels[name]) == []


def test_roughness_is_the_share_of_neighbours_that_differ():
    assert roughness(np.zeros((4, 4, 4))) == 0
    # 0|1, 1|1, 1|0: three pairs, all of which have foreground.
    line = np.zeros((1, 4, 1))
    line[0, 1:3] = 1
    assert roughness(line) == pytest.approx(2 / 3)
