import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auvseg.bench.correlation.correlate import MATCHED, NO_NUMBER, NOT_IN_METRICS, NOT_IN_RUN, NOT_SCORED, join
from auvseg.bench.correlation.metrics import MetricRow, Metrics
from auvseg.errors import UsageError
from synthetic_scores import draw_scores, failed_row, metrics_of


def per_class(*rows, **fields):
    return Metrics("dice", True, tuple(MetricRow(*row) for row in rows), ("metrics.csv",), **fields)


def statuses(pairs):
    return {(row["case"], row["class"]): row["status"] for row in pairs.accounts.to_dict("records")}


@settings(max_examples=10)
@given(st.integers(0, 2**16))
def test_every_row_of_either_side_is_accounted_for_once(seed):
    rng = np.random.default_rng(seed)
    table = draw_scores(8, seed=seed)
    table["status"] = rng.choice(["ok", "ok", "absent", "failed"], len(table))
    table.loc[0, "status"] = "ok"
    numbers = metrics_of(table, np.where(rng.random(len(table)) < 0.3, np.nan, 0.5))
    kept = (MetricRow("case_000", 1, "liver", 0.5), *(row for row in numbers.rows[1:] if rng.random() < 0.7))
    pairs = join(table, Metrics("dice", True, (*kept, MetricRow("other", 1, "liver", 0.5)), ("m.csv",)))
    assert len(pairs.accounts) == len(table) + 1
    assert not pairs.accounts.duplicated(["case", "class_id"]).any()
    assert len(pairs.rows) == (pairs.accounts["status"] == MATCHED).sum()
    assert pairs.rows[["value", "S"]].notna().all().all()


def test_each_kind_of_row_without_a_partner_has_its_status_and_is_named():
    table = draw_scores(4)
    table.loc[(table["case"] == "case_001") & (table["class_id"] == 2), ["status", "reason"]] = ["absent", "not held"]
    table = pd.concat([table, pd.DataFrame([failed_row("case_f")])], ignore_index=True).astype({"class_id": "Int64"})
    pairs = join(
        table,
        per_class(
            ("case_000", 1, "liver", 0.9),
            ("case_000", 2, "tumour", math.nan),
            ("case_001", 2, "tumour", 0.0),
            ("case_002", 7, "spleen", 0.5),
            ("case_f", 1, "liver", 0.4),
            failed={"case_003": "there is no prediction"},
        ),
    )
    found = statuses(pairs)
    assert found["case_000", "liver"] == MATCHED
    assert found["case_000", "tumour"] == NO_NUMBER
    assert found["case_001", "tumour"] == NOT_SCORED
    assert found["case_002", "spleen"] == NOT_IN_RUN
    assert found["case_f", "liver"] == NOT_IN_RUN
    assert found["case_003", "liver"] == NOT_IN_METRICS
    assert pairs.failed == {"case_f": "not scored: damaged", "case_003": "not evaluated: there is no prediction"}
    said = " | ".join(pairs.sentences())
    assert "1 rows matched, of 1 cases" in said
    assert all(words in said for words in ("case_f liver (it failed: damaged)", "case_002 spleen", "(not held)"))


def test_classes_meet_by_name_before_number_and_by_number_where_there_is_no_name():
    table = draw_scores(3, classes=("liver", "tumour"))
    swapped = join(table, per_class(("case_000", 2, "liver", 0.9), ("case_000", 1, "tumour", 0.1)))
    assert dict(zip(swapped.rows["class"], swapped.rows["value"], strict=True)) == {"liver": 0.9, "tumour": 0.1}
    numbered = join(table, per_class(("case_000", None, "2", 0.3), ("case_001", 2, "", 0.3), ("case_002", 2, "2", 0.3)))
    assert set(numbered.rows["class"]) == {"tumour"}
    other = join(table, per_class(("case_000", 1, "liver", 0.9), ("case_001", 2, "cyst", 0.3)))
    assert statuses(other)["case_001", "cyst"] == NOT_IN_RUN


def test_a_run_whose_classes_have_no_names_is_met_by_number():
    table = draw_scores(2, classes=("label 1", "label 2"))
    pairs = join(table, per_class(("case_000", 1, "Anterior", 0.9), ("case_001", 2, "2", 0.8)))
    assert list(pairs.rows["class"]) == ["label 1", "label 2"]


def test_numbers_of_whole_cases_meet_the_mean_of_the_classes():
    table = draw_scores(3)
    pairs = join(table, Metrics("dice", False, (MetricRow("case_001", None, "", 0.7),), ("m.csv",)))
    assert pairs.rows["S"].item() == pytest.approx(table.loc[2:3, "S"].mean())
    assert pairs.classes == ()
    assert pairs.sentences()[0] == "1 cases matched"
    assert (pairs.accounts["status"] == NOT_IN_METRICS).sum() == 2


def test_a_label_free_run_meets_every_class_with_its_one_row():
    table = draw_scores(3, classes=("whole image",)).assign(class_id=pd.array([0] * 3, dtype="Int64"))
    pairs = join(table, per_class(("case_000", 1, "liver", 0.9), ("case_000", 2, "tumour", 0.5)))
    assert pairs.classes == ((1, "liver"), (2, "tumour"))
    assert pairs.rows["S"].nunique() == 1
    assert (pairs.accounts["status"] == NOT_IN_METRICS).sum() == 4


def test_two_numbers_of_one_class_under_two_names_are_refused():
    with pytest.raises(UsageError, match="two values for the class 'liver'"):
        join(draw_scores(2), per_class(("case_000", 1, "liver", 0.9), ("case_000", 1, "", 0.5)))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("other", 1, "liver", 0.5)], "there 'other', here 'case_000'"),
        ([("case_000", 1, "liver", math.nan)], "has a numeric dice"),
        ([("case_000", 9, "spleen", 0.5)], "there spleen, here liver, tumour"),
        ([], "has no numbers"),
    ],
)
def test_where_nothing_matches_it_is_said_why(rows, words):
    with pytest.raises(UsageError) as caught:
        join(draw_scores(2), per_class(*rows))
    assert words in str(caught.value)


def test_a_run_without_scores_is_refused():
    table = draw_scores(2).assign(status="failed")
    with pytest.raises(UsageError, match="no case of this run has a score"):
        join(table, per_class(("case_000", 1, "liver", 0.5)))
