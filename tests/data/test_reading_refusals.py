import struct

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from auvseg.data.reading import SUPPORTED_ENDINGS, file_sha256, is_supported, read_array, read_header
from auvseg.data.workers.memory import forget_peak, held_bytes, peak_bytes
from auvseg.errors import ReadError
from image_files import claim, refusal, write_itk, write_npz

HUGE = 2**14
"""Cubed, four tebibytes of one byte each."""

MAX_BYTES = 256 << 20
"""A library may be imported for a refusal; nothing of what a header claims may be allocated and filled."""


def further_bytes(action):
    """How much more memory the process held at a time for an action; 0 where the system does not count it."""
    before = held_bytes()
    counted = forget_peak()
    action()
    return peak_bytes() - before if counted else 0


@pytest.mark.parametrize("read", [read_header, read_array, file_sha256])
def test_a_file_that_is_missing_empty_or_a_folder_is_refused(tmp_path, read):
    assert "does not exist" in refusal(read, tmp_path / "missing.nii.gz")
    (tmp_path / "empty.nii.gz").touch()
    assert "empty" in refusal(read, tmp_path / "empty.nii.gz")
    (tmp_path / "folder.nii.gz").mkdir()
    assert "is a folder" in refusal(read, tmp_path / "folder.nii.gz")


@pytest.mark.parametrize("read", [read_header, read_array])
@pytest.mark.parametrize("ending", SUPPORTED_ENDINGS)
def test_a_text_file_under_any_ending_is_refused(tmp_path, read, ending):
    path = tmp_path / f"letter{ending}"
    path.write_text("Dear colleague, please find attached the images.\n" * 40)
    refusal(read, path)


def test_an_unknown_ending_is_refused_with_the_known_formats(tmp_path):
    path = tmp_path / "a.docx"
    path.write_text("x")
    assert "NIfTI" in refusal(read_array, path)
    assert not is_supported(path)


def test_every_supported_ending_is_recognised_in_any_case(tmp_path):
    for ending in SUPPORTED_ENDINGS:
        assert is_supported(tmp_path / f"a{ending}")
        assert is_supported(tmp_path / f"a.b{ending.upper()}")


def lengths(size):
    """Where a file is cut: everywhere in the header, and some thirty places behind it."""
    return sorted({1, 2, 3, 10, 100, 347, 348, 351, 352, *range(353, size, max(1, size // 30)), size - 9})


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz", "a.mgh", "a.npz"])
def test_truncated_files_are_refused_at_every_length(tmp_path, write_nifti, voxels, name):
    if name.endswith("npz"):
        path = write_npz(tmp_path / name, imgs=voxels)
    else:
        path = write_nifti(name, voxels, kind=nib.MGHImage if ".mg" in name else nib.Nifti1Image)
    content = path.read_bytes()
    # FreeSurfer's footer of scan parameters may be missing.
    size = len(content) if ".mg" not in name else min(len(content), 284 + voxels.nbytes) // (2 if "z" in name else 1)
    for length in (length for length in lengths(size) if length < size):
        path.write_bytes(content[:length])
        refusal(read_array, path)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.png", "a.tif", "a.jpg"])
@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_files_of_itk_are_refused(tmp_path, capfd, voxels, name, compressed):
    path = tmp_path / name
    if name in ("a.nrrd", "a.mha"):
        write_itk(path, voxels, compressed)
    else:
        sitk.WriteImage(sitk.GetImageFromArray((voxels.reshape(30, 7) % 251).astype(np.uint8)), str(path), compressed)
    content = path.read_bytes()
    for length in (1, 10, *range(40, len(content) - 8, len(content) // 12)):
        path.write_bytes(content[:length])
        assert "0x" not in refusal(read_array, path)


@pytest.mark.parametrize(("name", "data"), [("a.mhd", "a.raw"), ("a.nhdr", "a.raw")])
def test_truncated_and_missing_detached_data_are_refused(tmp_path, capfd, voxels, name, data):
    path = write_itk(tmp_path / name, voxels)
    content = (tmp_path / data).read_bytes()
    for length in (0, 1, len(content) // 2, len(content) - 1):
        (tmp_path / data).write_bytes(content[:length])
        refusal(read_array, path)
    (tmp_path / data).unlink()
    refusal(read_array, path)


@pytest.mark.parametrize(("name", "other"), [("a.hdr", "a.img"), ("a.img", "a.hdr")])
def test_half_a_pair_is_refused(write_nifti, voxels, name, other):
    path = write_nifti("a.img", voxels, kind=nib.Nifti1Pair).with_name(name)
    path.with_name(other).unlink()
    refusal(read_array, path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz", "a.npz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
@pytest.mark.parametrize("read", [read_header, read_array])
def test_a_header_that_claims_terabytes_is_refused_at_once(tmp_path, name, read):
    path = claim(tmp_path / name, (HUGE, HUGE, HUGE))
    assert further_bytes(lambda: refusal(read, path)) < MAX_BYTES


@pytest.mark.parametrize("name", ["a.nii", "a.npz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
def test_a_header_that_claims_gigabytes_is_refused_before_they_are_filled(tmp_path, capfd, name):
    path = claim(tmp_path / name, (2**11, 2**11, 2**11))
    assert further_bytes(lambda: refusal(read_array, path)) < MAX_BYTES


def patched(path, offset, content):
    whole = bytearray(path.read_bytes())
    whole[offset : offset + len(content)] = content
    path.write_bytes(whole)
    return path


@pytest.mark.parametrize("row", [(0.0, 0.0, 0.0, 0.0), (np.nan, 0.0, 0.0, 0.0), (np.inf, 0.0, 0.0, 0.0)])
def test_a_singular_or_infinite_affine_is_refused(write_nifti, voxels, row):
    path = patched(write_nifti("a.nii", voxels), 280, struct.pack("<4f", *row))
    assert "affine" in refusal(read_header, path)


def test_a_negative_or_missing_axis_is_refused(write_nifti, voxels):
    for size in (-5, 0):
        path = patched(write_nifti("a.nii", voxels), 42, struct.pack("<h", size))
        refusal(read_array, path)


def test_colours_vectors_and_complex_numbers_are_refused(tmp_path, write_nifti, voxels):
    assert "complex" in refusal(read_array, write_nifti("c.nii", voxels.astype(np.complex64)))
    colours = np.zeros((4, 4, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert "colours" in refusal(read_array, write_nifti("rgb.nii", colours))
    for name, shape in (("rgb.nrrd", (3, 4, 5, 3)), ("rgb.mha", (4, 5, 3)), ("rgb.tif", (3, 4, 5, 3))):
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros(shape, np.uint8), isVector=True), str(tmp_path / name))
        assert "3 numbers per voxel" in refusal(read_array, tmp_path / name)
    sitk.WriteImage(sitk.GetImageFromArray(voxels.astype(np.complex64)), str(tmp_path / "c.mha"))
    refusal(read_array, tmp_path / "c.mha")


def test_pickled_objects_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("the pickle was loaded",)

    path = tmp_path / "a.npz"
    np.savez(path, imgs=np.array([Trap()], dtype=object))
    refusal(read_array, path)


def test_npz_that_lacks_the_part_lists_what_it_has(tmp_path, voxels):
    path = write_npz(tmp_path / "a.npz", imgs=voxels, boxes=np.zeros(4))
    message = refusal(read_array, path, part="label")
    assert "gts" in message
    assert "boxes" in message


@pytest.mark.parametrize(
    "arrays",
    [
        {"imgs": np.zeros((2, 3, 4, 3))},
        {"imgs": np.zeros(5)},
        {"imgs": np.array(["a", "b"])},
        {"imgs": np.zeros((2, 3, 4)), "spacing": np.ones(2)},
        {"imgs": np.zeros((2, 3, 4)), "spacing": np.zeros(3)},
        {"imgs": np.zeros((2, 0, 4))},
    ],
)
def test_npz_of_other_arrays_is_refused(tmp_path, arrays):
    refusal(read_array, write_npz(tmp_path / "a.npz", **arrays))


def test_a_bare_npy_under_the_name_npz_is_refused(tmp_path, voxels):
    np.save(tmp_path / "a.npy", voxels)
    refusal(read_array, (tmp_path / "a.npy").rename(tmp_path / "a.npz"))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgh", "a.npz"])
def test_damaged_bytes_give_an_array_or_a_refusal(tmp_path, write_nifti, voxels, name):
    if name.endswith("npz"):
        path = write_npz(tmp_path / name, imgs=voxels)
    else:
        path = write_nifti(name, voxels, kind=nib.MGHImage if ".mg" in name else nib.Nifti1Image)
    content = path.read_bytes()
    draw = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(content)
        for place in draw.integers(0, min(len(content), 400), 3):
            damaged[place] = draw.integers(256)
        path.write_bytes(damaged)
        try:
            raw = read_array(path)
        except ReadError:
            refusal(read_array, path)
        else:
            assert raw.array.shape == raw.header.shape
