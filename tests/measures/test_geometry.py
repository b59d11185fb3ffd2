import math

import numpy as np
import pytest
from scipy import ndimage

from auvseg.measures import geometry
from auvseg.measures.structure import neighbours

SHAPES = ("parts", "largest_part", "gaps", "extent_mm", "elongation", "compactness", "raggedness", "roughness")
PLACES = ("share", "contact", "offset_z_mm", "offset_y_mm", "offset_x_mm")
ALL = (*SHAPES, "abruptness", *PLACES)


def block(shape, where):
    mask = np.zeros(shape, dtype=bool)
    mask[where] = True
    return mask


@pytest.fixture
def tapered(draw_ball):
    return draw_ball((21, 32, 32), 9)


def test_parts_and_the_largest_of_them_are_counted_in_three_dimensions(of_label):
    mask = block((6, 16, 16), np.s_[1:5, 2:6, 2:6])
    assert geometry.parts(of_label(mask)) == 1
    mask[5, 6, 6] = True  # touches by a corner
    assert geometry.parts(of_label(mask)) == 1
    mask[2, 12, 12] = mask[2, 12, 14] = True
    case = of_label(mask)
    assert geometry.parts(case) == 3
    assert geometry.largest_part(case) == pytest.approx(65 / 67)


def test_parts_of_a_large_box_are_counted_on_fewer_rows_and_columns(of_label, monkeypatch):
    monkeypatch.setattr(geometry, "_MAX_LABELLED", 500)
    mask = block((4, 40, 40), np.s_[:, 2:18, 2:38]) | block((4, 40, 40), np.s_[:, 26:38, 2:38])
    assert geometry.parts(of_label(mask)) == 2
    assert geometry.largest_part(of_label(mask)) == pytest.approx(16 / 28, abs=0.1)


def test_gaps_are_planes_left_out_in_between(of_label, tapered):
    assert geometry.gaps(of_label(tapered)) == 0
    tapered[8:11] = False
    assert geometry.gaps(of_label(tapered)) == 3


def test_extent_and_elongation_are_in_millimetres(of_label):
    mask = block((6, 16, 16), np.s_[1:3, 2:6, 3:9])
    case = of_label(mask, spacing_mm=(3.0, 1.0, 2.0))
    assert geometry.extent_mm(case) == pytest.approx(math.sqrt(6**2 + 4**2 + 12**2))
    assert geometry.elongation(case) == pytest.approx(math.log(12 / 4))


def test_compactness_of_a_cube_by_hand_and_at_any_resolution(of_label):
    cube = block((8, 8, 8), np.s_[2:6, 2:6, 2:6])
    expected = math.pi ** (1 / 3) * 6 ** (2 / 3) / 6
    assert geometry.compactness(of_label(cube)) == pytest.approx(expected)
    finer = cube.repeat(2, axis=1).repeat(2, axis=2)
    assert geometry.compactness(of_label(finer, spacing_mm=(1.0, 0.5, 0.5))) == pytest.approx(expected)
    stick = block((8, 8, 8), np.s_[0:8, 3:4, 3:4])
    assert geometry.compactness(of_label(stick)) < expected


def test_compactness_of_a_slanted_box_by_hand(of_label):
    box = block((8, 8, 8), np.s_[2:6, 2:6, 2:6])
    # Its sides are 4 mm; the first leans towards the second by 60 degrees, so that it is 2 mm high.
    axes = np.array([[0.5, np.sqrt(3) / 2, 0], [0, 1, 0], [0, 0, 1]])
    volume, area = 4 * 4 * 2, 2 * (4 * 4 + 4 * 4 + 4 * 2)
    expected = math.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / area
    assert geometry.compactness(of_label(box, axes_mm=axes)) == pytest.approx(expected)
    assert geometry.compactness(of_label(box, axes_mm=np.eye(3))) == geometry.compactness(of_label(box))


def test_raggedness_by_hand(of_label):
    mask = block((4, 8, 8), np.s_[0:3, 0:4, 0:4])
    mask[1] = np.roll(mask[1], 2, axis=0)
    assert geometry.raggedness(of_label(mask)) == pytest.approx(0.5)
    assert geometry.raggedness(of_label(block((4, 8, 8), np.s_[1, 2:4, 2:4]))) is None


def test_planes_that_jump_or_are_left_out_are_ragged(of_label, tapered):
    calm = geometry.raggedness(of_label(tapered))
    jumping = np.stack([np.roll(plane, 4 * (-1) ** number, axis=1) for number, plane in enumerate(tapered)])
    assert geometry.raggedness(of_label(jumping)) > 2 * calm
    tapered[10] = False
    assert geometry.raggedness(of_label(tapered)) > calm


def test_a_frayed_outline_is_rough_and_a_straight_one_is_not(of_label):
    square = block((3, 40, 40), np.s_[:, 10:30, 10:30])
    assert geometry.roughness(of_label(square)) == pytest.approx(1, abs=0.1)
    rim = ndimage.binary_dilation(square[0], iterations=2) & ~ndimage.binary_erosion(square[0], iterations=2)
    frayed = square ^ (rim & (np.random.default_rng(0).random(square.shape) < 0.3))
    assert geometry.roughness(of_label(frayed)) > 1.5


def test_a_structure_thinner_than_the_smoothing_has_no_roughness(of_label):
    assert geometry.roughness(of_label(block((3, 9, 9), np.s_[:, 4, :]))) is None


def test_a_structure_that_is_cut_off_ends_abruptly(of_label, tapered):
    assert geometry.abruptness(of_label(tapered)) < 0.25
    tapered[:10] = False
    assert geometry.abruptness(of_label(tapered)) > 0.4


def test_share_and_contact_compare_with_the_other_structures(of_label):
    mask, other = block((4, 8, 8), np.s_[:, 0:2, 0:4]), block((4, 8, 8), np.s_[:, 2:6, 0:4])
    case = of_label(mask, other=other)
    assert geometry.share(case) == pytest.approx(math.log(1 / 2))
    assert geometry.contact(case) == pytest.approx(16 / (2 * (8 + 16 + 8)))
    alone = of_label(mask)
    assert geometry.share(alone) is None
    assert geometry.contact(alone) == 0


def test_what_is_to_be_ignored_is_no_other_structure(of_label):
    mask = block((4, 8, 8), np.s_[:, 0:2, 0:4])
    valid = ~block((4, 8, 8), np.s_[:, 2:6, 0:4])
    case = of_label(mask, valid=valid)
    assert geometry.share(case) is None
    assert geometry.contact(case) == 0


def test_offsets_are_signed_distances_from_the_others_in_millimetres(of_label):
    mask, other = block((8, 8, 8), np.s_[5:7, 0:2, 2:4]), block((8, 8, 8), np.s_[1:3, 4:6, 2:4])
    case = of_label(mask, other=other, spacing_mm=(3.0, 1.0, 2.0))
    found = [getattr(geometry, f"offset_{axis}_mm")(case) for axis in "zyx"]
    assert found == pytest.approx([12.0, -4.0, 0.0])


def test_the_offset_of_a_single_structure_is_from_the_middle_of_the_image(of_label):
    case = of_label(block((8, 8, 8), np.s_[3:5, 6:8, 3:5]), spacing_mm=(1.0, 2.0, 1.0))
    found = [getattr(geometry, f"offset_{axis}_mm")(case) for axis in "zyx"]
    assert found == pytest.approx([0.0, 6.0, 0.0])


def test_swapping_two_structures_changes_the_sign_of_their_offset(of_label):
    one, two = block((8, 8, 8), np.s_[1:3, 2:4, 2:4]), block((8, 8, 8), np.s_[5:7, 2:4, 2:4])
    assert geometry.offset_z_mm(of_label(one, other=two)) == -geometry.offset_z_mm(of_label(two, other=one))


@pytest.mark.parametrize("name", ALL)
def test_moving_the_whole_label_changes_no_shape(of_label, draw_ball, name):
    mask = draw_ball((16, 32, 32), 5, (6.0, 10.0, 10.0))
    other = draw_ball((16, 32, 32), 4, (6.0, 18.0, 10.0))
    moved = [np.roll(array, (2, 5, 7), (0, 1, 2)) for array in (mask, other)]
    here, there = (getattr(geometry, name)(of_label(one, other=two)) for one, two in ((mask, other), moved))
    assert here == pytest.approx(there)


@pytest.mark.parametrize("name", ALL)
def test_there_is_no_number_without_a_label_or_the_class(of_label, of_image, name):
    measure = getattr(geometry, name)
    assert measure(of_image(np.zeros((4, 8, 8)))) is None
    assert measure(of_label(np.zeros((4, 8, 8), dtype=bool))) is None


@pytest.mark.parametrize("name", ALL)
def test_a_structure_of_one_voxel_or_of_the_whole_image_is_measured(of_label, name):
    measure = getattr(geometry, name)
    for mask in (block((4, 8, 8), np.s_[2, 3, 3]), np.ones((4, 8, 8), dtype=bool)):
        value = measure(of_label(mask))
        assert value is None or math.isfinite(value)


def test_neighbours_are_counted_in_a_square(draw_ball):
    mask = draw_ball((1, 9, 11), 3)[0]
    counts = neighbours(mask, 1)
    padded = np.pad(mask, 1)
    for row, column in ((0, 0), (4, 5), (8, 10), (2, 3)):
        assert counts[row, column] == padded[row : row + 3, column : column + 3].sum()
