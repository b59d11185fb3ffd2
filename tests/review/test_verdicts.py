import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.errors import AuvsegError, UsageError
from auvseg.review.verdicts import Decision, Review, read_review, write_review

HOSTILE = [
    "=1+1",
    "+A1",
    "-2+3",
    "@SUM(A1)",
    "\tx",
    'a,"b"\nc',
    "<script>alert(1)</script>",
    "‮rtl",
    "🩻",
    "x" * 300,
    "\udc80",
]


def write_json(path, **changes):
    verdicts = [{"case": "a", "verdict": "keep", "note": ""}, {"case": "b", "verdict": "fix", "note": "shifted"}]
    path.write_text(json.dumps({"auvseg_review": 1, "run": "x", "rater": "Anna", "verdicts": verdicts} | changes))
    return path


def test_what_the_report_exports_as_json_is_read(tmp_path):
    review = read_review(write_json(tmp_path / "review.json"))
    assert review.rater == "Anna"
    assert review.decisions == {"a": Decision("keep"), "b": Decision("fix", "shifted")}
    assert review.run == "x"


def test_a_review_without_a_raters_name_is_called_like_its_file(tmp_path):
    assert read_review(write_json(tmp_path / "ben.json", rater="")).rater == "ben"


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_written_is_read_and_no_cell_is_a_formula(tmp_path, text):
    review = Review(text[:200], {text: Decision("exclude", text), "plain": Decision(None, text)})
    write_review(tmp_path / "review.csv", review)
    assert read_review(tmp_path / "review.csv") == review
    for line in (tmp_path / "review.csv").read_text(errors="surrogateescape").splitlines()[1:]:
        assert not line.lstrip('"').startswith(("=", "+", "-", "@", "\t"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"auvseg_review": 2, "verdicts": []}', "another version"),
        ('{"auvseg_review": 1}', "not a review"),
        ('{"auvseg_review": 1, "verdicts": [{"case": 3}]}', "not a review"),
        ("[1, 2]", "not a review"),
        ("{", "not a review"),
        ("name,grade\na,1\n", "columns case and verdict"),
        ("case,verdict\na,maybe\n", r"decision 1 \(a\): the verdict 'maybe' is not one of keep"),
        ("case,verdict\na,keep\na,fix\n", "decision 2: a is decided twice"),
        ("case,verdict\n,keep\n", "decision 1: the case is missing"),
    ],
)
def test_a_file_that_is_no_review_is_refused_with_the_place(tmp_path, content, words):
    path = tmp_path / "review"
    path.write_text(content)
    with pytest.raises(UsageError, match=words):
        read_review(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00" * 100])
def test_bytes_that_are_no_text_are_refused(tmp_path, content):
    (tmp_path / "review").write_bytes(content)
    with pytest.raises(UsageError):
        read_review(tmp_path / "review")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nothing\.csv cannot be read"):
        read_review(tmp_path / "nothing.csv")


@given(st.text(max_size=300))
def test_no_text_is_more_than_a_review_or_an_error_in_words(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_text(text, encoding="utf-8", errors="replace")
    with contextlib.suppress(AuvsegError):
        assert isinstance(read_review(path), Review)


def test_pseudonyms_become_cases_and_others_keep_their_names():
    review = Review("Anna", {"case-0001": Decision("keep"), "x": Decision("fix")})
    assert set(review.named({"case-0001": "patient 7"}).decisions) == {"patient 7", "x"}


def test_a_file_larger_than_any_review_is_not_read(tmp_path):
    with (tmp_path / "review.json").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(UsageError, match="too large for a review"):
        read_review(tmp_path / "review.json")


@pytest.mark.parametrize("content", ["[" * 100_000, '{"auvseg_review": ' + "1" * 5000 + "}", '"' * 200_000, "a,b\0\n"])
def test_text_that_breaks_readers_is_refused(tmp_path, content):
    (tmp_path / "review").write_text(content)
    with pytest.raises(UsageError):
        read_review(tmp_path / "review")


def test_long_notes_and_names_are_cut_and_other_fields_passed_over(tmp_path):
    verdicts = [{"case": "a", "verdict": "keep", "note": "n" * 5000, "more": [1]}]
    review = read_review(write_json(tmp_path / "review.json", rater="r" * 5000, verdicts=verdicts, extra={}))
    assert (len(review.decisions["a"].note), len(review.rater)) == (2000, 200)
