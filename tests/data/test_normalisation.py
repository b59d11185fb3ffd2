import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from auvseg.data.normalisation import PERCENTILES, Normalisation, normalise
from auvseg.data.volume import Volume
from auvseg.errors import CaseError, UsageError

MRI, MASK = Normalisation("mri"), Normalisation("mri", input="mask")


def volume(image) -> Volume:
    return Volume("case", np.asarray(image, np.float32).reshape(1, 1, -1), None, (1.0, 1.0, 1.0), "SAR", ())


def noise(count: int = 4000) -> np.ndarray:
    return np.random.default_rng(0).gamma(2.0, 100.0, count).astype(np.float32)


def test_ct_window_of_level_40_and_width_400_runs_from_minus_160_to_240():
    scaled = normalise(volume([-1024, -160, -60, 40, 140, 240, 3000]), Normalisation("ct"), None)
    np.testing.assert_allclose(scaled.ravel(), [0, 0, 0.25, 0.5, 0.75, 1, 1], atol=1e-6)


def test_ct_window_is_the_configured_one():
    scaled = normalise(volume([-1350, -600, 150]), Normalisation("ct", window_hu=(-600.0, 1500.0)), None)
    np.testing.assert_allclose(scaled.ravel(), [0, 0.5, 1], atol=1e-6)


def test_windowed_images_are_divided_by_255():
    scaled = normalise(volume([0, 51, 127.5, 255, 300]), Normalisation("windowed"), None)
    np.testing.assert_allclose(scaled.ravel(), [0, 0.2, 0.5, 1, 1], atol=1e-6)


def test_mri_is_scaled_by_percentiles_of_its_positive_voxels_alone():
    positive = noise()
    low, high = np.percentile(positive, PERCENTILES)
    scaled = normalise(volume(np.concatenate([positive, np.zeros(9000), np.full(9000, -50.0)])), MRI, None).ravel()
    np.testing.assert_allclose(scaled[:4000], np.clip((positive - low) / (high - low), 0, 1), atol=1e-6)
    assert (scaled[4000:] == 0).all()


def test_mri_without_a_positive_voxel_is_scaled_by_percentiles_of_all():
    values = -noise()
    low, high = np.percentile(values, PERCENTILES)
    expected = np.clip((values - low) / (high - low), 0, 1)
    np.testing.assert_allclose(normalise(volume(values), MRI, None).ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("factor", [1e-4, 0.37, 3.0, 1e5])
def test_mri_does_not_depend_on_the_scanners_unit(factor):
    image = np.concatenate([noise(), np.zeros(500, np.float32)])
    np.testing.assert_allclose(
        normalise(volume(factor * image), MRI, None), normalise(volume(image), MRI, None), atol=1e-5
    )


@pytest.mark.parametrize("modality", ["ct", "mri", "windowed"])
def test_mask_input_uses_the_foregrounds_percentiles_whatever_the_modality(modality):
    image = volume(noise())
    foreground = np.zeros(image.image.shape, bool)
    foreground[..., 100:1100] = True
    low, high = np.percentile(image.image[foreground], PERCENTILES)
    scaled = normalise(image, Normalisation(modality, input="mask"), foreground)
    np.testing.assert_allclose(scaled, np.clip((image.image - low) / (high - low), 0, 1), atol=1e-6)


def test_what_lies_outside_the_mask_does_not_change_what_lies_inside():
    image, other = noise(), noise()
    other[2000:] *= -17
    foreground = np.zeros((1, 1, 4000), bool)
    foreground[..., :2000] = True
    np.testing.assert_array_equal(
        normalise(volume(image), MASK, foreground)[foreground], normalise(volume(other), MASK, foreground)[foreground]
    )


@pytest.mark.parametrize("foreground", [None, np.zeros((1, 1, 4), bool)])
def test_mask_input_without_foreground_names_the_way_out(foreground):
    with pytest.raises(CaseError, match=r"no foreground.*--input raw"):
        normalise(volume([1, 2, 3, 4]), MASK, foreground)


@pytest.mark.parametrize("value", [-3.0, 0.0, 7.0])
@pytest.mark.parametrize("how", [MRI, MASK])
def test_constant_images_become_zeros(value, how):
    scaled = normalise(volume([value] * 5), how, np.ones((1, 1, 5), bool))
    np.testing.assert_array_equal(scaled, np.zeros((1, 1, 5), np.float32))


ANY_FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("how", [MRI, MASK, Normalisation("ct"), Normalisation("windowed")])
@given(image=arrays(np.float32, (2, 3, 4), elements=ANY_FLOAT))
def test_every_result_is_float32_in_0_to_1_and_the_volume_is_left_alone(how, image):
    before = image.copy()
    scaled = normalise(Volume("case", image, None, (1.0, 1.0, 1.0), "SAR", ()), how, np.ones(image.shape, dtype=bool))
    assert scaled.dtype == np.float32
    assert scaled.shape == image.shape
    assert ((scaled >= 0) & (scaled <= 1)).all()
    np.testing.assert_array_equal(image, before)


def test_a_range_beyond_float32_is_still_a_range():
    extreme = np.finfo(np.float32).max
    scaled = normalise(volume([-extreme, 0, extreme]), MASK, np.ones((1, 1, 3), bool))
    np.testing.assert_allclose(scaled.ravel(), [0, 0.5, 1], atol=1e-6)


@pytest.mark.parametrize("window", [(40.0, 0.0), (40.0, -400.0), (np.nan, 400.0), (40.0, np.inf)])
def test_a_window_without_width_is_refused(window):
    with pytest.raises(UsageError, match="width above 0"):
        Normalisation("ct", window_hu=window)


@given(image=arrays(np.float32, (2, 3, 4), elements=ANY_FLOAT))
def test_brighter_voxels_never_become_darker(image):
    scaled = normalise(Volume("case", image, None, (1.0, 1.0, 1.0), "SAR", ()), Normalisation("ct"), None)
    assert (np.diff(scaled.ravel()[np.argsort(image.ravel())]) >= 0).all()


@pytest.mark.parametrize("how", [Normalisation("ct"), Normalisation("windowed"), MRI, MASK], ids=str)
@pytest.mark.parametrize("factor", [1.0, 0.0, 1e36])
def test_in_place_the_result_is_the_same_and_takes_the_images_memory(how, factor):
    values = factor * np.concatenate([noise(), np.zeros(50, np.float32), -noise(70)])
    foreground = np.zeros((1, 1, len(values)), bool)
    foreground[..., 100:900] = True
    expected, image = normalise(volume(values), how, foreground), volume(values)
    found = normalise(image, how, foreground, in_place=True)
    np.testing.assert_array_equal(found, expected)
    assert np.shares_memory(found, image.image)
