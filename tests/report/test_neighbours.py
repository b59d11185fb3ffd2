import numpy as np
import pandas as pd

from auvseg.cohort.compared import z_scores
from auvseg.report import neighbours
from auvseg.report.neighbours import SHOWN, similar_clean_cases
from synthetic_scores import draw_scores


def found(scores, suspicion):
    return similar_clean_cases(scores, z_scores(scores), suspicion)


def of_rank(scores):
    cases = sorted(scores["case"].unique())
    return pd.Series(np.arange(len(cases), dtype=np.float64), index=cases)


def test_only_the_less_suspicious_half_is_shown_and_never_the_case_itself():
    scores = draw_scores(cases=21)
    similar = found(scores, of_rank(scores))
    clean = set(sorted(scores["case"].unique())[:11])
    assert set(similar) == {(case, number) for case in scores["case"].unique() for number in (1, 2)}
    for (case, _), others in similar.items():
        assert case not in others
        assert set(others) <= clean
        assert len(others) == SHOWN == len(set(others))


def test_a_case_without_a_number_is_not_called_clean():
    scores = draw_scores(cases=6)
    suspicion = of_rank(scores)
    suspicion.iloc[:5] = np.nan
    assert all(set(others) <= {"case_005"} for others in found(scores, suspicion).values())
    assert found(scores, suspicion * np.nan) == {}


def test_the_nearest_in_size_comes_first_and_too_large_is_not_like_too_small():
    scores = draw_scores(cases=9, classes=("liver",), seed=3)
    scores["volume_ml"] = np.exp([0.0, 3.0, -3.0, 2.9, 0.1, -0.1, 0.2, -0.2, 0.3])
    scores["slices"] = 20.0
    suspicion = pd.Series(0.0, index=scores["case"])
    suspicion.iloc[[1, 2]] = 1.0
    # Half of nine cases, in the table's order: the large one and four of the others.
    suspicion.iloc[[6, 7]] = 0.5
    assert found(scores, suspicion)["case_001", 1][0] == "case_003"
    assert found(scores, suspicion)["case_002", 1][0] == "case_005"


def test_nothing_is_alike_where_nothing_was_measured():
    scores = draw_scores(cases=4)
    assert found(scores.drop(columns=["volume_ml", "slices"]), of_rank(scores)) == {}
    assert found(scores.assign(status="failed"), of_rank(scores)) == {}


def test_a_large_cohort_has_the_same_neighbours_as_a_small_one(monkeypatch):
    scores = draw_scores(cases=40)
    by_distance = found(scores, of_rank(scores))
    monkeypatch.setattr(neighbours, "_MANY_PAIRS", 0)
    assert found(scores, of_rank(scores)) == by_distance
