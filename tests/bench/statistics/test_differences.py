import numpy as np
import pytest
from scipy import stats

from auvseg.bench.statistics import hierarchical_interval, paired_difference


def drawn(rng, seeds, cases, sd_seed, sd_case, sd_rest, mean=0.0):
    by_seed, by_case = rng.normal(0, sd_seed, (seeds, 1)), rng.normal(0, sd_case, (1, cases))
    return mean + by_seed + by_case + rng.normal(0, sd_rest, (seeds, cases))


def test_the_t_interval_is_that_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=25), rng.normal(size=25)
    known = paired_difference(a, b)
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (known.t.low, known.t.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert known.t.value == pytest.approx((a - b).mean())
    assert known.bootstrap.low == pytest.approx(known.t.low, abs=0.15)


def test_what_all_pairs_share_does_not_widen_the_interval():
    rng = np.random.default_rng(0)
    hard, noise = rng.normal(0, 100, 30), rng.normal(0, 1, 30)
    known = paired_difference(hard + noise + 3, hard)
    assert known.t.high - known.t.low < 2
    assert not known.t.holds(0.0)


def test_exchanging_the_two_turns_the_interval():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=12), rng.normal(size=12)
    forth, back = paired_difference(a, b).t, paired_difference(b, a).t
    assert (back.low, back.high) == (pytest.approx(-forth.high), pytest.approx(-forth.low))


def test_pairs_that_lack_a_number_are_left_out():
    a, b = np.array([1.0, 2.0, np.nan, 4.0]), np.array([0.0, np.nan, 1.0, 1.0])
    assert paired_difference(a, b).t.n == 2
    assert paired_difference(a, b).t.value == 2.0


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pairs_have_no_interval(count):
    known = paired_difference(np.ones(count), np.zeros(count))
    assert np.isnan(known.t.low)
    assert known.t.reason


def test_equal_differences_have_no_width():
    known = paired_difference(np.arange(5.0) + 2, np.arange(5.0))
    assert (known.t.low, known.t.high) == (2.0, 2.0)
    assert hierarchical_interval(np.full((3, 4), 2.0)).t.low == 2.0


@pytest.mark.parametrize(("sd_seed", "sd_case", "sd_rest"), [(1, 0, 1), (0, 1, 1), (0.5, 1, 1), (0, 0, 1)])
def test_the_interval_over_three_seeds_covers_the_truth_at_least_as_often_as_it_says(sd_seed, sd_case, sd_rest):
    rng = np.random.default_rng(5)
    covered = [
        hierarchical_interval(drawn(rng, 3, 20, sd_seed, sd_case, sd_rest), resamples=1).t.holds(0.0)
        for _ in range(400)
    ]
    assert np.mean(covered) >= 0.92


def test_the_bootstrap_covers_the_truth_where_there_are_many_seeds():
    rng = np.random.default_rng(6)
    covered = [
        hierarchical_interval(drawn(rng, 15, 25, 1, 1, 1), seed=n, resamples=300).bootstrap.holds(0.0)
        for n in range(200)
    ]
    assert 0.88 <= np.mean(covered) <= 0.99


def test_cases_that_every_seed_shares_are_no_independent_evidence():
    rng = np.random.default_rng(7)
    by_case = rng.normal(size=(1, 30))
    known = hierarchical_interval(np.repeat(by_case, 10, axis=0) + rng.normal(0, 0.01, (10, 30)))
    alone = paired_difference(by_case[0], np.zeros(30))
    assert known.t.high - known.t.low == pytest.approx(alone.t.high - alone.t.low, rel=0.05)
    assert known.bootstrap.high - known.bootstrap.low == pytest.approx(alone.t.high - alone.t.low, rel=0.2)


def test_a_case_that_lacks_a_seed_has_no_part():
    differences = drawn(np.random.default_rng(0), 3, 8, 1, 1, 1)
    differences[1, 5] = np.nan
    known = hierarchical_interval(differences)
    assert known == hierarchical_interval(np.delete(differences, 5, axis=1))
    assert known.t.n == 21


def test_one_seed_says_nothing_of_other_seeds():
    differences = np.random.default_rng(0).normal(size=(1, 9))
    known = hierarchical_interval(differences)
    assert known.t.low == pytest.approx(paired_difference(differences[0], np.zeros(9)).t.low)
    assert "one seed" in known.t.reason
    assert "one case" in hierarchical_interval(differences.T).t.reason
    assert "no case" in hierarchical_interval(np.full((2, 3), np.nan)).t.reason


def test_the_same_seed_gives_the_same_interval():
    differences = drawn(np.random.default_rng(0), 4, 6, 1, 1, 1)
    assert hierarchical_interval(differences, seed=3) == hierarchical_interval(differences, seed=3)
    assert hierarchical_interval(differences, seed=3) != hierarchical_interval(differences, seed=4)
