import numpy as np
import pandas as pd
import pytest

from auvseg.cohort.selection import filter_cases
from auvseg.data.case import ClassDef
from auvseg.errors import UsageError
from auvseg.report import ranked_run as module
from auvseg.report.privacy import Privacy
from auvseg.report.ranked_run import cohort_payload, rank_run, shown_measures
from synthetic_scores import draw_scores, failed_row


def scores(cases=20, failed=(), **columns):
    table = draw_scores(cases=cases, outlier=lambda rng, _: rng.exponential(), **columns)
    return pd.concat([table, pd.DataFrame([failed_row(case) for case in failed])], ignore_index=True)


def payload_of(table, by="S", classes=None, privacy=None):
    return cohort_payload(rank_run(table, classes, by), privacy or Privacy.of([]), {})


def test_worst_come_first_and_what_was_not_scored_last():
    found = payload_of(scores(failed=("zz", "aa")), by="outlier")
    suspicion = found["cases"]["suspicion"]
    assert found["cases"]["id"][-2:] == ["aa", "zz"]
    assert suspicion[:-2] == sorted(suspicion[:-2], reverse=True)
    assert suspicion[-2:] == [None, None]


@pytest.mark.parametrize("by", ["AUV", "S", "anisotropy", "outlier"])
@pytest.mark.parametrize("keep", [0.5, 0.9, 0.95])
def test_the_pages_cut_removes_what_filter_removes(by, keep):
    table = scores(cases=41)
    table.loc[table["case"] >= "case_030", "subset"] = "validation"
    cases = payload_of(table, by)["cases"]
    training = [
        (s, case)
        for s, case, where in zip(*map(cases.get, ("suspicion", "id", "subset")), strict=True)
        if where == "training"
    ]
    ordered = sorted(value for value, _ in training)
    threshold = next(value for at, value in enumerate(ordered, start=1) if keep <= at / len(ordered))
    removed = {case for value, case in training if value > threshold}
    assert removed == set(filter_cases(table, by=by.lower() if by == "AUV" else by, keep=keep).removed)


def test_rows_are_columns_and_hold_every_structure():
    table = scores(cases=5, failed=("zz",))
    found = payload_of(table)
    rows = found["rows"]
    assert len(rows["case"]) == len(rows["cls"]) == len(rows["status"]) == 11
    assert {found["cases"]["id"][case] for case in rows["case"]} == set(table["case"])
    for row, (case, cls) in enumerate(zip(rows["case"], rows["cls"], strict=True)):
        there = table[(table["case"] == found["cases"]["id"][case]) & (table["class_id"] == cls + 1)]
        if cls >= 0:
            assert rows["values"]["volume_ml"][row] == pytest.approx(there["volume_ml"].item(), rel=1e-3)
        else:
            assert (rows["status"][row], rows["values"]["volume_ml"][row]) == (2, None)


def test_a_declared_class_that_no_case_holds_is_there_and_an_undeclared_one_has_no_place():
    classes = (ClassDef(1, "liver", (1,)), ClassDef(9, "cyst", (9,)))
    found = payload_of(scores(cases=4), classes=classes)
    assert [one["name"] for one in found["classes"]] == ["liver", "cyst"]
    assert sorted(set(found["rows"]["cls"])) == [-1, 0]


def test_a_run_of_the_whole_image_has_a_class_of_that_name():
    table = scores(cases=4)
    table = table[table["class_id"] == 1].assign(class_id=0, **{"class": "image"}).astype({"class_id": "Int64"})
    assert payload_of(table, classes=(ClassDef(1, "liver", (1,)),))["classes"][0]["name"] == "whole image"


def test_important_measures_are_kept_where_a_page_cannot_hold_all(monkeypatch):
    table = scores(cases=10, noise=lambda rng, _: rng.normal(), agreement=lambda rng, _: rng.random())
    everything, none = shown_measures(rank_run(table, None, "noise"))
    assert none == 0
    monkeypatch.setattr(module, "MAX_NUMBERS", 5 * len(table))
    kept, left = shown_measures(rank_run(table, None, "noise"))
    assert kept == everything[:5] == ["noise", "outlier", "AUV", "S", "agreement"]
    assert left == len(everything) - 5


def test_the_data_sets_own_columns_are_shown_unless_there_are_pseudonyms():
    table = scores(cases=3).assign(site="/srv/Oslo")
    assert payload_of(table)["own"] == {"site": ["Oslo"] * 3}
    names = {case: f"case-{number}" for number, case in enumerate(sorted(set(table["case"])))}
    found = payload_of(table, privacy=Privacy.of([], names))
    assert found["own"] == {}
    assert set(found["cases"]["id"]) == set(names.values())


def test_one_case_alone_and_cases_without_any_number_can_be_shown():
    assert len(payload_of(scores(cases=1))["cases"]["id"]) == 1
    table = scores(cases=3)
    table[["S", "volume_ml", "slices", "anisotropy", "outlier"]] = np.nan
    found = payload_of(table.assign(status="failed"), by="AUV")
    assert found["cases"]["suspicion"] == [None] * 3


def test_a_measure_that_the_run_lacks_is_refused():
    with pytest.raises(UsageError, match="cannot rank by 'confidence'"):
        rank_run(scores(), None, "confidence")
