"""Structure sets, against the areas and volumes of what was drawn."""

from dataclasses import replace

import numpy as np
import pytest

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.reading import make_header, read_label
from auvseg.errors import ReadError
from dicom_files import Scan, circle, rectangle, write_contours

OBLIQUE = np.array([[0.96, 0.28, 0.0], [-0.28 * 0.8, 0.96 * 0.8, 0.6]])
COLUMNS, ROWS, PLANES = 60, 70, 24


@pytest.fixture
def label(tmp_path):
    """The label map of contours that are drawn on a scan of 60×70×24 voxels."""

    def label(rois, scan=None, values=None, **options):
        scan = scan or Scan()
        path = write_contours(tmp_path / "rs.dcm", scan, rois, **options)
        grid = make_header(path, (COLUMNS, ROWS, PLANES), scan.affine, np.dtype(np.int16))
        return read_label(path, values or {name: number for number, name in enumerate(rois, start=1)}, grid)

    return label


def volume_ml(raw, value=1):
    return (raw.array == value).sum() * abs(np.linalg.det(raw.header.affine[:3, :3])) / 1000


@pytest.mark.parametrize("axes", [np.eye(3)[:2], OBLIQUE])
def test_a_cylinder_has_its_volume_to_half_a_percent(label, axes):
    scan = Scan(axes=axes)
    raw = label({"a": [circle(scan, (30.3, 35.6), 18.0, plane) for plane in range(4, 20)]}, scan)
    assert volume_ml(raw) == pytest.approx(np.pi * 18**2 * 16 * 2.5 / 1000, rel=5e-3)
    assert raw.array.any(axis=(0, 1)).nonzero()[0].tolist() == list(range(4, 20))


def test_a_sphere_has_its_volume_to_one_percent(label):
    scan, radius = Scan(), 20.0
    planes = [plane for plane in range(PLANES) if abs(plane - 11.7) * 2.5 < radius]
    curves = [circle(scan, (30.3, 35.6), (radius**2 - (2.5 * (p - 11.7)) ** 2) ** 0.5, p) for p in planes]
    assert volume_ml(label({"a": curves})) == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=1e-2)


def test_a_voxel_is_inside_where_its_centre_is(label):
    raw = label({"a": [rectangle(Scan(), (9.6, 13.4), (19.6, 22.4), 5)]})
    expected = np.zeros((COLUMNS, ROWS, PLANES), np.uint8)
    expected[10:14, 20:23, 5] = 1
    np.testing.assert_array_equal(raw.array, expected)


@pytest.mark.parametrize("edge", [20.0, 20.3])
def test_neighbours_with_a_common_edge_share_no_voxel_and_leave_none(label, edge):
    scan = Scan()
    rois = {
        "a": [rectangle(scan, (9.5, edge), (9.5, 30.5), 3)],
        "b": [rectangle(scan, (edge, 30.5), (9.5, 30.5), 3)],
    }
    raw = label(rois, scan)
    assert (raw.array[10:31, 10:31, 3] > 0).all()
    assert (raw.array > 0).sum() == 21 * 21
    assert raw.header.notes == ()


def test_a_contour_in_another_is_a_hole_and_one_in_the_hole_an_island(label):
    scan = Scan()
    squares = [rectangle(scan, (10 - n, 30 + n), (10 - n, 30 + n), 2) for n in (5.5, 0.5, -4.5)]
    raw = label({"a": squares}, scan)
    assert (raw.array > 0).sum() == 31**2 - 21**2 + 11**2


def test_a_hole_may_be_joined_by_a_slit_of_no_width(label):
    corners = [(9.5, 9.5), (29.5, 9.5), (29.5, 29.5), (9.5, 29.5), (9.5, 9.5)]
    hole = [(14.5, 14.5), (14.5, 24.5), (24.5, 24.5), (24.5, 14.5), (14.5, 14.5)]
    scan = Scan()
    keyhole = np.array([scan.point(column, row, 2) for column, row in corners + hole])
    assert (label({"a": [keyhole]}, scan).array > 0).sum() == 20**2 - 10**2


def test_two_contours_beside_each_other_are_both_there(label):
    scan = Scan()
    boxes = [rectangle(scan, (start - 0.5, start + 4.5), (9.5, 14.5), 2) for start in (10, 20)]
    assert (label({"a": boxes}, scan).array > 0).sum() == 50


def test_a_structure_may_reach_over_the_edge_by_half_a_pixel_and_be_smaller_than_a_pixel(label):
    scan = Scan()
    rois = {
        "edge": [rectangle(scan, (-0.5, COLUMNS - 0.5), (-0.5, ROWS - 0.5), 0)],
        "speck": [rectangle(scan, (9.2, 9.4), (9.2, 9.4), 2)],
    }
    raw = label(rois, scan)
    assert ((raw.array == 1).sum(), (raw.array == 2).sum()) == (COLUMNS * ROWS, 0)


def test_contours_a_little_off_their_plane_belong_to_it(label):
    scan = Scan()
    assert (label({"a": [rectangle(scan, (9.5, 14.5), (9.5, 14.5), 2.1)]}, scan).array[:, :, 2] > 0).sum() == 25


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        (lambda scan: rectangle(scan, (9.5, 14.5), (9.5, 14.5), 2.4), r"'a' lies 1 mm off the nearest plane"),
        (lambda scan: rectangle(scan, (9.5, 14.5), (9.5, 14.5), PLANES), r"'a' lies outside the image"),
        (lambda scan: rectangle(scan, (-20, 14.5), (9.5, 14.5), 2), r"'a' lies outside the image"),
        (lambda scan: rectangle(replace(scan, axes=OBLIQUE), (9.5, 30), (9.5, 30), 2), r"off the nearest plane"),
    ],
)
def test_contours_between_or_outside_the_planes_are_refused(label, curve, reason):
    with pytest.raises(ReadError, match=reason):
        label({"a": [curve(Scan())]})


def test_a_structure_drawn_on_every_second_plane_is_refused(label):
    scan = Scan()
    with pytest.raises(ReadError, match=r"'a' is drawn on every 2\. plane"):
        label({"a": [circle(scan, (30, 30), 8.0, plane) for plane in (4, 6, 8)]}, scan)


def test_empty_planes_between_others_are_noted(label):
    scan = Scan()
    raw = label({"a": [circle(scan, (30, 30), 8.0, plane) for plane in (4, 5, 8)]}, scan)
    assert raw.header.notes == (Problem(Kind.ALTERED_LABEL, "'a' is drawn on 3 planes, and 2 between them are empty"),)


def bent(scan, points, plane=2):
    """A closed contour through these columns and rows."""
    return np.array([scan.point(column, row, plane) for column, row in points])


SQUARE = [(9.5, 9.5), (29.5, 9.5), (29.5, 29.5), (9.5, 29.5)]
INNER = [(14.5, 14.5), (24.5, 14.5), (24.5, 24.5), (14.5, 24.5)]


@pytest.mark.parametrize(
    ("curves", "voxels", "note"),
    [
        # Two that overlap by 10×20.
        (
            [SQUARE, [(19.5, 9.5), (39.5, 9.5), (39.5, 29.5), (19.5, 29.5)]],
            400,
            "on 1 planes contours of 'a' cross themselves or each other; 200 voxels inside two of them count as",
        ),
        # A hole that reaches out of what it is a hole of.
        ([SQUARE, [(14.5, 14.5), (34.5, 14.5), (34.5, 24.5), (14.5, 24.5)]], 300, "; 150 voxels inside two of them"),
        # An eight crosses itself and leaves no hole.
        ([[(9.5, 9.4), (29.5, 29.6), (29.5, 9.4), (9.5, 29.6)]], 220, "; 0 voxels inside two of them"),
        # A contour that goes on over its beginning.
        ([[*SQUARE, (9.5, 9.5), (19.5, 9.5), (19.5, 29.5), (9.5, 29.5)]], 200, "; 200 voxels inside two of them"),
        # The same contour again, from another point on, counts once.
        ([SQUARE, [*SQUARE[2:], *SQUARE[:2]]], 400, "1 contours of 'a' are drawn twice on their plane and count once"),
        # Holes, islands, neighbours and keyholes are how structures are drawn.
        ([SQUARE, INNER], 300, ""),
        ([SQUARE, [(29.5, 9.5), (39.5, 9.5), (39.5, 29.5), (29.5, 29.5)]], 600, ""),
        ([[*SQUARE, SQUARE[0], INNER[0], *INNER[:0:-1], INNER[0]]], 300, ""),
    ],
)
def test_contours_that_cross_are_found_and_those_that_make_holes_are_none(label, curves, voxels, note):
    scan = Scan()
    raw = label({"a": [bent(scan, points) for points in curves]}, scan)
    assert (raw.array > 0).sum() == voxels
    assert [one.kind for one in raw.header.notes] == [Kind.CROSSING_CONTOURS] * bool(note)
    assert all(note in one.message for one in raw.header.notes)


def test_contours_of_several_planes_and_structures_do_not_cross(label):
    scan = Scan()
    rois = {
        "a": [bent(scan, SQUARE, plane) for plane in (1, 2)],
        "b": [bent(scan, [(29.5, 9.5), (39.5, 9.5), (39.5, 29.5), (29.5, 29.5)], 1)],
    }
    assert label(rois, scan).header.notes == ()


def test_points_are_no_structure(label):
    scan = Scan()
    raw = label({"a": [rectangle(scan, (1, 4), (1, 4), 1)]}, scan, geometry="POINT")
    assert not raw.array.any()
    assert raw.header.notes == (Problem(Kind.ALTERED_LABEL, "1 contours of 'a' are no closed curves and are left out"),)


def test_only_the_wanted_structures_are_read_and_several_may_be_one_class(label):
    scan = Scan()
    rois = {
        name: [rectangle(scan, (x, x + 5), (9.5, 14.5), 1)] for name, x in zip("abc", (4.5, 14.5, 24.5), strict=True)
    }
    raw = label(rois, scan, values={"a": 7, "b": 7})
    assert np.unique(raw.array).tolist() == [0, 7]
    assert (raw.array == 7).sum() == 50


def test_a_rim_that_two_share_goes_to_the_smaller_and_is_noted(label):
    scan = Scan()
    rois = {
        "large": [rectangle(scan, (9.5, 40.5), (9.5, 40.5), 1)],
        "small": [rectangle(scan, (39.5, 59.5), (9.5, 29.5), 1)],
    }
    raw = label(rois, scan)
    assert (raw.array == 2).sum() == 20 * 20
    assert (raw.array == 1).sum() == 31 * 31 - 20
    assert raw.header.notes == (
        Problem(Kind.ALTERED_LABEL, "20 voxels, the rim of 'large' and 'small', belong to both and count as 'small'"),
    )


def test_structures_inside_each_other_are_refused_with_a_way_out(label):
    scan = Scan()
    rois = {"PTV": [circle(scan, (30, 30), 15.0, 3)], "GTV": [circle(scan, (30, 30), 8.0, 3)]}
    with pytest.raises(ReadError, match=r"'GTV', 100 % of it, also belong to 'PTV'.*column structures"):
        label(rois, scan)
    assert label(rois, scan, values={"GTV": 1}).array.any()


def test_a_damaged_structure_set_is_one_line(tmp_path):
    scan = Scan()
    path = write_contours(tmp_path / "rs.dcm", scan, {"a": [rectangle(scan, (1, 4), (1, 4), 1)]})
    path.write_bytes(path.read_bytes()[:600])
    grid = make_header(path, (COLUMNS, ROWS, PLANES), scan.affine, np.dtype(np.int16))
    with pytest.raises(ReadError, match=r"rs\.dcm: ") as refused:
        read_label(path, {"a": 1}, grid)
    assert "\n" not in str(refused.value)
