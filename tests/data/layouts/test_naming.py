from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.data.layouts.naming import clean_id, ids_from_paths, loosely, stem

PARTS = st.text(alphabet="abAB.", min_size=1, max_size=3).filter(lambda part: set(part) != {"."})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.nii.gz", "a"), ("a.b.nii", "a.b"), ("A.NII.GZ", "A"), ("a.hdr.gz", "a"), ("a.dcm", "a"), ("a", "a")],
)
def test_the_ending_of_the_format_is_no_part_of_the_name(name, expected):
    assert stem(name) == expected


def test_files_of_different_names_keep_them():
    assert ids_from_paths([Path("/x/a.nii.gz"), Path("/y/b.nii.gz")]) == ["a", "b"]


def test_equal_names_get_only_the_folders_that_differ():
    paths = [Path("/data/p1/s1/ct.nii"), Path("/data/p1/s2/ct.nii"), Path("/data/p2/s1/ct.nii")]
    assert ids_from_paths(paths) == ["p1_s1_ct", "s2_ct", "p2_s1_ct"]


def test_names_that_differ_in_their_ending_alone_keep_it():
    assert ids_from_paths([Path("a.nii"), Path("a.nii.gz"), Path("b.nii")]) == ["a.nii", "a.nii.gz", "b"]


def test_names_that_differ_in_the_case_of_letters_alone_are_told_apart():
    assert ids_from_paths([Path("x/a.nii"), Path("y/A.nii")]) == ["x_a", "y_A"]


def test_the_same_file_twice_keeps_one_id_for_check_to_name():
    assert ids_from_paths([Path("x/a.nii"), Path("x/a.nii"), Path("y/b.nii")]) == ["x_a", "x_a", "b"]


@given(st.lists(st.tuples(PARTS, PARTS).map(lambda parts: Path(parts[0], f"{parts[1]}.nii")), max_size=6), st.randoms())
def test_ids_belong_to_the_files_not_to_their_order(paths, random):
    by_path = dict(zip(paths, ids_from_paths(paths), strict=True))
    shuffled = random.sample(paths, len(paths))
    assert ids_from_paths(shuffled) == [by_path[path] for path in shuffled]


@given(st.text())
def test_an_id_can_always_be_written(text):
    assert clean_id(text).encode("utf-8").decode("utf-8") == clean_id(text)


def test_bytes_that_are_no_text_become_escapes():
    assert clean_id(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\\udce9"


@pytest.mark.parametrize(
    ("first", "second"), [("case_001", "Case-1"), ("a1b", "a_1_b"), ("u\u0308 7", "\u00fc07"), ("x0", "x_000")]
)
def test_words_and_numbers_alone_count_where_names_are_compared_loosely(first, second):
    assert loosely(first) == loosely(second)


@pytest.mark.parametrize(("first", "second"), [("a_11", "a_1_1"), ("a10", "a1"), ("ab", "a"), ("a", "1")])
def test_other_words_and_numbers_are_other_names(first, second):
    assert loosely(first) != loosely(second)
