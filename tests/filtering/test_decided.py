"""Which row led to what: the outcome beside every decision, in the table, in the files and in JSON."""

import csv

import numpy as np
import pytest
import yaml

from auvseg.cohort.selection import decided, filter_cases
from auvseg.filtering.exports import export_selection
from auvseg.filtering.undo import undo
from auvseg.review.verdicts import Decision, apply_verdicts


@pytest.fixture
def table(make_scores):
    """Ten cases; both structures of case 1 are low, one of case 2, and one of case 3, whose other has no number."""
    values = {f"liver_{n:03d}": {1: 0.8 + 0.001 * n, 2: 0.8 + 0.001 * n} for n in range(10)}
    values["liver_001"] = {1: 0.1, 2: 0.1}
    values["liver_002"][1] = 0.2
    values["liver_003"] = {1: np.nan, 2: 0.2}
    return make_scores(values, measure="agreement")


def outcomes(selection, **options):
    frame = decided(selection, **options)
    return {(row["case"], row["class_id"]): row["outcome"] for row in frame.to_dict("records") if row["suspicious"]}


def test_a_case_is_kept_for_the_structures_that_are_not_suspicious(table):
    found = outcomes(filter_cases(table, by="agreement", keep=0.75, scope="class"))
    assert found == {
        ("liver_001", 1): "removed",
        ("liver_001", 2): "removed",
        ("liver_002", 1): "kept for class 2",
        ("liver_003", 2): "kept for class 1, which has no number",
    }


def test_where_every_structure_must_be_kept_one_row_removes_its_case(table):
    selection = filter_cases(table, by="agreement", keep=0.75, scope="class", combine="intersection")
    assert set(outcomes(selection).values()) == {"removed"}
    assert selection.removed == ("liver_001", "liver_002", "liver_003")


def test_a_structure_that_is_set_to_ignore_removes_no_case(table):
    selection = filter_cases(table, by="agreement", keep=0.75, scope="class")
    assert set(outcomes(selection, ignores=True).values()) == {"ignored"}


def test_the_threshold_is_on_the_side_of_the_value_and_the_worst_come_first(table):
    frame = decided(filter_cases(table, by="agreement", keep=0.9))
    assert list(frame.columns) == ["case", "value", "threshold", "suspicious", "outcome", "reason"]
    worst = frame.iloc[0]
    assert (worst["case"], worst["outcome"]) == ("liver_001", "removed")
    assert worst["value"] < worst["threshold"]
    assert frame["suspicious"].is_monotonic_decreasing


def test_a_verdict_changes_what_comes_of_a_row(table):
    selection = filter_cases(table, by="agreement", keep=0.75, scope="class")
    found = outcomes(apply_verdicts(selection, {"liver_001": Decision("keep"), "liver_002": Decision("exclude")}))
    assert ("liver_001", 1) not in found
    assert found["liver_002", 1] == found["liver_002", 2] == "removed"


@pytest.mark.parametrize("name", ["exclude", "splits", "datalist", "weights", "ignore"])
def test_every_export_keeps_its_decisions_and_undo_takes_them_away(table, nnunet_dataset, tmp_path, name):
    selection = filter_cases(table, by="agreement", keep=0.75, scope="class")
    target = tmp_path / "raw" if name == "ignore" else None
    export_selection(name, selection, nnunet_dataset, tmp_path / "run", target=target)
    path = tmp_path / "run" / "filter" / f"{name}-decisions.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["outcome"] for row in rows] == decided(selection, ignores=name == "ignore")["outcome"].tolist()
    undo(tmp_path / "run" / "filter")
    assert not path.exists()


def test_the_exclude_list_says_of_every_suspicious_structure_what_became_of_its_case(table, nnunet_dataset, tmp_path):
    selection = filter_cases(table, by="agreement", keep=0.75, scope="class")
    export_selection("exclude", selection, nnunet_dataset, tmp_path)
    content = yaml.safe_load((tmp_path / "filter" / "exclude.yaml").read_text())
    said = {(one["case"], one["class"]): (one["case_is"], one.get("for")) for one in content["suspicious_structures"]}
    assert said["liver_001", "class 1"] == ("removed", None)
    assert said["liver_002", "class 1"] == ("kept", "class 2")


@pytest.mark.parametrize("scope", ["case", "class"])
def test_a_case_without_any_score_can_be_excluded_by_a_verdict(make_scores, nnunet_dataset, tmp_path, scope):
    values = {f"liver_{n:03d}": {1: 0.5 + 0.01 * n} for n in range(9)} | {"liver_009": {}}
    selection = filter_cases(make_scores(values, measure="agreement"), by="agreement", keep=1.0, scope=scope)
    export_selection("exclude", apply_verdicts(selection, {"liver_009": Decision("exclude")}), nnunet_dataset, tmp_path)
    content = (tmp_path / "filter" / "exclude.yaml").read_text()
    assert [one["case"] for one in yaml.safe_load(content)["exclude"]] == ["liver_009"]
    assert ".nan" not in content
