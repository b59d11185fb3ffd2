import gzip
import os
import zlib

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from auvseg.data.formats.integrity import check_deflated, check_promise
from auvseg.data.formats.reasons import Reason
from auvseg.data.reading import file_sha256, read_array
from auvseg.errors import ReadError
from image_files import refusal, write_itk, write_npz


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.nii.gz", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
        ("a.nii.gz", b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>", "web page.*download it again"),
        ("a.nrrd", b"<html><body>404</body></html>", "web page"),
        ("a.nii", bytes(128) + b"DICM" + bytes(600), "DICOM.*ends in .dcm"),
        ("a.mha", bytes(128) + b"DICM" + bytes(600), "DICOM.*ends in .dcm"),
        ("a.nii", bytes(2000), "nothing but zeros.*copy it again"),
        ("a.png", bytes(2000), "nothing but zeros.*copy it again"),
        ("a.dcm", bytes(128) + b"DICM" + bytes(600), "truncated or damaged DICOM"),
        ("a.nii.gz", b"/annex/objects/SHA256E-s12--ab.nii.gz\n", "git-annex pointer.*git annex get a.nii.gz"),
        ("a.nii.gz", b"\xef\xbb\xbf<?xml version='1.0'?>\n<html xmlns='x'>Log in</html>", "web page"),
        ("a.nii", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML.*download it again"),
        ("a.nii.gz", b'{"message": "Not found", "documentation": "none"}', "is text, not an image"),
        ("a.mha", "Überweisung: siehe Anhang\n".encode() * 400, "is text, not an image"),
        ("a.png", "Dear colleague, the images".encode("utf-16"), "is text, not an image"),
        ("a.nii.gz", b"PK\x03\x04" + bytes(range(200)), "a zip archive.*unpack it"),
        ("a.nii", b"7z\xbc\xaf\x27\x1c" + bytes(range(200)), "a 7z archive.*unpack it"),
        ("a.nii.gz", gzip.compress(bytes(257) + b"ustar" + bytes(300)), "a tar archive.*unpack it"),
        ("a.nii.gz", gzip.compress(b"PK\x03\x04" + bytes(range(200))), "a zip archive.*unpack it"),
        ("a.nii.gz", b"BZh91AY&SY" + bytes(range(200)), "compressed with bzip2.*bunzip2"),
        ("a.nii.gz", b"\xfd7zXZ\0" + bytes(range(200)), "compressed with xz.*unxz"),
        ("a.nii.gz", gzip.compress(bytes(128) + b"DICM" + bytes(600)), "DICOM"),
        ("a.nii.gz", gzip.compress(b"<html>Log in</html>"), "web page"),
        ("a.nii.gz", gzip.compress(bytes(2000)), "nothing but zeros"),
        ("a.nii", b"\x89HDF\r\n\x1a\n" + bytes(300), "an HDF5 file.*convert it"),
        ("a.nii", b"%PDF-1.7\n%\xe2\xe3" + bytes(300), "a PDF document"),
        ("a.npz", b"\x93NUMPY\x01\0" + bytes(300), "a NumPy array"),
        ("scan.dcm", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "git lfs pull"),
        ("scan.vox", b"\x01\x02\x03" * 99, "unknown format.*convert it to NIfTI"),
    ],
    # The bytes would be the names, and those of gzip hold the time: each worker of xdist would collect other tests.
    ids=range(28),
)
def test_a_file_that_is_no_image_is_named_for_what_it_is(tmp_path, capfd, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReadError, match=rf"^{name}: .*{words}"):
        read_array(path)


def test_an_image_under_the_ending_of_another_format_is_told_its_own(write_nifti, voxels, tmp_path):
    plain = write_nifti("a.nii", voxels)
    packed = gzip.compress(plain.read_bytes())
    assert "rename it to b.nii.gz" in refusal(read_array, written(tmp_path / "b.nii", packed))
    for name in ("c.mha", "c.png", "c.npz", "c.vox"):
        said = refusal(read_array, written(tmp_path / name, plain.read_bytes()))
        assert "uncompressed NIfTI" in said
        assert "rename it to c.nii" in said
        said = refusal(read_array, written(tmp_path / name, packed))
        assert "gzip-compressed NIfTI" in said


def test_what_is_not_compressed_or_compressed_twice_is_told_the_command(write_nifti, voxels, tmp_path):
    plain = write_nifti("plain.nii", voxels).read_bytes()
    said = refusal(read_array, written(tmp_path / "case 1.2.nii.gz", plain))
    assert "mv 'case 1.2.nii.gz' 'case 1.2.nii' && gzip 'case 1.2.nii'" in said
    said = refusal(read_array, written(tmp_path / "a.nii.gz", gzip.compress(gzip.compress(plain))))
    assert "mv a.nii.gz a.nii.gz.gz && gunzip a.nii.gz.gz" in said


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image, nib.MGHImage])
def test_every_format_is_known_by_its_content(voxels, affine, tmp_path, kind):
    ending = ".mgh" if kind is nib.MGHImage else ".nii"
    nib.save(kind(voxels, affine), tmp_path / f"plain{ending}")
    content = (tmp_path / f"plain{ending}").read_bytes()
    assert f"rename it to a{ending}" in refusal(read_array, written(tmp_path / "a.mhd", content))
    assert "gzip-compressed" in refusal(read_array, written(tmp_path / "a.mhd", gzip.compress(content)))


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".png", ".tif", ".bmp", ".jpg"])
def test_formats_of_itk_are_known_by_their_content(tmp_path, ending):
    flat = sitk.GetImageFromArray(np.arange(120, dtype=np.uint8).reshape(10, 12))
    sitk.WriteImage(flat, str(tmp_path / f"plain{ending}"))
    content = (tmp_path / f"plain{ending}").read_bytes()
    for name in ("a.nii", "a.nii.gz", "a.npz"):
        assert f"rename it to a{ending}" in refusal(read_array, written(tmp_path / name, content))
    assert f"unpack it, and name it a{ending}" in refusal(
        read_array, written(tmp_path / "a.nii.gz", gzip.compress(content))
    )


def test_no_advice_names_another_reason():
    """Every sentence of the table can be said: nothing in braces is missing, and no two reasons are one."""
    assert len({reason.value[0] for reason in Reason}) == len(Reason.__members__)
    assert all(reason.value[1] for reason in Reason)


def written(path, content):
    path.write_bytes(content)
    return path


def test_a_link_whose_target_was_never_fetched_is_called_a_link(tmp_path):
    path = tmp_path / "a.nii.gz"
    path.symlink_to(tmp_path / ".git" / "annex" / "objects" / "SHA256E-s12")
    for read in (read_array, file_sha256):
        assert "git annex get a.nii.gz" in refusal(read, path)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere.nii.gz")
    assert "link to a file that does not exist; fetch or restore" in refusal(read_array, path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission_is_refused(write_nifti, voxels):
    path = write_nifti("a.nii", voxels)
    path.chmod(0)
    for read in (read_array, file_sha256):
        assert "permission" in refusal(read, path)


def test_a_name_that_the_system_does_not_take_is_refused_without_its_folder(tmp_path):
    assert "cannot be opened" in refusal(read_array, tmp_path / f"{'x' * 400}.nii")


def test_messages_about_a_relative_path_keep_their_dots(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.nii"
    path.write_bytes(b"\x01\x02Dear colleague" * 100)
    with pytest.raises(ReadError, match=r'^a\.nii: .*file type of "a\.nii"'):
        read_array(path.relative_to(tmp_path))


def test_a_promise_may_be_as_large_as_the_compression_allows(tmp_path):
    check_promise(tmp_path / "a.nii", 100, 100)
    check_promise(tmp_path / "a.nii.gz", 103_200, 100, most_compression=1032)
    with pytest.raises(ReadError, match=r"a\.nii: truncated: the header promises 101 bytes, there are 100 bytes"):
        check_promise(tmp_path / "a.nii", 101, 100)
    with pytest.raises(ReadError, match="compressed"):
        check_promise(tmp_path / "a.nii.gz", 103_201, 100, most_compression=1032)


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress])
def test_one_stream_or_several_are_followed_to_their_checksums(tmp_path, compress):
    path, content = tmp_path / "a.raw", np.random.default_rng(0).bytes(300_000)
    whole = compress(content)
    path.write_bytes(b"header" + whole)
    check_deflated(path, path, 6, len(content))
    with pytest.raises(ReadError, match=r"promises 300001 bytes, 300000 come out"):
        check_deflated(path, path, 6, len(content) + 1)
    for length in (7, 20, len(whole) // 2, len(whole) + 5):
        path.write_bytes((b"header" + whole)[:length])
        with pytest.raises(ReadError, match=r"a\.raw: truncated or damaged"):
            check_deflated(path, path, 6, len(content))


def test_gzip_streams_one_after_the_other_count_together(tmp_path):
    path = tmp_path / "a.raw"
    # As bgzip writes them; the second begins inside a block of the reader, the third at its start.
    first = gzip.compress(np.random.default_rng(0).bytes(100_000))
    path.write_bytes(first + gzip.compress(bytes(50_000)) + b"trailing bytes")
    check_deflated(path, path, 0, 150_000)
    with pytest.raises(ReadError, match="150000 come out"):
        check_deflated(path, path, 0, 150_001)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.img.gz", "a.mgz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd", "a.npz"])
def test_a_flipped_bit_in_compressed_voxels_never_changes_them_unnoticed(tmp_path, capfd, voxels, affine, name):
    path, data = compressed_file(tmp_path / name, np.tile(voxels, (3, 3, 3)), affine)
    content = data.read_bytes()
    draw = np.random.default_rng(0)
    sound, refused = read_array(path).array, 0
    for place in draw.integers(len(content) // 2, len(content) * 9 // 10, 40):
        damaged = bytearray(content)
        damaged[place] ^= 1 << draw.integers(8)
        data.write_bytes(damaged)
        try:
            # Some bits of a compressed stream mean nothing.
            np.testing.assert_array_equal(read_array(path).array, sound)
        except ReadError:
            refused += 1
    assert refused > 30


def compressed_file(path, voxels, affine):
    """A compressed file and the file that holds its voxels."""
    if path.suffix == ".npz":
        return (write_npz(path, imgs=voxels),) * 2
    if path.suffix in (".nrrd", ".nhdr", ".mha", ".mhd"):
        write_itk(path, voxels, compressed=True)
        data = {".nhdr": ".raw.gz", ".mhd": ".zraw"}.get(path.suffix, path.suffix)
        return path, path.with_suffix(data)
    kind = {"a.mgz": nib.MGHImage, "a.img.gz": nib.Nifti1Pair}.get(path.name, nib.Nifti1Image)
    nib.save(kind(voxels, affine), path)
    return path, path


@pytest.fixture
def larger(write_nifti):
    """A file that nibabel does not read to its end when it looks what it is."""
    voxels = np.random.default_rng(0).integers(-999, 999, (20, 30, 40)).astype(np.int16)
    return voxels, write_nifti("large.nii.gz", voxels)


@pytest.mark.parametrize(
    "tail",
    [bytes(100_000), b"not gzip at all" * 1000, gzip.compress(b"another stream", mtime=0)],
    ids=["zeros", "text", "another stream"],
)
def test_bytes_behind_the_end_of_a_compressed_file_do_no_harm(larger, tail):
    voxels, path = larger
    with path.open("ab") as handle:
        handle.write(tail)
    np.testing.assert_array_equal(read_array(path).array, voxels)


def test_a_checksum_that_was_cut_off_is_missed(larger):
    _, path = larger
    content = path.read_bytes()
    for missing in range(1, 9):
        path.write_bytes(content[:-missing])
        assert "truncated" in refusal(read_array, path)
