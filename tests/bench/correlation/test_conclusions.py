import math

import numpy as np
import pytest

from auvseg.bench.correlation.conclusions import count, overview, sentences, verdict
from auvseg.bench.correlation.correlate import correlate
from synthetic_scores import draw_scores, metrics_of

FEW = 100


def result_of(cases=60, scale=0.4, **options):
    table = draw_scores(cases, agreement=lambda rng, log_volume: log_volume + rng.normal())
    rng = np.random.default_rng(1)
    dice = 0.7 + 0.05 * np.log(table["volume_ml"]) + scale * (table["S"] - 0.5) + 0.05 * rng.normal(size=len(table))
    return correlate(table, metrics_of(table, dice), resamples=FEW, **options)


@pytest.mark.parametrize(
    ("r", "low", "high", "sign", "words"),
    [
        (0.5, 0.2, 0.7, 1, "useful sign"),
        (0.5, 0.2, 0.7, -1, "wrong sign"),
        (-0.5, -0.7, -0.2, -1, "useful sign"),
        (0.1, -0.2, 0.4, 1, "nothing shown"),
        (math.nan, math.nan, math.nan, 1, "-"),
        (0.5, math.nan, math.nan, 1, "-"),
    ],
)
def test_a_verdict_is_that_of_the_interval_and_the_sign(r, low, high, sign, words):
    assert verdict(r, low, high, sign) == words


def test_the_strongest_beyond_size_comes_first_and_what_is_given_last():
    table = overview(result_of())
    assert table["measure"].iloc[0] == "S"
    assert set(table["measure"].iloc[-2:]) == {"volume_ml", "slices"}
    known = table["spearman_given"].abs().dropna().to_list()
    assert known == sorted(known, reverse=True)
    assert table.loc[0, "spearman_given_low"] <= table.loc[0, "spearman_given"] <= table.loc[0, "spearman_given_high"]


def test_pairs_are_counted_for_the_plain_and_for_the_partial_numbers():
    table = draw_scores(20)
    table.loc[3:9, "slices"] = np.nan
    result = correlate(table, metrics_of(table, np.linspace(0, 1, len(table))), resamples=FEW)
    row = overview(result).set_index("measure").loc["S"]
    assert (row["n"], row["n_given"]) == (40, 33)


def test_what_is_given_is_not_among_the_tested():
    result = result_of()
    assert count(result, "spearman", partial=False).tested == 5
    known = count(result, "spearman", partial=True)
    assert known.tested == 3
    assert known.by_chance == pytest.approx(0.15)
    assert known.useful[0] == "S"


def test_a_measure_against_its_direction_is_counted_apart():
    assert "S" in count(result_of(scale=-0.4), "spearman", partial=True).wrong


def test_where_only_size_explains_dice_the_words_say_so():
    said = " | ".join(sentences(result_of(scale=0.0)))
    assert "given volume_ml and slices: no measure's interval excludes 0 (3 tested)" in said
    assert "size alone: Spearman of volume_ml 0." in said
    assert "by chance" in said
    assert "no partial correlation, because it is a covariate itself" in said


def test_a_metric_that_is_better_when_low_is_worded_so():
    said = " | ".join(sentences(result_of(scale=-0.4, higher_is_better=False)))
    assert "suspicious where dice is high: " in said


def test_without_size_the_words_warn():
    table = draw_scores(20).drop(columns=["volume_ml", "slices"])
    result = correlate(table, metrics_of(table, np.linspace(0, 1, len(table))), resamples=FEW)
    assert any("size may explain" in sentence for sentence in sentences(result))
    assert "spearman_given" in overview(result).columns


def test_no_interval_at_all_is_said():
    table = draw_scores(2)
    result = correlate(table, metrics_of(table, np.linspace(0, 1, len(table))), resamples=FEW)
    assert sentences(result)[0] == "with nothing given: no measure has an interval"
