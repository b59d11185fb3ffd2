"""What fuzzing found, each once more: files that crashed a reader, kept it for ever, or ended in a traceback."""

import io
import json
import re
import struct
import sys

import pydicom
import pytest

from auvseg.scoring.record import file_name, read_record
from fuzz import seeds
from fuzz.image_targets import IMAGES
from fuzz.sandbox import Sandbox
from fuzz.text_targets import OBJECTS


@pytest.fixture(scope="module")
def sandbox():
    if sys.platform != "linux":
        pytest.skip("limits its memory as Linux does")
    box = Sandbox()
    yield box
    box.stop()


@pytest.fixture
def refused(sandbox, tmp_path):
    """Reads a content in the sandbox first, then here, and checks the reason."""

    def check(name, content, reason):
        assert sandbox.fault(name, content) == ""
        assert re.search(reason, IMAGES[name].run(tmp_path, content))

    return check


@pytest.mark.parametrize("axes", [b"-1", b"0", b"11", b"1e3", b"1099511627776", b"many"])
@pytest.mark.parametrize("name", ["meta", "meta-header"])
def test_a_meta_image_of_an_odd_number_of_axes_is_refused_before_itk_writes_over_its_memory(refused, name, axes):
    refused(name, IMAGES[name].seeds()[0].replace(b"NDims = 3", b"NDims = " + axes), "states '.*' axes")


@pytest.mark.parametrize("size", [b"1099511627776", b"-1", b"nan", b"1e999", b"many", b"1099511627776 = 1"])
def test_a_meta_image_of_more_compressed_bytes_than_the_file_has_is_refused(refused, size):
    content, found = re.subn(rb"CompressedDataSize = \d+", b"CompressedDataSize = " + size, IMAGES["meta"].seeds()[1])
    assert found == 1
    refused("meta", content, "states '.*' compressed bytes")


@pytest.mark.parametrize("field", [b"", b"t: ", b"space: ", b"sizes: ", b"space directions: ", b"kinds: "])
def test_a_long_line_of_an_nrrd_header_is_refused_before_itk_writes_over_its_memory(refused, field):
    long = seeds.nrrd()[0].replace(b"NRRD0004\n", b"NRRD0004\n" + field + b"t" * 3000 + b"\n", 1)
    refused("nrrd", long, "a line of its header has 30.. characters")


@pytest.mark.parametrize("free", [b"# ", b"content: ", b"a key:="])
def test_a_long_comment_of_an_nrrd_header_is_read(refused, free):
    refused("nrrd", seeds.nrrd()[0].replace(b"NRRD0004\n", b"NRRD0004\n" + free + b"t" * 3000 + b"\n", 1), "^$")


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_file_whose_pages_go_round_in_a_circle_ends(refused, big):
    if big:
        content = b"II" + struct.pack("<HHHQ", 43, 8, 0, 16) + struct.pack("<QQ", 0, 16)
    else:
        content = b"II" + struct.pack("<HI", 42, 8) + struct.pack("<HI", 0, 8)
    refused("tiff", content, "form a cycle")


def test_a_tiff_file_whose_page_lies_farther_than_a_file_can_be_long_is_refused(refused):
    refused("tiff", b"II" + struct.pack("<HHHQ", 43, 8, 0, 2**64 - 1), "a.tif")


@pytest.mark.parametrize("named", [b"%d%d.raw", b"**%d", b"[%d", b"x" * 400, b"", b"a\0.raw", b"%1000000d"])
def test_a_data_file_of_any_name_is_looked_for_and_not_found(refused, named):
    header = b"NRRD0004\ntype: short\nsizes: 4\nencoding: raw\ndata file: " + named + b"\n\n"
    refused("nrrd-header", header, "exist|outside")


def test_an_itk_message_that_quotes_bytes_is_one_line(refused):
    refused("bmp", b"B", "a.bmp")


def test_a_nifti_pair_of_128_axes_is_refused(refused):
    content = bytearray(seeds.nifti_pair()[0])
    struct.pack_into("<2h", content, 38, -1, 128)
    refused("nifti-pair", bytes(content), "a.hdr")


def test_the_arrays_of_an_archive_are_named_in_one_line(refused):
    refused("npz", seeds.zip_of(**{"a\nb": seeds.VOXELS.tobytes()}), r"it has 'a\\nb';.*$")


def test_an_enhanced_file_without_frames_is_refused(refused):
    file = pydicom.dcmread(io.BytesIO(seeds.dicom_enhanced()[0]))
    file.PerFrameFunctionalGroupsSequence = []
    content = io.BytesIO()
    file.save_as(content)
    refused("dicom-enhanced", content.getvalue(), "its header lists no plane")


def test_a_view_that_says_it_is_encrypted_is_not_used(refused):
    content = bytearray(seeds.view()[0])
    content[content.index(b"PK\1\2") + 8] |= 1
    refused("view", bytes(content), "not used")


def test_a_kept_table_whose_footer_is_damaged_is_made_anew(refused):
    refused("kept-table", seeds.kept_table()[0].replace(b"numpy_type", b"numpy_typo"), "made anew")


@pytest.mark.parametrize("name", ["", "/", "\0", "/a\0b", "relative.yaml", "/..", "\ud800"])
@pytest.mark.parametrize("part", ["files", "made_folders"])
def test_a_manifest_of_what_are_no_files_is_refused(tmp_path, name, part):
    target, content = OBJECTS["undo"]
    odd = {"files": {name: content["files"]["/nowhere/exclude.yaml"]}, "made_folders": [name]}[part]
    assert "is damaged" in target.run(tmp_path, json.dumps({**content, part: odd}).encode())


@pytest.mark.parametrize("number", ["NaN", "1e999"])
def test_a_record_of_numbers_that_are_none_is_not_used(tmp_path, number):
    (content,) = OBJECTS["record"][0].seeds()
    path = tmp_path / file_name("a")
    path.write_bytes(content)
    assert read_record(path) is not None
    path.write_bytes(content.replace(b'"auvseg": "0.1.0"', b'"auvseg": ' + number.encode()))
    assert read_record(path) is None


@pytest.mark.parametrize("part", [("attributes", "site"), ("setup", "extractor", "name")])
def test_a_record_that_no_table_could_hold_is_not_used(tmp_path, part):
    (content,) = OBJECTS["record"][0].seeds()
    values = json.loads(content)
    place = values
    for name in part[:-1]:
        place = place[name]
    place[part[-1]] = "\ud800"
    path = tmp_path / file_name("a")
    path.write_text(json.dumps(values))
    assert read_record(path) is None


def test_an_ome_document_in_an_encoding_that_nobody_knows_states_no_size(sandbox, tmp_path):
    content = next(one for one in IMAGES["tiff-stack"].seeds() if b"UTF-8" in one).replace(b"UTF-8", b"XTF-8")
    assert sandbox.fault("tiff-stack", content) == ""
    assert IMAGES["tiff-stack"].run(tmp_path, content) == ""
