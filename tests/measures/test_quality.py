"""Each measure of image quality answers to its own fault, and to a change that is no fault it does not answer."""

import numpy as np
import pytest
from scipy import ndimage

from auvseg.measures import quality

IN_PLANE = ("sharpness", "anisotropy", "spike", "noise")


@pytest.fixture
def anatomy():
    """(24, 64, 64) smooth random tissue in (0.1, 0.9)."""
    rng = np.random.default_rng(0)
    image = sum(ndimage.gaussian_filter(rng.normal(size=(24, 64, 64)), sd) * sd**1.5 for sd in (0.7, 1.5, 3, 6))
    return (0.5 + 0.35 * np.tanh(image / image.std())).astype(np.float32)


def with_noise(image, sd):
    return image + np.random.default_rng(1).normal(0, sd, image.shape)


def test_noise_is_the_planted_standard_deviation(of_image):
    flat = np.full((6, 64, 64), 0.5)
    assert quality.noise(of_image(with_noise(flat, 0.05))) == pytest.approx(0.05, rel=0.05)
    assert quality.noise(of_image(flat)) == pytest.approx(0, abs=1e-6)


def test_a_noisy_plane_among_others_is_odd_but_a_noisy_image_is_not(of_image, anatomy):
    one = with_noise(anatomy, 0.01)
    one[5] = with_noise(one, 0.2)[5]
    assert quality.odd_plane(of_image(one)) > quality.odd_plane(of_image(with_noise(anatomy, 0.01))) + 1
    assert quality.odd_plane(of_image(with_noise(anatomy, 0.2))) < 0.2


def test_blur_lowers_sharpness_step_by_step_and_contrast_does_not(of_image, anatomy):
    values = [quality.sharpness(of_image(ndimage.gaussian_filter(anatomy, (0, sd, sd)))) for sd in (0, 0.5, 1, 1.5)]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[-1] > 2
    assert quality.sharpness(of_image(0.3 * anatomy + 0.2)) == pytest.approx(values[0], abs=1e-3)


def test_thick_slices_lower_the_steps_between_planes_only(of_image, anatomy):
    thick = ndimage.uniform_filter1d(anatomy, 5, axis=0)
    clean = quality.through_plane(of_image(anatomy))
    assert quality.through_plane(of_image(thick)) < clean - 0.5
    assert quality.through_plane(of_image(np.moveaxis(thick, 0, 1))) > clean


def test_steps_are_compared_a_millimetre(of_image, anatomy):
    clean = quality.through_plane(of_image(anatomy))
    thrice = quality.through_plane(of_image(anatomy, spacing_mm=(3.0, 1.0, 1.0)))
    assert thrice == pytest.approx(clean - np.log(3), abs=1e-6)


def test_detail_along_one_axis_makes_an_image_anisotropic_and_turning_it_changes_the_sign(of_image, anatomy):
    smeared = ndimage.gaussian_filter1d(anatomy, 1.5, axis=1)
    value = quality.anisotropy(of_image(smeared))
    assert value < quality.anisotropy(of_image(anatomy)) - 0.3
    assert quality.anisotropy(of_image(smeared.swapaxes(1, 2))) == pytest.approx(-value, abs=1e-5)


def test_a_wave_over_one_plane_is_a_spike_the_more_the_stronger(of_image, anatomy):
    rows, columns = np.indices(anatomy.shape[1:])
    wave = np.zeros_like(anatomy)
    wave[7] = np.cos(2 * np.pi * (rows * 13 / 64 + columns * 17 / 64))
    values = [quality.spike(of_image(anatomy + amplitude * wave)) for amplitude in (0, 0.1, 0.3)]
    assert np.diff(values).min() > 0.7


def test_noise_is_no_spike(of_image, anatomy):
    assert quality.spike(of_image(with_noise(anatomy, 0.1))) < quality.spike(of_image(anatomy)) + 1


def test_a_bias_field_raises_shading_step_by_step(of_image, anatomy):
    ramp = np.linspace(-1, 1, 64)
    values = [quality.shading(of_image(anatomy * np.exp(strength * ramp))) for strength in (0.2, 0.5, 1.0)]
    assert values == sorted(values)


def test_air_is_not_shading(of_image, anatomy):
    shaded = quality.shading(of_image(anatomy))
    padded = np.pad(anatomy, ((0, 0), (32, 32), (32, 32)))
    assert quality.shading(of_image(padded)) == pytest.approx(shaded, abs=0.1)


def test_blank_and_clipped_are_shares_of_the_voxels(of_image, anatomy):
    assert quality.blank(of_image(anatomy)) == 0
    assert quality.clipped(of_image(anatomy)) == 0
    cut = anatomy.copy()
    cut[:, :32] = 0
    assert quality.blank(of_image(cut)) == pytest.approx(31 / 63)
    assert quality.clipped(of_image(cut)) == 0.5


@pytest.mark.parametrize("name", IN_PLANE)
def test_a_long_volume_is_judged_by_some_of_its_planes_as_by_all(of_image, anatomy, name, monkeypatch):
    whole = getattr(quality, name)(of_image(anatomy))
    monkeypatch.setattr(quality, "VOXELS", 8 * 64 * 64)
    assert getattr(quality, name)(of_image(anatomy)) == pytest.approx(whole, abs=0.35)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 9), (3, 5, 5), (2, 8, 8)])
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_images_too_small_or_without_variation_have_no_number_or_a_finite_one(of_image, shape, value):
    case = of_image(np.full(shape, value))
    names = ("noise", "odd_plane", "sharpness", "through_plane", "anisotropy", "spike", "shading", "blank", "clipped")
    for name in names:
        found = getattr(quality, name)(case)
        assert found is None or np.isfinite(found), name
