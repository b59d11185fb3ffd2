"""A series read here, against SimpleITK's series reader and against what was drawn."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import JPEGLSLossless, RLELossless

from auvseg.data.reading import image_sha256, read_array, read_header
from auvseg.errors import ReadError, SeriesError
from dicom_files import MR, Scan, plane_file, write_enhanced, write_series

OBLIQUE = np.array([[0.96, 0.28, 0.0], [-0.28 * 0.8, 0.96 * 0.8, 0.6]])


@pytest.fixture
def voxels():
    """(6, 4, 5) int16 without any symmetry."""
    return np.random.default_rng(0).permutation(6 * 4 * 5).reshape(6, 4, 5).astype(np.int16)


def by_simpleitk(folder):
    """Array (column, row, plane) and affine to RAS, as SimpleITK reads and orders the series."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).transpose(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


@pytest.mark.parametrize("axes", [np.eye(3)[:2], OBLIQUE, np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0]])])
@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (1.0, -1024.0), (0.25, 3.5)])
def test_a_classic_series_is_what_simpleitk_reads(tmp_path, voxels, axes, slope, intercept):
    scan = Scan(axes=axes, slope=slope, intercept=intercept)
    write_series(tmp_path, voxels, scan)
    raw = read_array(tmp_path)
    array, affine = by_simpleitk(tmp_path)
    np.testing.assert_array_equal(raw.array, array)
    np.testing.assert_allclose(raw.header.affine, affine, atol=1e-5)
    np.testing.assert_allclose(raw.header.affine, scan.affine, atol=1e-5)
    assert raw.header.spacing_mm == pytest.approx((0.8, 0.7, 2.5), abs=1e-6)
    assert raw.array.dtype == (np.int16 if (slope, intercept) == (1.0, 0.0) else np.float32)
    np.testing.assert_array_equal(read_header(tmp_path).affine, raw.header.affine)


def test_a_file_stands_for_its_series_among_others(tmp_path, voxels):
    first = write_series(tmp_path, voxels, Scan(intercept=0.0), names=[f"a{n}" for n in range(6)])
    other = write_series(tmp_path, voxels[::-1], Scan(intercept=0.0), names=[f"b{n}" for n in range(6)])
    np.testing.assert_array_equal(read_array(first[4]).array, voxels.transpose())
    np.testing.assert_array_equal(read_array(other[0]).array, voxels[::-1].transpose())
    with pytest.raises(SeriesError, match=r"holds 2 series; name one .* such as a0, b0"):
        read_array(tmp_path)


@pytest.mark.parametrize("axes", [np.eye(3)[:2], OBLIQUE])
def test_frames_of_an_enhanced_file_are_ordered_and_scaled_one_by_one(tmp_path, voxels, axes):
    scan = Scan(axes=axes, sop_class=MR, modality="MR", slope=2.0, intercept=1.0)
    raw = read_array(write_enhanced(tmp_path / "enhanced", voxels, scan))
    slopes = 2.0 + np.arange(6)
    np.testing.assert_array_equal(raw.array, (voxels * slopes[:, None, None] + 1).transpose())
    np.testing.assert_allclose(raw.header.affine, scan.affine, atol=1e-9)


def test_planes_scaled_one_by_one_keep_their_own_slopes(tmp_path, voxels):
    """As PET and some MR are stored."""
    for index, plane in enumerate(voxels):
        plane_file(Scan(slope=1.0 + index / 8, intercept=0.0), plane, index).save_as(tmp_path / f"{index}.dcm")
    for path in tmp_path.iterdir():
        file = pydicom.dcmread(path)
        file.SeriesInstanceUID, file.StudyInstanceUID = "1.2.3", "1.2"
        file.save_as(path)
    expected = voxels * (1.0 + np.arange(6) / 8)[:, None, None]
    np.testing.assert_array_equal(read_array(tmp_path).array, expected.transpose())


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_pixels_are_decoded(tmp_path, voxels, syntax):
    voxels = np.tile(voxels, (1, 4, 4))
    for path in write_series(tmp_path, voxels, Scan(intercept=0.0)):
        file = pydicom.dcmread(path)
        file.compress(syntax)
        file.save_as(path)
    np.testing.assert_array_equal(read_array(tmp_path).array, voxels.transpose())


def test_a_compression_without_its_decoder_names_the_extra(tmp_path, voxels, monkeypatch):
    (path, *_) = write_series(tmp_path, np.tile(voxels, (1, 4, 4)), Scan())
    file = pydicom.dcmread(path)
    file.compress(JPEGLSLossless)
    file.save_as(path)
    monkeypatch.setattr("pydicom.pixels.decoders.base.Decoder.is_available", False)
    with pytest.raises(ReadError, match=r"JPEG-LS Lossless.*no decoder.*auvseg\[dicom\].*python-gdcm"):
        read_header(tmp_path)


def test_old_files_without_preamble_are_read_by_their_ending(tmp_path, voxels):
    for path in write_series(tmp_path, voxels, Scan(intercept=0.0), names=[f"{n}.dcm" for n in range(6)]):
        path.write_bytes(path.read_bytes()[132:])
    np.testing.assert_array_equal(read_array(tmp_path).array, voxels.transpose())


def changed(path, **values):
    file = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(file, keyword, value)
    file.save_as(path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def coloured(path):
    file = pydicom.dcmread(path)
    file.SamplesPerPixel, file.PhotometricInterpretation, file.PlanarConfiguration = 3, "RGB", 0
    file.PixelData = bytes(3 * len(file.PixelData))
    file.save_as(path)


@pytest.mark.parametrize(
    ("break_it", "reason"),
    [
        (lambda paths: paths[2].unlink(), r"1 of 6 planes are missing: planes are 2.5 mm apart, but not between 52.50"),
        (
            lambda paths: [paths[2].unlink(), paths[3].unlink()],
            r"2 of 6 planes are missing.* between 52.50 and 60.00 mm",
        ),
        (lambda paths: changed(paths[2], ImagePositionPatient=[-30, -40, 56.4]), r"vary from 1.1 to 3.9 mm"),
        (lambda paths: changed(paths[2], ImagePositionPatient=[-30, -40, 52.5]), r"6 planes lie at 5 places"),
        (lambda paths: changed(paths[2], ImageOrientationPatient=[0, 1, 0, 0, 0, 1]), r"mixes orientations: 5 planes"),
        (lambda paths: changed(paths[2], PixelSpacing=[0.7, 0.9]), r"mixes pixel sizes: 5 planes"),
        (lambda paths: changed(paths[2], Rows=2, PixelData=bytes(20)), r"mixes numbers of rows and columns: 5"),
        (lambda paths: changed(paths[2], ImagePositionPatient=None), r"states no position in space"),
        (lambda paths: changed(paths[2], ImageOrientationPatient=[1, 0, 0, 1, 0, 0]), r"no pair of perpendicular"),
        (lambda paths: changed(paths[2], PixelSpacing=[0, 0.9]), r"not positive"),
        (lambda paths: changed(paths[2], ModalityLUTSequence=[pydicom.Dataset()]), r"look-up table"),
        (lambda paths: cut(paths[2]), r"truncated"),
        (lambda paths: coloured(paths[2]), r"holds colours"),
    ],
)
def test_what_is_no_volume_is_refused_with_the_reason(tmp_path, voxels, break_it, reason):
    paths = write_series(tmp_path / "series", voxels, Scan())
    break_it(paths)
    with pytest.raises(ReadError, match=reason) as refused:
        read_array(tmp_path / "series")
    message = str(refused.value)
    assert "\n" not in message
    assert str(tmp_path) not in message
    assert "Musterfrau" not in message


def test_a_missing_plane_is_told_by_the_files_beside_it(tmp_path, voxels):
    paths = write_series(tmp_path, voxels, Scan(), names=list("fedcba"))
    paths[4].unlink()
    with pytest.raises(SeriesError, match=r"between 57.50 and 62.50 mm \(c and a\)"):
        read_array(tmp_path)


def test_a_tilted_gantry_is_refused(tmp_path, voxels):
    for index, path in enumerate(write_series(tmp_path, voxels, Scan())):
        changed(path, ImagePositionPatient=[-30, -40 + 0.3 * index, 50 + 2.5 * index])
    with pytest.raises(SeriesError, match=r"shifted sideways .* by up to 1.5 mm"):
        read_array(tmp_path)


def test_positions_may_be_rounded_as_scanners_do(tmp_path, voxels):
    for index, path in enumerate(write_series(tmp_path, voxels, Scan(step_mm=0.625))):
        changed(path, ImagePositionPatient=[-30, -40, round(50 + 0.625 * index, 2)])
    assert read_header(tmp_path).spacing_mm[2] == pytest.approx(0.625, abs=2e-3)


def test_a_single_plane_takes_its_thickness_and_says_so(tmp_path, voxels):
    (path,) = write_series(tmp_path, voxels[:1], Scan())
    header = read_header(path)
    assert header.spacing_mm[2] == pytest.approx(5.0)
    assert "thickness" in header.notes[0].message


def test_two_scans_of_one_series_id_in_an_enhanced_file_are_refused(tmp_path, voxels):
    path = write_enhanced(tmp_path / "x", voxels, replace(Scan(), step_mm=0.0))
    with pytest.raises(SeriesError, match="6 planes lie at 1 places"):
        read_array(path)


@pytest.mark.parametrize("name", ["empty", "notes"])
def test_a_folder_without_images_says_so(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("x")
    with pytest.raises(ReadError, match=f"{name}: is a folder, and holds no DICOM image"):
        read_array(tmp_path / name)


def test_the_hash_is_that_of_the_files_whatever_they_are_called(tmp_path, voxels):
    scan = Scan()
    for folder, names in (("a", list("abcdef")), ("b", list("fedcba"))):
        write_series(tmp_path / folder, voxels, scan, names=names)
    for path in (tmp_path / "b").iterdir():
        path.unlink()
    for old, new in zip(sorted((tmp_path / "a").iterdir()), "uvwxyz", strict=True):
        (tmp_path / "b" / new).write_bytes(old.read_bytes())
    assert image_sha256(tmp_path / "a") == image_sha256(tmp_path / "b") == image_sha256(tmp_path / "a" / "c")
    changed(tmp_path / "b" / "u", InstanceNumber=5)
    assert image_sha256(tmp_path / "a") != image_sha256(tmp_path / "b")
