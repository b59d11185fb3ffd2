"""What nnU-Net's own users stumble over, said before any file is opened."""

import pytest

from auvseg.data.dataset import read_dataset

DESCRIPTION = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz"}


def test_images_without_the_channel_suffix_are_noted_and_stay_cases(touch, describe):
    folder = touch("imagesTr/a.nii.gz", "labelsTr/a.nii.gz")
    describe(DESCRIPTION)
    dataset = read_dataset(folder)
    # nnU-Net looks for this name, so check will say that it is missing.
    assert [path.name for path in dataset.cases[0].images] == ["a_0000.nii.gz"]
    assert dataset.notes == ("1 files in imagesTr lack the channel suffix _0000, such as a",)


def test_channels_beyond_the_declared_ones_are_noted(touch, describe):
    folder = touch("imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz")
    describe(DESCRIPTION)
    assert read_dataset(folder).notes == ("imagesTr has channels that dataset.json does not declare: a_0001",)


def test_unlabelled_test_images_are_noted(touch, describe):
    folder = touch("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b_0000.nii.gz")
    describe(DESCRIPTION)
    assert read_dataset(folder).notes == ("the test images in imagesTs have no labelsTs: not listed",)


def test_a_description_of_several_remarks_keeps_them_all(touch, describe):
    folder = touch("imagesTr/a_0000.nii.gz", "imagesTr/.DS_Store", "labelsTr/a.nii.gz", "labelsTr/readme.md")
    describe({**DESCRIPTION, "labels": {"background": 0, "liver": 2}, "numTraining": 5, "channel_names": {"0": "PET"}})
    assert len(read_dataset(folder).notes) == 5


@pytest.mark.parametrize("mark", ["nnUNetPlans.json", "dataset_fingerprint.json"])
def test_the_preprocessed_folder_is_told_from_the_raw_one(touch, describe, refusal, mark):
    folder = touch(mark)
    describe(DESCRIPTION)
    assert "is nnU-Net's preprocessed folder" in refusal(folder)


def test_the_folder_above_the_data_sets_names_one_of_them(touch, describe, refusal):
    describe(DESCRIPTION, "Dataset004_Liver/dataset.json")
    assert "name one of them, such as Dataset004_Liver" in refusal(touch())


def test_dicom_without_an_image_is_told_so(touch, refusal):
    assert "hold no image of CT, MR or PET, 1 DICOM files cannot be parsed: 1.DCM" in refusal(
        touch("patient/study/1.DCM")
    )
