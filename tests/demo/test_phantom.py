"""The phantom is a valid nnU-Net data set of anatomy that a radiologist would recognise as such."""

import json

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from auvseg.demo.anatomy import ORGANS
from auvseg.demo.phantom import DATASET_NAME, case_name, write_phantom_dataset
from auvseg.errors import UsageError

CASES = [case_name(index) for index in range(5)]


def _bytes(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folder_holds_what_nnunet_expects(clean_dataset):
    assert clean_dataset.name == DATASET_NAME
    expected = {"dataset.json"}
    expected |= {f"imagesTr/{case}_0000.nii.gz" for case in CASES} | {f"labelsTr/{case}.nii.gz" for case in CASES}
    assert set(_bytes(clean_dataset)) == expected


def test_description_is_complete(clean_dataset):
    description = json.loads((clean_dataset / "dataset.json").read_text(encoding="utf-8"))
    assert description["channel_names"] == {"0": "CT"}
    assert description["labels"] == {
        "background": 0,
        "liver": 1,
        "spleen": 2,
        "left_kidney": 3,
        "right_kidney": 4,
        "lesion": 5,
    }
    assert description["numTraining"] == 5
    assert description["file_ending"] == ".nii.gz"


def test_same_seed_writes_the_same_bytes_and_more_cases_leave_the_first_ones(clean_dataset, tmp_path):
    again = _bytes(write_phantom_dataset(tmp_path, cases=2))
    first = _bytes(clean_dataset)
    del again["dataset.json"]
    assert len(again) == 4
    assert all(first[name] == content for name, content in again.items())


def test_another_seed_draws_other_patients(drawn):
    first, second = drawn(0), drawn(0, 4)
    assert first.image.shape != second.image.shape or not np.array_equal(first.image, second.image)


def test_no_two_cases_share_a_file(clean_dataset):
    contents = list(_bytes(clean_dataset).values())
    assert len(set(contents)) == len(contents)


def test_every_organ_is_somewhere_and_lesions_are_not_everywhere(clean_dataset, read_case):
    present = [set(np.unique(read_case(clean_dataset, case).label)) for case in CASES]
    assert set.union(*present) == {0, *ORGANS.values()}
    for name in ("liver", "spleen", "left_kidney", "right_kidney"):
        assert all(ORGANS[name] in values for values in present)
    assert sum(ORGANS["lesion"] in values for values in present) == 3


def test_image_and_label_share_a_plausible_grid(clean_dataset, read_case):
    spacings = set()
    for case in CASES:
        read = read_case(clean_dataset, case)
        image, label = read.stored_image, read.stored_label
        assert image.shape == label.shape
        assert np.array_equal(image.affine, label.affine)
        assert (image.get_data_dtype(), label.get_data_dtype()) == (np.int16, np.uint8)
        assert image.header.get_xyzt_units()[0] == "mm"
        assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
        assert np.allclose(image.get_qform(), image.affine, atol=1e-3)
        x, y, z = (float(step) for step in image.header.get_zooms())
        assert 2 < x == y < 4.5
        assert z in (3, 4, 5)
        assert 22 <= read.image.shape[0] <= 26
        assert 96 <= read.image.shape[1] <= 128
        spacings.add((x, z))
    assert len(spacings) == len(CASES)


def test_orientation_of_the_file_varies_but_not_of_the_patient(clean_dataset, read_case, drawn):
    codes = set()
    for index, case in enumerate(CASES):
        read = read_case(clean_dataset, case)
        codes.add("".join(nib.aff2axcodes(read.stored_image.affine)))
        liver, spleen = (ndimage.center_of_mass(read.label == ORGANS[name]) for name in ("liver", "spleen"))
        left, right = (ndimage.center_of_mass(read.label == ORGANS[f"{side}_kidney"]) for side in ("left", "right"))
        # Canonical arrays read by nibabel grow to the right, to the front and upwards.
        assert liver[2] > spleen[2]
        assert right[2] > left[2]
        assert liver[1] > right[1]
        assert np.array_equal(read.label, drawn(index).label)
        assert np.array_equal(read.image, drawn(index).image)
    assert codes <= {"RAS", "LPS", "LAS"}
    assert len(codes) > 1


@pytest.mark.parametrize("index", range(4))
def test_densities_are_those_of_abdominal_ct(index, drawn):
    phantom = drawn(index)
    means = {name: phantom.image[phantom.label == value].mean() for name, value in ORGANS.items() if name != "lesion"}
    assert 50 < means["liver"] < 125
    assert 38 < means["spleen"] < 130
    assert 25 < means["left_kidney"] < 185
    assert abs(means["left_kidney"] - means["right_kidney"]) < 8
    assert phantom.image.min() < -950
    assert 350 < phantom.image.max() < 1500
    # Fat is the most common density of a body but for its organs.
    body = phantom.image[(phantom.image > -150) & (phantom.image < 20)]
    assert -125 < np.median(body) < -80
    assert np.array_equal(phantom.image, np.rint(phantom.image))


@pytest.mark.parametrize("index", range(4))
def test_organs_have_human_sizes_and_are_each_in_one_piece(index, drawn):
    phantom = drawn(index)
    voxel_ml = np.prod(phantom.spacing_mm) / 1000
    volumes = {name: np.count_nonzero(phantom.label == value) * voxel_ml for name, value in ORGANS.items()}
    assert 500 < volumes["liver"] < 2000
    assert 60 < volumes["spleen"] < 450
    assert 50 < volumes["left_kidney"] < 230
    assert 50 < volumes["right_kidney"] < 230
    for name in ("spleen", "left_kidney", "right_kidney"):
        assert ndimage.label(phantom.label == ORGANS[name], np.ones((3, 3, 3)))[1] == 1


def test_lesions_lie_inside_the_liver_and_are_darker(drawn):
    lesions = 0
    for index in range(5):
        phantom = drawn(index)
        lesion, liver = phantom.label == ORGANS["lesion"], phantom.label == ORGANS["liver"]
        if not lesion.any():
            continue
        lesions += 1
        shell = ndimage.binary_dilation(lesion) & ~lesion
        assert np.mean(liver[shell]) > 0.8
        assert phantom.image[lesion].mean() < phantom.image[liver].mean() - 8
    assert lesions == 3


def test_moving_a_label_lowers_the_contrast_at_its_edge(drawn):
    phantom = drawn(0)
    kidney = phantom.label == ORGANS["left_kidney"]

    def contrast(mask):
        inside = mask & ~ndimage.binary_erosion(mask)
        outside = ndimage.binary_dilation(mask) & ~mask
        return phantom.image[inside].mean() - phantom.image[outside].mean()

    moved = [contrast(np.roll(kidney, step, axis)) for axis in (1, 2) for step in (-1, 1)]
    assert contrast(kidney) > 1.1 * max(moved)


def test_noise_of_the_liver_is_that_of_a_clinical_scan(drawn):
    phantom = drawn(1)
    core = ndimage.binary_erosion(phantom.label == ORGANS["liver"], iterations=3)
    assert 5 < phantom.image[core].std() < 30


def test_existing_data_set_is_never_overwritten(clean_dataset):
    before = _bytes(clean_dataset)
    with pytest.raises(UsageError, match="exists already"):
        write_phantom_dataset(clean_dataset.parent, cases=1)
    assert _bytes(clean_dataset) == before


@pytest.mark.parametrize(("cases", "seed", "match"), [(0, 0, "0 cases"), (1000, 0, "1000 cases"), (3, -1, "seed")])
def test_impossible_requests_are_refused(tmp_path, cases, seed, match):
    with pytest.raises(UsageError, match=match):
        write_phantom_dataset(tmp_path, cases=cases, seed=seed)
    assert not list(tmp_path.iterdir())
