"""A structure that a case lacks, filtered by the measure that judges absence."""

import pytest

from auvseg.cohort.selection import filter_cases
from auvseg.errors import UsageError
from auvseg.filtering.ignore import export_ignore


@pytest.fixture
def table(make_scores):
    """Case 4 lacks its tumour, case 7's liver is odd; everything else is ordinary."""
    values = {f"liver_{n:03d}": {1: 1.0 + 0.01 * n, 2: 1.0 + 0.01 * n} for n in range(10)}
    values["liver_007"][1] = 9.0
    found = make_scores(values, measure="label_outlier")
    lacking = (found["case"] == "liver_004") & (found["class_id"] == 2)
    found.loc[lacking, ["status", "reason", "label_outlier"]] = ["absent", "the label does not hold this class", 11.0]
    return found


def test_the_case_that_lacks_a_structure_goes_first(table):
    assert filter_cases(table, by="label_outlier", keep=0.9).removed == ("liver_004",)
    assert filter_cases(table, by="label_outlier", keep=0.8).removed == ("liver_004", "liver_007")


def test_among_structures_the_missing_one_is_named_as_missing(table):
    selection = filter_cases(table, by="label_outlier", keep=0.9, scope="class", combine="intersection")
    decisions = selection.decisions.set_index(["case", "class_id"])
    assert decisions.loc[("liver_004", 2), "suspicious"]
    assert decisions.loc[("liver_004", 2), "reason"].startswith("it is missing: label_outlier 11 is above")
    assert selection.removed == ("liver_004", "liver_007")


def test_other_measures_say_nothing_of_a_missing_structure(table):
    selection = filter_cases(table.rename(columns={"label_outlier": "volume_ml"}), by="volume_ml", scope="class")
    assert ("liver_004", 2) not in set(zip(selection.decisions["case"], selection.decisions["class_id"], strict=True))
    assert selection.decisions["held"].all()


def test_a_missing_structure_cannot_be_ignored_and_that_is_said(table, nnunet_dataset, tmp_path):
    selection = filter_cases(table, by="label_outlier", keep=0.9, scope="class")
    assert selection.suspicious_pairs == (("liver_007", 1),)
    written = export_ignore(selection, nnunet_dataset, tmp_path / "filter", target=tmp_path / "raw", dry_run=True)
    assert any("without a structure" in warning and "liver_004" in warning for warning in written.warnings)


def test_where_only_missing_structures_are_suspicious_there_is_nothing_to_ignore(table, nnunet_dataset, tmp_path):
    table.loc[table["case"] == "liver_007", "label_outlier"] = 1.0
    table.loc[(table["case"] == "liver_009") & (table["class_id"] == 1), "label_outlier"] = 1.0
    selection = filter_cases(table[table["class_id"] == 2], by="label_outlier", keep=0.9, scope="class")
    with pytest.raises(UsageError, match="nothing to ignore"):
        export_ignore(selection, nnunet_dataset, tmp_path / "filter", target=tmp_path / "raw", dry_run=True)
