import numpy as np
import pandas as pd
import pytest

from auvseg.cohort.order import rank
from auvseg.cohort.selection import filter_cases
from auvseg.errors import UsageError


def make_table(rows):
    table = pd.DataFrame(rows, columns=["case", "class_id", "class", "status", "S", "agreement", "boundary_entropy"])
    table["class_id"] = table["class_id"].astype("Int64")
    return table.assign(subset="training", reason="")


@pytest.fixture
def table():
    return make_table(
        [
            ("a", 1, "one", "ok", 0.2, 0.9, 0.1),
            ("a", 2, "two", "ok", 0.4, 0.5, 0.3),
            ("b", 1, "one", "ok", 0.8, 0.1, 0.5),
            ("b", 2, "two", "absent", np.nan, np.nan, np.nan),
            ("c", 1, "one", "ok", 0.4, 0.8, 0.2),
            ("c", 2, "two", "ok", 0.8, 0.2, 0.9),
            ("d", None, "", "failed", np.nan, np.nan, np.nan),
        ]
    )


def test_the_case_with_the_lowest_mean_scale_has_auv_one_and_comes_first(table):
    ranking = rank(table)
    assert list(ranking["case"]) == ["a", "c", "b"]
    assert ranking["AUV"].iloc[0] == 1.0
    assert ranking["AUV"].iloc[-1] == 0.0
    assert list(ranking["rank"]) == [1, 2, 3]


def test_an_absent_class_does_not_count_in_the_mean(table):
    assert rank(table).set_index("case").loc["b", "S"] == pytest.approx(0.8)


def test_auv_of_a_class_is_taken_among_the_cases_that_hold_it(table):
    by_class = rank(table, scope="class").set_index(["case", "class"])["AUV"]
    assert by_class["a", "one"] == 1.0
    assert by_class["b", "one"] == 0.0
    assert by_class["a", "two"] == 1.0
    assert by_class["c", "two"] == 0.0
    assert by_class["c", "one"] == pytest.approx(1 - np.log(2) / np.log(4))


def test_the_suspicious_end_of_a_measure_comes_first(table):
    assert rank(table, by="agreement", scope="class")["agreement"].is_monotonic_increasing
    assert rank(table, by="boundary_entropy", scope="class")["boundary_entropy"].is_monotonic_decreasing


def test_the_order_of_the_rows_does_not_matter(table):
    shuffled = table.sample(frac=1, random_state=3)
    for scope in ("case", "class"):
        pd.testing.assert_frame_equal(rank(table, scope=scope), rank(shuffled, scope=scope))


def test_a_case_without_the_wanted_measure_comes_last(table):
    table.loc[table["case"] == "b", "agreement"] = np.nan
    assert rank(table, by="agreement")["case"].iloc[-1] == "b"


@pytest.mark.parametrize("by", ["beauty", "case", "rank"])
def test_an_unknown_column_is_refused_with_the_choices(table, by):
    with pytest.raises(UsageError, match="agreement"):
        rank(table, by=by)


def test_a_table_without_scale_can_still_be_ranked(table):
    ranking = rank(table.drop(columns="S"), by="agreement")
    assert "AUV" not in ranking.columns
    assert list(ranking["case"]) == ["b", "c", "a"]


@pytest.fixture
def compared(table):
    """Case b lacks class two, which the others hold; case a's first structure is odd."""
    return table.assign(label_outlier=[6.0, 0.5, 1.0, 12.0, 2.0, 0.7, np.nan])


def test_a_case_is_as_far_out_as_its_farthest_structure_even_one_that_is_missing(compared):
    ranking = rank(compared, by="label_outlier")
    assert list(ranking["case"]) == ["b", "a", "c"]
    assert list(ranking["label_outlier"]) == [12.0, 6.0, 2.0]
    assert ranking.set_index("case").loc["b", "S"] == pytest.approx(0.8)


def test_a_missing_structure_is_ranked_only_by_what_judges_it(compared):
    first = rank(compared, by="label_outlier", scope="class").iloc[0]
    assert (first["case"], first["class"]) == ("b", "two")
    assert len(rank(compared, by="AUV", scope="class")) == 5


def test_the_value_of_a_case_does_not_depend_on_what_is_ranked_by(compared):
    by_outlier, by_auv = (rank(compared, by=by).set_index("case").sort_index() for by in ("label_outlier", "AUV"))
    pd.testing.assert_frame_equal(by_outlier.drop(columns="rank"), by_auv.drop(columns="rank"))


def test_where_both_ends_are_suspicious_the_farthest_from_the_middle_of_its_class_comes_first():
    shares = {"a": (-1.0, 5.0), "b": (-1.1, 5.1), "c": (-0.9, 4.9), "d": (-1.0, 2.0), "e": (-3.0, 5.0)}
    rows = [
        (case, number, f"class {number}", "ok", value)
        for case, values in shares.items()
        for number, value in enumerate(values, start=1)
    ]
    table = pd.DataFrame(rows, columns=["case", "class_id", "class", "status", "share"])
    table = table.assign(subset="training", reason="")
    by_class = rank(table, by="share", scope="class")
    assert {("d", 2), ("e", 1)} == set(zip(by_class["case"][:2], by_class["class_id"][:2], strict=True))
    assert by_class["distance"].is_monotonic_decreasing
    by_case = rank(table, by="share")
    assert set(by_case["case"][:2]) == {"d", "e"}
    assert by_case.set_index("case").loc["d", "share"] == 0.5


@pytest.fixture
def with_effort(table):
    """Minutes that a rater took, as a table of text has them: missing for c, where only one class was drawn for b."""
    return table.assign(effort=["10", "30", "5", "", "n/a", "", ""])


def test_any_column_of_numbers_ranks_by_the_end_that_is_named(with_effort):
    assert list(rank(with_effort, by="effort", suspicious="high")["case"]) == ["a", "b", "c"]
    low = rank(with_effort, by="effort", suspicious="low")
    assert list(low["case"]) == ["b", "a", "c"]
    assert list(low["effort"])[:2] == [5.0, 20.0]
    assert np.isnan(low["effort"].iloc[-1])
    by_class = rank(with_effort, by="effort", suspicious="high", scope="class")
    assert list(by_class["effort"])[:3] == [30.0, 10.0, 5.0]


def test_a_column_of_which_both_ends_are_suspicious_ranks_by_the_distance(with_effort):
    table = with_effort.assign(
        effort=[1.0, 0.0, 1.1, np.nan, 9.0, 0.0, np.nan], class_id=1, case=[f"c{n}" for n in range(7)]
    )
    ranking = rank(table, by="effort", suspicious="both")
    assert ranking["distance"].is_monotonic_decreasing
    assert ranking["case"].iloc[0] == "c4"


def test_what_ranks_filters_and_what_is_refused_by_one_is_by_the_other(with_effort):
    table = with_effort.assign(site="north", mixed=["1", "2", "3 mm", "4", "5", "6", "7"])
    assert filter_cases(table, by="effort", suspicious="high", keep=0.5).removed == ("a",)
    for attempt in (rank, filter_cases):
        for options, word in (
            ({"by": "effort"}, "--suspicious"),
            ({"by": "site", "suspicious": "low"}, "no numbers"),
            ({"by": "mixed", "suspicious": "low"}, "3 mm"),
            ({"by": "efort", "suspicious": "low"}, "did you mean effort"),
            ({"by": "agreement", "suspicious": "high"}, "suspicious end of agreement is low"),
        ):
            with pytest.raises(UsageError, match=word):
                attempt(table, **options)


def test_upper_and_lower_case_of_the_papers_value_do_not_count(table):
    pd.testing.assert_frame_equal(rank(table, by="auv"), rank(table, by="AUV"))
