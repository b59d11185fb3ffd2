"""Every layout as published → nnU-Net raw: the right voxels, the split, and the source as it was."""

import json

import nibabel as nib
import numpy as np
import pytest

from auvseg import convert, read_dataset
from auvseg.data.public import totalsegmentator
from auvseg.data.public.totalsegmentator import V1, V2
from auvseg.data.volume import load_volume
from auvseg.errors import DatasetError
from public_datasets import WRITERS, contents, save


@pytest.mark.parametrize("kind", WRITERS)
def test_every_label_lies_where_its_scene_has_it(public, kind):
    made = public(kind)
    before = contents(made.source)
    result = made.convert()
    assert result.of("failed") == ()
    assert {row.case for row in result.of("converted")} == made.scenes.keys()
    dataset = read_dataset(made.folder)
    assert dataset.layout == "nnU-Net v2 raw"
    assert dataset.notes == ()
    assert {case.case_id for case in dataset.cases} == made.scenes.keys()
    for case in dataset.cases:
        volume = load_volume(case)
        expected = made.scenes[case.case_id].canonical()
        np.testing.assert_array_equal(volume.label, expected)
        np.testing.assert_array_equal(volume.image[expected == 0], _image(made, case.case_id)[expected == 0])
        assert not any("label" in warning for warning in volume.warnings)
    assert contents(made.source) == before


def _image(made, case_id):
    image = made.scenes[case_id].image.transpose(2, 1, 0)
    return np.abs(image) if made.kind == "feta" else image


@pytest.mark.parametrize("kind", WRITERS)
def test_labels_have_the_geometry_of_their_image_for_both_libraries(public, kind):
    made = public(kind)
    made.convert()
    for case in read_dataset(made.folder).cases:
        image, label = nib.load(case.images[0]), nib.load(case.label)
        np.testing.assert_array_equal(image.affine, label.affine)
        for field in ("qform_code", "sform_code", "pixdim", "xyzt_units", "srow_x", "quatern_b", "qoffset_x"):
            np.testing.assert_array_equal(image.header[field], label.header[field])
        assert label.get_data_dtype() == np.uint8


def test_nothing_that_the_image_says_of_a_person_reaches_the_label(public):
    made = public("lits")
    made.convert()
    assert b"Jane Doe" not in (made.folder / "labelsTr" / "lits_001.nii").read_bytes()


def test_lits_says_what_it_mended(public):
    made = public("lits")
    result = made.convert()
    mended = {row.case: row.detail for row in result.of("mended") if "stored" not in row.detail}
    assert mended["lits_001"] == "label: its axes pointed to RAS; turned to the image's LPS"
    assert "voxel by voxel" in mended["lits_053"]
    assert mended.keys() == {"lits_001", "lits_053"}
    assert [(row.case, row.detail) for row in result.of("mended") if "stored" in row.detail] == [
        ("lits_001", "label: stored as float64; written as uint8")
    ]
    assert [row.case for row in result.of("known bad")] == ["lits_028"]
    assert [row.case for row in result.of("warning")] == ["lits_028"]
    assert [row.case for row in result.of("left out")] == ["lits_test_000"]


def test_mixed_axes_make_nnunet_turn_every_case(public):
    made = public("lits")
    result = made.convert()
    assert (
        json.loads((made.folder / "dataset.json").read_text())["overwrite_image_reader_writer"]
        == "NibabelIOWithReorient"
    )
    assert any("LAS, LPS, RAS" in note for note in result.notes)


def test_one_orientation_is_left_to_nnunet(public):
    made = public("word")
    made.convert()
    assert "overwrite_image_reader_writer" not in json.loads((made.folder / "dataset.json").read_text())


def test_lits_of_the_decathlon_is_lits(public):
    made = public("task03")
    made.convert()
    assert json.loads((made.folder / "dataset.json").read_text())["labels"] == {"background": 0, "liver": 1, "tumor": 2}


def test_another_task_of_the_decathlon_is_not_lits(public):
    made = public("msd")
    content = json.loads((made.source / "dataset.json").read_text())
    content["labels"]["3"] = "capsule"
    (made.source / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r"no liver task \(classes PZ, TZ, capsule\); convert it with 'msd'"):
        convert("lits", made.source, made.folder, num_workers=0)


@pytest.mark.parametrize(
    ("kind", "validation", "test"), [("word", ["word_0001"], "word_0007"), ("totalsegmentator", ["s0900"], "s0864")]
)
def test_the_authors_split_is_kept(public, kind, validation, test):
    made = public(kind)
    made.convert()
    ((split),) = json.loads((made.folder / "splits_final.json").read_text())
    assert split["val"] == validation
    assert sorted([*split["train"], *split["val"], test]) == sorted(made.scenes)
    assert test not in json.loads((made.folder / "dataset.json").read_text())["dataset"]
    assert (made.folder / "imagesTs" / f"{test}_0000.nii.gz").is_symlink()
    assert {case.case_id for case in read_dataset(made.folder).cases if case.subset == "test"} == {test}


def test_kits_regions_are_those_of_nnunets_converter(public):
    made = public("kits")
    made.convert(regions=True)
    content = json.loads((made.folder / "dataset.json").read_text())
    assert content["labels"] == {"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumor": 2}
    assert content["regions_class_order"] == [1, 3, 2]
    assert len(read_dataset(made.folder).classes) == 3


@pytest.mark.parametrize(("version", "count", "pancreas"), [(1, 104, 10), (2, 117, 7)])
def test_both_versions_of_totalsegmentator_have_their_own_numbers(tmp_path, version, count, pancreas):
    folder = tmp_path / "s0000" / "segmentations"
    folder.mkdir(parents=True)
    for name in V1 if version == 1 else V2:
        (folder / f"{name}.nii.gz").touch()
    dataset = totalsegmentator.find(tmp_path)
    assert len(dataset.classes) == count
    assert [one.class_id for one in dataset.classes if one.name == "pancreas"] == [pancreas]
    assert dataset.name == f"TotalSegmentator v{version}"
    assert dataset.notes == ("there is no meta.csv: every case is taken for training",)


def test_classes_taken_by_name_are_numbered_in_the_data_sets_order(public):
    made = public("totalsegmentator", version=1)
    made.convert(classes=["face", "liver"])
    labels = json.loads((made.folder / "dataset.json").read_text())["labels"]
    assert labels == {"background": 0, "liver": 1, "face": 2}


def test_overlapping_masks_are_painted_in_order_and_counted(public):
    made = public("totalsegmentator")
    result = made.convert()
    (row,) = result.of("overlap")
    assert (row.case, row.detail) == (
        "s0002",
        "3 voxels of kidney_right lie in kidney_left too: they are kidney_left",
    )


def test_masks_of_one_merged_class_do_not_overlap(public):
    made = public("totalsegmentator")
    result = made.convert(merge={"kidneys": ["kidney_left", "kidney_right"]})
    assert result.of("overlap") == ()
    labels = json.loads((made.folder / "dataset.json").read_text())["labels"]
    assert list(labels)[:4] == ["background", "spleen", "kidneys", "gallbladder"]
    case = next(case for case in read_dataset(made.folder).cases if case.case_id == "s0002")
    scene = made.scenes["s0002"].canonical()
    np.testing.assert_array_equal(load_volume(case).label == 2, (scene == 2) | (scene == 3))


def test_a_missing_mask_is_a_failure_unless_its_class_is_left_out(public):
    made = public("totalsegmentator")
    (made.source / "s0000" / "segmentations" / "spleen.nii.gz").unlink()
    result = made.convert()
    (row,) = result.of("failed")
    assert row.case == "s0000"
    assert "spleen" in row.detail
    assert "--classes" in row.detail


def test_channels_of_a_4d_image_are_cut_out_bit_by_bit(public):
    made = public("msd", channels=2)
    made.convert()
    case = read_dataset(made.folder).cases[0]
    scene = made.scenes[case.case_id]
    assert [path.name for path in case.images] == ["prostate_00_0000.nii.gz", "prostate_00_0001.nii.gz"]
    for channel, path in enumerate(case.images):
        image = nib.load(path)
        assert image.shape == scene.shape
        np.testing.assert_array_equal(np.asarray(image.dataobj), scene.image + channel)
        np.testing.assert_array_equal(image.affine, nib.load(case.label).affine)


def test_two_reconstructions_of_a_subject_are_a_failure(public):
    made = public("feta")
    anat = made.source / "feta_2.2" / "sub-001" / "anat"
    (anat / "sub-001_rec-irtk_T2w.nii.gz").write_bytes((anat / "sub-001_rec-mial_T2w.nii.gz").read_bytes())
    (row,) = made.convert().of("failed")
    assert row.detail.startswith("anat holds 2 reconstructions (sub-001_rec-irtk, sub-001_rec-mial)")


def test_kits_without_its_image_says_where_images_come_from(public):
    made = public("kits")
    (made.source / "dataset" / "case_00400" / "imaging.nii.gz").unlink()
    (row,) = made.convert().of("failed")
    assert "downloaded apart" in row.detail


def test_a_fourth_axis_of_one_channel_is_cut_off(public):
    made = public("msd")
    scene = made.scenes["prostate_00"]
    path = made.source / "imagesTr" / "prostate_00.nii.gz"
    nib.save(nib.Nifti1Image(scene.image[..., np.newaxis], nib.load(path).affine), path)
    (row,) = made.convert().of("warning")
    assert "fourth axis" in row.detail
    assert nib.load(made.folder / "imagesTr" / "prostate_00_0000.nii.gz").shape == scene.shape


def test_another_number_of_channels_than_declared_is_a_failure(public):
    made = public("msd", channels=2)
    save(made.source / "imagesTr" / "prostate_00.nii.gz", made.scenes["prostate_00"].image)
    (row,) = made.convert().of("failed")
    assert "holds 1 channels, the data set declares 2" in row.detail
