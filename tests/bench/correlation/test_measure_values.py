import numpy as np
import pandas as pd
import pytest

from auvseg.bench.correlation.correlate import case_values, measure_values
from synthetic_scores import draw_scores, failed_row


def test_absent_and_failed_rows_have_no_value():
    table = draw_scores(4)
    table.loc[1, "status"] = "absent"
    table.loc[2, "status"] = "failed"
    table = pd.concat([table, pd.DataFrame([failed_row("case_x")])], ignore_index=True)
    values = measure_values(table)
    assert len(values) == 6
    assert "case_x" not in set(values["case"])


def test_what_is_suspicious_at_both_ends_becomes_a_distance_within_its_class():
    table = draw_scores(20)
    table.loc[table["class_id"] == 2, "anisotropy"] += 100
    values = measure_values(table)
    assert values["anisotropy"].between(0, 10).all()
    assert values.groupby("class_id")["anisotropy"].median().to_numpy() == pytest.approx(0.6745, abs=0.1)
    assert np.array_equal(values["S"], table["S"])


def test_whole_cases_have_the_mean_of_their_classes_and_of_the_cohorts_measures_the_largest():
    table = draw_scores(2, label_outlier=lambda rng, _: rng.uniform())
    table.loc[0, "status"] = "absent"
    values = case_values(measure_values(table))
    assert values.loc[0, "S"] == table.loc[1, "S"]
    assert values.loc[1, "S"] == pytest.approx(table.loc[2:3, "S"].mean())
    assert values.loc[1, "label_outlier"] == table.loc[2:3, "label_outlier"].max()


def test_a_column_without_any_number_is_no_measure():
    assert "snr" not in measure_values(draw_scores(3, snr=lambda *_: np.nan)).columns
