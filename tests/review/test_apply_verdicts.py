import pandas as pd
import pytest

from auvseg.cohort.selection import filter_cases
from auvseg.errors import UsageError
from auvseg.review.verdicts import Decision, apply_verdicts


def selection(keep=0.8, scope="case"):
    rows = [
        {
            "case": f"c{n}",
            "subset": "training",
            "class_id": 1,
            "class": "liver",
            "status": "ok",
            "reason": "",
            "S": 0.1 * n,
        }
        for n in range(1, 11)
    ]
    return filter_cases(pd.DataFrame(rows), by="auv", keep=keep, scope=scope)


def test_verdicts_go_before_the_measure():
    by_measure = selection()
    assert by_measure.removed == ("c1", "c2")
    found = apply_verdicts(by_measure, {"c1": Decision("keep"), "c9": Decision("exclude"), "c8": Decision("fix")})
    assert found.removed == ("c2", "c8", "c9")
    assert set(found.kept) | set(found.removed) == set(by_measure.kept) | set(by_measure.removed)
    reasons = found.decisions.set_index("case")["reason"]
    assert (reasons["c1"], reasons["c8"]) == ("reviewed: keep", "reviewed: fix")
    assert found.notes == ("decided by review: 3 cases; by AUV: 7",)
    assert found.warnings == by_measure.warnings


def test_verdicts_of_one_rater_alone_are_counted_where_the_review_is_of_several():
    merged = {"c1": Decision("keep", "", ("Anna", "Ben")), "c9": Decision("exclude", "", ("Ben",))}
    assert "1 of these 2 verdicts" in " ".join(apply_verdicts(selection(), merged).notes)
    assert "alone" not in " ".join(apply_verdicts(selection(), {"c9": Decision("exclude")}).notes)


@pytest.mark.parametrize("decision", [Decision("unsure"), Decision(None, "a note")])
def test_what_is_unsure_is_left_to_the_measure(decision):
    assert apply_verdicts(selection(), {"c1": decision, "c9": decision}).removed == ("c1", "c2")


def test_structures_of_an_excluded_case_are_suspicious_too():
    found = apply_verdicts(selection(scope="class"), {"c9": Decision("exclude"), "c1": Decision("keep")})
    assert set(found.suspicious_pairs) == {("c2", 1), ("c9", 1)}


def test_a_review_of_another_run_is_refused_and_strange_cases_are_counted():
    with pytest.raises(UsageError, match="another run"):
        apply_verdicts(selection(), {"elsewhere": Decision("keep")})
    found = apply_verdicts(selection(), {"elsewhere": Decision("exclude"), "c1": Decision("keep")})
    assert "verdicts on cases that are not training cases of this run: 1" in found.warnings


def test_at_least_one_case_stays():
    with pytest.raises(UsageError, match="keep no case"):
        apply_verdicts(selection(), {f"c{n}": Decision("exclude") for n in range(1, 11)})
