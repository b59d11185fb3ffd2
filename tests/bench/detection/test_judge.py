import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from auvseg.bench.detection.judge import Verdicts, monotonicity, rank_stability
from auvseg.bench.detection.plan import Plan
from auvseg.bench.verdict import BLIND, FINDS, WRONG
from synthetic_evidence import draw_evidence, suspicions


def row(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    (found,) = table.to_dict("records")
    return found


@pytest.fixture(scope="module")
def evidence():
    return draw_evidence(2000)


@pytest.fixture(scope="module")
def by_fault(evidence):
    return Verdicts(evidence, suspicions(evidence)).by_fault()


@pytest.mark.parametrize(
    ("corruption", "severity", "distance"), [("blur", 0.5, 1.0), ("blur", 1.0, 2.0), ("shift", 0.5, 2.0)]
)
def test_areas_are_those_of_two_normal_distributions(by_fault, corruption, severity, distance):
    found = row(by_fault, measure="agreement", corruption=corruption, severity=severity)
    assert found["auroc"] == pytest.approx(norm.cdf(distance / math.sqrt(2)), abs=0.02)
    assert found["low"] < norm.cdf(distance / math.sqrt(2)) < found["high"]


def test_verdicts_follow_the_interval(by_fault):
    assert row(by_fault, measure="agreement", corruption="shift", severity=1.0)["verdict"] == FINDS
    assert row(by_fault, measure="S", corruption="shift", severity=1.0)["verdict"] == WRONG


def test_a_measure_without_signal_is_called_so_nearly_always():
    plan = Plan(cases=None, corruptions=("blur",), severities=(1.0,))
    called = 0
    for seed in range(40):
        evidence = draw_evidence(40, {"snr": {}}, seed, plan, classes=(1,))
        called += Verdicts(evidence, suspicions(evidence)).by_fault()["verdict"].item() == BLIND
    assert called >= 34


def test_resamples_of_few_cases_that_have_no_fault_do_not_count():
    plan = Plan(cases=None, corruptions=("blur",), severities=(1.0,))
    evidence = draw_evidence(8, {"snr": {}, "S": {}}, 0, plan, classes=(1,))
    overall = Verdicts(evidence, suspicions(evidence)).overall()
    assert overall["best_share"].sum() == pytest.approx(1.0)


def test_a_class_and_a_draw_agree_with_scikit_learn():
    evidence = draw_evidence(40, classes=(1,))
    found = row(Verdicts(evidence, suspicions(evidence)).by_fault(), measure="S", corruption="blur", severity=1.0)
    chosen = evidence.faulty(0, "blur", 1.0) | evidence.sound(0)
    expected = roc_auc_score(evidence.rows["changed"][chosen], evidence.suspicion("S")[chosen])
    assert found["auroc"] == pytest.approx(expected)


def test_classes_are_compared_with_themselves():
    evidence = draw_evidence(40)
    raised = evidence.values + 100.0 * (evidence.rows["class_id"] == 2).to_numpy()[:, None]
    other = replace(evidence, values=raised)
    first, second = (Verdicts(e, suspicions(e)).by_fault() for e in (evidence, other))
    np.testing.assert_allclose(first["auroc"], second["auroc"])


def test_recall_and_precision_within_a_budget_are_those_of_the_mixture(by_fault):
    found = row(by_fault, measure="agreement", corruption="shift", severity=1.0)
    # Reviewing a tenth of a cohort with a tenth faulty: the threshold t solves .1 = .1 Φ(4 - t) + .9 Φ(-t).
    threshold = brentq(lambda t: 0.1 * norm.cdf(4 - t) + 0.9 * norm.cdf(-t) - 0.1, 0, 4)
    assert found["recall"] == pytest.approx(norm.cdf(4 - threshold), abs=0.03)
    assert found["precision"] == pytest.approx(found["recall"])


def test_a_measure_that_is_constant_is_chance_and_finds_its_budget_by_luck():
    evidence = draw_evidence(40)
    constant = {"flat": np.zeros(len(evidence.rows))}
    table = Verdicts(evidence, constant).by_fault(budget=0.2)
    np.testing.assert_allclose(table["auroc"], 0.5)
    np.testing.assert_allclose(table["recall"], 0.2)
    assert set(table["verdict"]) == {BLIND}


def test_a_measure_without_numbers_has_no_verdict():
    evidence = draw_evidence(40)
    missing = {"gone": np.full(len(evidence.rows), -np.inf), "S": evidence.suspicion("S")}
    verdicts = Verdicts(evidence, missing)
    gone = verdicts.by_fault().query("measure == 'gone'")
    assert gone["auroc"].isna().all()
    assert set(gone["verdict"]) == {""}
    assert list(verdicts.overall()["measure"]) == ["S"]


def test_a_mean_over_faults_says_over_how_many():
    evidence = draw_evidence(40)
    blind = np.where(evidence.rows["corruption"] == "shift", evidence.suspicion("S"), -np.inf)
    blind[evidence.clean] = -np.inf
    whole = {"S": evidence.suspicion("S"), "part": {"blur": np.full(len(blind), -np.inf), "shift": blind}}
    table = Verdicts(evidence, whole).overall().set_index("measure")
    assert table.loc["S", ["faults", "of"]].tolist() == [2, 2]
    assert table.loc["part", ["faults", "of"]].tolist() == [1, 2]


def test_faults_that_do_not_overlap_leave_a_width():
    evidence = draw_evidence(20, {"agreement": {"blur": -99.0, "shift": -99.0}}, classes=(1,))
    found = Verdicts(evidence, suspicions(evidence)).by_fault()
    assert (found["auroc"] == 1).all()
    np.testing.assert_allclose(found["low"], 0.025 ** (1 / 10))


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    truth, held = norm.cdf(1 / math.sqrt(2)), 0
    plan = Plan(cases=None, corruptions=("blur",), severities=(1.0,))
    for seed in range(100):
        evidence = draw_evidence(60, {"S": {"blur": -1.0}}, seed, plan, classes=(1,))
        (found,) = Verdicts(evidence, suspicions(evidence)).by_fault().to_dict("records")
        held += found["low"] <= truth <= found["high"]
    assert 88 <= held <= 100


def test_overall_is_the_mean_at_the_highest_severity_best_first(evidence, by_fault):
    table = Verdicts(evidence, suspicions(evidence)).overall()
    assert list(table["measure"]) == ["agreement", "S", "snr"]
    best = row(table, measure="agreement")
    areas = by_fault.query("measure == 'agreement' and severity == 1.0").set_index("corruption")["auroc"]
    assert best["auroc"] == pytest.approx(areas.mean())
    assert (best["worst"], best["worst_corruption"]) == (pytest.approx(areas["blur"]), "blur")
    assert (best["image"], best["label"]) == (pytest.approx(areas["blur"]), pytest.approx(areas["shift"]))
    assert best["best_share"] == 1.0


def test_monotone_measures_rise_always_and_others_now_and_then(evidence):
    table = monotonicity(evidence, suspicions(evidence))
    assert row(table, measure="agreement", corruption="blur")["rises"] == 1.0
    assert row(table, measure="S", corruption="shift")["rises"] == 0.0


def test_the_order_of_clear_measures_is_stable_over_draws():
    plan = Plan(cases=None, corruptions=("blur", "shift"), severities=(1.0,), draws=3)
    effects = {
        name: dict.fromkeys(plan.corruptions, -size) for name, size in {"S": 0.5, "snr": 1.5, "slices": 3.0}.items()
    }
    evidence = draw_evidence(200, effects, plan=plan)
    assert rank_stability(evidence, suspicions(evidence)) == pytest.approx(1.0)
    assert math.isnan(rank_stability(draw_evidence(20), suspicions(draw_evidence(20))))
