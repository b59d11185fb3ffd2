"""Whether cases can be put in order, why not, and which structure puts a case where it stands."""

import numpy as np
import pandas as pd
import pytest

from auvseg.cohort.order import Behind, behind, doubt, how_made, no_order, rank
from auvseg.cohort.suspicion import find_criterion, uncompared
from auvseg.measures.catalogue import MEASURES

NAMES = {1: "liver", 2: "spleen"}


def table_of(measure, cases):
    """A scores table of one measure from every case's values by class; a class that is not named is absent."""
    classes = sorted({class_id for values in cases.values() for class_id in values})
    rows = [
        {
            "case": case,
            "subset": "training",
            "class_id": class_id,
            "class": NAMES[class_id],
            "status": "ok" if class_id in values else "absent",
            "reason": "",
            measure: values.get(class_id, np.nan),
        }
        for case, values in cases.items()
        for class_id in classes
    ]
    return pd.DataFrame(rows).astype({"class_id": "Int64"})


def said(measure, cases, by=None, scope="case", ask=no_order):
    table = table_of(measure, cases)
    return ask(table, find_criterion(table, by or measure), scope)


def cases_of(values, class_id=1):
    return {f"c{number}": {class_id: value} for number, value in enumerate(values)}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("measure", ["outlier", "label_outlier", "mahalanobis", "share", "offset_x_mm"])
def test_too_few_cases_have_no_distance_from_each_other(measure, number):
    values = np.arange(number, dtype=float) if measure in ("share", "offset_x_mm") else [np.nan] * number
    words = said(measure, cases_of(values))
    assert words.startswith("1 case: " if number == 1 else f"{number} cases: ")
    assert "too few to compare, at least 5" in words


@pytest.mark.parametrize("measure", ["agreement", "snr", "volume_ml"])
def test_two_cases_can_be_ordered_by_a_number_of_their_own_and_one_cannot(measure):
    assert said(measure, cases_of([0.1, 0.2])) == ""
    assert said(measure, cases_of([0.1])) == "1 case: nothing to rank it against"


@pytest.mark.parametrize("scope", ["case", "class"])
@pytest.mark.parametrize("by", ["agreement", "AUV", "share"])
def test_identical_cases_are_told(by, scope):
    measure = "S" if by == "AUV" else by
    words = said(measure, {f"c{number}": {1: 0.3} for number in range(5)}, by, scope)
    assert words == "all 5 cases are identical: nothing to rank"


def test_cases_that_are_equal_in_what_is_asked_for_alone_are_told_apart_from_identical_ones():
    table = table_of("agreement", cases_of([0.5] * 6)).assign(snr=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    words = no_order(table, find_criterion(table, "agreement"))
    assert words == "agreement is the same for all 6 cases that have it: nothing to rank"


def test_structures_that_few_cases_hold_are_named_with_how_many():
    cases = {"a": {1: np.nan}, "b": {2: np.nan}} | {f"c{number}": {} for number in range(4)}
    assert said("mahalanobis", cases).startswith("of 6 cases liver in 1 case, spleen in 1 case: too few to compare")


def test_a_measure_that_no_case_has_is_named():
    assert said("agreement", cases_of([np.nan] * 6)) == "no case has a value of agreement: nothing to rank"
    failed = table_of("agreement", cases_of([np.nan] * 6)).assign(status="failed")
    assert no_order(failed, find_criterion(failed, "agreement")) == "no case has a score: nothing to rank"


@pytest.mark.parametrize("scope", ["case", "class"])
@pytest.mark.parametrize("measure", [*MEASURES, "AUV"])
def test_rows_have_a_rank_exactly_where_there_is_an_order(measure, scope):
    column = "S" if measure == "AUV" else measure
    for values in ([], [0.5], [0.5, 0.5], [np.nan] * 6, [0.5] * 6, [0.5, np.nan], list(range(1, 9))):
        table = table_of(column, {**cases_of(values), "last": {}} if values else {"last": {}, "first": {1: np.nan}})
        ranking = rank(table, by=measure, scope=scope)
        ordered = not no_order(table, find_criterion(table, measure), scope)
        assert ranking["rank"].notna().any() == ordered
        if not ordered:
            assert ranking["case"].is_monotonic_increasing
        assert ranking["rank"].dropna().tolist() == list(range(1, ranking["rank"].notna().sum() + 1))


def test_a_rare_structure_among_many_cases_is_doubted_and_no_hindrance():
    cases = {f"c{number}": {1: float(number)} for number in range(8)}
    cases["c0"][2] = np.nan
    table = table_of("outlier", cases)
    criterion = find_criterion(table, "outlier")
    assert no_order(table, criterion) == ""
    assert doubt(table, criterion).startswith("spleen in 1 case: too few to compare")
    assert list(uncompared(table, criterion)) == [2]


def test_an_order_of_few_cases_by_auv_is_doubted():
    table = table_of("S", cases_of([0.1, 0.2, 0.3]))
    assert doubt(table, find_criterion(table, "AUV")).startswith("3 cases: too few to compare")
    assert doubt(table, find_criterion(table, "S")) == ""


def behind_of(measure, cases, by=None):
    table = table_of(measure, cases)
    return behind(table, find_criterion(table, by or measure))


def test_where_the_maximum_counts_the_farthest_structure_is_behind_it_even_one_that_is_missing():
    table = table_of("outlier", {"a": {1: 1.0, 2: 3.0}, "b": {1: 2.0}})
    table.loc[(table["case"] == "b") & (table["class_id"] == 2), "outlier"] = 9.0
    assert behind(table, find_criterion(table, "outlier")) == {"a": Behind(2, "spleen", 2), "b": Behind(2, "spleen", 2)}


@pytest.mark.parametrize(("measure", "by"), [("agreement", "agreement"), ("S", "AUV")])
def test_where_the_mean_counts_it_is_the_structure_that_is_low_for_its_kind(measure, by):
    cases = {f"c{number}": {1: 0.9, 2: 0.3} for number in range(6)}
    cases["odd"] = {1: 0.5, 2: 0.25}
    cases["part"] = {2: 0.3}
    found = behind_of(measure, cases, by)
    assert found["odd"] == Behind(1, "liver", 2)
    assert found["part"] == Behind(2, "spleen", 1)


def test_a_high_number_is_behind_a_case_where_high_is_suspicious():
    cases = {f"c{number}": {1: 0.1, 2: 5.0} for number in range(6)} | {"odd": {1: 0.9, 2: 5.1}}
    assert behind_of("noise", cases)["odd"].name == "liver"


@pytest.mark.parametrize(("by", "word"), [("outlier", "maximum"), ("agreement", "mean"), ("share", "distance")])
def test_how_a_number_of_a_case_is_made_is_said_in_a_sentence(by, word):
    table = table_of(by, cases_of([1.0, 2.0]))
    assert word in how_made(find_criterion(table, by))
    assert "mean of S" in how_made(find_criterion(table_of("S", cases_of([1.0])), "AUV"))
