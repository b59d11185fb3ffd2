import json

import pytest

from auvseg.errors import RunError
from auvseg.filtering.manifest import MANIFEST_NAME, PlannedFile, backup_path, write_files
from auvseg.filtering.undo import undo


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run" / "filter"


@pytest.fixture
def write(folder):
    def act(path, content, original=None):
        return write_files(folder, [PlannedFile(path, lambda: content, original)], "rule", False)

    return act


def test_undo_leaves_the_disk_as_it_was(tmp_path, folder, write, snapshot):
    splits = tmp_path / "splits_final.json"
    splits.write_bytes(b"original\r\n")
    before, folders = snapshot(tmp_path), sorted(path for path in tmp_path.rglob("*") if path.is_dir())
    write(splits, b"filtered", b"original\r\n")
    write(tmp_path / "new" / "deep" / "list.txt", b"1")
    done = undo(folder)
    assert snapshot(tmp_path) == before
    assert sorted(path for path in tmp_path.rglob("*") if path.is_dir()) == folders
    assert done.restored == (splits,)
    assert done.removed == (tmp_path / "new" / "deep" / "list.txt",)
    assert done.left == ()


def test_the_original_keeps_its_time_and_mode(tmp_path, folder, write):
    splits = tmp_path / "splits_final.json"
    splits.write_bytes(b"original")
    splits.chmod(0o640)
    before = splits.stat()
    write(splits, b"filtered", b"original")
    undo(folder)
    assert (splits.stat().st_mtime_ns, splits.stat().st_mode) == (before.st_mtime_ns, before.st_mode)


def test_what_has_changed_since_is_left_alone_and_said(tmp_path, folder, write):
    splits, listed = tmp_path / "splits_final.json", tmp_path / "list.txt"
    splits.write_bytes(b"original")
    write(splits, b"filtered", b"original")
    write(listed, b"1")
    splits.write_bytes(b"edited")
    listed.write_bytes(b"edited too")
    done = undo(folder)
    assert (done.removed, done.restored) == ((), ())
    assert dict(done.left)[listed] == "it has changed since auvseg wrote it"
    assert "original is in splits_final.auvseg-original.json" in dict(done.left)[splits]
    assert (splits.read_bytes(), listed.read_bytes()) == (b"edited", b"edited too")
    assert set(json.loads((folder / MANIFEST_NAME).read_text())["files"]) == {str(splits), str(listed)}


@pytest.mark.parametrize("backup", [None, b"tampered with"])
def test_without_its_true_original_a_file_is_left_alone(tmp_path, folder, write, backup):
    splits = tmp_path / "splits_final.json"
    splits.write_bytes(b"original")
    write(splits, b"filtered", b"original")
    backup_path(splits).unlink() if backup is None else backup_path(splits).write_bytes(backup)
    ((path, reason),) = undo(folder).left
    assert path == splits
    assert "missing or has changed" in reason
    assert splits.read_bytes() == b"filtered"


def test_an_earlier_content_of_auvsegs_is_known_too(tmp_path, folder, write):
    listed = tmp_path / "list.txt"
    write(listed, b"1")
    write(listed, b"2")
    listed.write_bytes(b"1")  # a process killed between the note and the write leaves the earlier content
    assert undo(folder).removed == (listed,)
    assert not listed.exists()


@pytest.mark.parametrize("flushes", [2, 4])
def test_undo_after_an_interrupted_export_leaves_the_original(
    tmp_path, folder, write, full_disk, monkeypatch, snapshot, flushes
):
    splits = tmp_path / "splits_final.json"
    splits.write_bytes(b"original")
    before = snapshot(tmp_path)
    with monkeypatch.context():
        full_disk(after=flushes)
        with pytest.raises(RunError):
            write(splits, b"filtered", b"original")
    monkeypatch.undo()
    assert undo(folder).left == ()
    assert snapshot(tmp_path) == before


def test_a_file_that_is_gone_already_needs_no_undoing(tmp_path, folder, write):
    write(tmp_path / "list.txt", b"1")
    (tmp_path / "list.txt").unlink()
    assert undo(folder).left == ()
    assert not (folder / MANIFEST_NAME).exists()


def test_a_deleted_file_gets_its_original_back(tmp_path, folder, write):
    splits = tmp_path / "splits_final.json"
    splits.write_bytes(b"original")
    write(splits, b"filtered", b"original")
    splits.unlink()
    assert undo(folder).restored == (splits,)
    assert splits.read_bytes() == b"original"


def test_undoing_twice_is_refused_in_words(tmp_path, folder, write):
    write(tmp_path / "list.txt", b"1")
    undo(folder)
    with pytest.raises(RunError, match="nothing to undo"):
        undo(folder)


def test_a_folder_that_someone_else_uses_stays(tmp_path, folder, write):
    write(tmp_path / "new" / "list.txt", b"1")
    (tmp_path / "new" / "mine.txt").write_text("mine")
    undo(folder)
    assert (tmp_path / "new" / "mine.txt").read_text() == "mine"
