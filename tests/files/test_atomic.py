import os
import stat

import pytest

from auvseg.errors import WriteError
from auvseg.files import atomic


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


def left_over(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{atomic.TEMPORARY_PREFIX}x").write_text("half a fi")
    return folder


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_first_of_several_writes_the_file_and_nothing_else_is_left(tmp_path):
    target = tmp_path / "run.json"
    assert atomic.create_text(target, "first")
    assert not atomic.create_text(target, "second")
    assert target.read_text() == "first"
    assert names(tmp_path) == ["run.json"]


def test_where_a_file_has_one_name_alone_the_first_writes_all_the_same(tmp_path, monkeypatch):
    def refused(source, target):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert atomic.create_text(tmp_path / "run.json", "first")
    assert not atomic.create_text(tmp_path / "run.json", "second")
    assert (tmp_path / "run.json").read_text() == "first"
    assert names(tmp_path) == ["run.json"]


def test_what_a_killed_process_left_is_cleared_and_nothing_else_is(tmp_path):
    left_over(tmp_path / "run" / "records")
    left_over(tmp_path / "elsewhere")
    (tmp_path / "run" / "mine.txt").write_text("x")
    (tmp_path / "run" / "link").symlink_to(tmp_path / "elsewhere")
    atomic.clear_left_overs(left_over(tmp_path / "run"))
    assert names(tmp_path / "run") == ["mine.txt"]
    assert names(tmp_path / "elsewhere") == [".auvseg-tmp-x"]
    atomic.clear_left_overs(tmp_path / "nowhere")


def test_a_folder_of_somebody_else_is_cleared_without_what_is_below_it(tmp_path):
    left_over(tmp_path / "below")
    atomic.clear_left_overs(left_over(tmp_path), below=False)
    assert names(tmp_path) == ["below/.auvseg-tmp-x"]


@pytest.mark.parametrize("write", [atomic.write_text, atomic.create_text])
def test_a_file_that_another_process_cleared_while_it_was_written_is_written_anew(tmp_path, monkeypatch, write):
    real = os.fsync
    cleared = []

    def clearing(descriptor):
        real(descriptor)
        if not cleared:
            cleared.append(True)
            atomic.clear_left_overs(tmp_path)

    monkeypatch.setattr(os, "fsync", clearing)
    write(tmp_path / "file.txt", "whole")
    assert cleared
    assert (tmp_path / "file.txt").read_text() == "whole"
    assert names(tmp_path) == ["file.txt"]


def test_a_file_in_place_of_a_folder_and_a_folder_in_place_of_a_file_are_said(tmp_path):
    (tmp_path / "file").write_text("precious")
    for target in (tmp_path / "file" / "run.json", tmp_path / "file" / "deep" / "run.json"):
        for write in (atomic.write_text, atomic.create_text):
            with pytest.raises(WriteError, match="a file is where that folder would be"):
                write(target, "x")
    (tmp_path / "folder" / "run.json").mkdir(parents=True)
    with pytest.raises(WriteError, match="that is a folder"):
        atomic.write_text(tmp_path / "folder" / "run.json", "x")
    assert (tmp_path / "file").read_text() == "precious"
    assert names(tmp_path) == ["file"]
