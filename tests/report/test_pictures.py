import base64
import io
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from auvseg.data.case import ClassDef
from auvseg.data.volume import Volume
from auvseg.report.pictures import (
    MAX_VOXELS,
    Region,
    image_payload,
    label_payload,
    mask_payloads,
    region_of,
    thumbnail_uri,
)
from auvseg.scoring.view import CaseView, ClassView, Thumbnail

LIVER, TUMOUR = ClassDef(1, "liver", (1,)), ClassDef(7, "tumour", (7, 8))
CLASSES = (LIVER, TUMOUR)


def volume_of(image, label=None, spacing_mm=(2.0, 1.0, 0.5)):
    values = None if label is None else label.astype(np.int32)
    return Volume("case", image.astype(np.float32), values, spacing_mm, "LPS", ())


def marked(shape, *boxes):
    label = np.zeros(shape, dtype=np.int32)
    for value, box in boxes:
        label[box] = value
    return label


def view_of(class_id, mask):
    planes = np.flatnonzero(mask.any(axis=(1, 2))).astype(np.int32)
    values = np.ones(len(planes), dtype=np.float32)
    bits = np.packbits(mask[planes].reshape(len(planes), -1), axis=1)
    return CaseView({class_id: ClassView(planes, values, values, values, values, None, bits)})


def unpacked(text, dtype, shape):
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=dtype).reshape(shape)


def image_of(payload):
    return unpacked(payload["voxels"], "<i2", payload["shape"]) * payload["slope"] + payload["offset"]


def test_25_mm_around_the_structures_are_shown_and_nothing_more():
    shape = (60, 100, 120)
    label = marked(shape, (1, np.s_[30:32, 40:50, 60:62]), (8, np.s_[33, 45, 70]), (5, np.s_[0, 0, 0]))
    region = region_of(volume_of(np.zeros(shape), label), CLASSES, None, whole=False)
    assert region == Region((17, 15, 10), (47, 75, 120), (1, 1, 1))


def test_the_whole_image_is_shown_only_when_asked_for():
    volume = volume_of(np.zeros((4, 6, 8)), marked((4, 6, 8)))
    assert region_of(volume, CLASSES, None, whole=False) is None
    assert region_of(volume_of(np.zeros((4, 6, 8))), CLASSES, None, whole=False) is None
    assert region_of(volume, CLASSES, None, whole=True) == Region((0, 0, 0), (4, 6, 8), (1, 1, 1))


def test_the_models_mask_stands_for_a_label_that_is_not_there():
    mask = np.zeros((80, 90, 200), dtype=bool)
    mask[40, 45, 100] = True
    region = region_of(volume_of(np.zeros(mask.shape)), CLASSES, view_of(1, mask), whole=False)
    assert region == Region((27, 20, 50), (54, 71, 151), (1, 1, 1))


@given(st.integers(0, 400), st.integers(1, 400))
def test_no_axis_has_more_voxels_than_a_page_can_hold(low, size):
    label = marked((1, 1, 900), (1, np.s_[0, 0, low : low + size]))
    region = region_of(volume_of(np.zeros(label.shape), label), CLASSES, None, whole=False)
    shown = region.of(np.arange(900).reshape(1, 1, 900))
    assert shown.shape[2] <= MAX_VOXELS
    assert set(shown.ravel()) <= set(range(max(low - 50, 0), min(low + size + 50, 900)))


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e6])
def test_intensities_come_back_to_a_65000th_of_their_range(scale):
    image = np.random.default_rng(0).normal(3, 1, (5, 6, 7)).astype(np.float32) * np.float32(scale)
    payload = image_payload(volume_of(image), Region((0, 0, 0), image.shape, (1, 1, 1)))
    assert np.abs(image_of(payload) - image).max() <= np.ptp(image) / 65535
    low, high = payload["range"]
    assert image.min() < low < high < image.max()


def test_hounsfield_units_come_back_exactly_and_a_constant_image_too():
    image = np.arange(-1000, -1000 + 4 * 5 * 6).reshape(4, 5, 6).astype(np.float32)
    payload = image_payload(volume_of(image), Region((1, 0, 2), (4, 5, 6), (1, 1, 1)))
    assert np.array_equal(image_of(payload), image[1:, :, 2:])
    assert payload["first"] == [1, 0, 2]
    flat = image_payload(volume_of(np.full((2, 3, 4), 0.25)), Region((0, 0, 0), (2, 3, 4), (1, 1, 1)))
    assert np.allclose(image_of(flat), 0.25)


def test_where_voxels_are_left_out_each_is_the_mean_of_those_around_it():
    image = np.zeros((9, 9, 9), dtype=np.float32)
    image[4, 4, 4] = 27.0
    payload = image_payload(volume_of(image), Region((1, 1, 1), (9, 9, 9), (3, 3, 3)))
    assert payload["shape"] == [3, 3, 3]
    assert payload["spacing"] == [6.0, 3.0, 1.5]
    assert image_of(payload)[1, 1, 1] == pytest.approx(1.0, abs=1e-4)
    assert image_of(payload).sum() == pytest.approx(1.0, abs=1e-3)


def test_labels_are_positions_of_classes_and_undeclared_values_are_none():
    label = marked((2, 3, 4), (1, np.s_[0, 0]), (7, np.s_[1, 0]), (8, np.s_[1, 1]), (3, np.s_[1, 2]))
    region = Region((0, 0, 0), (2, 3, 4), (1, 1, 2))
    found = unpacked(label_payload(volume_of(np.zeros(label.shape), label), CLASSES, region), np.uint8, (2, 3, 2))
    assert found[:, :, 0].tolist() == [[1, 0, 0], [2, 2, 0]]
    assert label_payload(volume_of(np.zeros((2, 3, 4))), CLASSES, region) is None


def test_the_models_mask_comes_back_on_the_grid_of_the_region():
    mask = np.random.default_rng(1).random((6, 7, 9)) > 0.5
    mask[2] = False
    region = Region((1, 0, 3), (6, 7, 9), (1, 2, 1))
    found = mask_payloads(view_of(7, mask), mask.shape, region)
    assert np.array_equal(unpacked(found["7"], np.uint8, region.of(mask).shape), region.of(mask))


@pytest.mark.parametrize("shape", [(6, 7, 10), (5, 7, 9), (6, 8, 9)])
def test_a_mask_of_another_grid_is_left_out(shape):
    mask = np.ones((6, 7, 9), dtype=bool)
    assert mask_payloads(view_of(7, mask), shape, Region((0, 0, 0), shape, (1, 1, 1))) == {}


def test_a_thumbnail_shows_the_outline_in_the_colour_of_the_class():
    label = np.zeros((20, 30), dtype=np.uint8)
    label[5:15, 10:20] = 1
    uri = thumbnail_uri(Thumbnail(np.full(label.shape, 90, dtype=np.uint8), label, 0))
    kind, _, content = uri.partition(",")
    assert kind == "data:image/webp;base64"
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")).astype(int)
    assert picture.shape == (20, 30, 3)
    # The first class is orange: red over blue. Colours are stored at half the resolution.
    orange = picture[..., 0] - picture[..., 2]
    assert orange[5, 11:19].min() > 50
    assert max(abs(orange[10, 15]), abs(orange[0, 0])) < 40
