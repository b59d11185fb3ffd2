"""One label file: the values in it, and what the data set says of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from auvseg.data.check.findings import Kind
from auvseg.data.check.label import LabelRules, label_facts, label_problems
from auvseg.data.reading import Header, RawArray

SHAPE = (3, 3, 2)
DECLARED = LabelRules(frozenset({0, 1, 2}), None)
SILENT = LabelRules(None, None)


def problems(array, rules):
    header = Header(array.shape, np.eye(4), (1.0, 1.0, 1.0), "RAS", str(array.dtype))
    return list(label_problems(RawArray(header, array), label_facts(array), rules))


def kinds(array, rules):
    return [problem.kind for problem in problems(array, rules)]


def label(*values, dtype=np.int32):
    array = np.zeros(SHAPE, dtype)
    array.flat[: len(values)] = values
    return array


@given(hnp.arrays(np.int16, hnp.array_shapes(min_dims=3, max_dims=4, max_side=4)))
def test_facts_are_those_of_numpy_in_every_type(array):
    for same in (array, array.astype(np.float32), array.astype(np.int64)):
        facts = label_facts(same)
        assert facts.values == frozenset(array.ravel().tolist())
        assert facts.foreground == np.count_nonzero(array)
        assert facts.is_label


def test_values_next_to_whole_numbers_are_whole():
    facts = label_facts(label(1.0005, 1.9995, dtype=np.float32))
    assert (facts.values, facts.is_label) == ({0, 1, 2}, True)


def test_soft_values_and_nan_are_counted_apart():
    facts = label_facts(label(0.25, np.nan, 0.75, np.inf, 1, dtype=np.float32))
    assert (facts.not_finite, facts.not_whole, facts.example, facts.is_label) == (2, 2, 0.25, False)
    array = label(0.25, np.nan, dtype=np.float32)
    assert kinds(array, DECLARED) == [Kind.NAN_OR_INF, Kind.NON_INTEGER_LABEL]


def test_the_share_of_soft_voxels_is_of_the_whole_label():
    (problem,) = problems(label(0.5, 0.5, dtype=np.float32)[..., :1].copy(), DECLARED)
    assert problem.message == "values such as 0.5 in 11 % of the voxels"


@pytest.mark.parametrize(
    ("array", "rules", "expected"),
    [
        (label(1, 2), DECLARED, []),
        (label(1, 3), DECLARED, [Kind.UNEXPECTED_LABEL]),
        (label(1, -1), DECLARED, [Kind.UNEXPECTED_LABEL]),
        (label(1, 3), LabelRules(frozenset({0, 1, 3}), 3), []),
        (label(3), LabelRules(frozenset({0, 1, 3}), 3), [Kind.EMPTY_LABEL]),
        (label(), DECLARED, [Kind.EMPTY_LABEL]),
        (label(), SILENT, [Kind.EMPTY_LABEL]),
        (label(40, 200), SILENT, []),
        (label(-2), SILENT, [Kind.UNEXPECTED_LABEL]),
        (label(2**40, dtype=np.int64), SILENT, [Kind.UNEXPECTED_LABEL]),
        (np.arange(4000, dtype=np.int16).reshape(20, 20, 10), SILENT, [Kind.UNEXPECTED_LABEL]),
        (label(1, dtype=np.uint8), LabelRules(frozenset({0, 1, 255}), None), []),
        (label(1, dtype=np.uint8), LabelRules(frozenset({0, 1, 256}), None), [Kind.LABEL_OVERFLOW]),
        (label(1, dtype=np.int8), LabelRules(frozenset({0, 1, 128}), None), [Kind.LABEL_OVERFLOW]),
        (label(1, dtype=np.float32), LabelRules(frozenset({0, 1, 256}), None), []),
        (label(2**24 - 1, dtype=np.float32), SILENT, []),
        (label(2**24, dtype=np.float32), SILENT, [Kind.INDISTINCT_LABEL]),
        (label(2**24 + 1, dtype=np.float64), SILENT, []),
        (np.ones((2, 2, 2, 2), np.uint8), DECLARED, [Kind.TOO_MANY_AXES]),
    ],
)
def test_values_are_judged_by_what_the_data_set_declares(array, rules, expected):
    assert kinds(array, rules) == expected


def test_many_strange_values_are_not_all_spelt_out():
    (problem,) = problems(label(*range(12)), DECLARED)
    assert problem.message == "label values 3, 4, 5, 6, 7, 8, 9, 10 and 1 more are not declared"


def ball(inside=1, outside=0, dtype=np.int16):
    """(9, 9, 9) label of a cube that touches no face, with a structure of the next value inside it."""
    array = np.full((9, 9, 9), outside, dtype)
    array[2:7, 2:7, 2:7] = inside
    array[4, 4, 4] = inside + 1
    return array


WITH_IGNORE = LabelRules(frozenset({0, 1, 2, 3}), 3)


@pytest.mark.parametrize(
    ("array", "rules", "expected"),
    [
        (ball(), SILENT, []),
        (ball(2, 1), SILENT, [Kind.BACKGROUND_NOT_ZERO]),
        (ball(0, -1), SILENT, [Kind.BACKGROUND_NOT_ZERO]),
        (ball(0, -1), DECLARED, [Kind.BACKGROUND_NOT_ZERO]),
        # The data set may well have crops from inside of its first class.
        (ball(2, 1) % 3, DECLARED, [Kind.NO_BACKGROUND]),
        (np.ones((9, 9, 9), np.uint8), SILENT, [Kind.NO_BACKGROUND]),
        (np.ones((9, 9, 9), np.uint8), DECLARED, [Kind.NO_BACKGROUND]),
        # Cut from the middle of structures: none of them is around the others.
        (np.arange(1, 9).repeat(64).reshape(8, 8, 8).astype(np.uint8), SILENT, [Kind.NO_BACKGROUND]),
        ((ball() == 0).astype(np.uint8), DECLARED, [Kind.NO_BACKGROUND]),
        # What nobody labelled is around what somebody did, and says nothing of the background.
        (ball(0, 3), WITH_IGNORE, []),
        (np.full((9, 9, 9), 3, np.uint8), WITH_IGNORE, [Kind.EMPTY_LABEL]),
        # A picture has no faces in front and behind.
        (ball()[:, :, 4:5], SILENT, []),
        (ball(2, 1)[:, :, 4:5], SILENT, [Kind.BACKGROUND_NOT_ZERO]),
    ],
)
def test_background_is_zero_and_around_the_structures(array, rules, expected):
    assert kinds(array, rules) == expected


@pytest.mark.parametrize(
    ("values", "rules", "expected"),
    [
        ((0, 255), SILENT, [Kind.GREY_LEVELS]),
        ((0, 85, 170, 255), SILENT, [Kind.GREY_LEVELS]),
        ((0, 1, 2, 255), SILENT, [Kind.GREY_LEVELS]),
        ((0, 65535), SILENT, [Kind.GREY_LEVELS]),
        # FreeSurfer's parts of the corpus callosum.
        ((0, 251, 252, 253, 254, 255), SILENT, []),
        ((0, 254), SILENT, []),
        ((0, 1, 255), LabelRules(frozenset({0, 1, 255}), 255), []),
        ((0, 255), DECLARED, [Kind.UNEXPECTED_LABEL]),
    ],
)
def test_grey_levels_of_a_picture_are_no_class_numbers(values, rules, expected):
    assert kinds(label(*values), rules) == expected


def test_a_value_that_an_unsigned_type_held_is_named():
    (problem,) = problems(label(1, -1, dtype=np.int8), SILENT)
    assert problem.message == "label values -1 are not class numbers; stored as int8, -1 may be 255 of an unsigned type"
    (problem,) = problems(label(1, -56, dtype=np.int8), LabelRules(frozenset({0, 1, 200}), None))[:1]
    assert "-56 may be 200" in problem.message
    (problem,) = problems(label(1, -7, dtype=np.int8), SILENT)
    assert problem.message == "label values -7 are not class numbers"


def test_values_that_are_rounded_are_counted_and_shares_are_told_from_resampled_labels():
    (rounded,) = problems(label(0.9999, 2, dtype=np.float64), DECLARED)
    assert (rounded.kind, rounded.message[:22]) == (Kind.ROUNDED_LABEL, "values such as 0.9999 ")
    assert kinds(label(0.2, 1, dtype=np.float32), DECLARED) == [Kind.SOFT_LABEL]
    assert kinds(label(0.2, 1.2, dtype=np.float32), DECLARED) == [Kind.NON_INTEGER_LABEL]
    assert kinds(label(0.2, -0.1, dtype=np.float32), DECLARED) == [Kind.NON_INTEGER_LABEL]


def test_masks_of_one_class_each_are_to_be_put_together_and_not_split():
    masks = np.stack([label(1, 0, 0), label(0, 1, 1)], axis=-1)
    (found,) = [one for one in problems(masks, DECLARED) if one.kind == Kind.TOO_MANY_AXES]
    assert "one-hot" in found.message
    assert "class number" in found.advice
    (found,) = [one for one in problems(2 * masks, DECLARED) if one.kind == Kind.TOO_MANY_AXES]
    assert "one-hot" not in found.message
    assert "3×3×2×2" in found.message
