from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from auvseg.cohort.selection import filter_cases
from auvseg.data.case import Case, Dataset
from auvseg.errors import UsageError
from auvseg.filtering.exclude import export_exclude


def read(export):
    return yaml.safe_load(export.files[0].path.read_text(encoding="utf-8"))


def test_the_yaml_says_what_goes_and_why(tmp_path, nnunet_dataset, scores):
    table = scores.rename(columns={"S": "agreement"})
    export = export_exclude(filter_cases(table, by="agreement", keep=0.9), nnunet_dataset, tmp_path / "filter")
    content = read(export)
    assert content["rule"]["by"] == "agreement"
    assert content["training_cases"] == 10
    assert content["exclude"] == [
        {"case": "liver_003", "agreement": 0.35, "threshold": 0.5, "reason": "agreement 0.35 is below 0.5"}
    ]
    assert content["not_scored_and_kept"] == []


def test_the_list_has_one_id_a_line(tmp_path, nnunet_dataset, scores):
    export = export_exclude(filter_cases(scores, keep=0.8), nnunet_dataset, tmp_path / "filter")
    assert [file.path.name for file in export.files] == ["exclude.yaml", "exclude.txt"]
    assert export.files[1].path.read_text() == "liver_003\nliver_005\n"


def test_suspicious_structures_are_listed_whatever_goes(tmp_path, nnunet_dataset, scores):
    selection = filter_cases(scores, keep=0.9, scope="class")
    content = read(export_exclude(selection, nnunet_dataset, tmp_path / "filter"))
    assert content["exclude"] == []
    assert [(one["case"], one["class"]) for one in content["suspicious_structures"]] == [
        ("liver_003", "class 1"),
        ("liver_005", "class 2"),
    ]
    intersection = filter_cases(scores, keep=0.9, scope="class", combine="intersection")
    (first, second) = read(export_exclude(intersection, nnunet_dataset, tmp_path / "filter"))["exclude"]
    assert (first["case"], [one["class"] for one in first["classes"]]) == ("liver_003", ["class 1"])
    assert (second["case"], [one["class"] for one in second["classes"]]) == ("liver_005", ["class 2"])


def test_what_is_not_scored_is_listed_as_kept(tmp_path, nnunet_dataset, make_scores):
    values = {case.case_id: {1: 0.5} for case in nnunet_dataset.cases if case.subset == "training"}
    content = read(
        export_exclude(filter_cases(make_scores(values | {"liver_004": {}})), nnunet_dataset, tmp_path / "filter")
    )
    assert content["not_scored_and_kept"] == [{"case": "liver_004", "reason": "liver_004 is truncated"}]


def test_a_target_of_ones_own(tmp_path, nnunet_dataset, scores):
    export = export_exclude(
        filter_cases(scores), nnunet_dataset, tmp_path / "filter", target=tmp_path / "qc" / "bad.yaml"
    )
    assert [file.path for file in export.files] == [tmp_path / "qc" / "bad.yaml", tmp_path / "qc" / "bad.txt"]


def test_a_dry_run_writes_nothing(tmp_path, nnunet_dataset, scores, snapshot):
    before = snapshot(tmp_path)
    export_exclude(filter_cases(scores, keep=0.8), nnunet_dataset, tmp_path / "filter", dry_run=True)
    assert snapshot(tmp_path) == before


@settings(max_examples=25)
@given(st.text(min_size=1, max_size=12).filter(lambda text: "\0" not in text))  # pandas 2 takes "\0x" for "\0xx"
def test_any_id_is_written_exactly_or_refused(tmp_path_factory, make_table, case_id):
    folder = tmp_path_factory.mktemp("exclude")
    dataset = Dataset("d", folder, "test", None, tuple(Case(name, (), None) for name in (case_id, case_id + "x")))
    selection = filter_cases(make_table({case_id: {1: 0.1}, case_id + "x": {1: 0.9}}), keep=0.5)
    try:
        export = export_exclude(selection, dataset, folder)
    except UsageError:
        assert [case_id] != f"{case_id}\n".splitlines()
        return
    assert export.files[1].path.read_bytes().decode().splitlines() == [case_id]
    assert read(export)["exclude"][0]["case"] == case_id


@pytest.fixture(scope="module")
def make_table():
    import pandas as pd

    def make(values):
        rows = [
            (case, "training", 1, "one", "ok", "", one) for case, classes in values.items() for one in classes.values()
        ]
        return pd.DataFrame(rows, columns=["case", "subset", "class_id", "class", "status", "reason", "S"])

    return make


def test_an_id_with_a_line_break_is_refused(tmp_path, nnunet_dataset, make_scores):
    dataset = replace(nnunet_dataset, cases=(Case("a\nb", (), None), Case("c", (), None)))
    with pytest.raises(UsageError, match="line break"):
        export_exclude(filter_cases(make_scores({"a\nb": {1: 0.1}, "c": {1: 0.5}}), keep=0.5), dataset, tmp_path)
