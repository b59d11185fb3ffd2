"""One image file: what one pass over its voxels tells, and what follows from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from auvseg.data.check.findings import Kind
from auvseg.data.check.image import content_sha256, image_facts, image_problems
from auvseg.data.reading import Header, RawArray

SHAPES = hnp.array_shapes(min_dims=3, max_dims=5, max_side=4)


def raw(array):
    return RawArray(Header(array.shape, np.diag([1.0, 1.0, 2.0, 1.0]), (1.0, 1.0, 2.0), "RAS", str(array.dtype)), array)


def kinds(array, *, channel_count=1, modality=None):
    problems = image_problems(raw(array), image_facts(array), channel_count=channel_count, modality=modality)
    return [problem.kind for problem in problems]


def ramp(low, high, dtype, shape=(4, 3, 2)):
    return np.linspace(low, high, int(np.prod(shape))).astype(dtype).reshape(shape)


@given(hnp.arrays(np.int16, SHAPES))
def test_the_hash_knows_values_and_shape_and_nothing_else(array):
    digest = content_sha256(array)
    assert digest == image_facts(array).content_sha256
    for same in (array.astype(np.float64), array.astype(np.int32), np.asfortranarray(array), array[::1].copy("C")):
        assert content_sha256(same) == digest
    changed = array.copy()
    changed.flat[-1] ^= 1
    assert content_sha256(changed) != digest
    assert content_sha256(array[..., None]) != digest


def test_negative_zero_is_zero():
    assert content_sha256(np.full((2, 2, 2), -0.0)) == content_sha256(np.zeros((2, 2, 2), np.uint8))


def test_large_integers_that_float32_cannot_tell_apart_differ():
    one = np.full((2, 2, 2), 2**24, np.int32)
    assert content_sha256(one) != content_sha256(one + 1)


@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(-1e3, 1e3, width=32) | st.just(np.nan) | st.just(np.inf)))
def test_facts_are_those_of_numpy(array):
    facts = image_facts(array)
    assert facts.not_finite == np.count_nonzero(~np.isfinite(array))
    channels = np.moveaxis(array, 3, 0) if array.ndim > 3 else array[None]
    assert len(facts.ranges) == len(channels)
    for channel, (low, high) in zip(channels, facts.ranges, strict=True):
        finite = channel[np.isfinite(channel)]
        assert (low, high) == ((finite.min(), finite.max()) if finite.size else (np.inf, -np.inf))


@pytest.mark.parametrize(
    ("low", "high", "dtype", "modality", "is_plausible"),
    [
        (-1024, 3071, np.int16, "ct", True),
        (-3024, 20000, np.float32, "ct", True),
        (-80, 300, np.int16, "ct", True),
        (5, 300, np.int16, "ct", True),
        (0, 4095, np.int16, "ct", False),
        (0, 64512, np.uint16, "ct", False),
        (0, 255, np.uint8, "ct", False),
        (-32768, 2000, np.int16, "ct", False),
        (0, 4095, np.int16, "mri", True),
        (0, 65535, np.uint16, "mri", True),
        (0, 255, np.uint8, "mri", True),
        (0, 32767, np.int16, "mri", False),
        (-128, 90, np.int8, None, False),
        (0, 255, np.uint8, "windowed", True),
        (0, 256, np.float32, "windowed", False),
        (-1, 255, np.float32, "windowed", False),
    ],
)
def test_intensities_must_be_what_the_modality_says(low, high, dtype, modality, is_plausible):
    expected = [] if is_plausible else [Kind.IMPLAUSIBLE_INTENSITY]
    assert kinds(ramp(low, high, dtype), modality=modality) == expected


@pytest.mark.parametrize(
    ("shape", "channel_count", "expected"),
    [
        ((4, 3, 2), 1, []),
        ((4, 3, 2, 3), 3, []),
        ((4, 3, 2, 3), 1, [Kind.TOO_MANY_AXES]),
        ((4, 3, 2, 3), 2, [Kind.CHANNEL_MISMATCH]),
        ((4, 3, 2), 2, [Kind.CHANNEL_MISMATCH]),
        ((4, 3, 2, 2, 2), 2, [Kind.TOO_MANY_AXES]),
    ],
)
def test_a_fourth_axis_holds_the_declared_channels_or_is_too_many(shape, channel_count, expected):
    assert kinds(ramp(0, 900, np.int16, shape), channel_count=channel_count) == expected


def test_a_constant_channel_among_others_is_named():
    array = ramp(0, 900, np.int16, (4, 3, 2, 3))
    array[..., 1] = 7
    (problem,) = image_problems(raw(array), image_facts(array), channel_count=3, modality=None)
    assert (problem.kind, problem.message) == (Kind.CONSTANT_IMAGE, "channel 1: every voxel is 7")


def test_all_that_is_wrong_is_listed_at_once():
    array = np.full((3, 3, 2, 2), 5.0, np.float32)
    array[0, 0, 0, 0] = np.nan
    assert kinds(array) == [Kind.TOO_MANY_AXES, Kind.NAN_OR_INF, Kind.CONSTANT_IMAGE, Kind.CONSTANT_IMAGE]


def test_an_image_of_nothing_but_nan_is_not_called_constant():
    assert kinds(np.full((2, 2, 2), np.nan, np.float32)) == [Kind.NAN_OR_INF]


def colour_picture(colours, declared):
    """What is found in a picture of so many channels where so many are declared."""
    return list(image_problems(raw(colours), image_facts(colours), channel_count=declared, modality=None))


def test_a_colour_picture_is_as_many_channels_as_it_has_colours():
    colours = np.random.default_rng(0).integers(0, 255, (5, 4, 1, 3)).astype(np.uint8)
    assert colour_picture(colours, 3) == []
    (found,) = colour_picture(colours, 1)
    assert found.kind == Kind.CHANNEL_MISMATCH
    assert '"channel_names": {"0": "R", "1": "G", "2": "B"}' in found.advice


def test_grey_stored_as_colours_is_to_be_stored_as_grey():
    grey = np.random.default_rng(0).integers(0, 255, (5, 4, 1, 1)).astype(np.uint8)
    for colours in (np.repeat(grey, 3, axis=3), np.concatenate([*[grey] * 3, np.full_like(grey, 255)], axis=3)):
        (found,) = [one for one in colour_picture(colours, 1) if one.kind == Kind.CHANNEL_MISMATCH]
        assert "are equal" in found.message
        assert "in grey" in found.advice
        assert "channel_names" not in found.advice
