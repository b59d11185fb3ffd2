"""A kept table is the records' table or it is not used: whatever happens to the records, in whatever order."""

import os
import shutil

import pandas as pd
import pytest

from auvseg.errors import RunError
from auvseg.scoring import table as table_module
from auvseg.scoring import table_cache
from auvseg.scoring.record import ClassScore, packed, read_records, record_path, write_record
from auvseg.scoring.table import load_run, load_scores, scores_table
from auvseg.scoring.table_cache import FOLDER, kept, stamp_of

HOUR_NS = 3_600_000_000_000


@pytest.fixture(autouse=True)
def keep_of_three(monkeypatch):
    monkeypatch.setattr(table_cache, "WORTH_KEEPING", 3)


def scored(value, embedding=True):
    features = packed([value, 1.0, -value]) if embedding else None
    return (ClassScore(1, "liver", "ok", "", 3, 3, {"S": value, "volume_ml": 10.0 + value}, features),)


def write(run, make_record, case_id, value=0.5, **changes):
    setup = {"config": {"measures": ["S", "volume_ml"]}}
    record = make_record(case_id, **{"setup": setup, "classes": scored(value), **changes})
    write_record(run, record, {})
    return record_path(run, case_id)


@pytest.fixture
def run(tmp_path, make_record):
    for number in range(8):
        path = write(tmp_path, make_record, f"case_{number}", 0.1 + number / 16)
        age(path)
    return tmp_path


def age(path, by_ns=HOUR_NS):
    """As if it had been written long ago; the time of its entry cannot be set, so that the code looks at contents."""
    facts = path.stat()
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns - by_ns))


def from_records(run):
    return scores_table(read_records(run))


def not_read(monkeypatch):
    def refuse(*_):
        raise AssertionError("the records were read")

    monkeypatch.setattr(table_module, "each_record", refuse)


def test_the_second_time_no_record_is_read_and_the_table_is_the_same(run, monkeypatch):
    expected = from_records(run)
    pd.testing.assert_frame_equal(load_scores(run), expected)
    not_read(monkeypatch)
    pd.testing.assert_frame_equal(load_scores(run), expected)
    assert expected["mahalanobis"].notna().all()


def test_a_failed_case_a_missing_class_and_columns_of_the_data_set_come_back_as_they_were(run, make_record):
    write(run, make_record, "broken", status="failed", reason="truncated", classes=(), attributes={})
    write(run, make_record, "empty", classes=(), attributes={"site": "=1+1", "status": "x"}, warnings=("a", "b"))
    first, second = load_run(run), load_run(run)
    pd.testing.assert_frame_equal(first[0], from_records(run))
    pd.testing.assert_frame_equal(first[0], second[0])
    assert first[1] == second[1]
    assert [case.case_id for case in first[1]][:2] == ["broken", "case_0"]
    broken, whole, empty = first[1][0], first[1][1], first[1][-1]
    assert (broken.reason, whole.inputs.label_sha256, empty.warnings) == ("truncated", None, ("a", "b"))


def edit(path):
    path.write_text(path.read_text(encoding="utf-8").replace('"S": 0.1', '"S": 0.2'), encoding="utf-8")


def edit_at_the_same_time(path):
    """The same length and the same time: an editor within one tick of a coarse clock, or after the clock went back."""
    before = path.stat()
    edit(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def replace_by_another(path):
    others = sorted(path.parent.glob("*.json"))
    shutil.copy2(others[1], path)


def give_another_version(path):
    content = path.read_text(encoding="utf-8")
    path.write_text(content.replace('"record_version": 3', '"record_version": 1'), encoding="utf-8")


CHANGES = {
    "edited by hand": edit,
    "edited at the same time and size": edit_at_the_same_time,
    "deleted": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_record_that_changed_is_seen(run, change):
    before = load_scores(run)
    change(record_path(run, "case_0"))
    after = load_scores(run)
    pd.testing.assert_frame_equal(after, from_records(run))
    assert not after.equals(before)
    pd.testing.assert_frame_equal(load_scores(run), after)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.write_text("{", encoding="utf-8"), "damaged"),
        (replace_by_another, "damaged"),
        (give_another_version, "version 1"),
    ],
    ids=["damaged", "another's content", "of another version"],
)
def test_a_record_that_cannot_be_used_any_more_is_refused_and_not_left_out(run, change, words):
    load_scores(run)
    change(record_path(run, "case_0"))
    with pytest.raises(RunError, match=words):
        load_scores(run)


def test_a_record_of_a_shard_or_a_resumed_run_that_came_later_is_seen(run, make_record):
    load_scores(run)
    write(run, make_record, "case_9", 0.7)
    assert "case_9" in set(load_scores(run)["case"])


def test_a_record_that_changes_while_the_table_is_made_is_seen(run, make_record, monkeypatch):
    each = table_module.each_record

    def with_a_writer_beside(folder):
        yield from each(folder)
        write(run, make_record, "case_3", 0.9)

    monkeypatch.setattr(table_module, "each_record", with_a_writer_beside)
    load_scores(run)
    monkeypatch.undo()
    monkeypatch.setattr(table_cache, "WORTH_KEEPING", 3)
    pd.testing.assert_frame_equal(load_scores(run), from_records(run))


@pytest.mark.parametrize("when_ns", [-HOUR_NS, HOUR_NS, 24 * HOUR_NS], ids=["before", "one hour ahead", "a day ahead"])
def test_a_clock_that_jumped_hides_no_change(run, when_ns):
    path = record_path(run, "case_0")
    now = path.stat().st_mtime_ns
    os.utime(path, ns=(now, now + when_ns))
    load_scores(run)
    edit(path)
    os.utime(path, ns=(now, now + when_ns))
    pd.testing.assert_frame_equal(load_scores(run), from_records(run))


def test_the_contents_of_records_that_are_old_enough_are_not_looked_at(run, monkeypatch):
    later = max(path.stat().st_ctime_ns for path in (run / "records").iterdir()) + HOUR_NS
    monkeypatch.setattr(table_cache, "_file_system_time_ns", lambda _folder: later)
    (run / FOLDER).mkdir()
    assert stamp_of(run).young == {}
    load_scores(run)
    monkeypatch.setattr(table_cache, "_content", None)
    not_read(monkeypatch)
    assert len(load_scores(run)) == 8


def test_code_that_makes_other_tables_does_not_take_old_ones(run, monkeypatch):
    load_scores(run)
    monkeypatch.setattr(table_cache, "code_sha256", lambda: "other")
    assert kept(run, ("table",)) is None


@pytest.mark.parametrize("damage", [b"", b"PAR1", None], ids=["empty", "cut", "a bit"])
def test_a_damaged_table_is_as_if_it_were_not_there(run, damage):
    load_scores(run)
    path = run / FOLDER / "table.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1
    path.write_bytes(bytes(content) if damage is None else damage)
    pd.testing.assert_frame_equal(load_scores(run), from_records(run))


def test_tables_of_different_times_do_not_go_together(run, make_record):
    load_scores(run)
    shutil.copy(run / FOLDER / "cases.parquet", run / "old")
    write(run, make_record, "case_9")
    load_scores(run)
    shutil.copy(run / "old", run / FOLDER / "cases.parquet")
    assert kept(run, ("table", "cases")) is None
    assert len(load_run(run)[1]) == 9


def test_a_small_run_keeps_nothing_and_a_place_that_cannot_be_written_stops_nobody(run, monkeypatch):
    monkeypatch.setattr(table_cache, "WORTH_KEEPING", 9)
    load_scores(run)
    assert not (run / FOLDER).exists()
    monkeypatch.setattr(table_cache, "WORTH_KEEPING", 3)
    (run / FOLDER).write_text("not a folder", encoding="utf-8")
    pd.testing.assert_frame_equal(load_scores(run), from_records(run))
