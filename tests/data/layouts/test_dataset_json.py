from pathlib import Path

import pytest

from auvseg.data.layouts.dataset_json import as_text, channels, load_json, path_below
from auvseg.errors import DatasetError


@pytest.mark.parametrize("text", ['{"labels": {}, "labels": {}}', '{"dataset": {"a": 1, "b": 2, "a": 3}}'])
def test_a_key_that_stands_there_twice_is_refused_since_one_would_vanish(describe, text):
    with pytest.raises(DatasetError, match=r"dataset.json: the key '(labels|a)' occurs twice"):
        load_json(describe(text))


def test_a_bare_list_is_told_where_it_belongs(describe):
    with pytest.raises(DatasetError, match='a list of cases belongs under "training"'):
        load_json(describe("[]"))


@pytest.mark.parametrize("names", [{}, {"1": "CT"}, {"0": "T1", "2": "T2"}, {"0": "T1", "00": "T2"}, {"-1": "CT"}])
def test_channels_are_numbered_from_0_without_gaps(names):
    with pytest.raises(DatasetError, match=r"x\.json: 'channel_names'"):
        channels({"channel_names": names}, "channel_names", "x.json")


@pytest.mark.parametrize("name", [None, "", "  ", 3, ["a"], "a\0b"])
def test_what_is_no_file_name_is_refused_in_one_line(name):
    with pytest.raises(DatasetError) as caught:
        path_below(Path("root"), name, "x.json: entry 3")
    assert str(caught.value).startswith("x.json: entry 3: ")
    assert "\n" not in str(caught.value)


def test_relative_paths_start_at_the_root_and_may_leave_it():
    assert path_below(Path("/data"), " ../other/a.nii ", "") == Path("/data/../other/a.nii")
    assert path_below(Path("/data"), "/mnt/a.nii", "") == Path("/mnt/a.nii")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é", "é"),
        (3, "3"),
        (0.5, "0.5"),
        (True, "true"),
        (None, "null"),
        ([1, "é"], '[1, "é"]'),
        ({"b": 1}, '{"b": 1}'),
    ],
)
def test_an_attribute_is_text(value, text):
    assert as_text(value) == text
