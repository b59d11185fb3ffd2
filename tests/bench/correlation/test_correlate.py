import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from auvseg.bench.correlation.correlate import COLUMNS, ITSELF, correlate
from auvseg.bench.correlation.metrics import MetricRow, Metrics
from auvseg.errors import UsageError
from synthetic_scores import draw_scores, metrics_of

FEW = 100


def dice_of(table, seed=1, *, of_size=0.05, of_scale=0.0, noise=0.05):
    rng = np.random.default_rng(seed)
    log_volume, scale = np.log(table["volume_ml"]).to_numpy(), table["S"].to_numpy()
    return 0.7 + of_size * log_volume + of_scale * (scale - 0.5) + noise * rng.normal(size=len(table))


def one(result, measure, method, *, partial, class_id=None):
    return result.select(method, partial=partial, class_id=class_id).loc[measure]


@settings(max_examples=3)
@given(st.integers(0, 2**16))
def test_one_class_has_the_correlations_of_scipy(seed):
    table = draw_scores(25, classes=("liver",), seed=seed)
    dice = dice_of(table, of_scale=0.2)
    result = correlate(table, metrics_of(table, dice), resamples=FEW)
    for method, function in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        expected = function(table["S"].to_numpy(), dice).statistic
        for class_id in (None, 1):
            assert one(result, "S", method, partial=False, class_id=class_id)["r"] == pytest.approx(expected)


def test_partial_correlations_are_those_of_the_residuals_with_the_volume_by_its_logarithm():
    table = draw_scores(50, classes=("liver",))
    dice = dice_of(table, of_scale=0.2)
    design = np.column_stack([np.ones(len(table)), np.log(table["volume_ml"]), table["slices"]])
    left = [v - design @ np.linalg.lstsq(design, v, rcond=None)[0] for v in (table["S"].to_numpy(), dice)]
    result = correlate(table, metrics_of(table, dice), resamples=FEW)
    assert one(result, "S", "pearson", partial=True)["r"] == pytest.approx(np.corrcoef(*left)[0, 1])


def test_nothing_depends_on_the_order_of_the_rows():
    table = draw_scores(20)
    metrics = metrics_of(table, dice_of(table))
    shuffled = Metrics(metrics.metric, True, tuple(reversed(metrics.rows)), metrics.files)
    known = correlate(table, metrics, resamples=FEW).table
    again = correlate(table.sample(frac=1, random_state=3), shuffled, resamples=FEW).table
    pd.testing.assert_frame_equal(known, again)


def test_spearman_does_not_change_with_a_monotone_transform_of_either_side():
    table = draw_scores(20)
    dice = dice_of(table, of_scale=0.3)
    known = correlate(table, metrics_of(table, dice), resamples=FEW)
    changed = correlate(table.assign(S=np.exp(5 * table["S"])), metrics_of(table, np.exp(3 * dice)), resamples=FEW)
    for partial in (False, True):
        pd.testing.assert_series_equal(
            one(known, "S", "spearman", partial=partial), one(changed, "S", "spearman", partial=partial)
        )
    assert one(known, "S", "pearson", partial=False)["r"] != one(changed, "S", "pearson", partial=False)["r"]


def test_what_differs_between_classes_alone_is_no_correlation():
    """Simpson's paradox: the classes differ in both numbers, and within each they go the other way."""
    rng = np.random.default_rng(0)
    table = draw_scores(60)
    large = (table["class_id"] == 1).to_numpy()
    within = rng.normal(size=len(table))
    table["S"] = 0.5 + 0.3 * large + 0.02 * within
    dice = 0.4 + 0.4 * large - 0.02 * within + 0.01 * rng.normal(size=len(table))
    assert stats.spearmanr(table["S"], dice).statistic > 0.3
    result = correlate(table, metrics_of(table, dice), resamples=FEW)
    for class_id in (None, 1, 2):
        row = one(result, "S", "spearman", partial=False, class_id=class_id)
        assert row["high"] < -0.5


@settings(max_examples=3)
@given(st.integers(0, 2**16))
def test_a_measure_that_is_volume_and_noise_says_nothing_once_volume_is_given(seed):
    table = draw_scores(200, seed=seed, agreement=lambda rng, log_volume: log_volume + 0.5 * rng.normal())
    result = correlate(table, metrics_of(table, dice_of(table, seed, noise=0.03)), resamples=FEW)
    assert one(result, "agreement", "spearman", partial=False)["low"] > 0.4
    for method in ("pearson", "spearman"):
        assert abs(one(result, "agreement", method, partial=True)["r"]) < 0.2


def test_a_measure_beyond_size_stays_when_size_is_given():
    table = draw_scores(100)
    result = correlate(table, metrics_of(table, dice_of(table, of_scale=0.4)), resamples=FEW)
    row = one(result, "S", "spearman", partial=True)
    assert row["low"] > 0.5
    assert row["useful_sign"] == 1
    assert (row["n"], row["cases"]) == (200, 100)


def test_what_is_given_has_no_partial_correlation_and_says_so():
    table = draw_scores(20)
    result = correlate(table, metrics_of(table, dice_of(table)), resamples=FEW)
    for measure in ("volume_ml", "slices"):
        row = one(result, measure, "spearman", partial=True)
        assert np.isnan(row["r"])
        assert row["reason"] == ITSELF
        assert not np.isnan(one(result, measure, "spearman", partial=False)["r"])


def test_the_table_has_a_row_a_measure_class_method_and_given():
    table = draw_scores(20)
    result = correlate(table, metrics_of(table, dice_of(table)), resamples=FEW).table
    assert tuple(result.columns) == COLUMNS
    assert len(result) == 4 * 3 * 2 * 2
    assert not result.duplicated(["measure", "class_id", "method", "given"]).any()
    assert result["r"].dropna().between(-1, 1).all()
    assert set(result["given"]) == {"", "volume_ml, slices"}


def test_something_else_may_be_given_and_must_be_in_the_run():
    table = draw_scores(20, snr=lambda rng, _: rng.uniform(1, 9))
    metrics = metrics_of(table, dice_of(table))
    result = correlate(table, metrics, given=["snr"], resamples=FEW)
    assert result.given == ("snr",)
    assert not np.isnan(one(result, "volume_ml", "spearman", partial=True)["r"])
    with pytest.raises(UsageError, match=r"'sharpness' cannot be a covariate, .*; there are S, anisotropy"):
        correlate(table, metrics, given=["sharpness"], resamples=FEW)


def test_a_run_without_size_has_plain_correlations_only():
    table = draw_scores(20).drop(columns=["volume_ml", "slices"])
    result = correlate(table, metrics_of(table, dice_of(draw_scores(20))), resamples=FEW)
    assert result.given == ()
    assert set(result.table["given"]) == {""}


def test_numbers_of_whole_cases_are_correlated_once():
    table = draw_scores(30)
    means = table.groupby("case")["S"].mean()
    rows = tuple(MetricRow(case, None, "", value) for case, value in means.items())
    result = correlate(table, Metrics("dice", False, rows, ("m.csv",)), resamples=FEW)
    assert set(result.table["class"]) == {"pooled"}
    assert one(result, "S", "spearman", partial=False)["r"] == pytest.approx(1.0)


def test_too_few_rows_and_a_constant_metric_are_said():
    table = draw_scores(3)
    result = correlate(table, metrics_of(table, dice_of(table)), resamples=FEW)
    row = one(result, "S", "spearman", partial=True, class_id=1)
    assert np.isnan(row["r"])
    assert "too few" in row["reason"]
    table = draw_scores(20)
    constant = correlate(table, metrics_of(table, np.full(len(table), 0.5)), resamples=FEW)
    assert one(constant, "S", "spearman", partial=False)["reason"] == "the metric does not vary"


def test_a_measure_in_which_hardly_a_case_differs_has_no_interval():
    """The resamples without the few cases have no correlation, and the others all the same sign."""
    table = draw_scores(60)
    dice = dice_of(table)
    for differing, known in ((3, False), (12, True)):
        rare = table.assign(S=np.where(np.arange(len(table)) < differing, 0.1, 0.5))
        row = one(correlate(rare, metrics_of(rare, dice), resamples=FEW), "S", "spearman", partial=False)
        assert not np.isnan(row["r"])
        assert np.isfinite([row["low"], row["high"]]).all() == known
        assert ("only 3 rows differ from the measure's most common value" in row["reason"]) != known


def test_a_metric_in_which_hardly_a_case_differs_gives_no_interval_either():
    table = draw_scores(30)
    dice = np.where(np.arange(len(table)) < 2, 0.5, 1.0)
    row = one(correlate(table, metrics_of(table, dice), resamples=FEW), "S", "spearman", partial=True)
    assert np.isnan(row["low"])
    assert "only 2 rows differ from the metric's most common value" in row["reason"]


@pytest.mark.parametrize(("metric", "asked", "sign"), [("hd95_mm", None, -1), ("asd", False, -1), ("hd95_mm", True, 1)])
def test_where_low_is_good_the_useful_sign_turns(metric, asked, sign):
    table = draw_scores(10)
    result = correlate(table, metrics_of(table, dice_of(table), metric), higher_is_better=asked, resamples=FEW)
    assert one(result, "S", "spearman", partial=False)["useful_sign"] == sign


def test_progress_counts_to_its_end():
    table, steps = draw_scores(10), []
    correlate(table, metrics_of(table, dice_of(table)), resamples=FEW, progress=lambda *step: steps.append(step))
    assert [done for done, _, _ in steps] == list(range(1, steps[0][1] + 1))
