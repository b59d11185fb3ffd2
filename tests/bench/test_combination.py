import numpy as np
import pandas as pd
import pytest

from auvseg.bench.combination import combine, read_combination, write_combination
from auvseg.bench.detection.judge import Verdicts
from auvseg.errors import RunError
from auvseg.measures.catalogue import COMBINED
from synthetic_evidence import draw_evidence, suspicions

EFFECTS = {"agreement": {"shift": -3.0}, "S": {"blur": 3.0}, "snr": {}, "stability": {}}
"""A measure that finds one fault, one that finds the other by its wrong end, and two that find none."""


@pytest.fixture(scope="module")
def evidence():
    return draw_evidence(120, EFFECTS)


@pytest.fixture(scope="module")
def combination(evidence):
    return combine(evidence)


def test_weights_go_to_the_ends_that_tell_and_are_never_negative(combination):
    low, high = combination.weights.low, combination.weights.high
    assert min(*low.values(), *high.values()) >= 0
    assert min(low["agreement"], high["S"]) > 5 * max(high["agreement"], low["S"], *(w["snr"] for w in (low, high)))


def test_it_finds_what_no_single_measure_finds(evidence, combination):
    found = {**suspicions(evidence), COMBINED: combination.apply(evidence.rows["case"], evidence.z)}
    table = Verdicts(evidence, found).overall().set_index("measure")
    assert table.index[0] == COMBINED
    assert table.loc[COMBINED, "worst"] > 0.85 > table.loc[["agreement", "S"], "worst"].max()


def test_no_case_has_a_part_in_its_own_weights(evidence):
    whole = combine(evidence)
    unseen = whole.folds[0]
    changed = evidence.z.copy()
    changed.loc[evidence.rows["case"].isin(unseen)] *= -3.0
    other = combine(type(evidence)(evidence.plan, evidence.rows, evidence.values, changed, evidence.halves, {}))
    assert other.fold_weights[0] == whole.fold_weights[0]
    assert other.fold_weights[1] != whole.fold_weights[1]


def test_noise_alone_is_not_combined_into_a_signal():
    evidence = draw_evidence(80, {name: {} for name in ("agreement", "S", "snr", "stability", "confidence")})
    combination = combine(evidence)
    found = {COMBINED: combination.apply(evidence.rows["case"], evidence.z)}
    (row,) = Verdicts(evidence, found).overall().to_dict("records")
    assert row["low"] < 0.5 < row["high"]


def test_the_gradient_is_that_of_the_loss(evidence):
    from scipy.optimize import check_grad

    from auvseg.bench.combination import _loss

    rng = np.random.default_rng(0)
    features, faulty = rng.random((30, 4)), rng.random(30) < 0.5
    arguments = (features, faulty, np.full(30, 1 / 30))
    error = check_grad(lambda x: _loss(x, *arguments)[0], lambda x: _loss(x, *arguments)[1], rng.random(5))
    assert error < 1e-6


def test_it_survives_its_file(tmp_path, combination):
    write_combination(tmp_path, combination)
    assert read_combination(tmp_path) == combination


@pytest.mark.parametrize("content", [None, "{", '{"measures": 3}'])
def test_a_missing_or_damaged_file_is_said(tmp_path, content):
    if content is not None:
        (tmp_path / "combined.json").write_text(content)
    with pytest.raises(RunError, match="bench detect"):
        read_combination(tmp_path)


def test_a_run_is_judged_by_folds_and_its_own_cohort(combination):
    rng = np.random.default_rng(1)
    cases = [*combination.folds[0], *combination.folds[1], "a new one"]
    table = pd.DataFrame({name: rng.normal(50, 7, len(cases)) for name in EFFECTS})
    table = table.assign(case=cases, subset="training", class_id=pd.array([1] * len(cases), dtype="Int64"))
    table.loc[3, "agreement"] = -1000.0
    scored = combination.add_to(table)
    assert scored[COMBINED].idxmax() == 3
    assert scored[COMBINED].notna().all()
    moved = combination.add_to(table.assign(**{name: 3 * table[name] - 8 for name in EFFECTS}))
    np.testing.assert_allclose(scored[COMBINED], moved[COMBINED])


def test_a_run_that_lacks_what_carries_weight_is_refused(combination):
    table = pd.DataFrame({"case": ["a"], "subset": ["training"], "class_id": [1], "S": [0.1]})
    with pytest.raises(RunError, match="agreement"):
        combination.add_to(table)


def test_a_fault_left_out_has_no_part_in_the_weights(evidence):
    left_out = combine(evidence, without="shift")
    assert left_out.weights.low["agreement"] < 0.2 < combine(evidence).weights.low["agreement"]
    assert left_out.weights.high["S"] > 1
