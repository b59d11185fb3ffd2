"""Deformed and ragged boundaries move as far as stated, smoothly or place by place."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import norm

from auvseg.bench.corruptions.boundary import _smooth_field
from corruption_cases import LESION, LIVER, SHAPE, SPACING_MM, SPLEEN, corrupt, liver_case


def _dice(first, second):
    return 2 * np.count_nonzero(first & second) / (np.count_nonzero(first) + np.count_nonzero(second))


@pytest.mark.parametrize("name", ["elastic", "ragged"])
def test_dice_falls_as_severity_grows(name):
    _, label = liver_case()
    for class_id in (LIVER, SPLEEN):
        dice = [
            np.mean([_dice(label == class_id, corrupt(name, s, seed, class_id).label == class_id) for seed in range(4)])
            for s in (0.25, 0.5, 1.0)
        ]
        assert 0.99 > dice[0] > dice[1] > dice[2]
        assert dice[0] > 0.8
        assert dice[2] < 0.8


def test_smooth_field_has_unit_length_and_no_mean_over_the_mask():
    _, label = liver_case()
    field = _smooth_field(label > 0, 9.0, SPACING_MM, np.random.default_rng(3))
    assert np.mean(np.sum(field**2, axis=0)) == pytest.approx(1, rel=1e-4)
    assert np.abs(field[:, label > 0].mean(axis=1)).max() < 1e-4
    # Over a control point's distance it turns, from voxel to voxel it hardly does.
    near = np.abs(np.diff(field, axis=3)).mean()
    far = np.abs(field[..., 18:] - field[..., :-18]).mean()
    assert near < 0.25 * far


def test_deformation_moves_the_outline_and_not_the_middle():
    _, label = liver_case()
    for seed in range(5):
        result = corrupt("elastic", 0.4, seed, SPLEEN)
        places = [np.argwhere(array == SPLEEN).mean(axis=0) * SPACING_MM for array in (label, result.label)]
        assert np.linalg.norm(places[1] - places[0]) < result.truth.parameters["displacement_rms_mm"]
        assert ndimage.label(result.label == SPLEEN, np.ones((3, 3, 3)))[1] == 1


def test_deformation_is_smooth_where_raggedness_is_not():
    _, label = liver_case()

    def surface(array):
        return sum(np.count_nonzero(np.diff((array == LIVER).astype(int), axis=axis)) for axis in (1, 2))

    smooth, rough = (
        np.mean([surface(corrupt(n, 0.5, s, LIVER).label) for s in range(4)]) for n in ("elastic", "ragged")
    )
    assert smooth < 1.4 * surface(label)
    assert rough > 1.5 * smooth


def test_classes_deform_together_without_a_gap_between_them():
    image, label = liver_case()
    label[:] = 0
    label[3:11, 10:30, 8:22] = LIVER
    label[3:11, 10:30, 22:36] = SPLEEN
    for seed in range(3):
        result = corrupt("elastic", 0.3, seed, case=(image, label)).label
        for row in result[4:10, 15:25].reshape(-1, SHAPE[2]):
            values = row[np.flatnonzero(row)[0] : np.flatnonzero(row)[-1] + 1]
            assert list(values) == sorted(values)
            assert values.min() > 0


def _half_space():
    label = np.zeros((20, 100, 60), dtype=np.int32)
    label[:, :, :30] = 1
    return np.ones(label.shape, dtype=np.float32), label


def test_voxel_of_a_plane_boundary_changes_sides_with_the_normal_probability_of_its_distance():
    label = _half_space()[1]
    flips = np.mean(
        [corrupt("ragged", 0.3, seed, case=_half_space(), spacing_mm=(1, 1, 1)).label != label for seed in range(6)],
        axis=(0, 1, 2),
    )
    sd_mm = corrupt("ragged", 0.3, case=_half_space(), spacing_mm=(1, 1, 1)).truth.parameters["step_sd_mm_of_class_1"]
    for distance in range(6):
        expected = norm.sf((distance + 0.5) / sd_mm)
        assert flips[30 + distance] == pytest.approx(expected, abs=0.03)
        assert flips[29 - distance] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("axis", "step_mm"), [(0, 3.0), (1, 1.0)])
def test_neighbours_on_the_boundary_are_as_alike_as_a_markov_chain_makes_them(axis, step_mm):
    found = []
    for seed in range(6):
        result = corrupt("ragged", 0.6, seed, case=_half_space(), spacing_mm=(3, 1, 1))
        place = result.label.sum(axis=2)
        pairs = [np.take(place, range(start, place.shape[axis] - 1 + start), axis).ravel() for start in (0, 1)]
        found.append(np.corrcoef(*pairs)[0, 1])
    length_mm = 0.1 * np.sqrt(100 * 30 / np.pi)
    assert np.mean(found) == pytest.approx(np.exp(-step_mm / length_mm), abs=0.08)


def test_ragged_liver_keeps_its_lesions_and_ragged_lesion_stays_in_the_liver():
    _, label = liver_case()
    liver = corrupt("ragged", 0.8, class_id=LIVER).label
    assert np.array_equal(liver == LESION, label == LESION)
    lesion = corrupt("ragged", 0.8, class_id=LESION).label
    changed = lesion != label
    assert set(lesion[changed]) <= {LIVER, LESION}
