import json

import pytest

from auvseg.errors import RunError, UsageError
from auvseg.filtering.manifest import MANIFEST_NAME, PlannedFile, backup_path, read_manifest, sha256_of, write_files


def plan(path, content, original=None):
    return [PlannedFile(path, lambda: content, original)]


def test_every_written_file_is_in_the_manifest_with_its_sha256(tmp_path):
    target = tmp_path / "out" / "list.txt"
    (written,) = write_files(tmp_path / "filter", plan(target, b"one\n"), "keep less", False)
    assert written.path == target
    assert target.read_bytes() == b"one\n"
    entry = json.loads((tmp_path / "filter" / MANIFEST_NAME).read_text())["files"][str(target)]
    assert entry == {"sha256": [written.sha256], "made_by": "keep less", "original_sha256": None}
    assert written.sha256 == sha256_of(b"one\n")


def test_a_dry_run_makes_the_content_and_writes_nothing(tmp_path, snapshot):
    made = []
    planned = PlannedFile(tmp_path / "x.txt", lambda: made.append(1) or b"x")
    (written,) = write_files(tmp_path / "filter", [planned], "rule", True)
    assert (made, written.sha256) == ([1], sha256_of(b"x"))
    assert snapshot(tmp_path) == {}
    assert not (tmp_path / "filter").exists()


def test_a_file_of_the_users_is_not_replaced_and_nothing_else_is_written(tmp_path, snapshot):
    (tmp_path / "second.txt").write_text("mine")
    before = snapshot(tmp_path)
    both = [*plan(tmp_path / "first.txt", b"1"), *plan(tmp_path / "second.txt", b"2")]
    with pytest.raises(UsageError, match=r"second\.txt exists and was not written by this run"):
        write_files(tmp_path / "filter", both, "rule", False)
    assert snapshot(tmp_path) == before


def test_a_folder_in_the_way_is_refused(tmp_path):
    (tmp_path / "list.txt").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        write_files(tmp_path / "filter", plan(tmp_path / "list.txt", b"1"), "rule", False)


def test_what_auvseg_wrote_may_be_written_again_until_someone_changes_it(tmp_path):
    target = tmp_path / "list.txt"
    for content in (b"1", b"2", b"1"):
        write_files(tmp_path / "filter", plan(target, content), "rule", False)
        assert target.read_bytes() == content
    target.write_bytes(b"edited")
    with pytest.raises(UsageError, match="was not written by this run"):
        write_files(tmp_path / "filter", plan(target, b"3"), "rule", False)


def test_what_is_replaced_is_kept_beside_it(tmp_path):
    target = tmp_path / "splits_final.json"
    target.write_bytes(b"original")
    (written,) = write_files(tmp_path / "filter", plan(target, b"filtered", b"original"), "rule", False)
    assert written.backup == backup_path(target) == tmp_path / "splits_final.auvseg-original.json"
    assert written.backup.read_bytes() == b"original"
    assert target.read_bytes() == b"filtered"


@pytest.mark.parametrize("flushes", [0, 2, 4])
def test_an_interrupted_write_leaves_the_old_file_and_the_backup_whole(tmp_path, full_disk, flushes):
    target = tmp_path / "splits_final.json"
    target.write_bytes(b"original")
    full_disk(after=flushes)  # the manifest, the backup and the file take two flushes each: content and folder
    with pytest.raises(RunError, match="No space left"):
        write_files(tmp_path / "filter", plan(target, b"filtered", b"original"), "rule", False)
    assert target.read_bytes() == b"original"
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".auvseg-tmp")]


def test_a_damaged_manifest_stops_everything(tmp_path):
    (tmp_path / MANIFEST_NAME).write_text("{")
    with pytest.raises(RunError, match="damaged"):
        write_files(tmp_path, plan(tmp_path / "x", b"x"), "rule", False)
    assert not (tmp_path / "x").exists()


def test_a_manifest_of_another_version_stops_everything(tmp_path):
    (tmp_path / MANIFEST_NAME).write_text('{"manifest_version": 99}')
    with pytest.raises(RunError, match="another version"):
        read_manifest(tmp_path)


def test_many_files_are_all_written(tmp_path):
    names = [f"label{number}.bin" for number in range(70)]
    planned = [PlannedFile(tmp_path / name, lambda name=name: name.encode()) for name in names]
    write_files(tmp_path / "filter", planned, "rule", False)
    assert all((tmp_path / name).read_bytes() == name.encode() for name in names)
    assert len(read_manifest(tmp_path / "filter").files) == 70
