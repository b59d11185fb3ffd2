import nibabel as nib
import numpy as np
import pytest

from auvseg.errors import CaseError, ReadError
from auvseg.evaluation.pair import Names, read_pair
from dicom_files import Scan, write_segmentation, write_series
from slicer_files import write_slicer

AFFINE = np.array([[1.5, 0, 0, -7], [0, 1.0, 0, 4], [0, 0, 3.0, 9], [0, 0, 0, 1]])


def write(path, voxels, affine=AFFINE):
    nib.save(nib.Nifti1Image(voxels, affine), path)
    return path


@pytest.fixture
def voxels():
    return np.random.default_rng(0).integers(0, 3, (5, 6, 7)).astype(np.uint8)


@pytest.mark.parametrize("axes", ["LPS", "SAR", "ILA"])
def test_a_prediction_that_was_stored_with_other_axes_is_turned(tmp_path, voxels, axes):
    label = write(tmp_path / "label.nii.gz", voxels)
    turned = nib.Nifti1Image(voxels, AFFINE).as_reoriented(
        nib.orientations.ornt_transform(
            nib.orientations.io_orientation(AFFINE), nib.orientations.axcodes2ornt(tuple(axes))
        )
    )
    nib.save(turned, tmp_path / "predicted.nii.gz")
    pair = read_pair(label, tmp_path / "predicted.nii.gz")
    np.testing.assert_array_equal(pair.reference, voxels)
    np.testing.assert_array_equal(pair.prediction, voxels)
    assert pair.spacing_mm == (1.5, 1.0, 3.0)
    assert pair.notes == ()


def test_a_header_that_was_lost_costs_a_note_and_no_turn(tmp_path, voxels):
    label = write(tmp_path / "label.nii.gz", voxels, np.diag([-1.5, -1.0, 3.0, 1.0]))
    pair = read_pair(label, write(tmp_path / "predicted.nii.gz", voxels, np.eye(4)))
    np.testing.assert_array_equal(pair.prediction, voxels)
    assert "another grid" in pair.notes[0]
    assert pair.spacing_mm == (1.5, 1.0, 3.0)


def test_another_format_of_the_same_grid_is_the_same(tmp_path, voxels):
    import SimpleITK as sitk

    label = write(tmp_path / "label.nii.gz", voxels)
    sitk.WriteImage(sitk.ReadImage(str(label)), str(tmp_path / "predicted.nrrd"))
    pair = read_pair(label, tmp_path / "predicted.nrrd")
    np.testing.assert_array_equal(pair.prediction, voxels)
    assert pair.notes == ()


def test_what_is_to_be_ignored_is_nothing_in_both(tmp_path, voxels):
    label = write(tmp_path / "label.nii.gz", voxels)
    predicted = write(tmp_path / "predicted.nii.gz", np.full_like(voxels, 1))
    pair = read_pair(label, predicted, ignore_value=2)
    assert not pair.reference[voxels == 2].any()
    assert not pair.prediction[voxels == 2].any()
    assert (pair.prediction[voxels != 2] == 1).all()


def test_other_shapes_axes_and_values_are_refused(tmp_path, voxels):
    label = write(tmp_path / "label.nii.gz", voxels)
    with pytest.raises(CaseError, match="4×6×7 voxels, the label 5×6×7"):
        read_pair(label, write(tmp_path / "small.nii.gz", voxels[:-1]))
    with pytest.raises(CaseError, match="has 4 axes"):
        read_pair(label, write(tmp_path / "four.nii.gz", np.stack([voxels, voxels], axis=-1)))
    with pytest.raises(CaseError, match="not whole numbers"):
        read_pair(label, write(tmp_path / "soft.nii.gz", voxels.astype(np.float32) + 0.3))
    with pytest.raises(ReadError, match=r"nowhere\.nii\.gz"):
        read_pair(label, tmp_path / "nowhere.nii.gz")


NAMES = [("tumour", 1, 0), ("liver", 2, 0)]
VALUES = {"liver": 1, "tumour": 2}


@pytest.mark.parametrize("named", ["label", "prediction", "both"])
def test_files_that_name_their_structures_are_compared_by_name_on_the_images_grid(tmp_path, voxels, named):
    voxels[0], voxels[:, :, -1] = 0, 0
    numbered = write(tmp_path / "numbers.nii.gz", voxels)
    stored = np.array([0, 2, 1], np.uint8)[voxels[1:, :, :-1]]
    drawn = write_slicer(tmp_path / "names.seg.nrrd", stored, NAMES, AFFINE, first=(1, 0, 0))
    label, prediction = (drawn if named in (what, "both") else numbered for what in ("label", "prediction"))
    names = Names(VALUES if label == drawn else {}, VALUES, write(tmp_path / "image.nii.gz", voxels))
    pair = read_pair(label, prediction, names=names)
    np.testing.assert_array_equal(pair.reference, voxels)
    np.testing.assert_array_equal(pair.prediction, voxels)


def test_of_a_prediction_for_a_data_set_without_names_its_own_values_count(tmp_path, voxels):
    label = write(tmp_path / "label.nii.gz", voxels)
    prediction = write_slicer(tmp_path / "predicted.seg.nrrd", voxels, [("a", 1, 0), ("b", 2, 0)], AFFINE)
    pair = read_pair(label, prediction, names=Names({}, {}, label))
    np.testing.assert_array_equal(pair.prediction, voxels)
    with pytest.raises(ReadError, match=r"names its segments \(a, b\), and none of them is a class"):
        read_pair(label, prediction, names=Names({}, VALUES, label))


def test_a_dicom_label_is_compared_on_the_grid_of_its_series(tmp_path):
    scan = Scan()
    masks = np.random.default_rng(0).integers(0, 3, (4, 8, 9)).astype(np.uint8)
    files = write_series(tmp_path / "ct", masks.astype(np.int16), scan)
    label = write_segmentation(tmp_path / "seg.dcm", files, masks, ["liver", "tumour"], "BINARY")
    prediction = write(tmp_path / "predicted.nii.gz", masks.transpose(), scan.affine)
    pair = read_pair(label, prediction, names=Names(VALUES, VALUES, tmp_path / "ct"))
    np.testing.assert_array_equal(pair.reference, masks.transpose())
    np.testing.assert_array_equal(pair.prediction, masks.transpose())
    assert pair.notes == ()
