"""What nnU-Net's own users stumble over, said before any file is opened."""

import pytest

from auvseg.data.check.findings import Kind
from auvseg.data.dataset import read_dataset

DESCRIPTION = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}, "file_ending": ".nii.gz"}


def test_channels_beyond_the_declared_ones_are_found(touch, describe):
    folder = touch("imagesTr/a_0000.nii.gz", "imagesTr/a_0001.nii.gz", "labelsTr/a.nii.gz")
    describe(DESCRIPTION)
    (found,) = read_dataset(folder).findings
    assert (found.kind, found.cases) == (Kind.CHANNEL_MISMATCH, ("a",))
    assert "a_0001.nii.gz" in found.message


def test_unlabelled_test_images_are_noted(touch, describe):
    folder = touch("imagesTr/a_0000.nii.gz", "labelsTr/a.nii.gz", "imagesTs/b_0000.nii.gz")
    describe(DESCRIPTION)
    assert read_dataset(folder).notes == ("the 1 test images in imagesTs have no labelsTs: not listed",)


def test_a_description_of_several_remarks_keeps_them_all(touch, describe):
    folder = touch("imagesTr/a_0000.nii.gz", "imagesTr/.DS_Store", "labelsTr/a.nii.gz", "labelsTr/readme.md")
    describe({**DESCRIPTION, "labels": {"background": 0, "liver": 2}, "numTraining": 5, "channel_names": {"0": "PET"}})
    dataset = read_dataset(folder)
    assert len(dataset.notes) == 3
    assert [found.kind for found in dataset.findings] == [Kind.REFUSED_BY_NNUNET] * 2


@pytest.mark.parametrize("mark", ["nnUNetPlans.json", "dataset_fingerprint.json"])
def test_the_preprocessed_folder_is_told_from_the_raw_one(touch, describe, refusal, mark):
    folder = touch(mark)
    describe(DESCRIPTION)
    assert "is nnU-Net's preprocessed folder" in refusal(folder)


def test_the_folder_above_the_data_sets_names_one_of_them(touch, describe, refusal):
    describe(DESCRIPTION, "Dataset004_Liver/dataset.json")
    assert "name one of them, such as Dataset004_Liver" in refusal(touch())


def test_dicom_without_an_image_is_told_so(touch, refusal):
    assert "hold no CT, MR or PET image, 1 DICOM files cannot be parsed: 1.DCM" in refusal(touch("patient/study/1.DCM"))
