import tracemalloc
import zipfile

import numpy as np
import pytest
import torch

from auvseg.data.case import ClassDef
from auvseg.extractors.base import ClassMap
from auvseg.measures.catalogue import ScaleOptions
from auvseg.measures.inputs import MeasureInput, WholeCase
from auvseg.scoring.view import CaseView, read_view, thumbnail, view_path, write_view

LIVER, TUMOUR = ClassDef(1, "liver", (1,)), ClassDef(7, "tumour", (7, 8))


def blocks(shape=(5, 40, 60)):
    label = np.zeros(shape, dtype=np.int32)
    label[1:4, 5:15, 10:30] = 1
    label[3, 20:30, 40:50] = 8
    return label


def seen(label=None, predicted_iou=True):
    label = blocks() if label is None else label
    image = np.linspace(0, 1, label.size, dtype=np.float32).reshape(label.shape)
    whole = WholeCase(image, label, (3.0, 1.0, 1.0))
    view = CaseView()
    for one in (LIVER, TUMOUR):
        held = [plane for plane in range(len(label)) if np.isin(label[plane], one.values).any()]
        logits = torch.from_numpy(np.isin(label[held], one.values).astype(np.float32) * 8 - 4)
        quality = torch.rand(len(held)) if predicted_iou else None
        class_map = ClassMap(one, logits, tuple(held), len(held), quality)
        view.take(MeasureInput(class_map, whole, one.values, 1), ScaleOptions())
    view.picture(whole, [LIVER, TUMOUR])
    return view


def assert_equal(first, second):
    assert first.classes.keys() == second.classes.keys()
    for class_id, one in first.classes.items():
        for name, value in vars(one).items():
            other = getattr(second.classes[class_id], name)
            assert (value is None and other is None) or np.array_equal(value, other, equal_nan=True)
    for name, value in vars(first.thumbnail).items():
        assert np.array_equal(value, getattr(second.thumbnail, name))


@pytest.mark.parametrize("predicted_iou", [True, False])
def test_what_is_written_is_read(tmp_path, predicted_iou):
    view = seen(predicted_iou=predicted_iou)
    write_view(tmp_path, "case ä/1", view)
    assert_equal(view, read_view(tmp_path, "case ä/1"))
    before = view_path(tmp_path, "case ä/1").read_bytes()
    write_view(tmp_path, "case ä/1", view)
    assert view_path(tmp_path, "case ä/1").read_bytes() == before


def test_a_view_holds_every_plane_of_every_class():
    view = seen()
    assert view.classes[1].planes.tolist() == [1, 2, 3]
    assert view.classes[7].planes.tolist() == [3]
    assert view.classes[1].agreement.tolist() == [1, 1, 1]
    mask = np.unpackbits(view.classes[7].mask[0], count=40 * 60).reshape(40, 60)
    assert np.array_equal(mask, blocks()[3] == 8)


def test_there_is_no_view_where_there_is_no_file_or_a_damaged_one(tmp_path):
    assert read_view(tmp_path, "case") is None
    write_view(tmp_path, "case", seen())
    whole = view_path(tmp_path, "case").read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], whole[:200] + bytes(100) + whole[300:]):
        view_path(tmp_path, "case").write_bytes(damaged)
        assert read_view(tmp_path, "case") is None


def test_a_thumbnail_shows_the_plane_with_most_of_the_structures_front_up_and_right_on_the_left():
    label = blocks()
    image = np.zeros(label.shape, dtype=np.float32)
    image[:, -1, :] = 1.0  # the front
    picture = thumbnail(image, label, [LIVER, TUMOUR], (3.0, 1.0, 1.0))
    assert picture.plane == 3
    assert max(picture.image.shape) == 80
    assert picture.image.dtype == picture.label.dtype == np.uint8
    assert picture.image[0].min() > 0
    assert picture.image[-1].max() == 0
    assert set(np.unique(picture.label)) == {0, 1, 2}
    # The tumour lies at higher indices: more to the front and to the patient's right.
    rows, columns = (np.argwhere(picture.label == position).mean(axis=0) for position in (1, 2))
    assert columns[0] < rows[0]
    assert columns[1] < rows[1]


def test_pixels_of_a_thumbnail_are_square():
    picture = thumbnail(np.zeros((1, 50, 50), dtype=np.float32), None, [], (1.0, 4.0, 1.0))
    assert picture.image.shape == (80, 20)
    assert picture.plane == 0


def test_a_thumbnail_is_cut_to_the_structures():
    label = np.zeros((1, 400, 400), dtype=np.int32)
    label[0, 200:220, 100:120] = 1
    image = np.zeros(label.shape, dtype=np.float32)
    image[0, :100] = 1.0  # far away
    picture = thumbnail(image, label, [LIVER], (1.0, 1.0, 1.0))
    assert picture.image.max() == 0
    assert (picture.label == 1).mean() == pytest.approx(0.25, abs=0.03)


def test_a_view_that_unpacks_to_more_than_it_says_is_not_unpacked(tmp_path):
    path = view_path(tmp_path, "a")
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("version.npy", bytes(32 << 20))
        archive.infolist()[0].file_size = 100
    tracemalloc.start()
    assert read_view(tmp_path, "a") is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
