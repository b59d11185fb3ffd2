import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK

from auvseg.data.formats.slicer import Segment, segments_of
from auvseg.errors import ReadError
from auvseg.filtering.relabel import replace_values
from slicer_files import write_slicer


def draw() -> np.ndarray:
    label = np.zeros((5, 4, 3), np.uint8)
    label[1:4, 1:3, 1] = 1
    label[2, 2, 1] = 2
    return label


def expected(values, new_value):
    label = draw().astype(float)
    return np.where(np.isin(label, values), new_value, label)


@pytest.fixture
def save(tmp_path):
    def write(voxels, name="label.nii.gz", kind=nibabel.Nifti1Image, **header):
        image = kind(voxels, np.array([[-1.5, 0, 0, 7], [0, 2, 0.1, -3], [0, 0, 2.5, 9], [0, 0, 0, 1]]))
        for key, value in header.items():
            image.header[key] = value
        nibabel.save(image, tmp_path / name)
        return tmp_path / name

    return write


def read(content, tmp_path, name="copy.nii.gz"):
    (tmp_path / name).write_bytes(content)
    return nibabel.load(tmp_path / name)


@pytest.mark.parametrize("name", ["label.nii.gz", "label.nii"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_only_the_voxels_of_the_class_change(tmp_path, save, name, dtype, kind):
    path = save(draw().astype(dtype), name, kind)
    image = read(replace_values(path, [2], 3), tmp_path, f"copy{''.join(path.suffixes)}")
    assert image.get_data_dtype() == dtype
    np.testing.assert_array_equal(image.get_fdata(), expected([2], 3))
    np.testing.assert_array_equal(image.affine, nibabel.load(path).affine)


def test_every_byte_but_those_of_the_voxels_stays(tmp_path, save):
    path = save(draw(), descrip=b"from the scanner", qform_code=1, sform_code=2, xyzt_units=10)
    before, after = gzip.decompress(path.read_bytes()), gzip.decompress(replace_values(path, [1], 3))
    differing = [position for position in range(len(before)) if before[position] != after[position]]
    assert len(before) == len(after)
    assert len(differing) == np.count_nonzero(draw() == 1)
    assert {(before[position], after[position]) for position in differing} == {(1, 3)}


def test_a_header_extension_stays(tmp_path):
    image = nibabel.Nifti1Image(draw(), np.eye(4))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"keep me"))
    nibabel.save(image, tmp_path / "label.nii")
    copy = read(replace_values(tmp_path / "label.nii", [1], 3), tmp_path, "copy.nii")
    assert copy.header.extensions[0].get_content() == b"keep me"


def test_a_big_endian_file_stays_big_endian(tmp_path):
    header = nibabel.Nifti1Header(endianness=">")
    nibabel.save(nibabel.Nifti1Image(draw().astype(">i2"), np.eye(4), header), tmp_path / "label.nii")
    copy = read(replace_values(tmp_path / "label.nii", [1, 2], 3), tmp_path, "copy.nii")
    assert copy.header.endianness == ">"
    np.testing.assert_array_equal(copy.get_fdata(), expected([1, 2], 3))


def test_a_scaled_file_keeps_its_scaling(tmp_path, save):
    path = save(draw().astype(np.int16) * 2 + 1, "label.nii")
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.5, -0.5], "<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(content)
    np.testing.assert_array_equal(nibabel.load(path).get_fdata(), draw())
    copy = read(replace_values(path, [2], 3), tmp_path, "copy.nii")
    np.testing.assert_array_equal(copy.get_fdata(), expected([2], 3))
    assert (copy.dataobj.slope, copy.dataobj.inter) == (0.5, -0.5)


def test_a_float_that_is_no_label_value_is_no_label(tmp_path, save):
    label = draw().astype(np.float32)
    label[0, 0, 0], label[0, 0, 1] = 1.4, 1.0000001
    copy = read(replace_values(save(label), [1], 3), tmp_path).get_fdata()
    assert copy[0, 0, 0] == np.float32(1.4)
    assert copy[0, 0, 1] == 3


def test_the_same_label_gives_the_same_bytes(save):
    path = save(draw())
    assert replace_values(path, [1], 3) == replace_values(path, [1], 3)


def test_the_original_is_only_read(save):
    path = save(draw())
    before = path.read_bytes()
    replace_values(path, [1], 3)
    assert path.read_bytes() == before


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".gipl", ".png"])
def test_other_formats_keep_their_grid_and_type(tmp_path, ending):
    voxels = draw()[..., 1] if ending == ".png" else draw()
    image = SimpleITK.GetImageFromArray(voxels)
    if ending != ".png":
        image.SetSpacing((1.5, 2.0, 2.5))
        image.SetOrigin((3.0, -4.0, 5.0))
    path = tmp_path / f"label{ending}"
    SimpleITK.WriteImage(image, str(path))
    (tmp_path / f"copy{ending}").write_bytes(replace_values(path, [2], 3))
    before, after = SimpleITK.ReadImage(str(path)), SimpleITK.ReadImage(str(tmp_path / f"copy{ending}"))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(after), np.where(voxels == 2, 3, voxels))
    assert after.GetPixelID() == before.GetPixelID()
    for part in ("GetSpacing", "GetOrigin", "GetDirection"):
        assert getattr(after, part)() == getattr(before, part)()


def test_metadata_of_an_nrrd_file_stays(tmp_path):
    image = SimpleITK.GetImageFromArray(draw())
    image.SetMetaData("Segment0_Name", "liver")
    SimpleITK.WriteImage(image, str(tmp_path / "label.nrrd"))
    (tmp_path / "copy.nrrd").write_bytes(replace_values(tmp_path / "label.nrrd", [1], 3))
    assert SimpleITK.ReadImage(str(tmp_path / "copy.nrrd")).GetMetaData("Segment0_Name") == "liver"


@pytest.mark.parametrize(
    ("voxels", "name", "values", "new_value", "message"),
    [
        (draw()[..., None].repeat(2, -1), "label.nii.gz", [1], 3, "more than three axes"),
        (draw(), "label.nii.gz", [7], 3, "has none of the label values"),
        (draw(), "label.nii.gz", [1], 256, "uint8 voxels cannot hold the ignore value 256"),
        (draw(), "label.img", [1], 3, "labels of this format cannot be rewritten"),
    ],
)
def test_a_label_that_cannot_be_rewritten_is_refused(save, voxels, name, values, new_value, message):
    with pytest.raises(ReadError, match=message):
        replace_values(save(voxels, name), values, new_value)


@pytest.mark.parametrize("name", ["label.nii.gz", "label.nii", "label.nrrd"])
def test_a_broken_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"this is no image")
    with pytest.raises(ReadError, match="cannot be read"):
        replace_values(tmp_path / name, [1], 3)


def test_a_truncated_file_is_refused(save):
    for name in ("label.nii", "label.nii.gz"):
        path = save(draw(), name)
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(ReadError, match=r"truncated|cannot be read"):
            replace_values(path, [1], 3)


def test_a_colour_image_is_no_label(tmp_path):
    image = SimpleITK.GetImageFromArray(np.zeros((4, 5, 3), np.uint8), isVector=True)
    SimpleITK.WriteImage(image, str(tmp_path / "label.png"))
    with pytest.raises(ReadError, match="one component"):
        replace_values(tmp_path / "label.png", [1], 3)


def test_ignored_voxels_get_a_name_where_all_others_have_one(tmp_path):
    path = write_slicer(tmp_path / "a.seg.nrrd", draw(), [("liver", 1, 0), ("tumour", 2, 0)], np.eye(4))
    (tmp_path / "copy.nrrd").write_bytes(replace_values(path, [2], 3))
    read_back = SimpleITK.ReadImage(str(tmp_path / "copy.nrrd"))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(read_back).transpose(), expected([2], 3))
    assert segments_of(tmp_path / "copy.nrrd")[2:] == (Segment("ignore", 3, 0),)
