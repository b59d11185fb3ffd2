"""Small files that promise, or unpack to, more than a machine has: refused before anything is allocated.

All are read in the sandbox, whose memory is limited, so that a promise that is believed is found.
"""

import gzip
import io
import struct
import sys
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from auvseg.data.formats.dicom import parsing
from auvseg.data.formats.npz import read_members
from auvseg.data.reading import read_array, read_header
from auvseg.errors import ReadError
from fuzz import seeds
from fuzz.image_targets import IMAGES
from fuzz.sandbox import Sandbox
from image_files import claim

HUGE = (1 << 14, 1 << 13, 1 << 13)
"""2⁴⁰ voxels."""


@pytest.fixture(scope="module")
def sandbox():
    if sys.platform != "linux":
        pytest.skip("limits its memory as Linux does")
    box = Sandbox()
    yield box
    box.stop()


@pytest.mark.parametrize("name", ["nifti", "nifti-gz", "meta", "meta-header", "nrrd", "nrrd-header", "npz"])
def test_a_hundred_bytes_that_claim_2_to_the_40_voxels_are_refused(sandbox, tmp_path, name):
    path = claim(tmp_path / IMAGES[name].file, HUGE)
    assert sandbox.fault(name, path.read_bytes()) == ""
    with pytest.raises(ReadError, match="promises"):
        read_header(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("voxels_at", [2.0**30, 0.0])
@pytest.mark.parametrize("length", [2**31 - 16, 2**27, 2**25, 0, -16])
def test_an_extension_of_a_nifti_header_is_not_believed(sandbox, tmp_path, packed, length, voxels_at):
    content = bytearray(seeds.nifti()[2])
    struct.pack_into("<i", content, 352, length)
    struct.pack_into("<f", content, 108, voxels_at)
    name, stored = ("nifti-gz", gzip.compress(bytes(content))) if packed else ("nifti", bytes(content))
    assert sandbox.fault(name, stored) == ""
    path = tmp_path / IMAGES[name].file
    path.write_bytes(stored)
    with pytest.raises(ReadError, match="an extension of its header claims"):
        read_array(path)


def test_an_extension_behind_one_that_goes_beyond_the_header_is_not_believed(sandbox, tmp_path):
    content = bytearray(seeds.nifti()[2])
    struct.pack_into("<f", content, 108, 384.0)
    struct.pack_into("<i", content, 352, 64)
    struct.pack_into("<i", content, 352 + 64, 2**31 - 16)
    for name, stored in (("nifti-gz", gzip.compress(bytes(content))), ("nifti", bytes(content))):
        assert sandbox.fault(name, stored) == ""
        path = tmp_path / IMAGES[name].file
        path.write_bytes(stored)
        with pytest.raises(ReadError, match="an extension of its header claims"):
            read_array(path)


def test_a_dicom_element_that_claims_four_gigabytes_is_not_believed(sandbox):
    (content,) = seeds.dicom_plane()
    at = content.index(b"DA\x08\x0020200101")
    long = content[:at] + b"OB\x00\x00" + struct.pack("<I", 0xFFFFFFF0) + content[at + 4 :]
    assert sandbox.fault("dicom-plane", long) == ""


def test_a_dicom_plane_that_claims_billions_of_pixels_is_not_believed(sandbox, tmp_path):
    (content,) = seeds.dicom_plane()
    for tag in (b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x11\x00US\x02\x00"):
        at = content.index(tag) + len(tag)
        content = content[:at] + b"\xff\xff" + content[at + 2 :]
    assert sandbox.fault("dicom-plane", content) == ""
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    with pytest.raises(ReadError, match="promises 8589672450 bytes"):
        read_header(path)


def test_a_compressed_dicom_plane_that_claims_billions_of_pixels_is_not_believed(tmp_path):
    (content,) = seeds.dicom_plane()
    rle = content.replace(b"UI\x14\x001.2.840.10008.1.2.1\0", b"UI\x14\x001.2.840.10008.1.2.5\0")
    assert rle != content
    for tag in (b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x11\x00US\x02\x00"):
        at = rle.index(tag) + len(tag)
        rle = rle[:at] + b"\xff\xff" + rle[at + 2 :]
    path = tmp_path / "a.dcm"
    path.write_bytes(rle)
    with pytest.raises(ReadError, match="promises 8589672450 bytes"):
        read_header(path)


def test_a_deflated_dicom_file_does_not_fill_the_memory(tmp_path, monkeypatch):
    import pydicom

    file = pydicom.dcmread(io.BytesIO(seeds.dicom_plane()[0]))
    file.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    file.add_new(0x00091010, "OB", bytes(1 << 22))
    file.save_as(tmp_path / "a.dcm")
    assert (tmp_path / "a.dcm").stat().st_size < 20_000
    assert read_array(tmp_path / "a.dcm").array.shape == (4, 3, 1)
    monkeypatch.setattr(parsing, "MAX_INFLATED", 1 << 21)
    with pytest.raises(ReadError, match="unpacks to more than 2 MiB"):
        read_array(tmp_path / "a.dcm")


def npz_of(shape, body, **lies):
    """An archive of one array whose header promises `shape`; `lies` go into its table of contents."""
    header, content = io.BytesIO(), io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("imgs.npy", header.getvalue() + body)
        for name, value in lies.items():
            setattr(archive.infolist()[0], name, value)
    return content.getvalue()


@pytest.mark.parametrize(
    "lies",
    [{}, {"file_size": 2**41}, {"file_size": 2**41, "compress_size": 2**40}],
    ids=["shape", "size", "both sizes"],
)
def test_an_array_in_an_archive_that_lies_about_its_size_is_not_believed(sandbox, tmp_path, lies):
    content = npz_of(HUGE, bytes(100), **lies)
    assert sandbox.fault("npz", content) == ""
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ReadError, match="promises"):
        read_members(tmp_path / "a.npz", 2**50)


def test_an_array_header_that_unpacks_to_gigabytes_is_not_read_to_its_end(sandbox):
    header = b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 30) + b" " * (1 << 26)
    assert sandbox.fault("npz", seeds.zip_of(imgs=header)) == ""


def test_an_archive_of_more_than_is_wanted_is_refused_before_it_is_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1 << 21, np.uint8), b=np.zeros(1 << 21, np.uint8))
    assert set(read_members(tmp_path / "a.npz", 1 << 22)) == {"a", "b"}
    with pytest.raises(ReadError, match="holds more than 3 MiB"):
        read_members(tmp_path / "a.npz", 3 << 20)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.npz"])
def test_an_honest_bomb_is_refused_by_the_users_limit_before_it_is_unpacked(tmp_path, name):
    """Zeros, a thousand to one: the file can hold what it promises, the machine may not."""
    path = tmp_path / name
    if name.endswith("npz"):
        path.write_bytes(npz_of((1 << 8, 1 << 8, 1 << 8), bytes(1 << 24)))
    else:
        content = bytearray(seeds.nifti()[0][:352] + bytes(1 << 24))
        struct.pack_into("<8h", content, 40, 3, 1 << 8, 1 << 8, 1 << 7, 1, 1, 1, 1)
        path.write_bytes(gzip.compress(bytes(content), 9))
    assert path.stat().st_size < 1 << 15
    with pytest.raises(ReadError, match="bytes of memory, 1048576 are allowed"):
        read_array(path, max_bytes=1 << 20)
