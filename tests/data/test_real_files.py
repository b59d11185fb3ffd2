"""Files from public data sets that break readers, and whole data sets that must load."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

import isolation_tasks as tasks
from auvseg.data.case import Case
from auvseg.data.reading import read_array
from auvseg.data.volume import load_volume
from auvseg.data.workers.pool import IsolatedPool
from auvseg.errors import CaseError

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def outcomes(real_data):
    """How every odd file was read by a pool, by the file's name."""
    paths = sorted(path for path in (real_data / "odd_files").rglob("*") if path.is_file() and "dicom" not in str(path))
    with IsolatedPool(2, timeout_s=600) as pool:
        return {outcome.item.name: outcome for outcome in pool.map(tasks.summary, paths)}


def test_every_odd_file_gives_an_array_or_one_line(outcomes, real_data):
    assert len(outcomes) > 25
    for name, outcome in outcomes.items():
        assert not outcome.crashed, outcome.error
        assert (outcome.result is None) != (outcome.error is None)
        if outcome.error is not None:
            assert outcome.error.startswith(f"{name}: ")
            assert "\n" not in outcome.error
            assert str(real_data) not in outcome.error


def test_what_is_no_image_is_refused_and_what_is_one_is_read(outcomes):
    refused = {name for name, outcome in outcomes.items() if outcome.error is not None}
    documents = {name for name in outcomes if not name.endswith((".gz", ".nii", ".nrrd"))}
    assert refused == documents | {"not-nifti.nii"}


def test_a_file_that_corrupts_the_heap_of_simpleitk_keeps_its_five_axes(outcomes):
    assert outcomes["5D_small.nii"].error is None
    assert len(outcomes["5D_small.nii"].result.shape) == 5


@pytest.mark.parametrize(
    ("one", "other"), [("big.nii.gz", "little.nii.gz"), ("avg152T1_LR_nifti.nii.gz", "avg152T1_LR_nifti.nii")]
)
def test_byte_order_and_compression_do_not_change_the_voxels(outcomes, one, other):
    assert outcomes[one].result == outcomes[other].result


def test_nifti_2_is_read_as_nibabel_reads_it(real_data):
    path = real_data / "odd_files" / "nifti_reader_js" / "avg152T1_LR_nifti2.nii.gz"
    np.testing.assert_allclose(read_array(path).array, np.asarray(nib.load(path).dataobj), rtol=1e-6)


def test_a_label_on_the_wrong_grid_names_both_shapes(real_data):
    folder = real_data / "odd_files" / "kits19_wrong_grid"
    images = (folder / "case_00125_interpolated.nii.gz",)
    with pytest.raises(CaseError, match=r"has \d+×\d+×\d+ voxels, the image \d+×\d+×\d+; resample"):
        load_volume(Case("case_00125", images, folder / "case_00125_master_version.nii.gz"))


def test_soft_masks_are_refused_as_labels(real_data):
    folder = real_data / "odd_files" / "lung_ct_soft_masks"
    with pytest.raises(CaseError, match="not whole numbers"):
        load_volume(Case("id001", (folder / "id001-128x128x64.nii.gz",), folder / "id001-128x128x64-msk.nii.gz"))


def test_a_series_in_time_is_refused_with_advice(real_data):
    with pytest.raises(CaseError, match=r"fmri\.nii\.gz: has 4 axes .*split"):
        load_volume(Case("fmri", (real_data / "odd_files" / "sct_4d" / "fmri" / "fmri.nii.gz",), None))


PAIRS = [
    ("Task04_Hippocampus/imagesTr/hippocampus_001.nii.gz", "Task04_Hippocampus/labelsTr/hippocampus_001.nii.gz", "RAS"),
    ("sts/STS_002/CT_image.nii.gz", "sts/STS_002/CT_mask.nii.gz", "LPS"),
    ("totalsegmentator_example/example_ct_sm.nii.gz", "totalsegmentator_example/example_seg.nii.gz", "RAS"),
    ("totalsegmentator_example/example_mr_sm.nii.gz", "totalsegmentator_example/example_seg_mr.nii.gz", "LPS"),
    ("kits_multirater/case_00004_ann1.nii.gz", "kits_multirater/case_00004_kits23.nii.gz", "IPL"),
]


@pytest.mark.parametrize(("image", "label", "axcodes"), PAIRS)
def test_the_orientation_is_what_simpleitk_makes_of_it(real_data, image, label, axcodes):
    volume = assert_loads(Case("case", (real_data / image,), real_data / label))
    assert volume.axcodes == axcodes
    for path, array in ((image, volume.image), (label, volume.label)):
        # (z, y, x) along S, P, L.
        turned = sitk.DICOMOrient(sitk.ReadImage(str(real_data / path)), "LPS")
        np.testing.assert_array_equal(array, sitk.GetArrayFromImage(turned)[:, ::-1, ::-1])
        assert volume.spacing_mm == pytest.approx(turned.GetSpacing()[::-1], rel=1e-5)


def assert_loads(case):
    volume = load_volume(case)
    assert volume.image.shape == volume.label.shape
    assert np.ptp(volume.image) > 0
    assert volume.label.any()
    assert volume.warnings == ()
    return volume


def test_hippocampus_loads(real_data):
    folder = real_data / "Task04_Hippocampus"
    images = sorted((folder / "imagesTr").glob("*.nii.gz"))[:10]
    assert len(images) == 10
    for image in images:
        volume = assert_loads(Case(image.name, (image,), folder / "labelsTr" / image.name))
        assert set(np.unique(volume.label)) == {0, 1, 2}
        assert volume.spacing_mm == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("kind", ["CT", "MR_T1"])
def test_soft_tissue_sarcoma_loads(real_data, kind):
    folder = real_data / "sts" / "STS_002"
    volume = assert_loads(Case("STS_002", (folder / f"{kind}_image.nii.gz",), folder / f"{kind}_mask.nii.gz"))
    # The slices are thicker than their pixels, and the patients lie along depth.
    assert volume.spacing_mm[0] == max(volume.spacing_mm)
    assert set(np.unique(volume.label)) == {0, 1}


def test_ct_lesions_load_from_npz(real_data):
    paths = sorted((real_data / "ct_lesions").glob("*.npz"))
    assert paths
    for path in paths[:2]:
        volume = assert_loads(Case(path.stem, (path,), path))
        assert volume.image.shape[1:] == (512, 512)
        assert volume.image.max() <= 255
