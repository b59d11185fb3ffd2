import numpy as np
import pandas as pd
import pytest

from auvseg.bench.reviewed import MIN_VERDICTS, judge_by_review
from auvseg.bench.verdict import BLIND, FINDS, WRONG
from auvseg.errors import UsageError
from auvseg.review.verdicts import Decision
from synthetic_scores import draw_scores, failed_row


def scores(cases=40, **columns):
    """One class, so that a case's number is the structure's."""
    return draw_scores(cases=cases, classes=("liver",), **columns)


def decisions(**cases):
    """`exclude=range(5)` and so on."""
    return {f"case_{number:03}": Decision(verdict) for verdict, numbers in cases.items() for number in numbers}


def row(found, measure):
    return found.measures.set_index("measure").loc[measure]


def test_areas_are_the_share_of_pairs_in_the_right_order():
    table = scores()
    table["S"] = [1, 2, 3, 4, 6, *range(100, 130), 5, 7, 8, 9, 10]  # low is suspicious
    table["noise"] = -table["S"]  # high is suspicious
    found = judge_by_review(table, decisions(exclude=range(5), keep=range(35, 40)))
    assert row(found, "S")["auroc"] == row(found, "noise")["auroc"] == pytest.approx(24 / 25)
    assert row(found, "S")["verdict"] == FINDS
    found = judge_by_review(table, decisions(keep=range(5), fix=range(35, 40)))
    assert row(found, "S")["auroc"] == pytest.approx(1 / 25)
    assert row(found, "S")["verdict"] == WRONG


def test_where_both_ends_are_suspicious_the_distance_from_the_middle_counts():
    table = scores(offset_x_mm=lambda rng, _: 0.0)
    table["offset_x_mm"] = [*(-9.0, 9.0) * 3, *np.linspace(-1, 1, 34)]
    found = judge_by_review(table, decisions(exclude=range(6), keep=range(10, 40)))
    assert row(found, "offset_x_mm")["auroc"] == 1


def test_to_exclude_and_to_fix_are_judged_together_and_apart():
    table = scores(noise=lambda rng, _: rng.normal(), edge=lambda rng, _: rng.normal())
    table.loc[:4, "noise"] = 50.0
    table.loc[5:9, "edge"] = -50.0
    found = judge_by_review(table, decisions(exclude=range(5), fix=range(5, 10), keep=range(10, 40)))
    assert (found.faulty, found.counts["keep"]) == (10, 30)
    assert row(found, "noise")["exclude"] == row(found, "edge")["fix"] == 1
    whole, parts = row(found, "noise")["auroc"], row(found, "noise")[["exclude", "fix"]]
    assert whole == pytest.approx(parts.mean())
    few = judge_by_review(table, decisions(exclude=range(MIN_VERDICTS - 1), fix=range(5, 10), keep=range(10, 40)))
    assert np.isnan(row(few, "noise")["exclude"])


def test_a_case_without_a_number_is_suspected_last_and_one_without_any_has_no_part():
    table = pd.concat([scores(), pd.DataFrame([failed_row("zz"), failed_row("yy")])], ignore_index=True)
    table["S"] = [*range(40), np.nan, np.nan]
    table.loc[0, "S"] = np.nan
    verdicts = decisions(exclude=range(5), keep=range(5, 40)) | {"zz": Decision("exclude"), "nobody": Decision("keep")}
    found = judge_by_review(table, verdicts)
    assert (found.unscored, found.elsewhere, found.faulty) == (1, 1, 5)
    assert row(found, "S")["auroc"] == pytest.approx(4 / 5)
    assert row(found, "S")["missing"] == 1


def test_above_the_best_trivial_measure_is_the_difference_of_two_areas_on_the_same_cases():
    rng = np.random.default_rng(5)
    table = scores(cases=80)
    faulty = np.arange(80) < 30
    table["volume_ml"] = np.exp(rng.normal(size=80) - 0.8 * faulty)  # low is suspicious
    table["slices"] = 10.0
    table["noise"] = rng.normal(size=80) + 2.0 * faulty
    table["sharpness"] = np.log(table["volume_ml"])  # the same order
    found = judge_by_review(table, decisions(exclude=range(30), keep=range(30, 80)))
    noise, volume = row(found, "noise"), row(found, "volume_ml")
    assert noise["beyond"] == pytest.approx(noise["auroc"] - volume["auroc"])
    assert 0 < noise["beyond_low"] < noise["beyond"] < noise["beyond_high"]
    same = row(found, "sharpness")[["beyond", "beyond_low", "beyond_high"]].astype(float)
    assert (same == 0).all()


def test_the_interval_above_the_trivial_one_covers_no_difference_as_often_as_it_says():
    covered = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        table = scores(cases=60, seed=seed)[["case", "subset", "class_id", "class", "status", "reason"]]
        faulty = np.arange(60) < 25
        table["noise"] = rng.normal(size=60) + faulty
        table["snr"] = -(rng.normal(size=60) + faulty)
        found = judge_by_review(table, decisions(exclude=range(25), keep=range(25, 60)))
        noise = row(found, "noise")
        covered += noise["beyond_low"] <= 0 <= noise["beyond_high"]
    assert 16 <= covered <= 20


def test_the_order_of_rows_and_verdicts_changes_nothing():
    table, verdicts = scores(), decisions(exclude=range(8), keep=range(8, 30))
    found = judge_by_review(table, verdicts)
    again = judge_by_review(table.sample(frac=1, random_state=1), dict(reversed(verdicts.items())))
    assert found.measures.equals(again.measures)


@pytest.mark.parametrize(("exclude", "keep"), [(4, 30), (20, 4), (0, 0)])
def test_too_few_verdicts_are_refused_with_their_numbers(exclude, keep):
    verdicts = decisions(exclude=range(exclude), keep=range(20, 20 + keep), unsure=[59])
    with pytest.raises(UsageError, match=f"{exclude} scored training cases .* and {keep} to be kept"):
        judge_by_review(scores(cases=60), verdicts)


def test_validation_cases_have_no_part():
    table = scores()
    table.loc[30:, "subset"] = "validation"
    found = judge_by_review(table, decisions(exclude=range(8), keep=range(8, 40)))
    assert (found.training, found.elsewhere, found.counts["keep"]) == (30, 10, 22)


def test_what_is_said_is_what_was_found():
    table = scores()
    table["S"] = [*np.linspace(0.0, 0.1, 10), *np.linspace(0.4, 0.9, 30)]
    table[["volume_ml", "slices"]] = 1.0
    found = judge_by_review(table, decisions(exclude=range(6), fix=range(6, 8), keep=range(12, 20), unsure=[20]))
    said = " / ".join(found.sentences())
    assert "judged by 6 to exclude, 2 to fix and 8 to keep, of 40 training cases; left out: 1 unsure" in said
    assert "S separates them best: AUROC 1.00 [" in said
    assert "chosen among 4 measures on these very cases" in said
    assert "reaches 0.50; S lies 0.50 [0.50, 0.50] above" in said
    assert "without them are a fairer test" in said


def test_a_review_of_the_worst_alone_is_told_to_be_one():
    table = scores()
    table["S"] = np.arange(40) / 40
    worst = judge_by_review(table, decisions(exclude=range(6), keep=range(6, 14)))
    assert worst.led_by == ("S", 1.0)
    assert "from the suspicious end of S (AUROC 1.00" in " ".join(worst.sentences())
    assert judge_by_review(table, decisions(exclude=range(6), keep=range(6, 40))).led_by is None


def test_noise_has_no_usable_signal():
    found = judge_by_review(scores(cases=30), decisions(exclude=range(15), keep=range(15, 30)))
    assert row(found, "anisotropy")["verdict"] == BLIND
    if FINDS not in set(found.measures["verdict"]):
        assert any("no usable signal" in said for said in found.sentences())
