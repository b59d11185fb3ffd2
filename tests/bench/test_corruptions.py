"""Every corruption keeps its promises: pure, seeded, graded, 3D-consistent, and truthful about what it did."""

import contextlib
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.errors import CaseError, UsageError
from corruption_cases import LESION, LIVER, SHAPE, SPACING_MM, SPLEEN, corrupt, liver_case

every = pytest.mark.parametrize("name", CORRUPTIONS)
every_image = pytest.mark.parametrize("name", [name for name, item in CORRUPTIONS.items() if item.kind == "image"])
every_label = pytest.mark.parametrize("name", [name for name, item in CORRUPTIONS.items() if item.kind == "label"])
drawn = [
    name for name in CORRUPTIONS if name not in ("blur", "thick_slices", "erosion", "dilation", "missing_component")
]

IN_STEPS = ("missing_component", "missing_classes")
"""Faults of whole things: the liver case has few, so that some severities are alike."""
OF_MAGNITUDES = ("rician_noise", "bias_field")
"""Faults that no CT has."""
ALONG_D = ("noise", "rician_noise", "bias_field", "spike")
"""Faults that differ from plane to plane."""
NESTED = ("truncated_view", "erosion", "dilation", "ragged", "missing_structure", *IN_STEPS)
"""Faults of which every voxel changes at all severities above some."""


def hit(name):
    """A class that can have the fault: the lesions alone are several."""
    return LESION if name == "missing_component" else LIVER


@every
def test_input_is_left_alone_and_shape_and_type_are_kept(name):
    image, label = liver_case()
    result = CORRUPTIONS[name].apply(
        image, label, severity=0.8, rng=np.random.default_rng(1), class_id=hit(name), spacing_mm=SPACING_MM
    )
    clean_image, clean_label = liver_case()
    assert np.array_equal(image, clean_image)
    assert np.array_equal(label, clean_label)
    assert (result.image.shape, result.image.dtype) == (SHAPE, np.float32)
    assert (result.label.shape, result.label.dtype) == (SHAPE, np.int32)


@every
def test_only_the_array_of_its_kind_changes_and_truth_counts_the_voxels(name):
    image, label = liver_case()
    result = corrupt(name)
    changed_image = np.count_nonzero(result.image != image)
    changed_label = np.count_nonzero(result.label != label)
    assert (changed_image > 0, changed_label > 0) == (result.truth.kind == "image", result.truth.kind == "label")
    assert result.truth.changed_voxels == changed_image + changed_label
    assert result.truth.corruption == name
    assert result.truth.severity == 0.6
    assert result.truth.words
    assert bool(result.truth.class_ids) == (result.truth.kind == "label")


@every
def test_same_seed_makes_the_same_fault(name):
    first, second = corrupt(name, seed=3), corrupt(name, seed=3)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.label, second.label)
    assert first.truth == second.truth


@pytest.mark.parametrize("name", drawn)
def test_seeds_make_different_faults(name):
    results = [corrupt(name, severity=0.4, seed=seed) for seed in range(5)]
    assert len({result.image.tobytes() + result.label.tobytes() for result in results}) > 1


@every
def test_fault_vanishes_with_severity_and_grows_with_it(name):
    image, label = liver_case()
    sizes = []
    for severity in (1e-4, 0.2, 0.5, 1.0):
        results = [corrupt(name, severity=severity, seed=seed) for seed in range(4)]
        moved = [float(np.abs(result.image - image).mean()) for result in results]
        moved += [float((result.label != label).mean()) for result in results]
        sizes.append(sum(moved))
    assert sizes[0] < 0.01 * sizes[3]
    assert sizes == sorted(sizes)
    assert name in IN_STEPS or sizes[0] < sizes[1] < sizes[2] < sizes[3]


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("seed", range(3))
def test_a_larger_fault_of_the_same_seed_holds_the_smaller(name, seed):
    image, label = liver_case()
    before = np.zeros(SHAPE, dtype=bool)
    for severity in (0.1, 0.25, 0.5, 0.75, 1.0):
        result = corrupt(name, severity, seed)
        changed = (result.image != image) | (result.label != label)
        assert not np.any(before & ~changed)
        before = changed


@every_label
def test_invisible_severity_is_reported_as_no_fault(name):
    assert corrupt(name, severity=1e-4).truth.changed_voxels == 0


@every
@pytest.mark.parametrize("severity", [0.0, -0.1, 1.01, float("nan")])
def test_severity_outside_its_range_is_refused(name, severity):
    with pytest.raises(UsageError, match="severity"):
        corrupt(name, severity=severity)


@every
def test_absent_class_is_refused_by_name(name):
    with pytest.raises(CaseError, match="class 7 is not in the label"):
        corrupt(name, class_id=7)


@every_label
def test_empty_label_is_refused(name):
    image, label = liver_case()
    with pytest.raises(CaseError, match="empty"):
        CORRUPTIONS[name].apply(image, np.zeros_like(label), severity=0.5, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["noise", "rician_noise", "ghosting", "spike", "metal_streaks"])
def test_constant_image_has_no_scale_for_an_artefact(name):
    _, label = liver_case()
    with pytest.raises(CaseError, match="constant"):
        CORRUPTIONS[name].apply(np.ones(SHAPE, dtype=np.float32), label, severity=0.5, rng=np.random.default_rng(0))


@every_image
def test_unlabelled_image_can_be_corrupted(name):
    image, label = liver_case()
    result = CORRUPTIONS[name].apply(image, np.zeros_like(label), severity=0.5, rng=np.random.default_rng(0))
    assert result.truth.changed_voxels > 0


@every_image
def test_image_fault_scales_with_the_units_of_intensity(name):
    image, label = liver_case()
    small = CORRUPTIONS[name].apply(image, label, severity=0.5, rng=np.random.default_rng(2))
    large = CORRUPTIONS[name].apply(image * 1000, label, severity=0.5, rng=np.random.default_rng(2))
    assert np.allclose(large.image / 1000, small.image, atol=1e-2)


@every_image
def test_planes_that_are_alike_stay_alike_up_to_noise(name):
    image, label = liver_case()
    image = np.repeat(image[7:8], SHAPE[0], axis=0)
    result = CORRUPTIONS[name].apply(image, label, severity=0.5, rng=np.random.default_rng(2))
    spread = np.ptp(result.image, axis=0).max()
    assert (spread > 1) == (name in ALONG_D)


@every_image
def test_fault_does_not_depend_on_where_intensities_have_their_zero(name):
    image, label = liver_case()
    if name in OF_MAGNITUDES:
        with pytest.raises(CaseError, match="no magnitude image"):
            corrupt(name, case=(image - 1000, label))
        return
    ct = corrupt(name, case=(image - 1000, label)).image
    assert np.allclose(ct + 1000, corrupt(name).image, atol=0.01)


def _odd_cases():
    image, label = liver_case()
    specks = np.zeros(SHAPE, dtype=np.int32)
    specks[3, 10, 10:12] = LIVER
    specks[9, 30, 30] = SPLEEN
    yield "one plane", image[7:8], label[7:8], SPACING_MM
    yield "two voxels and one", image, specks, SPACING_MM
    yield "two voxels alone", image, np.where(specks == LIVER, specks, 0), SPACING_MM
    yield "fills the volume", image, np.full_like(label, LIVER), SPACING_MM
    yield "all but one voxel", image, np.where(np.arange(label.size).reshape(SHAPE) > 0, LIVER, 0), SPACING_MM
    yield "at every border", image[4:10, 12:28, 8:40], label[4:10, 12:28, 8:40], SPACING_MM
    yield "a few voxels", image[7:9, 20:23, 13:15], label[7:9, 20:23, 13:15], SPACING_MM
    yield "one column", image[:, 18:19, 14:15], label[:, 18:19, 14:15], SPACING_MM
    yield "a voxel", image[7:8, 18:19, 14:15], label[7:8, 18:19, 14:15], SPACING_MM
    yield "thick planes", image, label, (12.0, 0.5, 0.7)


@every
@pytest.mark.parametrize("case", list(_odd_cases()), ids=lambda case: case[0])
def test_odd_cases_get_the_fault_or_a_reason(name, case):
    _, image, label, spacing_mm = case
    label = label.astype(np.int32)
    for severity, seed in ((0.25, 0), (1.0, 1), (1.0, 2)):
        with warnings.catch_warnings(), contextlib.suppress(CaseError):
            warnings.simplefilter("error")
            result = corrupt(name, severity, seed, case=(image, label), spacing_mm=spacing_mm)
            _assert_sound(result, image, label)


def _assert_sound(result, image, label):
    assert result.image.shape == result.label.shape == label.shape
    assert np.isfinite(result.image).all()
    assert set(np.unique(result.label)) <= {0, *np.unique(label)}
    assert all(np.isfinite(value) for value in result.truth.parameters.values())
    changed = np.count_nonzero(result.image != image) + np.count_nonzero(result.label != label)
    assert result.truth.changed_voxels == changed


@every_label
@settings(max_examples=8)
@given(severity=st.floats(0.01, 1.0), seed=st.integers(0, 1000), class_id=st.sampled_from([LIVER, SPLEEN, LESION]))
def test_a_fault_of_one_class_leaves_the_voxels_of_the_others(name, severity, seed, class_id):
    _, label = liver_case()
    class_id = LESION if name == "missing_component" else class_id
    result = corrupt(name, severity, seed, class_id)
    assert class_id in result.truth.class_ids
    faulty = [*result.truth.class_ids, 0]
    # A lesion gives its voxels to the liver around it, and takes them from there.
    spared = [
        value
        for value in (LIVER, SPLEEN, LESION)
        if value not in faulty and not (class_id == LESION and value == LIVER)
    ]
    for value in spared:
        assert np.array_equal(result.label == value, label == value)
