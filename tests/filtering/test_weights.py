import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auvseg.cohort.selection import filter_cases
from auvseg.errors import UsageError
from auvseg.filtering.weights import export_weights, sampling_weights


def test_the_formula_on_three_cases(make_scores):
    selection = filter_cases(make_scores({"a": {1: 0.2}, "b": {1: 0.4}, "c": {1: 0.8}}), keep=1.0)
    weights = sampling_weights(selection, ["a", "b", "c"], floor=0.2)
    assert weights["rank"].tolist() == [1.0, 0.5, 0.0]
    np.testing.assert_allclose(weights["weight"], np.array([0.2, 0.6, 1.0]) * 3 / 1.8)


def test_ties_weigh_the_same(make_scores):
    selection = filter_cases(make_scores({"a": {1: 0.2}, "b": {1: 0.2}, "c": {1: 0.8}}), keep=1.0)
    weights = sampling_weights(selection, ["a", "b", "c"])["weight"]
    assert weights[0] == weights[1] < weights[2]


@pytest.fixture(scope="module")
def select():
    def make(values, keep=1.0, scope="case"):
        rows = [(f"c{n}", "training", 1, "one", "ok", "", value) for n, value in enumerate(values)]
        table = pd.DataFrame(rows, columns=["case", "subset", "class_id", "class", "status", "reason", "S"])
        return filter_cases(table, keep=keep, scope=scope), sorted(table["case"])

    return make


@settings(max_examples=25)
@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.floats(0.01, 1), st.sampled_from(["zero", "floor"]))
def test_weights_fall_with_suspicion_and_have_mean_one(select, values, floor, excluded):
    selection, cases = select(values, keep=0.8)
    weights = sampling_weights(selection, cases, floor=floor, excluded=excluded).set_index("case")["weight"]
    assert weights.mean() == pytest.approx(1)
    suspicion = selection.decisions.set_index("case")["suspicion"].sort_values()
    assert (np.diff(weights[suspicion.index]) <= 1e-12).all()
    assert (weights[list(selection.kept)] > 0).all()
    lowest = weights[weights > 0].min()
    assert lowest >= floor * weights.max() * (1 - 1e-9)


def test_one_extreme_case_changes_no_other_weight(make_scores):
    def weights_with(worst):
        values = {"a": {1: worst}, "b": {1: 0.4}, "c": {1: 0.5}, "d": {1: 0.6}}
        return sampling_weights(filter_cases(make_scores(values), keep=1.0), list("abcd"))

    pd.testing.assert_frame_equal(weights_with(0.39), weights_with(1e-5))


def test_a_removed_case_is_never_drawn_or_as_seldom_as_the_worst(make_scores):
    selection = filter_cases(make_scores({c: {1: 0.1 * n + 0.1} for n, c in enumerate("abcde")}), keep=0.6)
    zero = sampling_weights(selection, list("abcde")).set_index("case")
    assert zero.loc[["a", "b"], "weight"].tolist() == [0, 0]
    assert zero["excluded"].tolist() == [True, True, False, False, False]
    floor = sampling_weights(selection, list("abcde"), excluded="floor").set_index("case")["weight"]
    assert floor["a"] == floor["b"] == pytest.approx(0.1 * floor["e"])


def test_what_is_not_scored_is_drawn_as_often_as_the_scored_on_average(make_scores):
    selection = filter_cases(make_scores({"a": {1: 0.2}, "b": {1: 0.4}, "c": {1: 0.8}, "d": {}}), keep=1.0)
    weights = sampling_weights(selection, ["a", "b", "c", "d", "new"]).set_index("case")
    assert weights.loc[["d", "new"], "weight"].tolist() == pytest.approx([1.0, 1.0])
    assert weights["scored"].tolist() == [True, True, True, False, False]


def test_a_case_ranks_by_the_mean_over_its_classes(make_scores):
    table = make_scores({"a": {1: 0.1, 2: 0.9}, "b": {1: 0.2, 2: 0.8}, "c": {1: 0.3, 2: None}})
    weights = sampling_weights(filter_cases(table, keep=1.0, scope="class"), ["a", "b", "c"])
    assert weights["rank"].tolist() == [0.5, 0.75, 0.0]


@pytest.mark.parametrize("floor", [0.0, -0.1, 1.1, float("nan")])
def test_a_floor_out_of_range_is_refused(make_scores, floor):
    selection = filter_cases(make_scores({"a": {1: 0.2}, "b": {1: 0.4}}))
    with pytest.raises(UsageError, match="floor"):
        sampling_weights(selection, ["a", "b"], floor=floor)


def test_csv_and_json_hold_the_same_weights_for_the_training_cases(tmp_path, nnunet_dataset, scores):
    export = export_weights(filter_cases(scores, keep=0.9), nnunet_dataset, tmp_path / "filter")
    table = pd.read_csv(export.files[0].path, float_precision="round_trip")
    content = json.loads(export.files[1].path.read_text())
    assert [file.path.name for file in export.files] == ["weights.csv", "weights.json"]
    assert dict(zip(table["case"], table["weight"], strict=True)) == content["weights"]
    assert len(table) == 10
    assert table["weight"].mean() == pytest.approx(1)
    assert content["weights"]["liver_003"] == 0
