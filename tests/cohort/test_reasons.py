"""Rows of a ranking with the sentence of the report and the structure behind them."""

import numpy as np
import pytest

from auvseg.cohort.reasons import ranked
from synthetic_scores import draw_scores


@pytest.fixture
def scores():
    """Thirty cases; the tumour of one is noisy, and one lacks its tumour."""
    table = draw_scores(cases=30, noise=lambda rng, size: rng.normal(5.0, 0.1), agreement=lambda rng, size: 0.9)
    table["outlier"] = np.random.default_rng(1).uniform(0, 1, len(table))
    noisy = (table["case"] == "case_007") & (table["class"] == "tumour")
    table.loc[noisy, ["noise", "outlier"]] = [9.0, 8.0]
    lacking = (table["case"] == "case_011") & (table["class"] == "tumour")
    table.loc[lacking, ["status", "noise", "S", "volume_ml", "outlier"]] = ["absent", *[np.nan] * 3, 9.0]
    return table


def test_the_structure_and_the_sentence_belong_together(scores):
    rows = ranked(scores, by="outlier").rows.set_index("case")
    assert list(rows.index[:2]) == ["case_011", "case_007"]
    assert list(rows["structure"].iloc[:2]) == ["tumour", "tumour"]
    assert rows["why"].iloc[0] == "tumour: missing; 29 of 30 cases have it"
    assert rows["why"].iloc[1].startswith("tumour: noise")
    assert (rows["why"] != "").all()


def test_every_structure_has_its_own_reason(scores):
    rows = ranked(scores, by="outlier", scope="class").rows
    assert "structure" not in rows
    for name, why in zip(rows["class"], rows["why"], strict=True):
        assert why.startswith(f"{name}: ")


def test_how_many_structures_are_behind_a_mean_is_counted(scores):
    rows = ranked(scores, by="S").rows.set_index("case")
    assert rows.loc["case_011", "n"] == 1
    assert (rows.drop("case_011")["n"] == 2).all()


def test_the_first_rows_have_the_same_reasons_as_all_of_them(scores):
    few, every = ranked(scores, by="S", top=3), ranked(scores, by="S")
    assert few.rows.equals(every.rows.head(3))
    assert (len(few.rows), few.total) == (3, 30)


def test_a_case_that_is_far_at_the_sound_end_has_that_as_its_reason_where_distances_rank(scores):
    quiet = (scores["case"] == "case_003") & (scores["class"] == "liver")
    scores.loc[quiet, ["noise", "outlier"]] = [1.0, 20.0]
    assert "noise" in ranked(scores, by="outlier").rows["why"].iloc[0]


def test_what_was_kept_of_a_case_is_read_only_where_a_sentence_needs_it(scores):
    asked = []
    scores.loc[scores["case"] == "case_004", "S"] = 0.0
    others = scores["case"] != "case_004"
    scores.loc[others, "S"] = np.random.default_rng(2).normal(0.5, 0.01, others.sum())
    ranked(scores, by="S", view_of=lambda case: asked.append(case))
    assert "case_004" in asked
    assert len(asked) < 10


def test_without_an_order_no_structure_is_behind_it(scores):
    found = ranked(scores[scores["case"] < "case_003"].assign(outlier=np.nan))
    assert found.no_order.startswith("3 cases: too few to compare")
    assert found.rows["rank"].isna().all()
    assert set(found.rows["structure"]) == {""}
    assert found.rows["why"].str.contains("too few to compare").all()


@pytest.mark.parametrize("scope", ["case", "class"])
def test_few_cases_have_an_auv_only_where_it_is_asked_for(scores, scope):
    few = scores[scores["case"] < "case_004"]
    assert ranked(few, by="S", scope=scope).rows["AUV"].isna().all()
    asked = ranked(few, by="AUV", scope=scope)
    assert asked.rows["AUV"].notna().all()
    assert asked.doubt
    assert ranked(scores, by="S", scope=scope).rows["AUV"].notna().all()
