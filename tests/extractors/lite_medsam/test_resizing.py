import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auvseg.extractors.lite_medsam.extractor import fitted_shape, resize_area


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((512, 512), (256, 256)),
        ((35, 50), (179, 256)),
        ((300, 100), (256, 85)),
        ((1, 1000), (1, 256)),
        ((3, 3), (256, 256)),
    ],
)
def test_the_longer_side_fits_and_the_aspect_ratio_is_kept(shape, expected):
    assert fitted_shape(*shape, 256) == expected


@settings(max_examples=40)
@given(st.integers(2, 80), st.integers(2, 80), st.integers(2, 96), st.integers(2, 96))
def test_any_resize_equals_opencvs_area_interpolation(height, width, new_height, new_width):
    plane = np.random.default_rng(height * 97 + width).random((height, width)).astype(np.float32)
    ours = resize_area(plane, (new_height, new_width))
    theirs = cv2.resize(plane, (new_width, new_height), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_constant_plane_stays_constant_and_the_same_size_is_the_same_plane():
    plane = np.full((37, 51), 0.3, dtype=np.float32)
    np.testing.assert_allclose(resize_area(plane, (256, 256)), 0.3, atol=1e-6)
    assert resize_area(plane, (37, 51)) is plane
