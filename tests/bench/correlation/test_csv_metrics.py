import math

import pytest

from auvseg.bench.correlation.metrics import MetricRow, read_csv_metrics
from auvseg.errors import UsageError
from auvseg.evaluation.evaluate import COLUMNS


def write(folder, text, name="metrics.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_table_of_auvseg_evaluate_is_read_with_its_absent_and_failed_rows(tmp_path):
    text = ",".join(COLUMNS) + "\n"
    text += "a,1,liver,0.9,0.8,0.9,1.0,10,10,ok,\n"
    text += "a,2,tumour,,,,,,,absent,neither label nor prediction hold this class\n"
    text += "b,,,,,,,,,failed,there is no prediction\n"
    known = read_csv_metrics(write(tmp_path, text), "dice")
    assert known.per_class
    assert known.rows[0] == MetricRow("a", 1, "liver", 0.9)
    assert math.isnan(known.rows[1].value)
    assert "neither" in known.rows[1].reason
    assert known.failed == {"b": "there is no prediction"}


def test_without_a_class_numbers_are_of_whole_cases(tmp_path):
    known = read_csv_metrics(write(tmp_path, "case,dice\n001,0.5\nNA,0.25\n"), "dice")
    assert not known.per_class
    assert [(row.case, row.class_name, row.value) for row in known.rows] == [("001", "", 0.5), ("NA", "", 0.25)]


def test_another_column_and_headings_in_capitals(tmp_path):
    known = read_csv_metrics(write(tmp_path, "\ufeffCase,Class,nnDice\na,1,1\na,2,inf\n"), "nndice")
    assert (known.rows[0].class_name, known.rows[0].value) == ("1", 1.0)
    assert math.isnan(known.rows[1].value)


@pytest.mark.parametrize("name", ["$\\alpha_{", "a,b", 'say "x"', "  padded", "[bold]", "ß漢", "-", "=1+1"])
def test_hostile_names_survive(tmp_path, name):
    quoted = '"' + name.replace('"', '""') + '"'
    known = read_csv_metrics(write(tmp_path, f"case,class,dice\n{quoted},{quoted},0.5\n"), "dice")
    assert (known.rows[0].case, known.rows[0].class_name) == (name.strip(), name.strip())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,dice\na,1\n", "no column 'case'"),
        ("case,iou\na,1\n", "no column 'dice': name another with --column; there are case, iou"),
        ("case,dice\na,good\n", "line 2: dice is 'good'"),
        ("case,dice\n,1\n", "line 2: names no case"),
        ("case,class,dice\na,,1\n", "line 2: names no class"),
        ("case,class_id,dice\na,x,1\n", "class_id is 'x'"),
        ("case,class,dice\na,liver,1\na,liver,0.5\n", "case 'a' and class 'liver' occurs 2 times"),
        ("case,dice\na,1\na,1\n", "case 'a' occurs 2 times"),
        ("", "not a CSV file"),
        ("case,dice\na,1,2,3\n", "not a CSV file"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, text, words):
    with pytest.raises(UsageError) as caught:
        read_csv_metrics(write(tmp_path, text), "dice")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x81,\x80")
    with pytest.raises(UsageError, match="CSV"):
        read_csv_metrics(tmp_path / "x.csv", "dice")
