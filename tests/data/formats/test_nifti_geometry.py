"""Headers that contradict themselves: which size and which place is taken, and what ITK makes of the same file."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from auvseg.data.check.findings import Kind
from auvseg.data.formats import nifti_geometry
from auvseg.data.reading import read_array, read_header
from image_files import refusal

SPACING = (0.75, 0.5, 2.5)
RAS = np.array([[0.75, 0, 0, -15], [0, 0.5, 0, -20], [0, 0, 2.5, 10], [0, 0, 0, 1]])
SHAPE = (4, 5, 6)
KEPT = {"sform_code": 2, "qform_code": 0}
QFORM = {"qform_code": 1, "sform_code": 0, "qoffset_x": -15, "qoffset_y": -20, "qoffset_z": 10}


def written(path, affine=RAS, kind=nib.Nifti1Image, **fields):
    """A NIfTI file whose header is as nibabel writes it, but for some fields, of which nothing is checked."""
    content = kind(np.zeros(SHAPE, np.int16), affine).to_bytes()
    size = kind.header_class.sizeof_hdr
    header = kind.header_class(content[:size], check=False)
    for name, value in (KEPT | fields).items():
        header[name] = value
    path.write_bytes(header.binaryblock + content[size:])
    return path


def pixdim(x, y, z, qfac=1.0):
    return [qfac, x, y, z, 1, 1, 1, 1]


def sheared(degrees):
    affine, angle = RAS.copy(), np.radians(degrees)
    affine[:3, 1] = 0.5 * np.array([0, np.cos(angle), np.sin(angle)])
    return affine


def kinds(header):
    return {note.kind for note in header.notes}


def said(header, kind):
    (message,) = [note.message for note in header.notes if note.kind == kind]
    return message


def test_a_header_that_agrees_with_itself_gives_no_note(tmp_path):
    header = read_header(written(tmp_path / "a.nii", qform_code=1, qoffset_x=-15, qoffset_y=-20, qoffset_z=10))
    assert (header.spacing_mm, header.notes) == (SPACING, ())


@pytest.mark.parametrize("sizes", [(1, 1, 1), (0.75, 0.5, 2.6), (0, 0, 0), (np.nan, np.nan, np.nan), (np.inf, 1, 1)])
def test_other_sizes_in_pixdim_than_in_the_sform_are_an_error_that_names_both(tmp_path, sizes):
    header = read_header(written(tmp_path / "a.nii", pixdim=pixdim(*sizes)))
    assert header.spacing_mm == SPACING
    assert kinds(header) == {Kind.CONTRADICTORY_SPACING}
    message = said(header, Kind.CONTRADICTORY_SPACING)
    assert "0.75×0.5×2.5 mm" in message
    assert " × ".join(f"{size:g}" for size in sizes) in message
    assert "nnU-Net" in message


def test_an_identity_that_nobody_filled_in_beside_a_sound_qform_is_found(tmp_path):
    identity = {f"srow_{axis}": np.eye(4)[row] for row, axis in enumerate("xyz")}
    header = read_header(written(tmp_path / "a.nii", **QFORM | {"sform_code": 1}, **identity))
    assert header.spacing_mm == (1.0, 1.0, 1.0)
    assert "pixdim 0.75 × 0.5 × 2.5" in said(header, Kind.CONTRADICTORY_SPACING)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"quatern_c": 1.0, "qoffset_x": 15, "pixdim": pixdim(*SPACING, -1.0)}, "point to RAS, the qform's to LAS"),
        ({"quatern_d": 0.05}, "turned by 5.7° against"),
        ({"qoffset_z": 12}, "origin lies 2 mm from"),
    ],
)
@pytest.mark.parametrize("code", [1, 2, 4])
def test_another_direction_or_origin_in_the_qform_is_a_warning_that_says_which_is_taken(tmp_path, fields, words, code):
    forms = QFORM | {"sform_code": code} | fields
    header = read_header(written(tmp_path / "a.nii", **forms))
    np.testing.assert_allclose(header.affine, RAS)
    assert kinds(header) == {Kind.CONTRADICTORY_ORIENTATION}
    message = said(header, Kind.CONTRADICTORY_ORIENTATION)
    assert words in message
    # ITK goes by the sform of a scanner, and else by a qform that differs.
    assert message.endswith("auvseg takes the sform, ITK the " + ("sform" if code == 1 else "qform"))


def test_a_difference_within_rounding_is_none(tmp_path):
    header = read_header(written(tmp_path / "a.nii", **QFORM | {"sform_code": 2, "qoffset_z": 10.002}))
    assert header.notes == ()


def test_a_flip_that_itk_takes_either_way_is_called_so(tmp_path):
    path = written(tmp_path / "a.nii", **QFORM | {"sform_code": 2, "pixdim": pixdim(*SPACING, -1.0)})
    assert said(read_header(path), Kind.CONTRADICTORY_ORIENTATION).endswith("ITK either")


@pytest.mark.parametrize("rows", [0.0, np.nan, np.inf])
def test_the_qform_stands_in_for_an_sform_that_is_no_grid(tmp_path, rows):
    broken = {f"srow_{axis}": [rows] * 4 for axis in "xyz"}
    header = read_header(written(tmp_path / "a.nii", **QFORM | {"sform_code": 1}, **broken))
    np.testing.assert_allclose(header.affine, RAS)
    assert kinds(header) == {Kind.REPAIRED_HEADER}


@pytest.mark.parametrize("rows", [0.0, np.nan])
def test_an_sform_that_is_no_grid_and_has_no_stand_in_is_refused(tmp_path, rows):
    path = written(tmp_path / "a.nii", **{f"srow_{axis}": [rows] * 4 for axis in "xyz"})
    assert "the affine is not finite or singular" in refusal(read_header, path)


@pytest.mark.parametrize("size", [0.0, np.nan, np.inf])
def test_a_size_that_the_qform_needs_and_pixdim_lacks_is_assumed_aloud(tmp_path, size):
    header = read_header(written(tmp_path / "a.nii", pixdim=pixdim(0.75, 0.5, size), **QFORM))
    assert header.spacing_mm == (0.75, 0.5, 1.0)
    assert kinds(header) == {Kind.UNSTATED_SPACING}
    assert "1 mm is assumed along z" in said(header, Kind.UNSTATED_SPACING)


def test_a_header_without_forms_says_that_itk_takes_another_direction(tmp_path):
    header = read_header(written(tmp_path / "a.nii", sform_code=0))
    assert (header.axcodes, header.spacing_mm) == ("LAS", SPACING)
    assert kinds(header) == {Kind.UNSTATED_ORIENTATION}
    assert "ITK takes LPS" in said(header, Kind.UNSTATED_ORIENTATION)


def test_negative_sizes_keep_their_length_and_say_that_itk_turns_the_axis_round(tmp_path):
    header = read_header(written(tmp_path / "a.nii", pixdim=pixdim(-0.75, 0.5, 2.5)))
    assert header.spacing_mm == SPACING
    assert kinds(header) == {Kind.CONTRADICTORY_ORIENTATION}
    assert "negative along x" in said(header, Kind.CONTRADICTORY_ORIENTATION)


def test_a_form_code_that_nobody_defined_is_a_form_that_is_set(tmp_path):
    header = read_header(written(tmp_path / "a.nii", sform_code=9))
    np.testing.assert_allclose(header.affine, RAS)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("degrees", [0.02, 5, 30])
def test_a_sheared_sform_without_a_qform_is_an_error_since_itk_refuses_it(tmp_path, degrees, ending):
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.int16), sheared(degrees)), tmp_path / f"a{ending}")
    header = read_header(tmp_path / f"a{ending}")
    message = said(header, Kind.UNREADABLE_ELSEWHERE)
    assert f"sheared by {degrees:g}°" in message
    assert ("nnU-Net reads .nii with nibabel" in message) == (ending == ".nii")
    assert header.is_sheared == (Kind.SHEARED_GRID in kinds(header)) == (degrees > 1)
    assert header.voxel_mm3 == pytest.approx(0.75 * 0.5 * 2.5 * np.cos(np.radians(degrees)), rel=1e-6)
    with pytest.raises(RuntimeError, match="orthonormal"):
        sitk.ReadImage(str(tmp_path / f"a{ending}"))


def test_a_sheared_sform_beside_a_qform_is_read_by_itk_with_the_qform(tmp_path):
    path = written(tmp_path / "a.nii", sheared(20), **QFORM | {"sform_code": 1})
    header = read_header(path)
    assert kinds(header) == {Kind.SHEARED_GRID, Kind.CONTRADICTORY_ORIENTATION}
    assert said(header, Kind.CONTRADICTORY_ORIENTATION).endswith("ITK the qform")


@pytest.mark.parametrize(("unit", "factor"), [(1, 1e3), (3, 1e-3)])
def test_another_unit_is_converted_and_says_what_nnunets_readers_see(tmp_path, unit, factor):
    affine = RAS / factor
    affine[3, 3] = 1
    for ending, words in (
        (".nii", f"nibabel) looks at no unit and takes {0.75 / factor:.4g}×"),
        (".nii.gz", "(ITK) t"),
    ):
        path = written(tmp_path / "a.nii", affine, xyzt_units=unit)
        if ending == ".nii.gz":
            nib.save(nib.load(path), tmp_path / "a.nii.gz")
            path = tmp_path / "a.nii.gz"
        header = read_header(path)
        assert header.spacing_mm == pytest.approx(SPACING)
        np.testing.assert_allclose(header.affine, RAS, atol=1e-5)
        assert kinds(header) == {Kind.UNUSUAL_UNIT}
        assert words in said(header, Kind.UNUSUAL_UNIT)


def test_millimetres_that_are_called_metres_stay_millimetres_and_are_an_error(tmp_path):
    header = read_header(written(tmp_path / "a.nii", xyzt_units=1))
    assert header.spacing_mm == SPACING
    assert kinds(header) == {Kind.IMPLAUSIBLE_SPACING}
    message = said(header, Kind.IMPLAUSIBLE_SPACING)
    assert "0.75×0.5×2.5 mm instead of 750×500×2500 mm" in message
    assert "ITK takes 750×500×2500 mm" in message


def test_voxels_that_make_a_body_of_ten_metres_are_an_error_whatever_the_unit(tmp_path):
    header = read_header(written(tmp_path / "a.nii", RAS @ np.diag([1e4, 1e4, 1e4, 1])))
    assert kinds(header) == {Kind.IMPLAUSIBLE_SPACING}


def test_voxels_thinner_than_an_atom_are_an_error(tmp_path):
    path = written(tmp_path / "a.nii", np.diag([0.75, 0.5, 1e-30, 1.0]))
    assert kinds(read_header(path)) == {Kind.IMPLAUSIBLE_SPACING}


@pytest.mark.parametrize("quaternion", [(0.9, 0.9, 0.9), (np.nan, 0, 0), (np.inf, 0, 0)])
def test_a_quaternion_that_is_no_rotation_is_refused_where_the_affine_hangs_on_it(tmp_path, quaternion):
    parts = dict(zip(("quatern_b", "quatern_c", "quatern_d"), quaternion, strict=True))
    assert "is no rotation" in refusal(read_header, written(tmp_path / "a.nii", **QFORM, **parts))
    header = read_header(written(tmp_path / "b.nii", **QFORM | {"sform_code": 1}, **parts))
    np.testing.assert_allclose(header.affine, RAS)


def test_an_intercept_that_is_no_number_is_refused_and_an_endless_slope_is_named(tmp_path):
    path = written(tmp_path / "a.nii", scl_slope=1.0, scl_inter=np.nan)
    assert "scl_inter) is nan" in refusal(read_array, path)
    path = written(tmp_path / "a.nii", scl_slope=np.inf, scl_inter=0.0)
    assert "scl_slope) is inf" in said(read_header(path), Kind.REPAIRED_HEADER)
    assert read_array(path).array.dtype == np.int16
    for slope, intercept in ((np.nan, np.nan), (0.0, 0.0), (1.0, 0.0)):
        assert read_header(written(tmp_path / "a.nii", scl_slope=slope, scl_inter=intercept)).notes == ()


@pytest.mark.parametrize("intent", [1004, 1005, 1006])
def test_an_intent_of_matrices_is_an_error_since_itk_refuses_it(tmp_path, intent):
    path = written(tmp_path / "a.nii", intent_code=intent)
    assert str(intent) in said(read_header(path), Kind.UNREADABLE_ELSEWHERE)
    with pytest.raises(RuntimeError):
        sitk.ReadImage(str(path))


def test_nifti_2_is_an_error_where_nnunet_reads_with_itk(tmp_path):
    image = nib.Nifti2Image(np.zeros(SHAPE, np.int16), RAS)
    for ending in (".nii", ".nii.gz"):
        nib.save(image, tmp_path / f"a{ending}")
        found = kinds(read_header(tmp_path / f"a{ending}"))
        assert found == ({Kind.UNREADABLE_ELSEWHERE} if ending == ".nii.gz" else set())
        with pytest.raises(RuntimeError):
            sitk.ReadImage(str(tmp_path / f"a{ending}"))


def drawn_fields(rng):
    """A header in which the forms and pixdim agree or not."""
    turn = Rotation.random(random_state=int(rng.integers(1 << 31))).as_matrix()
    if rng.random() < 0.3:
        turn = np.eye(3)[:, rng.permutation(3)] * rng.choice([-1, 1], 3)
    sizes = rng.choice([0.5, 0.8, 1.0, 2.5], 3)
    matrix = turn * sizes
    if rng.random() < 0.3:
        matrix = matrix @ (np.eye(3) + np.triu(rng.normal(0, rng.choice([1e-5, 1e-4, 1e-2, 0.3]), (3, 3)), 1))
    origin = rng.choice([0.0, 10.0, -20.5], 3)
    right_handed = np.linalg.det(turn) > 0
    other = turn if right_handed else turn * [1, 1, -1]
    if rng.random() < 0.4:
        other = Rotation.random(random_state=int(rng.integers(1 << 31))).as_matrix()
    b, c, d = nib.quaternions.mat2quat(other)[1:] * rng.choice([1, 1, 1, 1.3])
    fields = {f"srow_{axis}": [*matrix[row], origin[row]] for row, axis in enumerate("xyz")}
    shift = rng.choice([0, 0, 5e-5, 0.01, 5])
    fields |= {f"qoffset_{axis}": origin[row] + shift for row, axis in enumerate("xyz")}
    fields |= {"quatern_b": b, "quatern_c": c, "quatern_d": d}
    fields |= {"qform_code": rng.choice([0, 1, 2]), "sform_code": rng.choice([0, 1, 2, 4])}
    fields["pixdim"] = pixdim(*sizes * rng.choice([1, 1, 1, 1, -1, 0, np.nan, 2], 3), 1.0 if right_handed else -1.0)
    return fields


def seen_by_itk(path):
    """The affine to RAS that ITK gives; None where it refuses."""
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError:
        return None
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def test_what_is_said_of_itk_is_what_itk_does(tmp_path, capfd):
    rng = np.random.default_rng(5)
    sources = set()
    for _ in range(300):
        fields = drawn_fields(rng)
        path = written(tmp_path / "a.nii", **fields)
        raw = nib.Nifti1Header(path.read_bytes()[:348], check=False)
        forms = nifti_geometry._forms(raw)
        seen, itk = nifti_geometry._seen_by_itk(forms), seen_by_itk(path)
        assert (seen is None) == (itk is None), fields
        if seen is None:
            sources.add("refused")
        elif forms.sform is None or forms.qform is None or not nifti_geometry._turned_round(forms.sform, forms.qform):
            sources.add(seen.source)
            np.testing.assert_allclose(itk, seen.affine, atol=2e-4, err_msg=str(fields))
    assert sources == {"refused", "sform", "qform", "neither"}
