import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from auvseg.review.merge import kappa


def verdicts(cases=60, raters=2, noise=0.3, seed=0):
    random = np.random.default_rng(seed)
    truth = random.integers(3, size=cases)
    drawn = random.integers(3, size=(cases, raters))
    return np.where(random.random((cases, raters)) < noise, drawn, truth[:, None])


@pytest.mark.parametrize("noise", [0.0, 0.2, 1.0])
def test_two_raters_have_cohens_kappa(noise):
    found = kappa(verdicts(noise=noise))
    assert found.name == "Cohen's κ"
    first, second = verdicts(noise=noise).T
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.low <= found.value <= found.high


def test_more_raters_have_fleiss_kappa_as_in_his_paper():
    # Fleiss 1971's method by hand: counts of 14 raters' five kinds for ten subjects, a well-known worked example.
    counts = np.array(
        [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ]
    )
    rows = np.array([np.repeat(np.arange(5), row) for row in counts])
    found = kappa(rows)
    assert found.name == "Fleiss' κ"
    assert found.value == pytest.approx(0.210, abs=5e-4)


def test_the_order_of_raters_and_cases_and_the_names_of_verdicts_do_not_matter():
    rows = verdicts(raters=3)
    value = kappa(rows).value
    assert kappa(rows[::-1]).value == pytest.approx(value)
    assert kappa(rows[:, ::-1]).value == pytest.approx(value)
    assert kappa(np.array([5, 1, 9])[rows]).value == pytest.approx(value)


def test_perfect_agreement_is_one_and_chance_is_near_zero():
    assert kappa(verdicts(noise=0.0, raters=3)).value == pytest.approx(1)
    assert abs(kappa(verdicts(cases=5000, noise=1.0)).value) < 0.05


def test_where_nobody_differs_in_anything_there_is_no_kappa():
    found = kappa(np.zeros((8, 2), dtype=np.int64))
    assert np.isnan(found.value)
    assert (found.cases, found.equal) == (8, 8)


def test_few_cases_have_no_interval_and_none_has_no_value():
    assert np.isnan(kappa(verdicts(cases=4)).low)
    assert np.isnan(kappa(np.zeros((0, 2), dtype=np.int64)).value)
    with pytest.raises(ValueError, match="two raters"):
        kappa(np.zeros((3, 1), dtype=np.int64))
