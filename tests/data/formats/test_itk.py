import cv2
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from auvseg.data.reading import read_array, read_header
from image_files import refusal, write_itk


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha", "a.tif", "a.png", "a.bmp", "a.jpg", "a.nhdr", "a.mhd"])
def test_a_nifti_file_under_another_ending_never_reaches_itks_nifti_reader(tmp_path, capfd, name):
    # Five axes, the kind that corrupts the heap; ITK alone would recognise the content.
    content = nib.Nifti1Image(np.zeros((1, 2, 3, 1, 3), np.uint8), np.eye(4)).to_bytes()
    (tmp_path / name).write_bytes(content)
    refusal(read_header, tmp_path / name)
    refusal(read_array, tmp_path / name)


@pytest.mark.parametrize(
    "dtype",
    [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64],
)
def test_types_have_numpys_names(tmp_path, voxels, dtype):
    raw = read_array(write_itk(tmp_path / "a.mha", (voxels % 100).astype(dtype)))
    assert raw.header.dtype == np.dtype(dtype).name
    np.testing.assert_array_equal(raw.array, voxels % 100)
    assert raw.array.dtype == (np.float32 if np.dtype(dtype).kind == "f" else dtype)


@pytest.mark.parametrize("name", ["a.nrrd", "a.mha"])
def test_four_axes_are_read_as_they_are(tmp_path, voxels, name):
    series = np.stack([voxels, 2 * voxels], axis=-1)
    sitk.WriteImage(sitk.GetImageFromArray(series.transpose(), isVector=False), str(tmp_path / name))
    raw = read_array(tmp_path / name)
    assert raw.header.shape == (5, 6, 7, 2)
    np.testing.assert_array_equal(raw.array, series)


def test_an_empty_picture_packed_as_far_as_the_format_can_is_no_lie(tmp_path):
    path = tmp_path / "a.tif"
    lzw_in_one_strip = [cv2.IMWRITE_TIFF_COMPRESSION, 5, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 4096]
    cv2.imwrite(str(path), np.zeros((4096, 4096), np.uint8), lzw_in_one_strip)
    assert 4096 * 4096 / path.stat().st_size > 1032
    np.testing.assert_array_equal(read_array(path).array, np.zeros((4096, 4096, 1), np.uint8))
