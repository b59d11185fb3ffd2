import os
import stat

import pytest

from auvseg import atomic


def test_the_file_holds_the_new_content_and_nothing_else_is_left(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    atomic.write_text(target, "old")
    atomic.write_text(target, "néw\n")
    assert target.read_bytes() == "néw\n".encode()
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    target = tmp_path / "file.txt"
    atomic.write_text(target, "old")

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        atomic.write_text(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    before = os.umask(0o022)
    try:
        atomic.write_text(tmp_path / "file.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.txt").stat().st_mode) == 0o644
