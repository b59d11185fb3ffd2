import numpy as np
import pandas as pd
import pytest

from auvseg.demo.found import case_suspicion, compare, read_truth
from auvseg.errors import DatasetError


def make_table(values_by_class, measure="agreement"):
    rows = []
    for class_id, values in values_by_class.items():
        for number, value in enumerate(values):
            status = "absent" if np.isnan(value) else "ok"
            rows.append((f"case_{number}", class_id, f"class {class_id}", status, value))
    return pd.DataFrame(rows, columns=["case", "class_id", "class", "status", measure])


def make_truth(faults):
    rows = [(f"case_{n}", fault or "none", kind) for n, (fault, kind) in enumerate(faults)]
    return pd.DataFrame(rows, columns=["case", "fault", "kind"])


def test_a_case_is_as_suspicious_as_its_most_suspicious_structure():
    table = make_table({1: [0.9, 0.8, 0.7], 2: [0.1, 0.5, 0.6]})
    suspicion = case_suspicion(table, "agreement")
    assert suspicion["case_0"] == 1.0
    assert suspicion["case_2"] == 1.0
    assert suspicion["case_1"] == pytest.approx(2 / 3)


def test_a_hard_class_does_not_make_every_case_that_holds_it_suspicious():
    table = make_table({1: [0.9, 0.91, 0.92, 0.3], 2: [0.2, np.nan, np.nan, 0.21]})
    assert case_suspicion(table, "agreement").idxmax() in ("case_0", "case_3")


def test_a_measure_that_sees_the_faults_beats_one_that_does_not():
    truth = make_truth([("blur", "image"), ("shift", "label"), (None, ""), (None, ""), (None, ""), (None, "")])
    table = make_table({1: [0.1, 0.2, 0.8, 0.9, 0.7, 0.95]})
    table["stability"] = [0.5, 0.9, 0.4, 0.6, 0.8, 0.7]
    best, other = compare(table, truth)
    assert best.measure == "agreement"
    assert (best.auroc, best.auroc_image, best.auroc_label, best.among_worst, best.planted) == (1.0, 1.0, 1.0, 2, 2)
    assert best.interval[0] < 1.0 == best.interval[1]
    assert other.auroc < 1
    assert other.interval[0] <= other.auroc <= other.interval[1]


def test_a_file_that_is_no_truth_is_refused(tmp_path):
    (tmp_path / "truth.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="no table of planted faults"):
        read_truth(tmp_path / "truth.csv")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_truth(tmp_path / "nothing.csv")


def test_with_both_ends_suspicious_the_middle_is_the_least():
    suspicion = case_suspicion(make_table({1: [0.0, 9.0, 1.0, 1.1, 0.9]}, "share"), "share")
    assert suspicion.idxmin() == "case_2"
    assert suspicion.idxmax() == "case_1"
    assert suspicion["case_0"] > suspicion["case_3"]
