"""Noise of either kind has its stated moments, and a bias field is smooth and as strong as stated."""

import numpy as np
import pytest

from auvseg.errors import CaseError
from corruption_cases import LIVER, SHAPE, SPACING_MM, SPLEEN, corrupt, liver_case


def test_noise_is_white_and_as_strong_as_stated():
    image, _ = liver_case()
    result = corrupt("noise", severity=0.3)
    noise = result.image - image
    stated = result.truth.parameters["noise_sd"]
    assert noise.std() == pytest.approx(stated, rel=0.02)
    assert noise.std(axis=(1, 2)) == pytest.approx(np.full(SHAPE[0], stated), rel=0.12)
    for axis in range(3):
        neighbours = np.take(noise, range(1, SHAPE[axis]), axis) * np.take(noise, range(SHAPE[axis] - 1), axis)
        assert abs(neighbours.mean()) < 0.03 * stated**2


def test_noise_takes_its_scale_from_the_class_that_is_asked_for():
    image, label = liver_case()
    image[label == SPLEEN] = 260 + 0.2 * (image[label == SPLEEN] - 260)
    whole = corrupt("noise", case=(image, label)).truth.parameters["noise_sd"]
    spleen = corrupt("noise", class_id=SPLEEN, case=(image, label)).truth.parameters["noise_sd"]
    assert spleen < 0.3 * whole


def test_organs_of_different_density_do_not_add_to_the_scale():
    image, label = liver_case()
    apart = image + np.float32(1000) * label.astype(np.float32)
    known, now = (corrupt("noise", case=(one, label)).truth.parameters["noise_sd"] for one in (image, apart))
    assert now == pytest.approx(known, rel=1e-4)


def test_a_class_of_one_intensity_gives_no_scale_and_the_others_do():
    image, label = liver_case()
    image[label == SPLEEN] = 260
    assert corrupt("noise", case=(image, label)).truth.parameters["noise_sd"] > 0
    with pytest.raises(CaseError, match="constant"):
        corrupt("noise", class_id=SPLEEN, case=(image, label))


def test_rician_noise_adds_twice_its_variance_to_the_square_and_lifts_the_background():
    image, label = liver_case()
    image[:, :, 22:] = 0
    result = corrupt("rician_noise", severity=0.8, case=(image, label))
    sd = result.truth.parameters["channel_noise_sd"]
    added = result.image.astype(np.float64) ** 2 - image.astype(np.float64) ** 2
    for half in (slice(0, 22), slice(22, 44)):
        assert added[:, :, half].mean() == pytest.approx(2 * sd**2, rel=0.04)
    empty = result.image[:, :, 22:]
    assert empty.min() >= 0
    assert empty.mean() == pytest.approx(sd * np.sqrt(np.pi / 2), rel=0.02)
    assert empty.std() == pytest.approx(sd * np.sqrt(2 - np.pi / 2), rel=0.03)


def test_rician_noise_is_nearly_gaussian_where_there_is_signal():
    image, label = liver_case()
    result = corrupt("rician_noise", severity=0.1)
    sd = result.truth.parameters["channel_noise_sd"]
    noise = (result.image - image)[label > 0]
    assert noise.std() == pytest.approx(sd, rel=0.05)
    assert abs(noise.mean()) < 0.1 * sd


@pytest.mark.parametrize("name", ["rician_noise", "bias_field"])
def test_ringing_below_zero_does_not_make_an_image_ct(name):
    image, label = liver_case()
    image[0, 0, :5] = -20
    assert corrupt(name, severity=1e-4, case=(image, label)).image[0, 0, 0] == pytest.approx(-20, abs=0.1)


@pytest.mark.parametrize("class_id", [None, LIVER, SPLEEN])
def test_bias_field_keeps_the_geometric_mean_of_what_it_is_asked_for(class_id):
    image, label = liver_case()
    result = corrupt("bias_field", severity=0.7, seed=4, class_id=class_id)
    log_gain = np.log(result.image.astype(np.float64) / image)
    chosen = label > 0 if class_id is None else label == class_id
    assert log_gain[chosen].mean() == pytest.approx(0, abs=1e-5)
    assert np.ptp(log_gain) == pytest.approx(0.7 * np.log(9), rel=1e-4)
    assert np.exp(np.ptp(log_gain)) == pytest.approx(result.truth.parameters["gain_ratio"], rel=1e-4)
    inside = np.exp(np.ptp(log_gain[chosen]))
    assert inside == pytest.approx(result.truth.parameters["foreground_gain_ratio"], rel=1e-4)


def test_bias_field_is_a_cubic_in_space_that_grows_with_severity():
    image = np.full(SHAPE, 1000, dtype=np.float32)
    label = np.ones(SHAPE, dtype=np.int32)
    half, whole = (
        np.log(corrupt("bias_field", severity, seed=1, case=(image, label)).image / 1000) for severity in (0.5, 1.0)
    )
    assert np.allclose(2 * half, whole, atol=1e-5)
    for axis, step in enumerate(SPACING_MM):
        assert np.abs(np.diff(whole, n=4, axis=axis)).max() < 1e-5
        # No faster in millimetres through the planes than within them.
        assert np.abs(np.diff(whole, axis=axis)).max() / step < 0.3
