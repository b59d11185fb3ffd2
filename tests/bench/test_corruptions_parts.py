"""What is missing or swapped is whole, and is what the truth says."""

import numpy as np
import pytest

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.errors import CaseError
from corruption_cases import LESION, LIVER, SHAPE, SPACING_MM, SPLEEN, corrupt, liver_case


@pytest.mark.parametrize("severity", [0.25, 0.5, 1.0])
def test_missing_structure_lacks_the_stated_share_on_one_side(severity):
    _, label = liver_case()
    result = corrupt("missing_structure", severity=severity, class_id=SPLEEN)
    old, new = label == SPLEEN, result.label == SPLEEN
    assert np.count_nonzero(new) == np.count_nonzero(old) - round(severity * np.count_nonzero(old))
    if severity < 1:
        kept, lost = np.argwhere(new) * SPACING_MM, np.argwhere(old & ~new) * SPACING_MM
        direction = lost.mean(axis=0) - kept.mean(axis=0)
        direction /= np.linalg.norm(direction)
        # The plane's true normal is near this one: hardly any lost voxel lies on the kept side.
        threshold = ((kept @ direction).max() + (lost @ direction).min()) / 2
        assert np.mean(lost @ direction < threshold - 3) < 0.05


def test_nothing_is_left_where_every_structure_is_missing():
    assert not corrupt("missing_structure", severity=1.0).label.any()
    image, label = liver_case()
    swapped = np.array([0, LESION, SPLEEN, LIVER], dtype=np.int32)[label]
    assert not corrupt("missing_structure", severity=1.0, case=(image, swapped)).label.any()


def test_missing_slices_are_one_gap_and_one_plane_stays():
    _, label = liver_case()
    result = corrupt("missing_slices", severity=0.5, seed=5, class_id=LIVER)
    had, has = (array.any(axis=(1, 2)) for array in (label == LIVER, result.label == LIVER))
    gap = np.flatnonzero(had & ~has)
    assert len(gap) == result.truth.parameters["removed_planes"] == round(0.5 * np.count_nonzero(had))
    assert np.array_equal(gap, np.arange(gap[0], gap[0] + len(gap)))
    whole = corrupt("missing_slices", severity=1.0, class_id=LIVER).label
    assert np.count_nonzero((whole == LIVER).any(axis=(1, 2))) == 1


def test_swapping_twice_gives_the_label_back():
    image, label = liver_case()
    once = corrupt("swapped_classes", severity=1.0, class_id=SPLEEN)
    other = next(value for value in once.truth.class_ids if value != SPLEEN)
    assert np.array_equal(once.label == other, label == SPLEEN)
    twice = CORRUPTIONS["swapped_classes"].apply(
        image, once.label, severity=1.0, rng=np.random.default_rng(9), class_id=SPLEEN
    )
    assert np.array_equal(twice.label, label)


def test_single_class_cannot_be_swapped():
    image, label = liver_case()
    with pytest.raises(CaseError, match="alone"):
        CORRUPTIONS["swapped_classes"].apply(
            image, np.where(label == SPLEEN, SPLEEN, 0).astype(np.int32), severity=1.0, rng=np.random.default_rng(0)
        )


def _with_components(*sizes):
    """Rods of class 1 beside each other, of so many voxels each."""
    label = np.zeros((9, 4 * len(sizes), 24), dtype=np.int32)
    for row, size in enumerate(sizes):
        label[4, 4 * row, :size] = 1
    return np.ones(label.shape, dtype=np.float32), label


@pytest.mark.parametrize(("severity", "left"), [(0.05, [2, 8, 10, 20]), (0.1, [8, 10, 20]), (0.5, [10, 20]), (1, [20])])
def test_components_are_missing_whole_the_smallest_first(severity, left):
    case = _with_components(10, 2, 20, 8)
    result = corrupt("missing_component", severity, case=case)
    assert sorted(size for size in np.count_nonzero(result.label, axis=(0, 2)) if size) == left
    assert result.truth.parameters["removed_components_of_class_1"] == 4 - len(left)
    assert result.truth.parameters["removed_voxels_of_class_1"] == 40 - sum(left) == result.truth.changed_voxels


def test_lesion_that_was_overlooked_is_liver_and_the_other_stays():
    _, label = liver_case()
    result = corrupt("missing_component", severity=1.0)
    assert result.truth.class_ids == (LESION,)
    changed = result.label != label
    assert set(label[changed]) == {LESION}
    assert set(result.label[changed]) == {LIVER}
    assert 0 < np.count_nonzero(changed) < 0.5 * np.count_nonzero(label == LESION)


@pytest.mark.parametrize("sizes", [(20,), (20, 1)])
def test_one_component_or_specks_beside_it_cannot_lack_one(sizes):
    with pytest.raises(CaseError, match="several components"):
        corrupt("missing_component", case=_with_components(*sizes))


def test_voxels_that_share_a_corner_are_one_component():
    label = np.zeros(SHAPE, dtype=np.int32)
    for index in range(10):
        label[index, index, index] = 1
    with pytest.raises(CaseError, match="several components"):
        corrupt("missing_component", case=(np.ones(SHAPE, dtype=np.float32), label))


@pytest.mark.parametrize(("severity", "missing"), [(0.2, 0), (0.4, 1), (0.8, 2), (1.0, 2)])
def test_whole_classes_are_missing_and_one_stays(severity, missing):
    _, label = liver_case()
    for seed in range(4):
        result = corrupt("missing_classes", severity, seed)
        sizes = [np.count_nonzero(result.label == value) for value in (LIVER, SPLEEN, LESION)]
        gone = [value for value, size in zip((LIVER, SPLEEN, LESION), sizes, strict=True) if size == 0]
        assert len(gone) == missing == result.truth.parameters["removed_classes"]
        if missing:
            assert result.truth.class_ids == tuple(gone)
        assert np.array_equal(result.label[~np.isin(label, gone)], label[~np.isin(label, gone)])


def test_class_that_is_asked_for_is_missing_from_half_severity_on():
    assert SPLEEN in corrupt("missing_classes", severity=0.49, class_id=SPLEEN).label
    assert SPLEEN not in corrupt("missing_classes", severity=0.5, class_id=SPLEEN).label


def test_only_class_of_a_label_is_not_left_out():
    image, label = liver_case()
    with pytest.raises(CaseError, match="class 2 alone"):
        corrupt("missing_classes", case=(image, np.where(label == SPLEEN, SPLEEN, 0).astype(np.int32)))


def test_words_stay_short_where_classes_are_many():
    label = np.arange(1, 61, dtype=np.int32).repeat(4).reshape(4, 6, 10)
    case = (np.arange(240, dtype=np.float32).reshape(label.shape), label)
    for name in ("missing_classes", "dilation", "ragged"):
        assert len(corrupt(name, case=case).truth.words) < 100
