"""Voxels: values replaced, masks painted, what is no label refused."""

import numpy as np
import pytest

from auvseg.data.public.convert_case import as_mask, paint, replaced
from auvseg.errors import CaseError


def _row(*values, dtype=np.uint8):
    return np.array(values, dtype=dtype).reshape(1, 1, -1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64, np.float32, np.float64])
def test_values_are_replaced_whatever_their_type(dtype):
    out = replaced(_row(0, 1, 2, 3, dtype=dtype), {0: 0, 1: 2, 2: 0, 3: 1}, 2, "x")
    assert out.dtype == np.uint8
    assert out.ravel().tolist() == [0, 2, 0, 1]


def test_more_than_255_classes_need_two_bytes():
    assert replaced(_row(0, 1), {0: 0, 1: 300}, 300, "x").ravel().tolist() == [0, 300]


@pytest.mark.parametrize(
    ("values", "dtype", "words"),
    [
        ((0, 1, 7), np.uint8, "holds the label values 7, which"),
        ((0, -1), np.int16, "from -1 to 0"),
        ((0, 70000), np.int32, "from 0 to 70000"),
        ((0, 0.5), np.float32, "not whole numbers"),
        ((0, np.nan), np.float32, "NaN"),
    ],
)
def test_values_that_the_data_set_does_not_declare_are_refused(values, dtype, words):
    with pytest.raises(CaseError, match=words):
        replaced(_row(*values, dtype=dtype), {0: 0, 1: 1}, 1, "x")


def test_a_later_mask_takes_voxels_and_says_from_whom():
    out = _row(0, 1, 1, 2, 3)
    taken = paint(out, _row(1, 1, 0, 1, 1).astype(bool), 3)
    assert out.ravel().tolist() == [3, 3, 1, 3, 3]
    assert taken == {1: 1, 2: 1}


def test_an_empty_mask_takes_nothing():
    out = _row(0, 1)
    assert paint(out, _row(0, 0).astype(bool), 2) == {}
    assert out.ravel().tolist() == [0, 1]


@pytest.mark.parametrize(("values", "dtype"), [((0, 1), np.uint8), ((0, 1), np.float64), ((0, 1), np.bool_)])
def test_masks_of_0_and_1_say_nothing(values, dtype):
    mask, remark = as_mask(_row(*values, dtype=dtype), "x")
    assert mask.ravel().tolist() == [False, True]
    assert remark == ""


def test_a_mask_of_other_values_says_so():
    assert "255" in as_mask(_row(0, 255), "x")[1]


def test_a_negative_mask_is_refused():
    with pytest.raises(CaseError, match="-1"):
        as_mask(_row(0, -1, dtype=np.int8), "x")
