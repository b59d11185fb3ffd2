"""Every corruption keeps its promises: pure, seeded, graded, 3D-consistent, and truthful about what it did."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.errors import CaseError, UsageError

SHAPE = (14, 40, 44)
SPACING_MM = (3.0, 1.5, 1.5)
LIVER, SPLEEN, LESION = 1, 2, 3

every = pytest.mark.parametrize("name", CORRUPTIONS)
every_image = pytest.mark.parametrize("name", [name for name, item in CORRUPTIONS.items() if item.kind == "image"])
every_label = pytest.mark.parametrize("name", [name for name, item in CORRUPTIONS.items() if item.kind == "label"])
random = [name for name in CORRUPTIONS if name not in ("blur", "thick_slices", "erosion", "dilation")]


def _ball(centre, radius_mm):
    grids = np.meshgrid(*[np.arange(size) for size in SHAPE], indexing="ij")
    squares = [((axis - middle) * step) ** 2 for axis, middle, step in zip(grids, centre, SPACING_MM, strict=True)]
    return sum(squares) < radius_mm**2


def _case():
    label = np.zeros(SHAPE, dtype=np.int32)
    label[_ball((7, 18, 14), 15)] = LIVER
    label[_ball((7, 24, 35), 9)] = SPLEEN
    label[_ball((6, 18, 14), 6)] = LESION
    densities = np.array([-100.0, 100.0, 120.0, 50.0], dtype=np.float32)
    texture = np.random.default_rng(5).normal(0, 5, SHAPE).astype(np.float32)
    return densities[label] + texture, label


def _apply(name, severity=0.6, seed=0, class_id=None, **kwargs):
    image, label = _case()
    rng = np.random.default_rng(seed)
    return CORRUPTIONS[name].apply(
        image, label, severity=severity, rng=rng, class_id=class_id, spacing_mm=SPACING_MM, **kwargs
    )


@every
def test_input_is_left_alone_and_shape_and_type_are_kept(name):
    image, label = _case()
    result = CORRUPTIONS[name].apply(
        image, label, severity=0.8, rng=np.random.default_rng(1), class_id=LIVER, spacing_mm=SPACING_MM
    )
    clean_image, clean_label = _case()
    assert np.array_equal(image, clean_image)
    assert np.array_equal(label, clean_label)
    assert (result.image.shape, result.image.dtype) == (SHAPE, np.float32)
    assert (result.label.shape, result.label.dtype) == (SHAPE, np.int32)


@every
def test_only_the_array_of_its_kind_changes_and_truth_counts_the_voxels(name):
    image, label = _case()
    result = _apply(name)
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
    first, second = _apply(name, seed=3), _apply(name, seed=3)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.label, second.label)
    assert first.truth == second.truth


@pytest.mark.parametrize("name", random)
def test_seeds_make_different_faults(name):
    results = [_apply(name, severity=0.4, seed=seed) for seed in range(8)]
    assert len({result.image.tobytes() + result.label.tobytes() for result in results}) > 1


@every
def test_fault_vanishes_with_severity_and_grows_with_it(name):
    image, label = _case()
    sizes = []
    for severity in (1e-4, 0.2, 0.5, 1.0):
        results = [_apply(name, severity=severity, seed=seed) for seed in range(5)]
        moved = [float(np.abs(result.image - image).mean()) for result in results]
        moved += [float((result.label != label).mean()) for result in results]
        sizes.append(sum(moved))
    assert sizes[0] < 0.01 * sizes[3]
    assert sizes[0] < sizes[1] < sizes[2] < sizes[3]


@every_label
def test_invisible_severity_is_reported_as_no_fault(name):
    assert _apply(name, severity=1e-4).truth.changed_voxels == 0


@every
@pytest.mark.parametrize("severity", [0.0, -0.1, 1.01, float("nan")])
def test_severity_outside_its_range_is_refused(name, severity):
    with pytest.raises(UsageError, match="severity"):
        _apply(name, severity=severity)


@every
def test_absent_class_is_refused_by_name(name):
    with pytest.raises(CaseError, match="class 7 is not in the label"):
        _apply(name, class_id=7)


@every_label
def test_empty_label_is_refused(name):
    image, label = _case()
    with pytest.raises(CaseError, match="empty"):
        CORRUPTIONS[name].apply(image, np.zeros_like(label), severity=0.5, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["noise", "ghosting"])
def test_constant_image_has_no_scale_for_an_artefact(name):
    _, label = _case()
    with pytest.raises(CaseError, match="constant"):
        CORRUPTIONS[name].apply(np.ones(SHAPE, dtype=np.float32), label, severity=0.5, rng=np.random.default_rng(0))


@every_image
def test_unlabelled_image_can_be_corrupted(name):
    image, label = _case()
    result = CORRUPTIONS[name].apply(image, np.zeros_like(label), severity=0.5, rng=np.random.default_rng(0))
    assert result.truth.changed_voxels > 0


@every_image
def test_image_fault_scales_with_the_units_of_intensity(name):
    image, label = _case()
    small = CORRUPTIONS[name].apply(image, label, severity=0.5, rng=np.random.default_rng(2))
    large = CORRUPTIONS[name].apply(image * 1000, label, severity=0.5, rng=np.random.default_rng(2))
    assert np.allclose(large.image / 1000, small.image, atol=1e-2)


@every_image
def test_planes_that_are_alike_stay_alike_up_to_noise(name):
    image, label = _case()
    image = np.repeat(image[7:8], SHAPE[0], axis=0)
    result = CORRUPTIONS[name].apply(image, label, severity=0.5, rng=np.random.default_rng(2))
    spread = np.ptp(result.image, axis=0).max()
    assert (spread > 1) == (name == "noise")


def test_noise_is_white_and_as_strong_as_stated():
    image, _ = _case()
    result = _apply("noise", severity=0.3)
    noise = result.image - image
    stated = result.truth.parameters["noise_sd"]
    assert noise.std() == pytest.approx(stated, rel=0.02)
    assert noise.std(axis=(1, 2)) == pytest.approx(np.full(SHAPE[0], stated), rel=0.12)
    for axis in range(3):
        neighbours = np.take(noise, range(1, SHAPE[axis]), axis) * np.take(noise, range(SHAPE[axis] - 1), axis)
        assert abs(neighbours.mean()) < 0.03 * stated**2


def test_noise_takes_its_scale_from_the_class_that_is_asked_for():
    whole = _apply("noise").truth.parameters["noise_sd"]
    spleen = _apply("noise", class_id=SPLEEN).truth.parameters["noise_sd"]
    assert spleen < 0.6 * whole


def test_blur_keeps_the_mean_and_is_equally_wide_in_millimetres():
    image = np.zeros((31, 61, 61), dtype=np.float32)
    image[15, 30, 30] = 1000
    result = CORRUPTIONS["blur"].apply(
        image, np.zeros(image.shape, np.int32), severity=0.8, rng=np.random.default_rng(0), spacing_mm=(2.0, 1.0, 1.0)
    )
    assert result.image.sum() == pytest.approx(1000, rel=1e-3)
    for axis, (size, step) in enumerate(zip(image.shape, (2.0, 1.0, 1.0), strict=True)):
        profile = result.image.sum(axis=tuple(other for other in range(3) if other != axis))
        offsets_mm = (np.arange(size) - size // 2) * step
        width_mm = np.sqrt((profile * offsets_mm**2).sum() / profile.sum())
        assert width_mm == pytest.approx(result.truth.parameters["blur_sd_mm"], rel=0.05)


def test_ghosts_have_the_stated_strength_and_keep_the_centre_of_k_space():
    image, label = _case()
    result = _apply("ghosting", severity=0.7)
    ghosts = result.image - image
    axis = int(result.truth.parameters["axis"])
    assert np.sqrt(np.square(ghosts[label > 0]).mean()) == pytest.approx(result.truth.parameters["ghost_rms"], rel=1e-3)
    assert np.abs(ghosts.sum(axis=axis)).max() < 0.05


def test_ghosts_of_a_line_stand_at_the_stated_distance():
    image = np.zeros((2, 64, 64), dtype=np.float32)
    image[:, 32, :] = image[:, :, 32] = 100.0
    image[0] *= 1.01
    result = CORRUPTIONS["ghosting"].apply(
        image, np.zeros(image.shape, np.int32), severity=1.0, rng=np.random.default_rng(4)
    )
    axis = int(result.truth.parameters["axis"])
    ghosts = np.moveaxis(np.abs(result.image - image)[1], axis - 1, 0)[:, 5]
    distance = int(result.truth.parameters["ghost_distance_voxels"])
    beside = ghosts[32 + distance - 2 : 32 + distance + 3].max()
    between = ghosts[32 + distance // 2 - 1 : 32 + distance // 2 + 2].max()
    assert beside > 2 * between


def test_thick_slices_average_their_neighbours():
    image = np.zeros(SHAPE, dtype=np.float32)
    image[7] = 60
    result = CORRUPTIONS["thick_slices"].apply(
        image, np.zeros(SHAPE, np.int32), severity=0.8, rng=np.random.default_rng(0), spacing_mm=SPACING_MM
    )
    assert result.image[:, 3, 3] == pytest.approx([0] * 5 + [12] * 5 + [0] * 4)
    assert result.truth.parameters["thickness_mm"] == pytest.approx(15)


@every_label
@settings(max_examples=15, deadline=None)
@given(severity=st.floats(0.01, 1.0), seed=st.integers(0, 1000), class_id=st.sampled_from([LIVER, SPLEEN, LESION]))
def test_a_fault_of_one_class_leaves_the_voxels_of_the_others(name, severity, seed, class_id):
    _, label = _case()
    result = _apply(name, severity, seed, class_id)
    assert class_id in result.truth.class_ids
    hit = [*result.truth.class_ids, 0]
    # A lesion gives its voxels to the liver around it, and takes them from there.
    spared = [
        value for value in (LIVER, SPLEEN, LESION) if value not in hit and not (class_id == LESION and value == LIVER)
    ]
    for value in spared:
        assert np.array_equal(result.label == value, label == value)


@pytest.mark.parametrize("class_id", [LIVER, SPLEEN, LESION])
def test_shifted_class_stands_where_the_truth_says(class_id):
    _, label = _case()
    for seed in range(6):
        result = _apply("shift", severity=0.7, seed=seed, class_id=class_id)
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
    _, label = _case()
    result = _apply("shift", severity=0.3, seed=2)
    rows, columns = (int(result.truth.parameters[name]) for name in ("rows", "columns"))
    assert np.array_equal(result.label, np.roll(label, (rows, columns), axis=(1, 2)))
    assert result.truth.class_ids == (LIVER, SPLEEN, LESION)


def test_erosion_takes_the_stated_layer_off_and_dilation_puts_it_on():
    _, label = _case()
    volume_mm3 = np.count_nonzero(label == SPLEEN) * np.prod(SPACING_MM)
    radius_mm = np.cbrt(volume_mm3 * 3 / (4 * np.pi))
    for name, sign in (("erosion", -1), ("dilation", 1)):
        result = _apply(name, severity=0.5, class_id=SPLEEN)
        layer_mm = result.truth.parameters[f"layer_mm_of_class_{SPLEEN}"]
        new_mm3 = np.count_nonzero(result.label == SPLEEN) * np.prod(SPACING_MM)
        new_radius_mm = np.cbrt(new_mm3 * 3 / (4 * np.pi))
        assert new_radius_mm - radius_mm == pytest.approx(sign * layer_mm, abs=1.0)


def test_eroded_lesion_becomes_liver_and_eroded_liver_background():
    _, label = _case()
    lesion = _apply("erosion", class_id=LESION).label
    assert set(np.unique(lesion[(label == LESION) & (lesion != LESION)])) == {LIVER}
    liver = _apply("erosion", class_id=LIVER).label
    assert set(np.unique(liver[(label == LIVER) & (liver != LIVER)])) == {0}


def test_erosion_never_removes_a_class_and_spares_the_border_of_the_volume():
    assert LESION in _apply("erosion", severity=1.0).label
    image, label = _case()
    filled = np.full_like(label, LIVER)
    filled[:, :5] = 0
    result = CORRUPTIONS["erosion"].apply(image, filled, severity=0.2, rng=np.random.default_rng(0))
    assert np.array_equal((result.label == LIVER).any(axis=(1, 2)), np.ones(SHAPE[0], dtype=bool))
    assert (result.label[:, -1] == LIVER).all()


def test_label_that_fills_the_volume_has_no_surface_to_erode():
    image, label = _case()
    result = CORRUPTIONS["erosion"].apply(image, np.full_like(label, LIVER), severity=1.0, rng=np.random.default_rng(0))
    assert result.truth.changed_voxels == 0


@pytest.mark.parametrize("severity", [0.25, 0.5, 1.0])
def test_missing_structure_lacks_the_stated_share_on_one_side(severity):
    _, label = _case()
    result = _apply("missing_structure", severity=severity, class_id=SPLEEN)
    old, new = label == SPLEEN, result.label == SPLEEN
    assert np.count_nonzero(new) == np.count_nonzero(old) - round(severity * np.count_nonzero(old))
    if severity < 1:
        kept, lost = np.argwhere(new) * SPACING_MM, np.argwhere(old & ~new) * SPACING_MM
        direction = lost.mean(axis=0) - kept.mean(axis=0)
        direction /= np.linalg.norm(direction)
        # The plane's true normal is near this one: hardly any lost voxel lies on the kept side.
        threshold = ((kept @ direction).max() + (lost @ direction).min()) / 2
        assert np.mean(lost @ direction < threshold - 3) < 0.05


def test_missing_slices_are_one_gap_and_one_plane_stays():
    _, label = _case()
    result = _apply("missing_slices", severity=0.5, seed=5, class_id=LIVER)
    had, has = (array.any(axis=(1, 2)) for array in (label == LIVER, result.label == LIVER))
    gap = np.flatnonzero(had & ~has)
    assert len(gap) == result.truth.parameters["removed_planes"] == round(0.5 * np.count_nonzero(had))
    assert np.array_equal(gap, np.arange(gap[0], gap[0] + len(gap)))
    whole = _apply("missing_slices", severity=1.0, class_id=LIVER).label
    assert np.count_nonzero((whole == LIVER).any(axis=(1, 2))) == 1


def test_swapping_twice_gives_the_label_back():
    image, label = _case()
    once = _apply("swapped_classes", severity=1.0, class_id=SPLEEN)
    other = next(value for value in once.truth.class_ids if value != SPLEEN)
    assert np.array_equal(once.label == other, label == SPLEEN)
    twice = CORRUPTIONS["swapped_classes"].apply(
        image, once.label, severity=1.0, rng=np.random.default_rng(9), class_id=SPLEEN
    )
    assert np.array_equal(twice.label, label)


def test_single_class_cannot_be_swapped():
    image, label = _case()
    with pytest.raises(CaseError, match="alone"):
        CORRUPTIONS["swapped_classes"].apply(
            image, np.where(label == SPLEEN, SPLEEN, 0).astype(np.int32), severity=1.0, rng=np.random.default_rng(0)
        )
