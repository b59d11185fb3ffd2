import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from auvseg.bench.statistics import auroc, auroc_interval, monotonicity, precision_recall_at


def split(positive, negative):
    values = np.r_[np.asarray(positive, float), np.asarray(negative, float)]
    return values, np.arange(len(values)) < len(positive)


def test_auroc_by_hand_with_ties_counting_half():
    assert auroc(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False])) == (1 + 1 + 0 + 0.5) / 4
    assert np.isnan(auroc(np.array([1.0]), np.array([True])))


def test_auroc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values, faulty = rng.integers(0, 12, 60).astype(float), rng.random(60) < 0.3
        assert auroc(values, faulty) == pytest.approx(roc_auc_score(faulty, values), abs=1e-12)


def test_auroc_does_not_depend_on_a_monotone_change_of_the_values():
    rng = np.random.default_rng(0)
    values, faulty = rng.normal(size=50), rng.random(50) < 0.3
    assert auroc(values, faulty) == auroc(np.exp(values), faulty)
    assert auroc(-values, faulty) == pytest.approx(1 - auroc(values, faulty))


def test_a_missing_value_has_no_part_and_an_infinite_one_is_the_least():
    values, faulty = split([2.0, np.nan], [1.0, 3.0])
    assert auroc(values, faulty) == 0.5
    assert auroc_interval(values, faulty).n == 3
    values, faulty = split([-np.inf], [1.0, 3.0])
    assert auroc(values, faulty) == 0.0


def test_the_ends_of_the_interval_are_the_areas_that_lie_z_standard_errors_away():
    values, faulty = split([3, 4, 6, 8, 9, 5], [1, 2, 3, 5, 4])
    known = auroc_interval(values, faulty)
    for area in (known.low, known.high):
        bracket = 1 + (11 / 2 - 1) * ((1 - area) / (2 - area) + area / (1 + area))
        variance = area * (1 - area) * bracket / 30
        assert abs(area - known.value) == pytest.approx(norm.ppf(0.975) * np.sqrt(variance), abs=1e-6)


def test_groups_that_do_not_overlap_have_an_interval_that_narrows_with_their_size():
    few, many = (auroc_interval(*split(np.arange(n) + 1000.0, np.arange(n))) for n in (4, 40))
    assert few.value == many.value == few.high == many.high == 1.0
    assert few.low < many.low < 0.99
    assert few.low > 0.3


def test_turning_the_measure_turns_the_interval():
    values, faulty = split([3, 4, 6, 8, 9], [1, 2, 3, 5, 4, 0])
    known, turned = auroc_interval(values, faulty), auroc_interval(-values, faulty)
    assert turned.low == pytest.approx(1 - known.high, abs=1e-9)
    assert turned.high == pytest.approx(1 - known.low, abs=1e-9)


@pytest.mark.parametrize(("area", "positive", "negative"), [(0.5, 12, 12), (0.8, 15, 30), (0.95, 20, 20)])
def test_the_interval_covers_the_true_area_about_as_often_as_it_says(area, positive, negative):
    rng, shift = np.random.default_rng(1), np.sqrt(2) * norm.ppf(area)
    covered = [
        auroc_interval(*split(rng.normal(shift, 1, positive), rng.normal(0, 1, negative))).holds(area)
        for _ in range(300)
    ]
    assert 0.915 <= np.mean(covered) <= 0.99


def test_a_group_without_values_is_said():
    assert "no faulty case" in auroc_interval(np.array([1.0, 2.0]), np.array([False, False])).reason
    assert "no sound case" in auroc_interval(np.array([1.0, np.nan]), np.array([True, False])).reason


def test_a_measure_without_values_of_its_own_is_chance():
    known = auroc_interval(np.zeros(20), np.arange(20) < 10)
    assert known.value == 0.5
    assert known.low < 0.5 < known.high


def test_precision_and_recall_of_the_most_suspicious():
    values, faulty = split([9.0, 8.0, 1.0], [7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 0.0])
    assert precision_recall_at(values, faulty, 0.2) == (1.0, pytest.approx(2 / 3))
    assert precision_recall_at(values, faulty, 0.3) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert precision_recall_at(values, faulty, 1.0) == (pytest.approx(0.3), 1.0)


def test_a_review_is_of_whole_cases_rounded_up():
    values, faulty = split([9.0], [float(n) for n in range(6)])
    assert precision_recall_at(values, faulty, 0.01) == (1.0, 1.0)
    assert precision_recall_at(np.arange(30.0), np.arange(30) == 26, 0.1) == (0.0, 0.0)


def test_equal_values_are_reviewed_in_no_order():
    values, faulty = np.zeros(10), np.arange(10) < 3
    precision, recall = precision_recall_at(values, faulty, 0.5)
    assert precision == pytest.approx(0.3)
    assert recall == pytest.approx(0.5)


def test_missing_values_are_reviewed_last():
    assert precision_recall_at(np.array([np.nan, 0.0, 1.0]), np.array([True, False, False]), 0.6) == (0.0, 0.0)


def test_a_review_without_cases_or_faults_has_no_number():
    assert np.isnan(precision_recall_at(np.array([]), np.array([], dtype=bool), 0.5)).all()
    precision, recall = precision_recall_at(np.array([1.0, 2.0]), np.array([False, False]), 0.5)
    assert precision == 0.0
    assert np.isnan(recall)


@pytest.mark.parametrize("budget", [0, 1.5])
def test_an_impossible_budget_is_refused(budget):
    with pytest.raises(ValueError, match="budget"):
        precision_recall_at(np.array([1.0]), np.array([True]), budget)


def test_monotonicity_counts_the_cases_that_never_fall_and_rise():
    suspicion = np.array([[0, 1, 2], [0, 0, 1], [0, 2, 1], [1, 1, 1], [0, np.nan, 1]], dtype=float)
    assert monotonicity(suspicion) == 0.5
    assert np.isnan(monotonicity(suspicion[4:]))
