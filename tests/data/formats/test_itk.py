import cv2
import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

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


RGB = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
GREY = RGB[..., 0]


def picture(path, array, mode=None):
    """A picture written by Pillow, as nnU-Net reads it; (y, x) or (y, x, colour)."""
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path)
    return path


@pytest.mark.parametrize("ending", [".png", ".tif", ".bmp"])
@pytest.mark.parametrize("colours", [3, 4])
def test_a_colour_picture_is_one_file_of_several_channels_in_their_order(tmp_path, ending, colours):
    pixels = np.dstack([RGB, GREY])[..., :colours]
    if (ending, colours) == (".bmp", 4):
        pytest.skip("Pillow writes no such file")
    raw = read_array(picture(tmp_path / f"a{ending}", pixels))
    assert raw.header.shape == raw.array.shape == (5, 4, 1, colours)
    np.testing.assert_array_equal(raw.array[:, :, 0], pixels.transpose(1, 0, 2))
    assert read_header(tmp_path / f"a{ending}").shape == raw.header.shape


@pytest.mark.parametrize("part", ["image", "label"])
@pytest.mark.parametrize("ending", [".png", ".tif", ".bmp"])
def test_a_grey_picture_has_one_channel_whatever_itk_makes_of_its_palette(tmp_path, ending, part):
    raw = read_array(picture(tmp_path / f"a{ending}", GREY), part=part)
    np.testing.assert_array_equal(raw.array, GREY.T[..., None])


@pytest.mark.parametrize("ending", [".png", ".tif", ".bmp"])
def test_a_label_in_colours_is_refused_and_one_of_equal_colours_called_grey(tmp_path, ending):
    said = refusal(read_array, picture(tmp_path / f"a{ending}", RGB), part="label")
    assert "3 numbers per pixel (colours)" in said
    assert "nnU-Net would see 3 channels" in said
    same = np.dstack([GREY] * 3)
    assert "grey stored as colours" in refusal(read_array, picture(tmp_path / f"b{ending}", same), part="label")
    # What a picture shows through is no class number.
    shown = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])
    if ending == ".png":
        assert "grey stored as colours" in refusal(read_array, picture(tmp_path / "c.png", shown), part="label")


def test_numbers_that_stand_for_colours_of_a_palette_are_never_taken_for_class_numbers(tmp_path):
    label = Image.fromarray(GREY % 3)
    label.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10])
    for ending in (".png", ".tif", ".bmp"):
        label.save(tmp_path / f"a{ending}")
        assert "colours" in refusal(read_array, tmp_path / f"a{ending}", part="label")


def test_grey_with_transparency_is_told_so(tmp_path):
    said = refusal(read_array, picture(tmp_path / "a.png", GREY, "LA"))
    assert "alpha channel" in said
