import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auvseg.bench.statistics import association, partial_correlation, pearson, spearman


def draw(n=40, seed=0, rho=0.6):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return x, rho * x + np.sqrt(1 - rho**2) * rng.normal(size=n)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 20))
def test_pearson_and_spearman_are_those_of_scipy_also_with_ties(seed, levels):
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, levels, 30).astype(float) for _ in range(2))
    if np.ptp(x) and np.ptp(y):
        assert pearson(x, y).value == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-10)
        assert spearman(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-10)


def test_a_partial_correlation_is_that_of_the_residuals():
    rng = np.random.default_rng(4)
    covariates = [rng.normal(size=50), rng.normal(size=50)]
    x = covariates[0] + 0.5 * covariates[1] + rng.normal(size=50)
    y = x - covariates[0] + rng.normal(size=50)
    design = np.column_stack([np.ones(50), *covariates])
    left = [column - design @ np.linalg.lstsq(design, column, rcond=None)[0] for column in (x, y)]
    known = partial_correlation(x, y, covariates, "pearson")
    assert known.value == pytest.approx(np.corrcoef(*left)[0, 1], abs=1e-10)
    ranked = [stats.rankdata(column) for column in (x, y, *covariates)]
    by_rank = partial_correlation(x, y, covariates, "spearman").value
    assert by_rank == pytest.approx(partial_correlation(*ranked[:2], ranked[2:], "pearson").value, abs=1e-10)


def test_one_covariate_by_the_textbook_formula():
    x, y = draw()
    z = x + draw(seed=9)[1]
    r_xy, r_xz, r_yz = (stats.pearsonr(*pair).statistic for pair in ((x, y), (x, z), (y, z)))
    expected = (r_xy - r_xz * r_yz) / np.sqrt((1 - r_xz**2) * (1 - r_yz**2))
    assert partial_correlation(x, y, [z], "pearson").value == pytest.approx(expected, abs=1e-10)


def test_what_only_size_explains_is_gone_when_size_is_given():
    rng = np.random.default_rng(2)
    size = rng.normal(size=300)
    measure, dice = size + 0.5 * rng.normal(size=300), size + 0.5 * rng.normal(size=300)
    assert spearman(measure, dice).low > 0.6
    assert partial_correlation(measure, dice, [size]).holds(0.0)


def test_spearman_does_not_depend_on_a_monotone_change_nor_on_order():
    x, y = draw()
    known = spearman(x, y)
    assert spearman(np.exp(x), y**3) == known
    assert spearman(-x, y).value == pytest.approx(-known.value)
    assert spearman(y, x).value == pytest.approx(known.value)
    order = np.random.default_rng(0).permutation(len(x))
    assert pearson(x[order], y[order]).value == pytest.approx(pearson(x, y).value)


@pytest.mark.parametrize("statistic", [pearson, spearman])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(statistic):
    rho = 0.5 if statistic is pearson else 6 / np.pi * np.arcsin(0.25)
    method = statistic.__name__
    covered = [
        association(*draw(40, seed, 0.5), method=method, seed=seed, resamples=400).holds(rho) for seed in range(250)
    ]
    assert 0.89 <= np.mean(covered) <= 0.985


def test_pairs_that_lack_a_number_have_no_part_and_are_not_counted():
    x, y = draw(30)
    z = draw(30, 5)[0]
    x[3], y[7], z[9] = np.nan, np.nan, np.inf
    complete = np.isfinite(x) & np.isfinite(y)
    assert spearman(x, y) == spearman(x[complete], y[complete])
    assert spearman(x, y).n == 28
    assert partial_correlation(x, y, [z]).n == 27


def test_within_classes_what_differs_between_them_does_not_count():
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1], 60)
    x, y = rng.normal(size=120) + 5 * strata, rng.normal(size=120) + 5 * strata
    assert pearson(x, y).low > 0.7
    for method in ("pearson", "spearman"):
        assert association(x, y, method=method, strata=strata).holds(0.0)


def test_the_pooled_correlation_is_the_mean_of_the_classes_weighted_by_their_sizes():
    strata = np.repeat(["a", "b"], [30, 90])
    (x1, y1), (x2, y2) = draw(30, 1, 0.9), draw(90, 2, -0.2)
    pooled = association(np.r_[x1, x2], np.r_[y1, y2], strata=strata)
    expected = (30 * stats.spearmanr(x1, y1).statistic + 90 * stats.spearmanr(x2, y2).statistic) / 120
    assert pooled.value == pytest.approx(expected, abs=1e-10)


def test_a_class_in_which_nothing_varies_has_no_part():
    strata = np.repeat([0, 1], 30)
    x, y = draw(30)
    pooled = association(np.r_[x, np.ones(30)], np.r_[y, y], strata=strata)
    assert pooled.value == pytest.approx(spearman(x, y).value)


def test_rows_of_one_case_are_resampled_together():
    x, y = draw(40)
    alone = association(x, y, method="pearson")
    twice = association(np.r_[x, x], np.r_[y, y], method="pearson", cases=np.r_[np.arange(40), np.arange(40)])
    apart = association(np.r_[x, x], np.r_[y, y], method="pearson")
    assert twice.high - twice.low == pytest.approx(alone.high - alone.low, rel=1e-6)
    assert apart.high - apart.low < 0.85 * (alone.high - alone.low)


def test_a_perfect_order_has_an_interval_that_narrows_with_the_cases():
    few, many = (spearman(np.arange(n), np.arange(n) ** 2.0) for n in (8.0, 80.0))
    assert few.value == many.value == many.high == 1.0
    assert 0.5 < few.low < many.low < 1
    turned = spearman(np.arange(8.0), -np.arange(8.0))
    assert (turned.low, turned.high) == (-1.0, pytest.approx(-few.low))


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        (np.ones(20), np.arange(20.0), "x does not vary"),
        (np.arange(20.0), np.full(20, 0.1), "y does not vary"),
        (np.arange(2.0), np.arange(2.0), "too few"),
        (np.full(20, np.nan), np.arange(20.0), "too few"),
        (np.array([]), np.array([]), "too few"),
    ],
)
@pytest.mark.parametrize("statistic", [pearson, spearman])
def test_what_has_no_correlation_says_why(x, y, reason, statistic):
    known = statistic(x, y)
    assert np.isnan(known.value)
    assert reason in known.reason


def test_a_covariate_that_determines_the_measure_leaves_nothing():
    x, y = draw()
    known = partial_correlation(x, y, [np.exp(x)])
    assert np.isnan(known.value)
    assert "covariates determine" in known.reason


def test_a_covariate_that_is_constant_or_stands_twice_changes_nothing():
    x, y = draw()
    z = draw(seed=3)[0] + x
    once = partial_correlation(x, y, [z])
    for more in (np.ones(len(x)), z):
        assert partial_correlation(x, y, [z, more]).value == pytest.approx(once.value, abs=1e-9)


def test_large_values_are_no_constant():
    x, y = draw()
    assert pearson(1e6 + x, 1e-6 * y).value == pytest.approx(pearson(x, y).value, abs=1e-6)
