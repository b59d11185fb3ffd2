import numpy as np
import pytest

from auvseg.bench.statistics import Estimate, bootstrap_interval
from auvseg.bench.statistics.estimate import block_sizes, drawn_counts


def mean(drawn):
    return drawn.mean(axis=-1)


def test_the_interval_of_a_mean_is_about_that_of_student():
    values = np.random.default_rng(0).normal(size=200)
    known = bootstrap_interval(mean, values, seed=1)
    half = 1.96 * values.std(ddof=1) / np.sqrt(200)
    assert known.value == values.mean()
    assert known.low == pytest.approx(values.mean() - half, abs=0.03)
    assert known.high == pytest.approx(values.mean() + half, abs=0.03)
    assert known.n == 200


def test_a_higher_confidence_gives_a_wider_interval():
    values = np.random.default_rng(0).normal(size=50)
    narrow, wide = (bootstrap_interval(mean, values, seed=1, confidence=c) for c in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_samples_are_resampled_apart_and_keep_their_sizes():
    shapes = set()

    def difference(a, b):
        shapes.add((a.shape[1], b.shape[1]))
        return a.mean(axis=-1) - b.mean(axis=-1)

    known = bootstrap_interval(difference, np.full(7, 3.0), np.full(4, 1.0), seed=0)
    assert shapes == {(7, 4)}
    assert (known.value, known.low, known.high, known.n) == (2.0, 2.0, 2.0, 11)
    assert known.reason == "all resamples are equal"


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = [
        bootstrap_interval(mean, rng.exponential(size=60), seed=number, resamples=300).holds(1.0)
        for number in range(300)
    ]
    assert 0.88 <= np.mean(covered) <= 0.98


def test_the_same_seed_gives_the_same_interval_and_another_another():
    values = np.random.default_rng(0).normal(size=30)
    first, again, other = (bootstrap_interval(mean, values, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_missing_values_are_left_out():
    values = np.array([1.0, np.nan, 2.0, 4.0])
    assert bootstrap_interval(mean, values, seed=0) == bootstrap_interval(mean, values[[0, 2, 3]], seed=0)


@pytest.mark.parametrize(
    ("values", "reason"), [([], "a sample has no values"), ([np.nan], "a sample has no values"), ([1.0], "one value")]
)
def test_what_has_no_interval_says_why(values, reason):
    known = bootstrap_interval(mean, np.array(values), seed=0)
    assert np.isnan(known.low)
    assert reason in known.reason


def test_a_statistic_that_many_resamples_do_not_have_has_no_interval():
    known = bootstrap_interval(lambda drawn: np.where(drawn.min(axis=-1) == 0, 1.0, np.nan), np.arange(5.0), seed=0)
    assert known.value == 1.0
    rare = bootstrap_interval(lambda d: np.where(d.std(axis=-1) > 1.9, 1.0, np.nan), np.array([0, 0, 0, 9.0]), seed=0)
    assert rare.value == 1.0
    never = bootstrap_interval(lambda d: np.full(len(d), np.nan), np.arange(5.0), seed=0)
    assert np.isnan(never.value)
    assert "not defined" in never.reason


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_is_none_is_refused(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        bootstrap_interval(mean, np.arange(3.0), seed=0, confidence=confidence)


def test_no_sample_is_refused():
    with pytest.raises(ValueError, match="needs a sample"):
        bootstrap_interval(mean, seed=0)


def test_an_interval_in_words_and_what_it_holds():
    known = Estimate(0.42, 0.28, 0.55, 30)
    assert known.in_words() == "0.42 [0.28, 0.55]"
    assert known.holds(0.3)
    assert not known.holds(0)
    assert not known.holds(0.6)
    unknown = Estimate(np.nan, np.nan, np.nan, 0, "too few")
    assert unknown.in_words() == "-"
    assert unknown.holds(0)


def test_blocks_are_all_resamples_and_none_is_too_large():
    assert sum(block_sizes(2000, 100_000)) == 2000
    assert max(block_sizes(2000, 100_000)) * 100_000 <= 1 << 21
    assert block_sizes(3, 1 << 30) == [1, 1, 1]


def test_every_resample_draws_as_many_as_there_are_each_as_likely():
    counts = drawn_counts(8, 4000, 0)
    assert (counts.sum(axis=1) == 8).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.06)
    with pytest.raises(ValueError, match="read-only"):
        counts[0, 0] = 1
