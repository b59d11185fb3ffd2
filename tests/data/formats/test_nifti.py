import struct

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.check.findings import Kind
from auvseg.data.reading import image_sha256, read_array, read_header
from auvseg.errors import ReadError


def patched(path, offset, content):
    whole = bytearray(path.read_bytes())
    whole[offset : offset + len(content)] = content
    path.write_bytes(whole)
    return path


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e3), ("micron", 1e-3), ("mm", 1.0), ("unknown", 1.0)])
def test_positions_are_millimetres_whatever_the_headers_unit(tmp_path, voxels, affine, unit, factor):
    image = nib.Nifti1Image(voxels, np.diag([1 / factor, 1 / factor, 1 / factor, 1.0]) @ affine)
    image.header.set_xyzt_units(unit)
    nib.save(image, tmp_path / "a.nii")
    header = read_header(tmp_path / "a.nii")
    np.testing.assert_allclose(header.affine, affine, rtol=1e-6)
    assert header.spacing_mm == pytest.approx((0.5, 2.0, 3.0))
    assert [note.kind for note in header.notes] == ([] if factor == 1 else [Kind.UNUSUAL_UNIT])


def test_voxels_of_a_tenth_of_a_micrometre_are_no_singular_affine(write_nifti, voxels):
    assert read_header(write_nifti("a.nii", voxels, np.diag([1e-4, 1e-4, 1e-4, 1.0]))).axcodes == "RAS"


def test_a_header_without_orientation_says_so(tmp_path, voxels):
    image = nib.Nifti1Image(voxels, None)
    image.header.set_zooms((0.5, 2.0, 3.0))
    nib.save(image, tmp_path / "a.nii")
    header = read_header(tmp_path / "a.nii")
    assert (header.axcodes, header.spacing_mm) == ("LAS", (0.5, 2.0, 3.0))
    assert any("neither sform nor qform" in note.message for note in header.notes)


def test_analyze_says_that_it_states_no_orientation(write_nifti, voxels):
    path = write_nifti("a.img", voxels, np.diag([-0.5, 2.0, 3.0, 1.0]), kind=nib.AnalyzeImage)
    raw = read_array(path)
    np.testing.assert_array_equal(raw.array, voxels)
    assert any("Analyze" in note.message for note in raw.header.notes)


def test_what_nibabel_repairs_in_a_header_becomes_a_note_and_is_not_printed(write_nifti, voxels, capfd):
    path = patched(write_nifti("a.nii", voxels), 0, struct.pack("<i", 340))
    (note,) = read_array(path).header.notes
    assert note.message == "the header was repaired while reading: sizeof_hdr should be 348; set sizeof_hdr to 348"
    assert capfd.readouterr() == ("", "")


def test_an_unset_handedness_is_too_common_to_mention(write_nifti, voxels):
    path = patched(write_nifti("a.nii", voxels), 76, struct.pack("<f", 0.0))
    assert read_header(path).notes == ()


def test_an_array_does_not_depend_on_the_file_it_came_from(write_nifti, voxels):
    path = write_nifti("a.nii", voxels)
    array = read_array(path).array
    path.write_bytes(b"")
    np.testing.assert_array_equal(array, voxels)


def test_numbers_beyond_float32_become_infinite_without_a_warning(write_nifti):
    values = np.array([[[1e300, -1e300, 1.5]]])
    np.testing.assert_array_equal(read_array(write_nifti("a.nii", values)).array, [[[np.inf, -np.inf, 1.5]]])


def test_voxels_that_would_start_behind_the_files_end_are_refused_as_truncated(write_nifti, voxels):
    path = patched(write_nifti("a.nii", voxels), 108, struct.pack("<f", 1e8))
    with pytest.raises(Exception, match=r"a\.nii: truncated: the header promises 100000420 bytes"):
        read_header(path)


def test_an_mgh_header_without_geometry_says_what_is_assumed(write_nifti, voxels):
    path = write_nifti("a.mgh", voxels, kind=nib.MGHImage)
    assert read_header(path).spacing_mm == (0.5, 2.0, 3.0)
    header = read_header(patched(path, 28, b"\0\0"))
    assert (header.axcodes, header.spacing_mm) == ("LIA", (1.0, 1.0, 1.0))
    assert [note.kind for note in header.notes] == [Kind.UNSTATED_SPACING]


def test_the_affine_that_spm_keeps_beside_an_analyze_file_belongs_to_it(write_nifti, voxels, affine):
    path = write_nifti("a.img", voxels, kind=nib.Spm2AnalyzeImage)
    header = read_header(path)
    np.testing.assert_allclose(header.affine, affine)
    assert header.notes == ()
    before = image_sha256(path)
    (path.parent / "a.mat").unlink()
    assert image_sha256(path) != before
    assert Kind.UNSTATED_ORIENTATION in {note.kind for note in read_header(path).notes}


@pytest.mark.parametrize("spacing", [(0, 1, 1), (-1, 1, 1), (np.nan, 1, 1)])
def test_a_spacing_of_an_archive_that_is_none_is_refused(tmp_path, voxels, spacing):
    np.savez(tmp_path / "a.npz", imgs=voxels, spacing=np.array(spacing, float))
    with pytest.raises(ReadError, match="states the spacing"):
        read_header(tmp_path / "a.npz")
