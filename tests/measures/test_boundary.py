import numpy as np
import pytest
from scipy import ndimage

from auvseg.measures import boundary


@pytest.fixture
def organ(draw_ball):
    """A ball, brighter than what is around it, and its image."""
    mask = draw_ball((17, 48, 48), 8)
    rng = np.random.default_rng(0)
    return mask, 0.3 + 0.3 * mask + rng.normal(0, 0.05, mask.shape)


def test_an_outline_on_the_images_edge_has_steps_and_one_beside_it_has_not(of_label, organ):
    mask, image = organ
    values = [boundary.edge(of_label(np.roll(mask, rows, 1), image=image)) for rows in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.5
    assert values[-1] < 0.1


@pytest.mark.parametrize("change", [ndimage.binary_erosion, ndimage.binary_dilation])
def test_an_outline_too_small_or_too_large_loses_its_steps(of_label, organ, change):
    mask, image = organ
    changed = change(mask, iterations=3)
    assert boundary.edge(of_label(changed, image=image)) < boundary.edge(of_label(mask, image=image)) - 0.3


def test_edges_and_contrast_do_not_depend_on_the_intensity_scale(of_label, organ):
    mask, image = organ
    for measure in (boundary.edge, boundary.contrast):
        value = measure(of_label(mask, image=image))
        assert measure(of_label(mask, image=1 - 0.5 * image)) == pytest.approx(value, rel=1e-3)


def test_contrast_is_the_distance_of_the_means_over_the_spread(of_label, organ):
    mask, image = organ
    assert boundary.contrast(of_label(mask, image=image)) == pytest.approx(0.3 / np.sqrt(2 * 0.05**2), rel=0.05)
    noisier = image + np.random.default_rng(1).normal(0, 0.2, mask.shape)
    assert boundary.contrast(of_label(mask, image=noisier)) < boundary.contrast(of_label(mask, image=image))


def test_without_a_label_or_without_steps_there_is_no_number(of_label, of_image, organ):
    mask, image = organ
    for measure in (boundary.edge, boundary.contrast):
        assert measure(of_image(image)) is None
        assert measure(of_label(mask, image=np.ones(mask.shape))) is None
        assert (
            measure(of_label(np.ones((2, 4, 4), dtype=bool), image=np.random.default_rng(0).random((2, 4, 4)))) is None
        )


def test_a_large_structure_is_judged_by_some_of_its_planes_as_by_all(of_label, organ, monkeypatch):
    mask, image = organ
    whole = boundary.edge(of_label(mask, image=image))
    monkeypatch.setattr("auvseg.measures.structure.VOXELS", 6 * 30 * 30)
    assert boundary.edge(of_label(mask, image=image)) == pytest.approx(whole, abs=0.3)
