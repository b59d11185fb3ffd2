from dataclasses import replace

import numpy as np
import pytest

from auvseg.measures.inputs import WholeCase
from auvseg.measures.structure import centroids_mm, structure_of


@pytest.mark.parametrize("value", [3, 90_000])
def test_centroids_are_those_of_the_voxels_in_millimetres(value):
    label = np.zeros((6, 7, 8), dtype=np.int32)
    label[1:4, 2:4, 5] = value
    label[5, 6, 0:3] = 1
    case = WholeCase(np.zeros(label.shape, dtype=np.float32), label, (3.0, 0.5, 2.0))
    found = centroids_mm(case)
    assert set(found) == {1, value}
    for number, (voxels, centre) in found.items():
        where = np.argwhere(label == number)
        assert voxels == len(where)
        np.testing.assert_allclose(centre, where.mean(axis=0) * (3.0, 0.5, 2.0))


def test_a_structure_is_cut_out_with_a_margin_and_not_beyond_the_volume(of_label):
    mask = np.zeros((6, 12, 12), dtype=bool)
    mask[2:4, 0:3, 5:8] = True
    structure = structure_of(of_label(mask))
    assert structure.mask.shape == (6, 6, 9)
    assert structure.mask.sum() == mask.sum()
    assert structure.mask[structure.inner].all()
    assert structure.size_mm == (2.0, 3.0, 3.0)


def test_image_and_label_are_views_of_the_case(of_label, draw_ball):
    case = of_label(draw_ball((9, 16, 16), 4))
    structure = structure_of(case)
    assert np.shares_memory(structure.image, case.whole.image)
    assert np.shares_memory(structure.label, case.whole.label)


def test_faces_are_counted_by_axis_and_at_the_volumes_border_too(of_label):
    mask = np.zeros((4, 5, 6), dtype=bool)
    mask[0:2, 1:4, 2:6] = True
    assert structure_of(of_label(mask)).faces == (2 * 12, 2 * 8, 2 * 6)


def test_planes_of_a_large_structure_are_evenly_spaced_and_hold_it(of_label, draw_ball, monkeypatch):
    structure = structure_of(of_label(draw_ball((21, 32, 32), 9)))
    every = [plane.mask for plane in structure.planes]
    assert len(every) == 17
    monkeypatch.setattr("auvseg.measures.structure.VOXELS", 5 * structure.mask[0].size)
    some = [plane.mask for plane in replace(structure).planes]
    assert len(some) == 5
    places = [next(n for n, one in enumerate(every) if np.shares_memory(one, other)) for other in some]
    assert places == [0, 4, 8, 12, 16]
