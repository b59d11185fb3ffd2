import numpy as np
import pandas as pd
import pytest

from auvseg.cohort.compared import KEY_COLUMNS
from auvseg.scoring.record import ClassScore, write_record
from auvseg.scoring.table import load_run, load_scores, recorded_scores, scores_table, write_tables


def test_one_row_a_case_and_class_in_order_of_case_and_class(make_record):
    two = (ClassScore(2, "b", "ok", "", 1, 1, {"S": 0.5}, None), ClassScore(1, "a", "ok", "", 1, 1, {"S": 0.25}, None))
    table = scores_table([make_record("y", classes=two), make_record("x", classes=two)])
    assert list(zip(table["case"], table["class_id"], strict=True)) == [("x", 1), ("x", 2), ("y", 1), ("y", 2)]
    assert list(table["S"]) == [0.25, 0.5, 0.25, 0.5]


def test_the_order_of_the_records_does_not_matter(make_record):
    records = [make_record(name) for name in "cab"]
    pd.testing.assert_frame_equal(scores_table(records), scores_table(records[::-1]))


def test_a_failed_case_is_one_row_with_its_reason(make_record):
    row = scores_table([make_record(status="failed", reason="truncated", classes=())]).iloc[0]
    assert (row["status"], row["reason"], row["class"]) == ("failed", "truncated", "")
    assert pd.isna(row["class_id"])


def test_a_class_that_only_other_cases_hold_is_absent_here(make_record):
    only_one = (ClassScore(1, "a", "ok", "", 1, 1, {"S": 0.5}, None),)
    both = (*only_one, ClassScore(2, "b", "ok", "", 1, 1, {"S": 0.5}, None))
    table = scores_table([make_record("x", classes=only_one), make_record("y", classes=both)])
    absent = table[(table["case"] == "x") & (table["class_id"] == 2)].iloc[0]
    assert absent["status"] == "absent"
    assert np.isnan(absent["S"])


def test_a_column_of_the_data_set_cannot_hide_one_of_ours(make_record):
    table = scores_table([make_record(attributes={"status": "paid", "S": "x", "site": "A"})])
    assert list(table["status"]) == ["ok"]
    assert list(table["dataset_status"]) == ["paid"]
    assert list(table["site"]) == ["A"]


def test_csv_and_parquet_hold_the_same_numbers(tmp_path, make_record):
    table = scores_table([make_record("x"), make_record("y", status="failed", reason='a "quoted", reason', classes=())])
    write_tables(tmp_path, table)
    from_csv = pd.read_csv(
        tmp_path / "scores.csv",
        dtype={"class_id": "Int64"},
        keep_default_na=False,
        na_values={"S": [""]},
        float_precision="round_trip",  # pandas 2 reads the last bit wrong otherwise
    )
    from_parquet = pd.read_parquet(tmp_path / "scores.parquet")
    assert list(from_parquet.columns[: len(KEY_COLUMNS)]) == list(KEY_COLUMNS)
    np.testing.assert_array_equal(from_csv["S"].to_numpy(), from_parquet["S"].to_numpy())
    assert list(from_csv["reason"]) == list(from_parquet["reason"])


def test_tables_are_made_from_the_records(tmp_path, make_record):
    write_record(tmp_path, make_record("x"), {})
    assert list(load_scores(tmp_path)["case"]) == ["x"]


@pytest.fixture
def edited(tmp_path, make_record):
    """A run whose `scores.csv` somebody opened in a spreadsheet, which sorted it and added a column."""
    for name, status in (("x", "ok"), ("y", "ok"), ("z", "failed")):
        write_record(tmp_path, make_record(name, status=status, **({"classes": ()} if status == "failed" else {})), {})
    write_tables(tmp_path, recorded_scores(tmp_path))
    table = pd.read_csv(tmp_path / "scores.csv").sort_values("case", ascending=False)
    table["=minutes"] = [3.5, 2, 1]
    table["S"] = 0.0
    table.to_csv(tmp_path / "scores.csv", index=False)
    return tmp_path


def test_a_column_that_somebody_added_is_part_of_the_table_and_nothing_else_of_the_file_is(edited):
    table = load_scores(edited)
    assert dict(zip(table["case"], table["=minutes"], strict=True)) == {"x": "1.0", "y": "2.0", "z": "3.5"}
    pd.testing.assert_frame_equal(table.drop(columns="=minutes"), recorded_scores(edited))
    assert list(load_run(edited)[0].columns) == list(table.columns)


def test_a_column_that_somebody_added_survives_when_the_tables_are_written_again(edited, make_record):
    write_record(edited, make_record("new"), {})
    for _ in range(2):
        write_tables(edited, recorded_scores(edited))
        table = load_scores(edited)
        assert dict(zip(table["case"], table["=minutes"], strict=True)) == {
            "new": "",
            "x": "1.0",
            "y": "2.0",
            "z": "3.5",
        }
    assert "=minutes" not in pd.read_parquet(edited / "scores.parquet")


def test_a_column_that_the_data_set_no_longer_has_does_not_come_back(tmp_path, make_record):
    write_record(tmp_path, make_record("x", attributes={"site": "A"}), {})
    write_tables(tmp_path, recorded_scores(tmp_path))
    write_record(tmp_path, make_record("x", attributes={}), {})
    assert "site" not in load_scores(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"case;class_id;mine\nx;1;2\n", b"mine\n1\n", b"case,class_id,mine\nx,one,2\n"]
)
def test_another_file_in_the_place_of_the_table_is_no_part_of_it(tmp_path, make_record, content):
    write_record(tmp_path, make_record("x"), {})
    (tmp_path / "scores.csv").write_bytes(content)
    assert set(load_scores(tmp_path).get("mine", pd.Series([""]))) <= {"", "2"}
