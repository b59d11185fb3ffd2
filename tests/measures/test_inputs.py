import numpy as np
import pytest

from auvseg.measures.inputs import WholeCase, grown


def whole(label):
    return WholeCase(np.zeros(label.shape, dtype=np.float32), label, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("values", [(1, 2), (3, 70_000), (2, 2**31 - 1)])
def test_boxes_are_tight_whatever_the_label_values(values):
    label = np.zeros((5, 6, 7), dtype=np.int32)
    label[1, 2:4, 3] = label[3, 5, 6] = values[0]
    label[4, 0, 0:2] = values[1]
    expected = {values[0]: np.s_[1:4, 2:6, 3:7], values[1]: np.s_[4:5, 0:1, 0:2]}
    assert whole(label).boxes == expected


def test_negative_values_and_a_missing_label_have_no_boxes():
    assert whole(np.full((2, 3, 3), -4, dtype=np.int32)).boxes == {}
    assert WholeCase(np.zeros((2, 3, 3), dtype=np.float32), None, (1.0, 1.0, 1.0)).boxes == {}


def test_what_a_case_knows_is_computed_once_for_all_classes():
    calls = []
    case = whole(np.zeros((1, 2, 2), dtype=np.int32))

    def compute(one):
        calls.append(one)
        return len(calls)

    assert [case.once(compute), case.once(compute)] == [1, 1]
    assert calls == [case]


def test_a_class_of_several_values_has_one_box_around_all(make_input):
    mask = np.zeros((4, 8, 8), dtype=bool)
    mask[1, 2, 3] = mask[2, 6, 5] = True
    case = make_input(np.empty((4, 0, 0)), mask)
    assert case.box == np.s_[1:3, 2:7, 3:6]
    assert make_input(np.empty((4, 0, 0)), np.zeros_like(mask)).box is None


def test_a_grown_box_stays_in_the_volume():
    assert grown(np.s_[1:3, 0:4, 5:6], (1, 2, 3), (3, 9, 7)) == np.s_[0:3, 0:6, 2:7]
