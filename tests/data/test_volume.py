import itertools
import re
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from auvseg.data.case import Case
from auvseg.data.reading import make_header
from auvseg.data.volume import as_canonical, as_label, as_stored, grid_difference, load_volume, stored_spacing
from auvseg.errors import CaseError, ReadError

AXES = ["".join(signs) for order in itertools.permutations(("LR", "PA", "IS")) for signs in itertools.product(*order)]
"""The 48 ways in which a file may order and direct its axes."""


def turned(array, affine, axcodes):
    """The same anatomy at the same place, stored along other axes."""
    change = nib.orientations.ornt_transform(nib.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(axcodes)))
    return (
        nib.orientations.apply_orientation(array, change),
        affine @ nib.orientations.inv_ornt_aff(change, array.shape),
    )


def test_there_are_48_orientations():
    assert len(set(AXES)) == 48


@pytest.mark.parametrize("axcodes", AXES)
def test_the_same_anatomy_gives_the_same_volume_in_every_orientation(write_nifti, voxels, affine, axcodes):
    stored, matrix = turned(voxels, affine, axcodes)
    image, label = write_nifti("i.nii", stored, matrix), write_nifti("l.nii", stored % 3, matrix)
    volume = load_volume(Case("case", (image,), label))
    # The fixture's axes grow to L, A, S; the canonical order is S, A, R.
    canonical = voxels[::-1].transpose(2, 1, 0)
    np.testing.assert_array_equal(volume.image, canonical)
    np.testing.assert_array_equal(volume.label, canonical % 3)
    assert volume.spacing_mm == pytest.approx((3.0, 2.0, 0.5))
    assert volume.axcodes == axcodes
    assert volume.warnings == ()
    np.testing.assert_array_equal(as_stored(volume.image, axcodes), stored)
    np.testing.assert_array_equal(as_canonical(stored, axcodes), volume.image)
    assert stored_spacing(volume.spacing_mm, axcodes) == pytest.approx(np.linalg.norm(matrix[:3, :3], axis=0))


@pytest.mark.parametrize("axcodes", AXES[::5])
def test_a_sheared_grid_keeps_its_steps_in_every_orientation(write_nifti, voxels, affine, axcodes):
    leaning = affine.copy()
    leaning[:3, 1] = (0.0, 1.2, 1.6)
    stored, matrix = turned(voxels, leaning, axcodes)
    volume = load_volume(Case("case", (write_nifti("i.nii", stored, matrix),), None))
    assert volume.spacing_mm == pytest.approx((3.0, 2.0, 0.5))
    depth, height, width = volume.axes_mm
    assert abs(np.linalg.det(volume.axes_mm)) == pytest.approx(0.5 * 1.2 * 3)
    assert abs(depth @ height) == pytest.approx(3 * 1.6)
    assert abs(width @ height) == pytest.approx(0, abs=1e-6)
    assert any("off perpendicular" in warning for warning in volume.warnings)


@pytest.mark.parametrize("in_one_file", [True, False])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_every_channel_comes_in_its_order_and_a_replaced_image_with_it(make_case, voxels, channel, in_one_file):
    several = [factor * voxels for factor in (1, 2, 3)]
    case = make_case(np.stack(several, -1)) if in_one_file else make_case(*several)
    alone = load_volume(case, channel=channel, channel_count=3)
    volume = load_volume(case, channel=channel, channel_count=3, every_channel=True)
    assert alone.others == ()
    np.testing.assert_array_equal(volume.image, alone.image)
    first = volume.channels()[0]
    np.testing.assert_array_equal(volume.channels(), [first, 2 * first, 3 * first])
    faulty = replace(volume, image=volume.image + 1).channels()
    changed = [number for number in range(3) if (faulty[number] != volume.channels()[number]).any()]
    assert changed == [channel]


def test_types_are_float32_and_int32_in_one_block_of_memory(make_case, voxels):
    volume = load_volume(make_case(voxels, label=voxels.astype(np.uint8)))
    assert (volume.image.dtype, volume.label.dtype) == (np.float32, np.int32)
    assert volume.image.flags.c_contiguous
    assert volume.label.flags.c_contiguous


def test_image_and_label_of_one_npz_are_told_apart(tmp_path, voxels):
    path = tmp_path / "case.npz"
    np.savez(path, imgs=voxels, gts=voxels % 4, spacing=(1.0, 2.0, 5.0))
    volume = load_volume(Case("case", (path,), path))
    # The file's axes are ITK's z, y, x, growing to S, P, L.
    np.testing.assert_array_equal(volume.image, voxels[:, ::-1, ::-1])
    np.testing.assert_array_equal(volume.label, voxels[:, ::-1, ::-1] % 4)
    assert volume.spacing_mm == (5.0, 2.0, 1.0)


def with_change(affine, change):
    matrix = affine.copy()
    if change == "origin":
        matrix[0, 3] += 0.5
    elif change == "spacing":
        matrix[2, 2] *= 1.1
    elif change == "tilt":
        angle = np.deg2rad(5)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        matrix[:3, :3] = turn @ matrix[:3, :3]
    else:
        matrix[:, 0] *= -1
    return matrix


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("origin", r"origin lies 0\.5 mm"),
        ("spacing", r"spacing is 0\.5×2×3\.3 mm, the image's 0\.5×2×3 mm"),
        ("tilt", "tilted"),
        ("flip", "point to RAS, the image's to LAS"),
    ],
)
def test_a_label_on_another_grid_of_the_same_shape_is_taken_voxel_by_voxel_with_a_warning(
    make_case, voxels, affine, change, words
):
    same = load_volume(make_case(voxels, label=voxels % 5))
    other = load_volume(make_case(voxels, label=voxels % 5, label_affine=with_change(affine, change)))
    assert same.warnings == ()
    (warning,) = other.warnings
    assert warning.startswith("label.nii.gz: ")
    assert re.search(words, warning)
    np.testing.assert_array_equal(other.label, same.label)


def test_grids_that_differ_by_rounding_alone_give_no_warning(make_case, voxels, affine):
    moved = affine.copy()
    moved[:3, 3] += 1e-3
    moved[:3, :3] *= 1 + 1e-5
    assert load_volume(make_case(voxels, label=voxels % 5, label_affine=moved)).warnings == ()


def test_a_label_of_another_shape_is_refused_with_both_shapes(make_case, voxels):
    with pytest.raises(CaseError, match=r"label\.nii\.gz: .* 5×6×6 voxels, the image 5×6×7; resample"):
        load_volume(make_case(voxels, label=voxels[..., :-1]))


def test_a_fourth_axis_is_refused_with_advice_unless_the_data_set_declares_it(make_case, voxels):
    channels = np.stack([voxels, 10 * voxels, 100 * voxels], axis=-1)
    case = make_case(channels, label=voxels % 2)
    for count in (1, 2, 4):
        with pytest.raises(CaseError, match=r"image_0\.nii\.gz: has 4 axes 5×6×7×3; .*split"):
            load_volume(case, channel_count=count)
    first = load_volume(case, channel=0, channel_count=3)
    for channel, factor in ((1, 10), (2, 100)):
        volume = load_volume(case, channel=channel, channel_count=3)
        np.testing.assert_array_equal(volume.image, (channels[..., channel])[::-1].transpose(2, 1, 0))
        np.testing.assert_array_equal(volume.label, first.label)
        assert volume.image.max() == (factor * voxels).max()


def test_five_axes_are_refused_whatever_is_declared(make_case, voxels):
    with pytest.raises(CaseError, match="has 5 axes"):
        load_volume(make_case(np.stack([np.stack([voxels] * 2, -1)] * 2, -1)), channel_count=2)


def test_a_label_with_channels_is_refused(make_case, voxels):
    with pytest.raises(ReadError, match="a label of 4 axes: 5×6×7×2; store one class number per voxel"):
        load_volume(make_case(voxels, label=np.stack([voxels, voxels], axis=-1)))


def test_of_several_files_the_channel_names_one(make_case, voxels):
    case = make_case(voxels, 2 * voxels, 3 * voxels)
    for channel in range(3):
        volume = load_volume(case, channel=channel, channel_count=3)
        np.testing.assert_array_equal(volume.image, (channel + 1) * voxels[::-1].transpose(2, 1, 0))


@pytest.mark.parametrize(("channel", "channel_count"), [(1, 1), (-1, 1), (3, 3), (-1, 3)])
def test_a_channel_that_does_not_exist_is_refused(make_case, voxels, channel, channel_count):
    one_file = make_case(np.stack([voxels] * channel_count, axis=-1))
    with pytest.raises(CaseError, match=rf"case: has no channel {channel}; there are {channel_count}"):
        load_volume(one_file, channel=channel, channel_count=channel_count)
    if channel_count > 1:
        with pytest.raises(CaseError, match=f"no channel {channel}"):
            load_volume(make_case(*[voxels] * channel_count), channel=channel, channel_count=channel_count)


@pytest.mark.parametrize("files", [2, 4])
def test_files_that_do_not_match_the_declared_channels_are_not_guessed_at(make_case, voxels, files):
    with pytest.raises(CaseError, match=f"case: has {files} image files, the data set declares 3 channels"):
        load_volume(make_case(*[voxels] * files), channel_count=3)


def test_one_channel_where_several_are_declared_is_refused(make_case, voxels):
    with pytest.raises(CaseError, match=r"image_0\.nii\.gz: holds one channel, the data set declares 2"):
        load_volume(make_case(voxels), channel_count=2)


def test_several_files_need_no_declaration(make_case, voxels):
    volume = load_volume(make_case(voxels, 2 * voxels), channel=1)
    np.testing.assert_array_equal(volume.image, 2 * voxels[::-1].transpose(2, 1, 0))


def test_of_several_files_none_may_hold_channels_of_its_own(make_case, voxels):
    several = np.stack([voxels, voxels], axis=-1)
    with pytest.raises(CaseError, match="has 4 axes"):
        load_volume(make_case(several, several), channel_count=2)


def test_what_the_reader_guessed_becomes_a_warning(tmp_path, voxels):
    path = tmp_path / "image.nii"
    nib.save(nib.Nifti1Image(voxels, None), path)
    (warning,) = load_volume(Case("case", (path,), None)).warnings
    assert warning.startswith("image.nii: the header states no orientation")


def test_flat_images_are_volumes_of_one_slice(tmp_path):
    pixels = np.arange(20, dtype=np.uint8).reshape(4, 5)
    sitk.WriteImage(sitk.GetImageFromArray(pixels), str(tmp_path / "a.png"))
    sitk.WriteImage(sitk.GetImageFromArray(pixels % 2), str(tmp_path / "b.png"))
    volume = load_volume(Case("case", (tmp_path / "a.png",), tmp_path / "b.png"))
    # A picture's rows grow to P and its columns to L, by ITK's convention for files that do not say.
    np.testing.assert_array_equal(volume.image, pixels[None, ::-1, ::-1])
    np.testing.assert_array_equal(volume.label, volume.image % 2)


def test_axes_halfway_between_two_letters_are_the_same_axes_whatever_letter_rounding_picks(voxels):
    def header(angle_deg):
        cosine, sine = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
        affine = np.eye(4)
        affine[:2, :2] = [[cosine, -sine], [sine, cosine]]
        return make_header(Path("a.nii"), voxels.shape, affine, np.dtype(np.int16))

    one, other = header(44.99), header(45.01)
    assert one.axcodes != other.axcodes
    assert grid_difference(one, other) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite_are_counted(make_case, voxels, value):
    image = voxels.astype(np.float32)
    image[0, 0, :3] = value
    with pytest.raises(CaseError, match=r"image_0\.nii\.gz: 3 voxels are NaN or infinite; replace"):
        load_volume(make_case(image))


def test_a_constant_image_is_loaded_with_a_warning(make_case):
    volume = load_volume(make_case(np.full((3, 4, 5), 7, np.int16)))
    assert volume.warnings == ("image_0.nii.gz: every voxel is 7",)


def test_a_label_that_is_not_wanted_is_not_read(make_case, voxels, tmp_path):
    case = make_case(voxels)
    missing = Case("case", case.images, tmp_path / "missing.nii.gz")
    assert load_volume(missing, with_label=False).label is None
    assert load_volume(case).label is None
    with pytest.raises(CaseError, match=r"missing\.nii\.gz: the file does not exist"):
        load_volume(missing)


def test_whole_numbers_stored_as_floats_are_labels(make_case, voxels):
    exact = load_volume(make_case(voxels, label=voxels % 3))
    noise = np.random.default_rng(0).uniform(-1e-4, 1e-4, voxels.shape)
    stored = load_volume(make_case(voxels, label=((voxels % 3) + noise).astype(np.float32)))
    np.testing.assert_array_equal(stored.label, exact.label)


def test_labels_resampled_by_splines_are_refused_with_an_example(make_case, voxels):
    label = (voxels % 3).astype(np.float32)
    label[2, 3, :] = 0.3725
    with pytest.raises(CaseError, match=r"label\.nii\.gz: .*not whole numbers \(such as 0\.3725, 3\.3 % .*nearest"):
        load_volume(make_case(voxels, label=label))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_labels_that_are_not_finite_are_refused(value):
    with pytest.raises(CaseError, match=r"l\.nii: the label holds NaN or infinity"):
        as_label(np.array([0.0, value]), "l.nii")


@pytest.mark.parametrize(
    "array", [np.array([0, 2**40]), np.array([0.0, -1e12]), np.array([2**63], np.uint64), np.array([2**31], np.float32)]
)
def test_labels_beyond_32_bits_are_refused_instead_of_wrapped(array):
    with pytest.raises(CaseError, match="not class numbers"):
        as_label(array, "l.nii")


def test_negative_labels_are_kept():
    np.testing.assert_array_equal(as_label(np.array([-1, 0, 2], np.int16), "l.nii"), [-1, 0, 2])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint16, np.int64, np.uint64, np.float32, np.float64])
def test_every_numeric_type_of_label_gives_the_same_values(dtype):
    np.testing.assert_array_equal(as_label(np.array([0, 1, 1], dtype), "l.nii"), np.array([0, 1, 1], np.int32))
