import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.case import ClassDef
from auvseg.extractors.base import WHOLE_IMAGE
from auvseg.extractors.planes.prompts import Box, boxes_on_plane, evenly_spaced, prompts_from_label, whole_image_prompts

ONE, TWO, BOTH = ClassDef(1, "one", (1,)), ClassDef(2, "two", (2,)), ClassDef(3, "both", (1, 2))


def plane_with(*blocks):
    plane = np.zeros((10, 12), dtype=np.int32)
    for value, rows, columns in blocks:
        plane[rows, columns] = value
    return plane


def test_a_box_is_tight_around_all_components_of_a_class():
    plane = plane_with((1, slice(2, 4), slice(3, 5)), (1, slice(7, 8), slice(9, 11)), (2, slice(0, 1), slice(0, 1)))
    boxes = boxes_on_plane(plane, [ONE, TWO])
    assert boxes == {ONE: Box(2, 3, 7, 10), TWO: Box(0, 0, 0, 0)}


def test_a_region_is_the_union_of_its_label_values():
    plane = plane_with((1, slice(2, 4), slice(3, 5)), (2, slice(5, 9), slice(1, 2)))
    assert boxes_on_plane(plane, [BOTH])[BOTH] == Box(2, 1, 8, 4)


def test_a_class_that_is_not_there_has_no_box():
    assert boxes_on_plane(plane_with((1, 3, 3)), [TWO]) == {}
    assert boxes_on_plane(plane_with(), [ONE]) == {}


def test_boxes_against_a_search_pixel_by_pixel():
    rng = np.random.default_rng(0)
    for _ in range(50):
        plane = rng.integers(0, 4, (6, 7)).astype(np.int32)
        for class_def, box in boxes_on_plane(plane, [ONE, TWO, BOTH]).items():
            rows, columns = np.nonzero(np.isin(plane, class_def.values))
            assert box == Box(*map(int, (rows.min(), columns.min(), rows.max(), columns.max())))


def test_a_margin_grows_every_side_and_stops_at_the_border():
    label = plane_with((1, slice(1, 3), slice(5, 7)))[None]
    (prompts,) = prompts_from_label(label, [ONE], margin=2)
    assert prompts.boxes == {0: Box(0, 3, 4, 8)}


def test_only_planes_that_hold_the_class_are_looked_at():
    label = np.zeros((5, 10, 12), dtype=np.int32)
    label[1], label[3] = plane_with((1, 2, 2)), plane_with((1, 4, 4))
    (prompts,) = prompts_from_label(label, [ONE, TWO])
    assert list(prompts.boxes) == [1, 3]
    assert prompts.planes_total == 2


@given(st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=60), st.integers(1, 70))
def test_evenly_spaced_planes_are_a_choice_with_first_and_last(planes, most):
    planes = sorted(planes)
    chosen = evenly_spaced(planes, most)
    assert len(chosen) == min(most, len(planes))
    assert list(chosen) == sorted(set(chosen))
    assert set(chosen) <= set(planes)
    if most > 1:
        assert (chosen[0], chosen[-1]) == (planes[0], planes[-1])


def test_one_plane_alone_is_the_middle_one():
    assert evenly_spaced([3, 4, 5, 6, 7], 1) == (5,)


@pytest.mark.parametrize("most", [None, 2])
def test_the_whole_image_is_a_box_on_every_plane(most):
    prompts = whole_image_prompts((5, 10, 12), WHOLE_IMAGE, max_planes=most)
    assert list(prompts.boxes) == ([0, 1, 2, 3, 4] if most is None else [0, 4])
    assert set(prompts.boxes.values()) == {Box(0, 0, 9, 11)}
    assert prompts.planes_total == 5
