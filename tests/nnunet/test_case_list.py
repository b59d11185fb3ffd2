"""Lists of cases, as `auvseg filter` writes them and as people do."""

import pytest

from auvseg.errors import UsageError
from auvseg.nnunet.trainers import read_case_list, restricted

EVERY = ["a", "b", "c", "d", "e"]


def test_lists_are_read_from_text_and_from_what_the_filter_writes(tmp_path):
    (tmp_path / "list.txt").write_text("b\n\n  d \n")
    (tmp_path / "exclude.yaml").write_text("rule: {}\nexclude:\n- {case: b, AUV: 0.9}\n- case: d\n")
    assert read_case_list(tmp_path / "list.txt") == read_case_list(tmp_path / "exclude.yaml") == ["b", "d"]


def test_keeping_and_excluding_restrict_the_training_cases_in_their_order(tmp_path):
    (tmp_path / "keep").write_text("c\na\nb\n")
    (tmp_path / "out").write_text("b\ne\n")
    assert restricted(["d", "c", "b", "a"], EVERY, keep=tmp_path / "keep", exclude=None) == ["c", "b", "a"]
    assert restricted(["d", "c", "b", "a"], EVERY, keep=None, exclude=tmp_path / "out") == ["d", "c", "a"]
    assert restricted(["d", "c", "b", "a"], EVERY, keep=tmp_path / "keep", exclude=tmp_path / "out") == ["c", "a"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("list.txt", "a\nstranger\n", "1 cases that the data set does not have .stranger."),
        ("list.txt", "e\n", "no training case is left"),
        ("list.txt", None, "cannot be read"),
        ("list.yaml", "cases: []", "no list of cases"),
        ("list.yaml", "exclude: [", "no list of cases"),
        ("list.yaml", "exclude: 3", "no list of cases"),
    ],
)
def test_lists_that_cannot_be_meant_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=message):
        restricted(["a", "b"], EVERY, keep=path, exclude=None)
