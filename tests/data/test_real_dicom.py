"""Series that scanners made, and an enhanced image with its segmentation, against SimpleITK and their NIfTI copies."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from auvseg.data.check.dataset import check_dataset
from auvseg.data.dataset import read_dataset
from auvseg.data.reading import read_array
from auvseg.data.volume import load_volume
from auvseg.errors import SeriesError

pytestmark = pytest.mark.data


@pytest.fixture
def prostatex(real_data):
    """The study of a patient: T2, diffusion with three b-values in one series, and ADC, all oblique."""
    return real_data / "odd_files" / "dicom_prostatex" / "ProstateX" / "ProstateX-0000" / "07-07-2011"


@pytest.mark.parametrize("series", ["4.000000-t2tsetra-00702", "7.000000-ep2ddifftraDYNDISTADC-48780"])
def test_an_oblique_series_is_what_simpleitk_reads(prostatex, series):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(prostatex / series)))
    image = reader.Execute()
    raw = read_array(prostatex / series)
    np.testing.assert_array_equal(raw.array, sitk.GetArrayFromImage(image).transpose())
    np.testing.assert_allclose(raw.header.spacing_mm, image.GetSpacing(), rtol=1e-9)
    axes = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ raw.header.affine
    np.testing.assert_allclose(lps[:3], np.column_stack([axes, image.GetOrigin()]), atol=1e-6)


def test_b_values_in_one_series_are_refused(prostatex):
    with pytest.raises(SeriesError, match="57 planes lie at 19 places"):
        read_array(prostatex / "6.000000-ep2ddifftraDYNDIST-69284")


def test_a_missing_plane_is_told_by_its_place_and_its_neighbours(real_data):
    (folder,) = (real_data / "odd_files" / "dicom_prostatex" / "ProstateX-missing-slice").glob("*/*/*")
    with pytest.raises(SeriesError, match=r"1 of 19 planes .* between -15.88 and -9.88 mm \(1-07.dcm and 1-05.dcm\)"):
        read_array(folder)


def test_a_study_of_three_series_is_one_row_with_the_way_out(real_data):
    report = check_dataset(read_dataset(real_data / "odd_files" / "dicom_prostatex" / "ProstateX"))
    (found,) = report.findings
    assert (found.case_id, found.kind) == ("ProstateX-0000", "ambiguous_case")
    assert "4.000000-t2tsetra-00702" in found.message


def test_the_ibsi_phantom_is_the_same_from_dicom_and_from_nifti(real_data):
    """An enhanced MR object and a SEG; the two headers disagree about directions and spacing, the voxels do not."""
    root = real_data / "odd_files" / "ibsi_phantom" / "ibsi_1_digital_phantom"
    (case,) = read_dataset(root / "dicom_deprecated").cases
    volume = load_volume(case)
    for array, name in ((volume.image, "image/phantom.nii.gz"), (volume.label, "mask/mask.nii.gz")):
        nifti = np.asarray(nib.load(root / "nifti" / name).dataobj)
        np.testing.assert_array_equal(array, nifti.transpose()[::-1, ::-1, ::-1])
    assert volume.label.sum() == 74
