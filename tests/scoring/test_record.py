import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auvseg.errors import RunError
from auvseg.scoring.record import (
    ClassScore,
    file_name,
    packed,
    read_record,
    read_records,
    record_path,
    unpacked,
    write_record,
)


def test_a_record_is_read_back_as_it_was_written(tmp_path, make_record):
    record = make_record()
    write_record(tmp_path, record, {"read": 0.1})
    assert read_record(record_path(tmp_path, "case_1")) == record


def test_seconds_are_kept_out_of_the_record(tmp_path, make_record):
    write_record(tmp_path, make_record(), {"read": 0.1})
    first = record_path(tmp_path, "case_1").read_bytes()
    write_record(tmp_path, make_record(), {"read": 99.0})
    assert record_path(tmp_path, "case_1").read_bytes() == first
    assert json.loads((tmp_path / "timings" / file_name("case_1")).read_text())["read"] == 99.0


@given(st.text(max_size=300))
def test_any_id_gives_a_safe_file_name(case_id):
    name = file_name(case_id)
    assert name == Path(name).name
    assert len(name) < 120
    assert name.isascii()
    assert not name.startswith((".", "-"))
    assert name.endswith(".json")


@given(st.lists(st.text(max_size=20), unique=True, max_size=30))
def test_different_ids_have_different_file_names_even_where_case_does_not_count(ids):
    assert len({file_name(case_id).lower() for case_id in ids}) == len(ids)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"record_version": 1}', b"\xff\xfe", b'{"record_version": 99}']
)
def test_a_damaged_or_foreign_record_counts_as_missing(tmp_path, content):
    path = record_path(tmp_path, "case_1")
    path.parent.mkdir()
    path.write_bytes(content)
    assert read_record(path) is None


def test_every_truncation_of_a_record_counts_as_missing(tmp_path, make_record):
    whole = make_record().to_bytes()
    path = tmp_path / file_name("case_1")
    for length in range(0, len(whole) - 2, 7):
        path.write_bytes(whole[:length])
        assert read_record(path) is None


def test_a_record_under_the_name_of_another_case_counts_as_missing(tmp_path, make_record):
    path = tmp_path / file_name("case_2")
    path.write_bytes(make_record("case_1").to_bytes())
    assert read_record(path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"status": "fine"},
        {"subset": "other"},
        {"attributes": {"site": 1}},
        {"setup": {"config": {}}},
        {"shape": [1, 2, True]},
        {"spacing_mm": [1.0, 2.0, float("inf")]},
        {"classes": [{}]},
        {"classes": None},
        {"warnings": "words"},
    ],
)
def test_a_record_with_values_of_the_wrong_kind_counts_as_missing(tmp_path, make_record, change):
    path = tmp_path / file_name("case_1")
    path.write_text(json.dumps(json.loads(make_record().to_bytes()) | change))
    assert read_record(path) is None


@pytest.mark.parametrize(
    "change", [{"measures": {"S": "high"}}, {"measures": {"S": 1e999}}, {"class_id": 2**70}, {"embedding": "AAA"}]
)
def test_a_class_with_values_of_the_wrong_kind_spoils_its_record(tmp_path, make_record, change):
    path = tmp_path / file_name("case_1")
    values = json.loads(make_record().to_bytes())
    values["classes"][0] |= change
    path.write_text(json.dumps(values))
    assert read_record(path) is None


def test_a_folder_without_records_says_how_to_make_them(tmp_path):
    with pytest.raises(RunError, match="auvseg score"):
        read_records(tmp_path)


def test_temporary_files_of_a_killed_run_are_not_records(tmp_path, make_record):
    write_record(tmp_path, make_record(), {})
    (tmp_path / "records" / ".auvseg-tmp-x").write_bytes(b"{")
    assert [record.case_id for record in read_records(tmp_path)] == ["case_1"]


def test_a_record_of_an_earlier_version_counts_as_missing(tmp_path, make_record):
    path = tmp_path / file_name("case_1")
    values = json.loads(make_record().to_bytes())
    path.write_text(json.dumps(values))
    assert read_record(path) is not None
    path.write_text(json.dumps(values | {"record_version": values["record_version"] - 1}))
    assert read_record(path) is None


def test_an_embedding_comes_back_to_the_bit(tmp_path, make_record):
    features = np.random.default_rng(0).normal(size=256).astype(np.float32)
    record = make_record(classes=(ClassScore(1, "liver", "ok", "", 3, 3, {"S": 0.1}, packed(features.tolist())),))
    write_record(tmp_path, record, {})
    found = read_record(record_path(tmp_path, "case_1"))
    assert found == record
    np.testing.assert_array_equal(unpacked(found.classes[0].embedding), features)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_features_that_are_no_numbers_are_not_kept(wrong):
    assert packed([0.5, wrong]) is None
