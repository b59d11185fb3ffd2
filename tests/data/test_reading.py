import hashlib
import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from auvseg.data.reading import Header, file_sha256, image_sha256, label_sha256, read_array, read_header
from auvseg.errors import ReadError
from image_files import write_itk, write_npz


def assert_same_grid(header: Header, voxels, affine):
    assert header.shape == voxels.shape
    np.testing.assert_allclose(header.affine, affine, atol=1e-6)
    assert header.spacing_mm == pytest.approx((0.5, 2.0, 3.0))
    assert header.axcodes == "LAS"


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_nifti_is_read_as_written(write_nifti, voxels, affine, name, kind):
    raw = read_array(write_nifti(name, voxels, kind=kind))
    np.testing.assert_array_equal(raw.array, voxels)
    assert_same_grid(raw.header, voxels, affine)
    assert raw.header.dtype == raw.array.dtype == np.int16


@pytest.mark.parametrize("name", ["a.hdr", "a.img"])
def test_either_file_of_a_pair_stands_for_both(write_nifti, voxels, affine, name):
    path = write_nifti("a.img", voxels, kind=nib.Nifti1Pair).with_name(name)
    raw = read_array(path)
    np.testing.assert_array_equal(raw.array, voxels)
    assert_same_grid(raw.header, voxels, affine)


def test_big_endian_files_give_native_numbers(tmp_path, voxels, affine):
    path = tmp_path / "big.nii"
    nib.Nifti1Image(voxels, affine, nib.Nifti1Header(endianness=">")).to_filename(path)
    assert path.read_bytes()[:4] == struct.pack(">i", 348)
    raw = read_array(path)
    np.testing.assert_array_equal(raw.array, voxels)
    assert raw.array.dtype.isnative


@pytest.mark.parametrize("name", ["a.mgz", "a.mgh"])
def test_freesurfer_files_are_read_as_written(write_nifti, voxels, affine, name):
    raw = read_array(write_nifti(name, voxels, kind=nib.MGHImage))
    np.testing.assert_array_equal(raw.array, voxels)
    assert_same_grid(raw.header, voxels, affine)


@pytest.mark.parametrize("name", ["a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
@pytest.mark.parametrize("compressed", [False, True])
def test_files_of_itk_have_the_axes_and_positions_of_nifti(tmp_path, voxels, affine, name, compressed):
    raw = read_array(write_itk(tmp_path / name, voxels, compressed))
    np.testing.assert_array_equal(raw.array, voxels)
    assert_same_grid(raw.header, voxels, affine)
    assert raw.array.dtype == np.int16


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_flat_images_become_one_slice(tmp_path, name):
    pixels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / name))
    raw = read_array(tmp_path / name)
    assert raw.header.shape == (5, 4, 1)
    np.testing.assert_array_equal(raw.array[..., 0], pixels.T)


def test_npz_holds_image_label_and_grid(tmp_path, voxels, affine):
    grid = {"spacing": (0.5, 2.0, 3.0), "origin": (-10.0, 20.0, 30.0), "direction": np.diag([1.0, -1.0, 1.0])}
    path = write_npz(tmp_path / "a.npz", imgs=voxels.transpose(), gts=(voxels > 9).transpose(), **grid)
    image, label = read_array(path), read_array(path, part="label")
    np.testing.assert_array_equal(image.array, voxels)
    np.testing.assert_array_equal(label.array, voxels > 9)
    for raw in (image, label):
        assert_same_grid(raw.header, voxels, affine)


def test_npz_without_a_grid_counts_as_one_millimetre(tmp_path, voxels):
    header = read_header(write_npz(tmp_path / "a.npz", imgs=voxels))
    assert header.spacing_mm == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz", "a.nrrd", "a.mha", "a.mhd", "a.npz"])
def test_header_alone_promises_what_the_array_keeps(tmp_path, write_nifti, voxels, name):
    if name.endswith("npz"):
        path = write_npz(tmp_path / name, imgs=voxels)
    elif (".m" in name and "mgz" not in name) or "nrrd" in name:
        path = write_itk(tmp_path / name, voxels)
    else:
        path = write_nifti(name, voxels, kind=nib.MGHImage if name == "a.mgz" else nib.Nifti1Image)
    header, raw = read_header(path), read_array(path)
    np.testing.assert_array_equal(header.affine, raw.header.affine)
    assert header.shape == raw.header.shape == raw.array.shape
    assert (header.spacing_mm, header.axcodes, header.dtype) == (
        raw.header.spacing_mm,
        raw.header.axcodes,
        raw.header.dtype,
    )


def test_slope_and_intercept_are_applied(tmp_path, voxels, affine):
    image = nib.Nifti1Image(voxels, affine)
    image.header.set_slope_inter(2.5, -1024)
    path = tmp_path / "a.nii"
    image.to_filename(path)
    # to_filename divides by what it is told, so the stored numbers are put back.
    content = bytearray(path.read_bytes())
    content[352:] = voxels.tobytes(order="F")
    path.write_bytes(content)
    raw = read_array(path)
    np.testing.assert_allclose(raw.array, voxels * 2.5 - 1024)
    assert raw.array.dtype == np.float32


def test_float64_becomes_float32(write_nifti, voxels):
    assert read_array(write_nifti("a.nii", voxels / 7)).array.dtype == np.float32


def test_trailing_axes_of_length_1_are_dropped(write_nifti, voxels):
    raw = read_array(write_nifti("a.nii", voxels[..., None, None]))
    np.testing.assert_array_equal(raw.array, voxels)


def test_an_array_beyond_the_allowed_memory_is_refused_before_it_is_read(write_nifti, voxels):
    path = write_nifti("a.nii.gz", voxels)
    np.testing.assert_array_equal(read_array(path, max_bytes=voxels.size * 4).array, voxels)
    with pytest.raises(ReadError, match=r"a\.nii\.gz: needs 840 bytes of memory, 839 are allowed"):
        read_array(path, max_bytes=voxels.size * 4 - 1)


def test_sha256_is_that_of_the_bytes(tmp_path):
    content = np.random.default_rng(0).bytes(3 << 20)
    (tmp_path / "a.bin").write_bytes(content)
    assert file_sha256(tmp_path / "a.bin") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("header", "data"), [("a.mhd", "a.raw"), ("a.nhdr", "a.raw"), ("a.hdr", "a.img"), ("a.img", "a.hdr")]
)
def test_a_hash_is_about_every_file_that_holds_the_image(tmp_path, write_nifti, voxels, header, data):
    if header.endswith(("mhd", "nhdr")):
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / header))
        path = tmp_path / header
    else:
        path = write_nifti(header, voxels)
    before = image_sha256(path), label_sha256(path, {})
    beside = path.with_name(data)
    content = bytearray(beside.read_bytes())
    content[-1] ^= 1
    beside.write_bytes(content)
    after = image_sha256(path), label_sha256(path, {})
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_a_file_that_holds_all_of_its_image_has_its_own_hash(write_nifti, voxels):
    path = write_nifti("a.nii.gz", voxels)
    assert image_sha256(path) == label_sha256(path, {}) == file_sha256(path)
