"""A table holds what was put into it, and no spreadsheet computes any of it."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.public.target import Row, as_csv
from auvseg.files.safe_csv import guarded, rows_as_csv, table_as_csv, unguarded, unguarded_texts
from auvseg.review import Decision, Review, read_review, write_review
from auvseg.review.pseudonyms import KEY, pseudonyms_of, read_key

FORMULAS = ('=HYPERLINK("x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1", "'=1", "''@x")

formula_like = st.builds(str.__add__, st.sampled_from(["", "'", "=", "+", "-", "@", "\t", "\r", "''="]), st.text())


def computed(cell: str) -> bool:
    return cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


@given(formula_like)
def test_a_guarded_text_comes_back_as_it_was(text):
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_no_formula_is_left_bare(text):
    assert not computed(guarded(text))


@pytest.mark.parametrize("text", ["-3.5", "+1e-3", "liver", "", "'quoted'", "a=b"])
def test_numbers_and_ordinary_texts_stay_as_they_are(text):
    assert guarded(text) == text


@given(st.lists(st.tuples(formula_like, formula_like), max_size=5))
def test_rows_come_back_from_csv_as_they_were(rows):
    read = list(csv.reader(io.StringIO(rows_as_csv([("a", "b"), *rows]), newline="")))
    assert [tuple(map(unguarded, row)) for row in read[1:]] == rows


def test_a_table_guards_headings_and_texts_and_leaves_numbers_alone():
    table = pd.DataFrame(
        {"case": list(FORMULAS), "=site": ["-x"] * len(FORMULAS), "S": np.linspace(-1, 1, len(FORMULAS))}
    )
    text = table_as_csv(table)
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
    assert not [cell for cell in cells if computed(cell) and not cell.lstrip("-").replace(".", "", 1)[:1].isdigit()]
    read = unguarded_texts(pd.read_csv(io.StringIO(text), keep_default_na=False))
    pd.testing.assert_frame_equal(read, table, check_dtype=False)


def test_a_table_without_anything_to_guard_is_written_as_pandas_writes_it():
    table = pd.DataFrame(
        {"case": ["b", "a"], "S": [0.1, np.nan], "n": pd.array([1, None], dtype="Int64"), "ok": [True, False]}
    )
    assert table_as_csv(table) == table.to_csv(index=False, lineterminator="\n")


@pytest.mark.parametrize("text", FORMULAS)
def test_verdicts_pseudonyms_and_conversions_hold_no_formula_and_lose_nothing(tmp_path, text):
    review = Review(text, {text: Decision("fix", text)})
    write_review(tmp_path / "verdicts.csv", review)
    assert read_review(tmp_path / "verdicts.csv") == review
    (pseudonym,) = pseudonyms_of(tmp_path, [text]).values()
    assert read_key(tmp_path) == {pseudonym: text}
    converted = as_csv([Row(text, "training", "warning", text, "")])
    for written in (
        (tmp_path / "verdicts.csv").read_bytes().decode(),
        (tmp_path / KEY).read_bytes().decode(),
        converted,
    ):
        assert not any(computed(cell) for row in csv.reader(io.StringIO(written, newline="")) for cell in row)
