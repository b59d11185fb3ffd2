"""Voxel sizes of NRRD and MetaImage files, of which ITK leaves out the unit and what is not stated at all."""

import numpy as np
import pytest

from auvseg.data.check.findings import Kind
from auvseg.data.reading import read_array, read_header
from image_files import refusal

RAS = "right-anterior-superior"
DIRECTIONS = "(0.75,0,0) (0,0.5,0) (0,0,2.5)"
SPACING = (0.75, 0.5, 2.5)
SHAPE = (3, 4, 5)
VOXELS = np.arange(60, dtype=np.int16).reshape(SHAPE)


def nrrd(folder, *lines, sizes="3 4 5", dimension=3, name="a.nrrd"):
    first = [line for line in lines if line.startswith(("space:", "space dimension:"))]
    rest = [line for line in lines if line not in first]
    head = ["NRRD0005", "type: short", f"dimension: {dimension}", *first, f"sizes: {sizes}", *rest]
    text = "\n".join([*head, "endian: little", "encoding: raw", "", ""])
    (folder / name).write_bytes(text.encode() + VOXELS.tobytes(order="F"))
    return folder / name


def meta(folder, *lines, sizes="3 4 5", axes=3):
    head = ["ObjectType = Image", f"NDims = {axes}", f"DimSize = {sizes}", "ElementType = MET_SHORT"]
    text = "\n".join([*head, *lines, "ElementDataFile = LOCAL", ""])
    (folder / "a.mha").write_bytes(text.encode() + VOXELS.tobytes(order="F"))
    return folder / "a.mha"


def kinds(header):
    return {note.kind for note in header.notes}


def said(header, kind):
    (message,) = [note.message for note in header.notes if note.kind == kind]
    return message


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("mm", 1),
        ("", 1),
        ("Millimeters", 1),
        ("um", 1e-3),
        ("µm", 1e-3),
        ("μm", 1e-3),
        ("microns", 1e-3),
        ("micrometre", 1e-3),
        ("cm", 10),
        ("nm", 1e-6),
        ("m", 1e3),
        ("metres", 1e3),
    ],
)
def test_lengths_of_a_space_are_millimetres_whatever_its_unit(tmp_path, unit, factor):
    x, y, z = (size / factor for size in SPACING)
    directions = f"space directions: ({x!r},0,0) (0,{y!r},0) (0,0,{z!r})"
    origin = f"space origin: ({-15 / factor!r},{20 / factor!r},0)"
    units = f'space units: "{unit}" "{unit}" "{unit}"'
    header = read_header(nrrd(tmp_path, f"space: {RAS}", directions, origin, units))
    assert header.spacing_mm == pytest.approx(SPACING)
    np.testing.assert_allclose(header.affine, [[0.75, 0, 0, -15], [0, 0.5, 0, 20], [0, 0, 2.5, 0], [0, 0, 0, 1]])
    assert kinds(header) == (set() if factor == 1 else {Kind.UNUSUAL_UNIT})
    if factor != 1:
        assert f"nnU-Net, looks at no unit and takes {x:.4g}×" in said(header, Kind.UNUSUAL_UNIT)


def test_every_coordinate_of_a_space_has_a_unit_of_its_own(tmp_path):
    # The axes are stored in another order than the coordinates.
    directions = "space directions: (0,0.5,0) (0,0,2500) (0.75,0,0)"
    header = read_header(nrrd(tmp_path, f"space: {RAS}", directions, 'space units: "mm" "mm" "um"'))
    assert header.spacing_mm == pytest.approx((0.5, 2.5, 0.75))
    assert "'mm', 'um'" in said(header, Kind.UNUSUAL_UNIT)


@pytest.mark.parametrize("unit", ["px", "voxel", "inch", "Kelvin", "?"])
def test_a_length_in_an_unknown_unit_is_refused(tmp_path, unit):
    units = f'space units: "{unit}" "{unit}" "{unit}"'
    path = nrrd(tmp_path, f"space: {RAS}", f"space directions: {DIRECTIONS}", units)
    if unit == "?":
        assert read_header(path).spacing_mm == SPACING
    else:
        assert f"states lengths in '{unit}'" in refusal(read_header, path)
        refusal(read_array, path)


def test_millimetres_that_a_space_calls_metres_stay_millimetres_and_are_an_error(tmp_path):
    units = 'space units: "m" "m" "m"'
    header = read_header(nrrd(tmp_path, f"space: {RAS}", f"space directions: {DIRECTIONS}", units))
    assert header.spacing_mm == SPACING
    assert kinds(header) == {Kind.IMPLAUSIBLE_SPACING}


def test_axes_without_a_space_have_units_of_their_own(tmp_path):
    header = read_header(nrrd(tmp_path, "spacings: 750 500 2.5", 'units: "um" "um" "mm"'))
    assert header.spacing_mm == pytest.approx(SPACING)
    assert kinds(header) == {Kind.UNUSUAL_UNIT, Kind.UNSTATED_ORIENTATION}


def test_an_axis_of_one_number_a_voxel_has_no_length(tmp_path):
    lines = ["spacings: nan 750 500 2500", 'units: "" "um" "um" "um"', "kinds: list domain domain domain"]
    header = read_header(nrrd(tmp_path, *lines, sizes="1 3 4 5", dimension=4))
    assert (header.shape, header.spacing_mm) == (SHAPE, pytest.approx(SPACING))
    assert Kind.UNSTATED_SPACING not in kinds(header)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no voxel size:"),
        (["thicknesses: 0.75 0.5 2.5"], "no voxel size:"),
        (["axis mins: 0 0 0", "axis maxs: 1 1 1"], "no voxel size:"),
        ([f"space: {RAS}"], "no voxel size:"),
        (["spacings: 0.75 nan 2.5"], "no voxel size along y:"),
        ([f"space: {RAS}", "space directions: (0.75,0,0) (0,0.5,0) none"], "no voxel size along z:"),
    ],
)
def test_a_size_that_nobody_states_is_assumed_aloud(tmp_path, lines, words):
    assert words in said(read_header(nrrd(tmp_path, *lines)), Kind.UNSTATED_SPACING)


@pytest.mark.parametrize("space", ["space: 3D-right-handed", "space: scanner-xyz", "space dimension: 3", ""])
def test_axes_that_are_no_patients_are_taken_for_lps_aloud(tmp_path, space):
    sizes = f"space directions: {DIRECTIONS}" if space else "spacings: 0.75 0.5 2.5"
    header = read_header(nrrd(tmp_path, *([space] if space else []), sizes))
    assert (header.axcodes, header.spacing_mm) == ("LPS", SPACING)
    assert kinds(header) == {Kind.UNSTATED_ORIENTATION}


@pytest.mark.parametrize("space", ["RAS", "LAS", "LPS", "right-anterior-superior", "Left-Posterior-Superior"])
def test_axes_of_a_patient_are_read_with_and_without_time(tmp_path, space):
    letters = space if len(space) == 3 else "".join(word[0].upper() for word in space.split("-"))
    header = read_header(nrrd(tmp_path, f"space: {space}", f"space directions: {DIRECTIONS}"))
    assert (header.axcodes, header.notes) == (letters, ())
    with_time = "space directions: (0.75,0,0,0) (0,0.5,0,0) (0,0,2.5,0) (0,0,0,1)"
    name = f"{space}T" if len(space) == 3 else f"{space}-time"
    header = read_header(nrrd(tmp_path, f"space: {name}", with_time, sizes="3 4 5 1", dimension=4))
    assert (header.axcodes, header.spacing_mm, header.notes) == (letters, SPACING, ())


def test_a_negative_spacing_turns_its_axis_round_aloud(tmp_path):
    header = read_header(nrrd(tmp_path, "spacings: -0.75 0.5 2.5"))
    assert (header.axcodes, header.spacing_mm) == ("RPS", SPACING)
    assert Kind.REPAIRED_HEADER in kinds(header)
    header = read_header(meta(tmp_path, "ElementSpacing = 0.75 -0.5 2.5"))
    assert (header.axcodes, header.spacing_mm) == ("LAS", SPACING)
    assert kinds(header) == {Kind.REPAIRED_HEADER}


@pytest.mark.parametrize(("unit", "factor"), [("um", 1e-3), ("mm", 1), ("cm", 10), ("?", 1), ("m", 1e3)])
def test_distances_of_a_meta_image_are_millimetres_whatever_its_unit(tmp_path, unit, factor):
    sizes = " ".join(repr(size / factor) for size in SPACING)
    header = read_header(meta(tmp_path, f"ElementSpacing = {sizes}", f"DistanceUnits = {unit}"))
    assert header.spacing_mm == pytest.approx(SPACING)
    assert kinds(header) == (set() if factor == 1 else {Kind.UNUSUAL_UNIT})


def test_a_meta_image_of_an_unknown_unit_is_refused(tmp_path):
    path = meta(tmp_path, "ElementSpacing = 1 1 1", "DistanceUnits = furlongs")
    assert "states lengths in 'furlongs'" in refusal(read_header, path)


@pytest.mark.parametrize("lines", [[], ["elementspacing = 0.75 0.5 2.5"]])
def test_a_meta_image_without_a_size_says_so(tmp_path, lines):
    header = read_header(meta(tmp_path, *lines))
    assert (header.spacing_mm, kinds(header)) == ((1.0, 1.0, 1.0), {Kind.UNSTATED_SPACING})


@pytest.mark.parametrize("key", ["ElementSpacing", "ElementSize"])
def test_either_key_of_a_meta_image_states_the_size(tmp_path, key):
    header = read_header(meta(tmp_path, f"{key} = 0.75 0.5 2.5"))
    assert (header.spacing_mm, header.notes) == (SPACING, ())


def test_planes_thinner_than_they_are_apart_are_no_contradiction_but_pixels_are(tmp_path):
    header = read_header(meta(tmp_path, "ElementSpacing = 0.75 0.5 2.5", "ElementSize = 0.75 0.5 2"))
    assert (header.spacing_mm, header.notes) == (SPACING, ())
    header = read_header(meta(tmp_path, "ElementSpacing = 1 1 1", "ElementSize = 0.75 0.5 2.5"))
    assert header.spacing_mm == (1.0, 1.0, 1.0)
    assert "ElementSize 0.75 0.5 2.5" in said(header, Kind.CONTRADICTORY_SPACING)


@pytest.mark.parametrize("stated", ["0 1 1", "nan 1 1", "1 1 inf", "a b c", "0,75 0,5 2,5"])
@pytest.mark.parametrize("key", ["ElementSpacing", "ElementSize"])
def test_a_meta_image_whose_size_is_no_size_is_refused_by_its_words(tmp_path, stated, key):
    assert f"states the spacing {stated}" in refusal(read_header, meta(tmp_path, f"{key} = {stated}"))


@pytest.mark.parametrize("stated", ["0.75 0.5", "0.75 0.5 2.5 1", ""])
def test_a_meta_image_of_more_or_fewer_sizes_than_axes_is_refused_by_its_words(tmp_path, stated):
    assert f"states the spacing {stated}" in refusal(read_header, meta(tmp_path, f"ElementSpacing = {stated}"))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["spacings: 0 0.5 2.5"], "states the spacing 0 0.5 2.5;"),
        (["spacings: inf 0.5 2.5"], "states the spacing inf 0.5 2.5;"),
        ([f"space: {RAS}", "spacings: 0.75 0.5 2.5"], "states the spacing 0.75 0.5 2.5 beside a space;"),
        ([f"space: {RAS}", f"space directions: {DIRECTIONS}", "space units: um um um"], "without quotes"),
        (["spacings: 0.75 0.5 2.5", "units: mm mm mm"], "without quotes"),
        ([f"space: {RAS}", "space directions: (0,0,0) (0,0.5,0) (0,0,2.5)"], "affine is not finite or singular"),
        ([f"space: {RAS}", "space directions: (1,0,0) (1,0,0) (0,0,2.5)"], "affine is not finite or singular"),
    ],
)
def test_an_nrrd_file_whose_sizes_are_none_is_refused_by_its_words(tmp_path, lines, words):
    assert words in refusal(read_header, nrrd(tmp_path, *lines))


@pytest.mark.parametrize("write", ["nrrd", "meta"])
def test_a_sheared_grid_has_the_volume_of_its_determinant(tmp_path, write):
    # The second axis leans towards the first, by 30 degrees.
    if write == "nrrd":
        path = nrrd(tmp_path, f"space: {RAS}", "space directions: (1,0,0) (1,1.7320508,0) (0,0,2.5)")
    else:
        path = meta(tmp_path, "ElementSpacing = 1 2 2.5", "TransformMatrix = 1 0 0 0.5 0.8660254 0 0 0 1")
    header = read_header(path)
    assert header.spacing_mm == pytest.approx((1.0, 2.0, 2.5))
    assert header.voxel_mm3 == pytest.approx(3**0.5 * 2.5)
    assert "30° off perpendicular" in said(header, Kind.SHEARED_GRID)


def test_directions_that_are_no_unit_vectors_are_an_error_and_the_spacing_stands(tmp_path):
    header = read_header(meta(tmp_path, "ElementSpacing = 0.75 0.5 2.5", "TransformMatrix = 2 0 0 0 2 0 0 0 2"))
    assert header.spacing_mm == pytest.approx(SPACING)
    assert "2 × 2 × 2" in said(header, Kind.CONTRADICTORY_SPACING)
