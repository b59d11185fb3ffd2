"""Segmentations that highdicom wrote, read back onto the grid of their image."""

import numpy as np
import pydicom
import pytest

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.reading import read_array, read_header, read_label
from auvseg.errors import ReadError
from dicom_files import MR, Scan, rectangle, write_contours, write_enhanced, write_segmentation, write_series

OBLIQUE = np.array([[0.96, 0.28, 0.0], [-0.28 * 0.8, 0.96 * 0.8, 0.6]])
NAMES = ["liver", "tumour"]


@pytest.fixture
def masks():
    """(7, 16, 24) of segment numbers without symmetry; plane 2 is empty and so is left out of the file."""
    numbers = np.random.default_rng(1).integers(0, 3, (7, 16, 24)).astype(np.uint8)
    numbers[2] = 0
    return numbers


@pytest.fixture
def images(tmp_path, masks):
    """A series of the masks' shape on an oblique grid, and its scan."""
    scan = Scan(axes=OBLIQUE)
    return write_series(tmp_path / "series", np.arange(masks.size, dtype=np.int16).reshape(masks.shape), scan), scan


def read(path, images):
    return read_label(path, {"liver": 1, "tumour": 2}, read_header(images[0]))


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("reverse", [False, True])
def test_what_highdicom_wrote_comes_back(tmp_path, masks, images, kind, reverse):
    """Also where the segmentation lists its frames from the other end."""
    files, _ = images
    order = slice(None, None, -1 if reverse else 1)
    path = write_segmentation(tmp_path / "seg", files[order], masks[order], NAMES, kind)
    raw = read(path, files)
    np.testing.assert_array_equal(raw.array, masks.transpose())
    assert raw.header.notes == ()


def test_a_fractional_segment_counts_from_one_half(tmp_path, images):
    fractions = np.random.default_rng(2).random((7, 16, 24)).astype(np.float32)
    path = write_segmentation(tmp_path / "seg", images[0], fractions, NAMES[:1], "FRACTIONAL")
    raw = read(path, images[0])
    # highdicom stores steps of 1/200.
    near = np.abs(fractions - 0.5) < 1 / 200
    np.testing.assert_array_equal(
        raw.array.astype(bool)[~near.transpose()], (fractions > 0.5).transpose()[~near.transpose()]
    )
    assert raw.header.notes == (Problem(Kind.ALTERED_LABEL, "fractional segments count from 50 % on"),)


def test_a_segmentation_of_an_enhanced_image_comes_back(tmp_path, masks):
    scan = Scan(sop_class=MR, modality="MR")
    path = write_enhanced(tmp_path / "enhanced", masks.astype(np.int16), scan)
    # Frames of the file run from the last plane to the first.
    written = write_segmentation(tmp_path / "seg", [path], masks[::-1], NAMES, "BINARY")
    raw = read(written, [path])
    np.testing.assert_array_equal(raw.array, masks.transpose())
    np.testing.assert_array_equal(raw.array, read_array(path).array + 1024)


def test_only_the_wanted_segments_are_read_and_several_may_be_one_class(tmp_path, masks, images):
    path = write_segmentation(tmp_path / "seg", images[0], masks, NAMES, "BINARY")
    grid = read_header(images[0][0])
    np.testing.assert_array_equal(read_label(path, {"tumour": 5}, grid).array, 5 * (masks == 2).transpose())
    np.testing.assert_array_equal(read_label(path, {"liver": 1, "tumour": 1}, grid).array, (masks > 0).transpose())


def test_segments_that_overlap_are_refused(tmp_path, images):
    both = np.zeros((7, 16, 24, 2), bool)
    both[1:5, 2:9, 3:9, 0] = True
    both[2:4, 3:5, 4:6, 1] = True
    path = write_segmentation(tmp_path / "seg", images[0], both, NAMES, "BINARY")
    with pytest.raises(ReadError, match=r"8 voxels of 'tumour', 100 % of it, also belong to 'liver'"):
        read(path, images[0])


def test_a_segmentation_drawn_on_part_of_the_series_is_placed_by_position(tmp_path, masks, images):
    files, _ = images
    path = write_segmentation(tmp_path / "seg", files[4:6], masks[4:6], NAMES, "BINARY")
    expected = np.zeros_like(masks)
    expected[4:6] = masks[4:6]
    np.testing.assert_array_equal(read(path, files).array, expected.transpose())


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (Scan(axes=OBLIQUE, origin=(-29.7, -40.0, 50.0)), "another grid"),
        (Scan(axes=OBLIQUE, pixel_mm=(1.6, 1.4)), "another grid"),
        (Scan(axes=OBLIQUE, step_mm=2.0), "another grid"),
        (Scan(), "another grid"),
        (Scan(axes=OBLIQUE, origin=(-30.0 + 0.96 * 8, -40.0 + 0.28 * 8, 50.0)), "outside the image"),
    ],
)
def test_a_segmentation_on_another_grid_is_refused(tmp_path, masks, images, other, reason):
    files = write_series(tmp_path / "other", masks.astype(np.int16), other)
    path = write_segmentation(tmp_path / "seg", files, masks, NAMES, "BINARY")
    with pytest.raises(ReadError, match=reason):
        read(path, images[0])


def test_a_truncated_segmentation_is_one_line(tmp_path, masks, images):
    path = write_segmentation(tmp_path / "seg", images[0], masks, NAMES, "BINARY")
    file = pydicom.dcmread(path)
    file.PixelData = file.PixelData[:20]
    file.save_as(path)
    with pytest.raises(ReadError, match=r"seg: truncated: the header promises \d+ bytes of pixels, there are 20"):
        read(path, images[0])


def test_an_image_is_no_label_and_a_label_no_image(tmp_path, images):
    files, scan = images
    contours = write_contours(tmp_path / "rs", scan, {"liver": [rectangle(scan, (2, 5), (2, 5), 1)]})
    with pytest.raises(ReadError, match=r"neither a DICOM segmentation \(SEG\) nor a structure set"):
        read(files[0], files)
    with pytest.raises(ReadError, match=r"rs: is no image of CT, MR or PET"):
        read_array(contours)
    with pytest.raises(ReadError, match=r"rs: is drawn on the grid of its image"):
        read_label(contours, {"liver": 1}, None)
