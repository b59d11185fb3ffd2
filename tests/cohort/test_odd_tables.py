"""Tables that few runs have: what is shown is what was compared, and test cases are no cohort unless alone."""

import numpy as np
import pandas as pd
import pytest

from auvseg.cohort.auv import normalise_scale
from auvseg.cohort.compared import cohort_columns
from auvseg.cohort.order import no_order, rank
from auvseg.cohort.reasons import ranked
from auvseg.cohort.suspicion import default_measure, find_criterion
from auvseg.errors import UsageError


def table_of(rows):
    columns = ["case", "subset", "class_id", "class", "status", "agreement"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(class_id=table["class_id"].astype("Int64"), reason="")


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    names = [(f"c{n}", "training") for n in range(8)] + [(f"t{n}", "test") for n in range(6)]
    rows = [(case, subset, 1, "liver", "ok", round(float(rng.uniform()), 3)) for case, subset in names]
    return table_of(rows)


def test_a_structure_twice_is_refused(table):
    with pytest.raises(UsageError, match="twice"):
        rank(pd.concat([table, table.head(1)]), by="agreement", scope="class")


@pytest.mark.parametrize("column", ["class", "class_id", "status"])
def test_a_table_without_a_key_is_refused(table, column):
    with pytest.raises(UsageError, match=column):
        rank(table.drop(columns=column), by="agreement")


def test_the_column_of_a_user_is_shown_as_it_is_compared(table):
    absent = table.assign(class_id=2, **{"class": "spleen"}, status="absent", agreement=np.nan)
    both = pd.concat([table, absent], ignore_index=True)
    both["class_id"] = both["class_id"].astype("Int64")
    both["quality"] = np.where(both["status"] == "absent", 100.0, both["agreement"])
    both["label_outlier"] = np.where(both["status"] == "absent", 3.0, 1.0)
    ranking = rank(both, by="quality", suspicious="low")
    assert ranking["quality"].is_monotonic_increasing
    assert ranking["quality"].max() <= 1


def test_a_column_that_every_ranking_has_is_refused(table):
    with pytest.raises(UsageError, match="rename"):
        rank(table.assign(distance=1.0 * np.arange(len(table))), by="distance", suspicious="both")


def test_training_cases_that_are_equal_have_no_order_whatever_stands_beside_them(table):
    tied = table.assign(agreement=np.where(table["subset"] == "training", 0.5, table["agreement"]))
    alone = tied[tied["subset"] == "training"]
    criterion = find_criterion(tied, "agreement")
    assert no_order(tied, criterion) == no_order(alone, criterion) != ""
    assert rank(tied, by="agreement")["rank"].isna().all()


def test_one_training_case_does_not_keep_the_others_from_being_ranked(table):
    few = table[table["case"] >= "c7"]
    assert rank(few, by="agreement")["rank"].notna().all()


def test_where_all_training_cases_failed_no_sentence_compares_test_cases(table):
    training = table["subset"] == "training"
    failed = table.assign(noise=np.arange(len(table), dtype=np.float64) ** 3)
    failed.loc[training, ["class_id", "agreement", "noise"]] = [pd.NA, np.nan, np.nan]
    failed.loc[training, "status"] = "failed"
    for top in (1, None):
        sentences = ranked(failed, by="agreement", scope="class", top=top).rows["why"]
        assert not sentences.str.contains("median").any()


def test_test_cases_do_not_decide_which_distances_there_are(table):
    noise = np.where(table["subset"] == "test", np.arange(len(table), dtype=np.float64), np.nan)
    measured = table.assign(noise=noise, S=np.linspace(0.1, 0.9, len(table)))
    assert "image_outlier" not in cohort_columns(measured, {})
    assert default_measure(measured.assign(**cohort_columns(measured, {}))) == "AUV"


def test_rounding_among_the_cohort_does_not_send_others_to_infinity():
    scale = np.array([0.3, 0.1 * 3, 0.3, 0.31, 0.3 + 1e-12, 0.2])
    cohort = np.array([True, True, True, False, False, False])
    assert normalise_scale(scale, cohort)[3:].tolist() == [-1.0, 0.0, 1.0]
