import gzip
import os
import zlib

import nibabel as nib
import numpy as np
import pytest

from auvseg.data.formats.integrity import check_deflated, check_promise
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
    ],
)
def test_a_file_that_is_no_image_is_named_for_what_it_is(tmp_path, capfd, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ReadError, match=rf"^{name}: .*{words}"):
        read_array(path)


def test_an_image_under_the_ending_of_another_format_is_told_its_own(write_nifti, voxels, tmp_path):
    plain = write_nifti("a.nii", voxels)
    compressed = tmp_path / "b.nii"
    compressed.write_bytes(gzip.compress(plain.read_bytes()))
    assert "rename it to b.nii.gz" in refusal(read_array, compressed)
    for name in ("c.nii.gz", "c.mha", "c.png", "c.npz"):
        path = tmp_path / name
        path.write_bytes(plain.read_bytes())
        assert "uncompressed NIfTI" in refusal(read_array, path)


def test_a_link_whose_target_was_never_fetched_is_called_a_link(tmp_path):
    path = tmp_path / "a.nii.gz"
    path.symlink_to(tmp_path / ".git" / "annex" / "objects" / "SHA256E-s12")
    for read in (read_array, file_sha256):
        assert "link to a file that does not exist" in refusal(read, path)


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
    path.write_bytes(b"Dear colleague" * 100)
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
