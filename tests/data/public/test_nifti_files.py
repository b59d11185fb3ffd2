"""The bytes that are written: any NIfTI header is kept, extensions of a split image too."""

import gzip
import io

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.public.nifti_files import channel_bytes, label_bytes, repacked
from auvseg.errors import ReadError

LABEL = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
AFFINE = np.array([[0, 0, 3.0, 5], [0, -0.5, 0, 6], [2.0, 0, 0, 7], [0, 0, 0, 1]])


def _read(content, kind=nib.Nifti1Image):
    return kind.from_file_map({"image": nib.FileHolder(fileobj=io.BytesIO(content))})


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_a_label_keeps_version_byte_order_and_grid_of_its_image(tmp_path, kind, endianness):
    header = kind.header_class(endianness=endianness)
    image = kind(LABEL.astype(np.float32) * 0.5, AFFINE, header)
    image.header.set_qform(AFFINE, 1)
    image.header["descrip"] = b"Jane Doe"
    image.header.set_slope_inter(2, 1)
    nib.save(image, tmp_path / "image.nii.gz")
    content = gzip.decompress(label_bytes(LABEL, tmp_path / "image.nii.gz", ".nii.gz"))
    label = _read(content, kind)
    np.testing.assert_array_equal(np.asarray(label.dataobj), LABEL)
    np.testing.assert_array_equal(label.affine, AFFINE)
    assert label.header.endianness == endianness
    assert label.get_data_dtype().newbyteorder("=") == np.uint16
    assert b"Jane" not in content


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_channel_is_the_bytes_of_the_image(tmp_path, ending):
    voxels = np.random.default_rng(0).integers(-500, 500, (2, 3, 4, 3)).astype(np.int16)
    image = nib.Nifti1Image(voxels, AFFINE)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept"))
    image.header.set_slope_inter(2, 10)
    nib.save(image, tmp_path / f"image{ending}")
    stored = nib.load(tmp_path / f"image{ending}")
    for channel in range(3):
        part = _read(_unpacked(channel_bytes(tmp_path / f"image{ending}", channel, ending)))
        assert part.shape == (2, 3, 4)
        assert (part.dataobj.slope, part.dataobj.inter) == (stored.dataobj.slope, stored.dataobj.inter)
        np.testing.assert_array_equal(np.asarray(part.dataobj), np.asarray(stored.dataobj)[..., channel])
        assert len(part.header.extensions) == 1


def _unpacked(content):
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def test_a_truncated_image_is_refused(tmp_path):
    voxels = np.random.default_rng(0).integers(-500, 500, (40, 30, 20, 2)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, AFFINE), tmp_path / "image.nii.gz")
    content = (tmp_path / "image.nii.gz").read_bytes()
    (tmp_path / "image.nii.gz").write_bytes(content[:-12])
    with pytest.raises(ReadError, match="truncated"):
        channel_bytes(tmp_path / "image.nii.gz", 0, ".nii.gz")
    (tmp_path / "image.nii").write_bytes(gzip.decompress(content)[:-12])
    with pytest.raises(ReadError, match="truncated"):
        channel_bytes(tmp_path / "image.nii", 1, ".nii")


def test_packing_is_undone_by_unpacking(tmp_path):
    (tmp_path / "a.nii").write_bytes(b"voxels")
    (tmp_path / "a.nii.gz").write_bytes(repacked(tmp_path / "a.nii", ".nii.gz"))
    assert repacked(tmp_path / "a.nii.gz", ".nii") == b"voxels"
