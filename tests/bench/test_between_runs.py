"""Two runs of the same cases: agreement in ranks, whatever the scale, the order and the gaps."""

import numpy as np
import pandas as pd
import pytest

from auvseg.bench.between_runs import between_runs
from auvseg.errors import UsageError
from synthetic_scores import draw_scores, failed_row


def measured(found, name):
    return found.measures.set_index("measure").loc[name]


@pytest.fixture
def table():
    return draw_scores(40)


@pytest.mark.parametrize("scope", ["case", "class"])
def test_a_run_agrees_with_itself(table, scope):
    found = between_runs(table, table, scope=scope)
    assert (found.measures["spearman"] == 1).all()
    assert (found.measures["worst_in_both"] == 1).all()
    assert (found.disagreements["apart"] == 0).all()


def test_the_scale_of_the_numbers_does_not_matter(table):
    other = table.assign(S=np.sqrt(table["S"]) / 3)
    assert measured(between_runs(table, other, scope="class"), "S")["spearman"] == 1


def test_runs_that_have_nothing_to_do_with_each_other_do_not_agree(table):
    found = between_runs(table, draw_scores(40, seed=1), scope="class")
    row = measured(found, "S")
    assert row["low"] < 0 < row["high"]
    assert row["n"] == 80


def test_the_order_of_the_rows_does_not_matter(table):
    other = draw_scores(40, seed=1)
    one = between_runs(table, other)
    two = between_runs(table.sample(frac=1, random_state=2), other.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(one.measures, two.measures)
    pd.testing.assert_frame_equal(one.disagreements, two.disagreements)


def test_the_case_that_one_run_moved_is_the_first_disagreement(table):
    moved = table.copy()
    moved.loc[moved["case"] == "case_007", "S"] = 1e-6
    table.loc[table["case"] == "case_007", "S"] = 1.0
    row = between_runs(table, moved, by="S").disagreements.iloc[0]
    assert row["case"] == "case_007"
    assert (row["first"], row["second"]) == (40, 1)
    assert row["apart"] == pytest.approx(39 / 40)


def test_only_what_both_have_counts(table):
    other = table[table["case"] != "case_003"]
    other = pd.concat([other, pd.DataFrame([failed_row("case_003")]).astype({"class_id": "Int64"})])
    other.loc[other["case"] == "case_004", "S"] = np.nan
    found = between_runs(table, other, by="S")
    assert measured(found, "S")["n"] == 38
    assert measured(found, "volume_ml")["n"] == 39
    assert found.disagreements["first"].max() == 38


def test_a_measure_that_is_the_same_everywhere_says_nothing(table):
    row = measured(between_runs(table.assign(slices=9.0), table.assign(slices=9.0)), "slices")
    assert np.isnan(row["spearman"])
    assert np.isnan(row["worst_in_both"])
    assert "does not vary" in row["reason"]


def test_measures_that_one_run_lacks_are_left_out(table):
    found = between_runs(table, table.drop(columns="anisotropy"))
    assert list(found.measures["measure"]) == ["AUV", "S", "volume_ml", "slices"]


def test_runs_without_a_case_in_common_are_refused(table):
    other = table.assign(case="other_" + table["case"])
    with pytest.raises(UsageError, match="same data set"):
        between_runs(table, other)
    with pytest.raises(UsageError, match="AUV, S"):
        between_runs(table, table, by="agreement")


def test_runs_without_an_order_are_compared_all_the_same_and_say_why():
    alike = draw_scores(cases=6, S=lambda rng, size: 0.5, anisotropy=lambda rng, size: 0.1)
    alike = alike.assign(volume_ml=1.0, slices=2.0)
    found = between_runs(draw_scores(cases=6), alike)
    assert found.no_order == "the second run: all 6 cases are identical: nothing to rank"
    assert found.disagreements.empty
    assert set(found.measures["reason"]) >= {"the second run does not vary"}


def test_without_a_scale_in_both_the_default_is_what_each_run_is_ranked_by():
    scores = draw_scores(cases=8).assign(outlier=range(16))
    assert between_runs(scores, scores.drop(columns="S")).by == "outlier"
    assert between_runs(scores, scores).by == "AUV"
