import gzip

import numpy as np
import pytest

from auvseg.data.formats.text_headers import voxel_source
from auvseg.data.reading import read_array
from auvseg.errors import ReadError

META = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\n{more}ElementDataFile = {data}\n"
NRRD = "NRRD0004\n# data file: not this one\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nencoding: {encoding}\n{more}\n"
VOXELS = bytes(range(8))


def write_meta(path, data, more="", voxels=b""):
    path.write_bytes(META.format(data=data, more=more).encode() + voxels)
    return path


def write_nrrd(path, encoding="raw", more="", voxels=b""):
    path.write_bytes(NRRD.format(encoding=encoding, more=more).encode() + voxels)
    return path


@pytest.fixture
def slices(tmp_path):
    """Two files of four voxels each, beside the headers."""
    for number in (1, 2):
        (tmp_path / f"s{number}.raw").write_bytes(VOXELS[4 * number - 4 : 4 * number])
    return tmp_path


def test_voxels_behind_the_header_start_where_it_ends(tmp_path):
    meta = write_meta(tmp_path / "a.mha", "LOCAL", voxels=VOXELS)
    for path in (meta, write_nrrd(tmp_path / "a.nrrd", voxels=VOXELS)):
        source = voxel_source(path)
        assert source.files == (path,)
        assert path.read_bytes()[source.offset :] == VOXELS
        assert not source.compressed
        np.testing.assert_array_equal(read_array(path).array.ravel(order="F"), list(VOXELS))


@pytest.mark.parametrize(
    ("name", "data", "more"),
    [
        ("a.mhd", "s%d.raw 1 2 1", ""),
        ("a.mhd", "LIST\ns1.raw\ns2.raw", ""),
        ("a.nhdr", "", "data file: s%d.raw 1 2 1\n"),
        ("a.nhdr", "", "data file: LIST\ns1.raw\ns2.raw"),
        ("a.nrrd", "", "datafile: LIST\ns1.raw\ns2.raw"),
    ],
)
def test_voxels_in_several_files_are_found_together(slices, name, data, more):
    path = write_meta(slices / name, data, more) if data else write_nrrd(slices / name, more=more)
    assert [file.name for file in voxel_source(path).files] == ["s1.raw", "s2.raw"]
    np.testing.assert_array_equal(read_array(path).array.ravel(order="F"), list(VOXELS))


@pytest.mark.parametrize("name", ["a.mhd", "a.mha", "a.nhdr", "a.nrrd"])
@pytest.mark.parametrize("outside", ["../secret.raw", "/etc/passwd", "b/../../secret.raw", "../%d.raw 1 2 1"])
@pytest.mark.parametrize("listed", [False, True])
def test_a_header_may_not_reach_out_of_its_folder(tmp_path, name, outside, listed):
    (tmp_path / "secret.raw").write_bytes(VOXELS)
    (tmp_path / "1.raw").write_bytes(VOXELS)
    folder = tmp_path / "case"
    folder.mkdir()
    named = f"LIST\n{outside}" if listed else outside
    meta = name in ("a.mhd", "a.mha")
    path = write_meta(folder / name, named) if meta else write_nrrd(folder / name, more=f"data file: {named}\n")
    with pytest.raises(ReadError, match="outside its folder") as caught:
        read_array(path)
    assert str(tmp_path) not in str(caught.value)
    assert "/etc" not in str(caught.value)


def test_data_in_a_folder_below_are_the_headers_own(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.raw").write_bytes(VOXELS)
    path = write_meta(tmp_path / "a.mhd", "raw/a.raw")
    np.testing.assert_array_equal(read_array(path).array.ravel(order="F"), list(VOXELS))


@pytest.mark.parametrize("data", ["gone.raw", "LIST\ns1.raw\ngone.raw", "gone%d.raw 1 2 1", "LIST"])
def test_data_that_do_not_exist_are_named(slices, data):
    for path in (write_meta(slices / "a.mhd", data), write_nrrd(slices / "a.nhdr", more=f"data file: {data}\n")):
        with pytest.raises(ReadError, match=rf"{path.name}: its data file (gone|LIST).* does not exist; keep"):
            voxel_source(path)


def test_a_header_that_names_no_data_is_damaged(tmp_path):
    path = tmp_path / "a.mhd"
    path.write_text("NDims = 3\nDimSize = 2 2 2\n")
    with pytest.raises(ReadError, match="names no data"):
        voxel_source(path)


def test_encodings_decide_how_much_a_file_can_hold(tmp_path):
    raw = voxel_source(write_nrrd(tmp_path / "a.nrrd", voxels=VOXELS))
    packed = voxel_source(write_nrrd(tmp_path / "b.nrrd", encoding="gzip", voxels=gzip.compress(VOXELS)))
    text = voxel_source(write_nrrd(tmp_path / "c.nrrd", encoding="ascii", voxels=b"0 1 2 3 4 5 6 7"))
    assert (raw.most_compression, packed.most_compression, text.most_compression) == (1, 1032, 1032)
    assert [source.compressed for source in (raw, packed, text)] == [False, True, False]
    for name in ("a.nrrd", "b.nrrd", "c.nrrd"):
        np.testing.assert_array_equal(read_array(tmp_path / name).array.ravel(order="F"), list(VOXELS))


@pytest.mark.parametrize("more", ["CompressedData = True\n", "BinaryData = False\n"])
def test_metaimages_that_are_not_plain_bytes_may_be_smaller_than_they_promise(tmp_path, more):
    source = voxel_source(write_meta(tmp_path / "a.mha", "LOCAL", more=more))
    assert source.most_compression > 1
    assert source.compressed is ("Compressed" in more)
