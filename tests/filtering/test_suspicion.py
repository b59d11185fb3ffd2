import pytest

from auvseg.cohort.selection import filter_cases
from auvseg.filtering.exclude import export_exclude

VALUES = {"a": 1.0, "b": 1.1, "c": 0.9, "d": 1.0, "low": -4.0, "high": 7.0}


@pytest.fixture
def table(make_scores):
    return make_scores({case: {1: value, 2: 100 + value} for case, value in VALUES.items()}, measure="share")


@pytest.mark.parametrize("scope", ["case", "class"])
def test_where_both_ends_are_suspicious_both_go(table, scope):
    selection = filter_cases(table, by="share", keep=0.6, scope=scope)
    assert selection.removed == ("high", "low")
    assert "both ends are suspicious" in selection.rule.in_words()
    reasons = selection.decisions.set_index("case")["reason"]
    assert "robust SD from the others' median" in reasons.loc[["high"]].iloc[0]


def test_a_structure_is_compared_with_the_same_one_and_never_with_another(make_scores):
    values = {"a": {1: 1.0, 2: 9.0}, "b": {1: 1.1, 2: 9.1}, "c": {1: 0.9}, "d": {1: 5.0}, "e": {1: 1.05}}
    assert filter_cases(make_scores(values, measure="share"), by="share", keep=0.8).removed == ("d",)


def test_a_column_of_the_data_set_may_be_suspicious_at_both_ends(make_scores):
    cases = {f"c{n}": {1: 0.5} for n in range(5)}
    table = make_scores(cases, age={"c0": 40, "c1": 41, "c2": 39, "c3": 2, "c4": 42})
    assert filter_cases(table, by="age", suspicious="both", keep=0.8).removed == ("c3",)


def test_the_exclude_list_gives_the_distance_and_its_threshold(tmp_path, nnunet_dataset, make_scores):
    values = {f"liver_{n:03d}": {1: 1 + 0.01 * n, 2: 2.0 + 0.01 * n} for n in range(10)}
    values["liver_004"] = {1: -9.0, 2: 30.0}
    selection = filter_cases(make_scores(values, measure="share"), by="share", keep=0.9)
    export_exclude(selection, nnunet_dataset, tmp_path)
    content = (tmp_path / "exclude.yaml").read_text()
    assert "distance of share: 10.0" in content
    assert "threshold: -" not in content
