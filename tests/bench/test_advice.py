import numpy as np
import pytest
from scipy.stats import norm

from auvseg.bench.advice import advise
from auvseg.errors import UsageError
from synthetic_evidence import draw_evidence

EFFECT = {"agreement": {"blur": -6.0, "shift": -6.0}}


def run_like(size=1000, faulty=0.1, seed=5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=size) + np.where(np.arange(size) < faulty * size, 6.0, 0.0)


def test_the_cut_is_where_the_densities_cross():
    # Half of the faults lie 3 away, half 6; P(faulty) = .1: the densities cross at x with .05 e^(3x - 4.5) ~ .9.
    evidence = draw_evidence(4000, EFFECT, classes=(1,))
    advice = advise(evidence, evidence.suspicion("agreement"), run_like())
    crossing = (np.log(0.9 / 0.05) + 4.5) / 3
    assert advice.threshold == pytest.approx(crossing, abs=0.25)
    assert advice.recall == pytest.approx((norm.cdf(3 - crossing) + norm.cdf(6 - crossing)) / 2, abs=0.03)
    assert advice.false_alarms == pytest.approx(norm.cdf(-crossing), abs=0.01)
    assert advice.good_lost == pytest.approx(900 * advice.false_alarms)


def test_keep_is_the_share_of_the_run_below_the_cut():
    evidence = draw_evidence(400, EFFECT, classes=(1,))
    run = run_like()
    advice = advise(evidence, evidence.suspicion("agreement"), run)
    assert advice.keep == pytest.approx((run < advice.threshold).mean())
    assert advice.interval[0] <= advice.keep <= advice.interval[1]


def test_a_dearer_good_case_and_a_rarer_fault_keep_more():
    evidence = draw_evidence(400, {"agreement": {"blur": -2.0, "shift": -2.0}}, classes=(1,))
    suspicion = evidence.suspicion("agreement")
    plain = advise(evidence, suspicion, run_like())
    assert advise(evidence, suspicion, run_like(), cost=10).keep > plain.keep
    assert advise(evidence, suspicion, run_like(), faulty_share=0.4).keep < plain.keep


@pytest.mark.parametrize("scope", ["case", "class"])
def test_a_measure_without_signal_removes_nothing(scope):
    evidence = draw_evidence(400, {"agreement": {}})
    flat = advise(evidence, np.zeros(len(evidence.rows)), run_like(), scope=scope)
    assert (flat.keep, flat.gain) == (1.0, 0.0)
    assert "no cut pays off" in flat.in_words()


def test_cases_are_means_over_their_structures():
    # One structure of two is moved by 6: the case's mean by 3, with a spread of 1/√2.
    evidence = draw_evidence(2000, EFFECT)
    suspicion = evidence.suspicion("agreement")
    suspicion[evidence.rows["class_id"] == 2] = np.where(evidence.clean, suspicion, 0.0)[evidence.rows["class_id"] == 2]
    one = advise(evidence, suspicion, run_like(), scope="case")
    assert 1.0 < one.threshold < 3.0


@pytest.mark.parametrize("wrong", [{"cost": 0.0}, {"faulty_share": 1.0}])
def test_what_makes_no_sense_is_refused(wrong):
    evidence = draw_evidence(20, EFFECT)
    with pytest.raises(UsageError):
        advise(evidence, evidence.suspicion("agreement"), run_like(), **wrong)


def test_a_run_without_numbers_is_refused():
    evidence = draw_evidence(20, EFFECT)
    with pytest.raises(UsageError, match="no values"):
        advise(evidence, evidence.suspicion("agreement"), np.full(5, np.nan))
