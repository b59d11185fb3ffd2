"""Moved, eroded and dilated outlines are where the truth says."""

import numpy as np
import pytest
from scipy import ndimage

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.corruptions.base import Sample
from auvseg.bench.corruptions.regions import depth_mm, within
from corruption_cases import LESION, LIVER, SHAPE, SPACING_MM, SPLEEN, corrupt, liver_case


@pytest.mark.parametrize("class_id", [LIVER, SPLEEN, LESION])
def test_shifted_class_stands_where_the_truth_says(class_id):
    _, label = liver_case()
    for seed in range(6):
        result = corrupt("shift", severity=0.7, seed=seed, class_id=class_id)
        rows, columns = (int(result.truth.parameters[name]) for name in ("rows", "columns"))
        expected = np.zeros(SHAPE, dtype=bool)
        d, h, w = np.nonzero(label == class_id)
        h, w = h + rows, w + columns
        inside = (h >= 0) & (h < SHAPE[1]) & (w >= 0) & (w < SHAPE[2])
        expected[d[inside], h[inside], w[inside]] = True
        free = np.isin(label, [0, class_id] + [LIVER] * (class_id == LESION))
        assert np.array_equal(result.label == class_id, expected & free)
        length_mm = np.hypot(rows * 1.5, columns * 1.5)
        assert result.truth.parameters["shift_mm"] == pytest.approx(length_mm)
        assert length_mm > 0


def test_shifting_every_class_moves_the_label_as_a_whole():
    _, label = liver_case()
    result = corrupt("shift", severity=0.3, seed=2)
    rows, columns = (int(result.truth.parameters[name]) for name in ("rows", "columns"))
    assert np.array_equal(result.label, np.roll(label, (rows, columns), axis=(1, 2)))
    assert result.truth.class_ids == (LIVER, SPLEEN, LESION)


def test_erosion_takes_the_stated_layer_off_and_dilation_puts_it_on():
    _, label = liver_case()
    volume_mm3 = np.count_nonzero(label == SPLEEN) * np.prod(SPACING_MM)
    radius_mm = np.cbrt(volume_mm3 * 3 / (4 * np.pi))
    for name, sign in (("erosion", -1), ("dilation", 1)):
        result = corrupt(name, severity=0.5, class_id=SPLEEN)
        layer_mm = result.truth.parameters[f"layer_mm_of_class_{SPLEEN}"]
        new_mm3 = np.count_nonzero(result.label == SPLEEN) * np.prod(SPACING_MM)
        new_radius_mm = np.cbrt(new_mm3 * 3 / (4 * np.pi))
        assert new_radius_mm - radius_mm == pytest.approx(sign * layer_mm, abs=1.0)


def test_eroded_lesion_becomes_liver_and_eroded_liver_background():
    _, label = liver_case()
    lesion = corrupt("erosion", class_id=LESION).label
    assert set(np.unique(lesion[(label == LESION) & (lesion != LESION)])) == {LIVER}
    liver = corrupt("erosion", class_id=LIVER).label
    assert set(np.unique(liver[(label == LIVER) & (liver != LIVER)])) == {0}


def test_erosion_never_removes_a_class_and_spares_the_border_of_the_volume():
    assert LESION in corrupt("erosion", severity=1.0).label
    image, label = liver_case()
    filled = np.full_like(label, LIVER)
    filled[:, :5] = 0
    result = CORRUPTIONS["erosion"].apply(image, filled, severity=0.2, rng=np.random.default_rng(0))
    assert np.array_equal((result.label == LIVER).any(axis=(1, 2)), np.ones(SHAPE[0], dtype=bool))
    assert (result.label[:, -1] == LIVER).all()


def test_label_that_fills_the_volume_has_no_surface_to_erode():
    image, label = liver_case()
    result = CORRUPTIONS["erosion"].apply(image, np.full_like(label, LIVER), severity=1.0, rng=np.random.default_rng(0))
    assert result.truth.changed_voxels == 0


def test_depth_is_the_same_however_little_of_the_volume_is_looked_at():
    _, label = liver_case()
    # The background is far outside the box of a lesion that liver surrounds, and at its wall where the liver ends.
    for value, around in ((LESION, 0), (LESION, LIVER), (SPLEEN, 0), (LIVER, 0)):
        mask = label == value
        whole = ndimage.distance_transform_edt(label != around, sampling=SPACING_MM)
        sample = Sample(label.astype(np.float32), label, (value,), SPACING_MM)
        assert np.allclose(depth_mm(sample, mask, around)[mask], whole[mask] - 0.75)
        near = ndimage.distance_transform_edt(~mask, sampling=SPACING_MM) - 0.75
        assert np.array_equal(within(mask, 4.0, SPACING_MM), ~mask & (near <= 4.0))
