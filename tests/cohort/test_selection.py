import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auvseg.cohort.auv import auv
from auvseg.cohort.selection import filter_cases, inverse_cdf, losses
from auvseg.errors import UsageError

finite = st.floats(-1e6, 1e6)


def smallest_value_that_reaches(values, p):
    """`inf { a : p <= F(a) }` by trying every value."""
    return min(a for a in values if p <= sum(x <= a for x in values) / len(values))


@given(st.lists(finite, min_size=1, max_size=40), st.floats(1e-3, 1))
def test_the_quantile_is_the_smallest_value_whose_share_reaches_p(values, p):
    assert inverse_cdf(np.array(values), p) == smallest_value_that_reaches(values, p)


@pytest.mark.parametrize("p", [0.05, 0.1, 0.55, 0.7, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("n", [1, 7, 19, 20, 21, 100, 380])
def test_the_quantile_at_exact_shares(n, p):
    values = list(range(n))
    assert inverse_cdf(np.array(values, dtype=float), p) == smallest_value_that_reaches(values, p)


def test_the_quantile_agrees_with_numpy_away_from_exact_shares():
    values = np.random.default_rng(0).normal(size=101)
    for p in (0.013, 0.333, 0.501, 0.777, 0.949):
        assert inverse_cdf(values, p) == np.quantile(values, p, method="inverted_cdf")


def test_the_lowest_scale_goes_first(make_scores):
    table = make_scores({f"c{n:02d}": {1: 0.1 + 0.01 * n} for n in range(20)})
    selection = filter_cases(table, keep=0.9)
    assert selection.removed == ("c00", "c01")
    assert len(selection.kept) == 18
    assert selection.unscored == ()
    np.testing.assert_allclose(selection.decisions["suspicion"], auv(table["S"]))


def test_auv_and_scale_remove_the_same_cases(make_scores):
    random = np.random.default_rng(1)
    table = make_scores({f"c{n:02d}": {1: random.uniform(), 2: random.uniform()} for n in range(30)})
    for scope in ("case", "class"):
        by_auv = filter_cases(table, by="auv", keep=0.8, scope=scope, combine="intersection")
        by_scale = filter_cases(table, by="S", keep=0.8, scope=scope, combine="intersection")
        assert by_auv.removed == by_scale.removed
        assert by_auv.suspicious_pairs == by_scale.suspicious_pairs


@pytest.mark.parametrize(
    ("measure", "worst"), [("agreement", "low"), ("boundary_entropy", "high"), ("volume_ml", "low")]
)
def test_every_measure_knows_its_suspicious_end(make_scores, measure, worst):
    table = make_scores({"low": {1: 1.0}, "mid": {1: 2.0}, "high": {1: 3.0}}, measure=measure)
    assert filter_cases(table, by=measure, keep=0.6).removed == (worst,)


def test_the_value_of_a_case_is_the_mean_over_the_classes_it_holds(make_scores):
    table = make_scores({"a": {1: 0.2, 2: 0.6}, "b": {1: 0.3, 2: None}, "c": {1: 0.5, 2: 0.5}}, measure="agreement")
    values = filter_cases(table, by="agreement", keep=0.6).decisions.set_index("case")["value"]
    assert values.to_dict() == pytest.approx({"a": 0.4, "b": 0.3, "c": 0.5})


def test_a_column_of_the_data_set_needs_a_direction(make_scores):
    table = make_scores({"a": {1: 0.1}, "b": {1: 0.2}}, age={"a": "80", "b": "9"})
    assert filter_cases(table, by="age", suspicious="high", keep=0.5).removed == ("a",)
    assert filter_cases(table, by="age", suspicious="low", keep=0.5).removed == ("b",)
    with pytest.raises(UsageError, match="which end of 'age'"):
        filter_cases(table, by="age", keep=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "beauty"}, "AUV, S, site"),
        ({"by": "status"}, "cannot filter by 'status'"),
        ({"by": "agreement"}, "cannot filter by 'agreement'"),
        ({"by": "site", "suspicious": "high"}, "holds no numbers"),
        ({"by": "S", "suspicious": "high"}, "suspicious end of S is low"),
        ({"by": "auv", "suspicious": "low"}, "suspicious end of AUV is high"),
        ({"keep": 0.0}, "above 0 and at most 1; got 0"),
        ({"keep": 1.01}, "got 1.01"),
        ({"keep": float("nan")}, "got nan"),
        ({"strata": "scanner"}, "no column 'scanner'"),
    ],
)
def test_wrong_options_are_refused_in_words(make_scores, options, message):
    table = make_scores({"a": {1: 0.1}, "b": {1: 0.2}}, site={"a": "x", "b": "y"})
    with pytest.raises(UsageError, match=message):
        filter_cases(table, **options)


def test_validation_and_test_cases_play_no_part(make_scores):
    training = make_scores({"a": {1: 0.4}, "b": {1: 0.5}, "c": {1: 0.6}})
    others = [make_scores({f"{s}{n}": {1: 0.01 * n} for n in range(5)}, subset=s) for s in ("validation", "test")]
    alone = filter_cases(training, keep=0.6)
    together = filter_cases(pd.concat([*others, training], ignore_index=True), keep=0.6)
    assert together.kept == alone.kept == ("b", "c")
    assert together.removed == alone.removed
    pd.testing.assert_frame_equal(together.decisions, alone.decisions)


def test_a_table_without_training_cases_is_refused(make_scores):
    with pytest.raises(UsageError, match="no training cases"):
        filter_cases(make_scores({"a": {1: 0.5}}, subset="test"))


def test_ties_with_the_threshold_are_kept(make_scores):
    table = make_scores({f"c{n}": {1: 0.3 if n < 4 else 0.5} for n in range(10)})
    selection = filter_cases(table, keep=0.9)
    assert selection.removed == ()
    assert any("ties are kept" in sentence for sentence in selection.warnings)


def test_too_few_cases_to_remove_one_is_said(make_scores):
    selection = filter_cases(make_scores({f"c{n}": {1: 0.1 * n + 0.1} for n in range(5)}))
    assert selection.removed == ()
    assert any("less than one" in sentence for sentence in selection.warnings)


def test_what_is_not_scored_is_kept_and_listed_with_its_reason(make_scores):
    table = make_scores(
        {"a": {1: 0.1, 2: 0.2}, "b": {1: 0.5, 2: np.nan}, "c": {1: 0.6, 2: 0.6}, "d": {}, "e": {1: None, 2: None}}
    )
    selection = filter_cases(table, keep=0.6)
    assert selection.removed == ("a",)
    assert [(one.case_id, one.reason) for one in selection.unscored] == [
        ("d", "d is truncated"),
        ("e", "the label does not hold this class"),
    ]
    by_class = filter_cases(table, keep=0.5, scope="class")
    assert {"d", "e"} <= set(by_class.kept)
    assert [(one.case_id, one.class_name) for one in by_class.unscored] == [("b", "class 2"), ("d", ""), ("e", "")]
    assert next(one.reason for one in by_class.unscored if one.case_id == "b") == "no value of AUV"
    assert any("3 cases have structures without AUV" in sentence for sentence in by_class.warnings)


def test_nothing_scored_at_all_is_refused(make_scores):
    with pytest.raises(UsageError, match="no training case has a value of AUV"):
        filter_cases(make_scores({"a": {}, "b": {1: np.nan}}))


def test_classes_are_compared_with_themselves(make_scores):
    table = make_scores({"a": {1: 0.1, 2: 0.9}, "b": {1: 0.2, 2: 0.8}, "c": {1: 0.3, 2: 0.7}})
    union = filter_cases(table, keep=0.6, scope="class")
    assert union.suspicious_pairs == (("a", 1), ("c", 2))
    assert union.removed == ()
    assert any("kept for at least one of its classes" in sentence for sentence in union.warnings)
    intersection = filter_cases(table, keep=0.6, scope="class", combine="intersection")
    assert intersection.suspicious_pairs == union.suspicious_pairs
    assert intersection.removed == ("a", "c")


def test_a_case_that_is_suspicious_in_every_class_it_holds_goes_even_by_union(make_scores):
    table = make_scores({"a": {1: 0.1, 2: None}, "b": {1: 0.2, 2: 0.8}, "c": {1: 0.3, 2: 0.7}})
    assert filter_cases(table, keep=0.6, scope="class").removed == ("a",)


def test_a_rule_that_keeps_nobody_is_refused(make_scores):
    table = make_scores({"a": {1: 0.1, 2: 0.9}, "b": {1: 0.9, 2: 0.1}})
    with pytest.raises(UsageError, match="every training case is suspicious"):
        filter_cases(table, keep=0.5, scope="class", combine="intersection")


random_scores = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
    st.dictionaries(
        st.integers(1, 3), st.one_of(st.none(), st.just(np.nan), st.floats(0.01, 1)), min_size=1, max_size=3
    ),
    min_size=3,
    max_size=12,
)


def select_or_none(table, **options):
    try:
        return filter_cases(table, **options)
    except UsageError:
        return None


@settings(max_examples=12)
@given(random_scores, st.floats(0.05, 1), st.sampled_from(["case", "class"]))
def test_a_selection_divides_the_training_cases_whatever_their_names(make_scores_of, values, keep, scope):
    table = make_scores_of(values)
    selection = select_or_none(table, keep=keep, scope=scope)
    if selection is not None:
        assert sorted(selection.kept + selection.removed) == sorted(values)
        shuffled = filter_cases(table.sample(frac=1, random_state=0), keep=keep, scope=scope)
        assert (shuffled.kept, shuffled.removed, shuffled.unscored, shuffled.warnings) == (
            selection.kept,
            selection.removed,
            selection.unscored,
            selection.warnings,
        )
        pd.testing.assert_frame_equal(shuffled.decisions, selection.decisions)


@settings(max_examples=12)
@given(random_scores, st.floats(0.05, 1))
def test_union_keeps_whatever_intersection_keeps(make_scores_of, values, keep):
    table = make_scores_of(values)
    union = select_or_none(table, keep=keep, scope="class")
    intersection = select_or_none(table, keep=keep, scope="class", combine="intersection")
    if intersection is not None:
        assert set(union.kept) >= set(intersection.kept)


@settings(max_examples=12)
@given(random_scores, st.sampled_from(["case", "class"]), st.sampled_from(["union", "intersection"]))
def test_keeping_everything_removes_nothing(make_scores_of, values, scope, combine):
    selection = select_or_none(make_scores_of(values), keep=1.0, scope=scope, combine=combine)
    if selection is not None:
        assert selection.removed == ()
        assert not selection.decisions["suspicious"].any()


@settings(max_examples=12)
@given(random_scores, st.floats(0.05, 1), st.floats(0.05, 1))
def test_keeping_more_never_removes_another_case(make_scores_of, values, one, other):
    table = make_scores_of(values)
    more, less = (select_or_none(table, keep=keep) for keep in (max(one, other), min(one, other)))
    if less is not None:
        assert set(more.removed) <= set(less.removed)


@pytest.fixture(scope="module")
def make_scores_of():
    def make(values):
        rows = []
        for case, classes in values.items():
            for class_id, value in classes.items():
                rows.append((case, "training", class_id, str(class_id), "absent" if value is None else "ok", "", value))
        table = pd.DataFrame(rows, columns=["case", "subset", "class_id", "class", "status", "reason", "S"])
        return table.assign(class_id=table["class_id"].astype("Int64"), S=table["S"].astype("float64"))

    return make


def test_the_reason_names_the_value_and_the_threshold(make_scores):
    table = make_scores({"a": {1: 0.25}, "b": {1: 0.5}, "c": {1: 0.75}}, measure="agreement")
    decision = filter_cases(table, by="agreement", keep=0.6).decisions.iloc[0]
    assert decision["reason"] == "agreement 0.25 is below 0.5"
    assert (decision["suspicion"], decision["threshold"]) == (-0.25, -0.5)


def test_a_map_without_variation_is_announced(make_scores):
    selection = filter_cases(make_scores({"a": {1: 0.0}, "b": {1: 0.5}, "c": {1: 0.6}}), keep=0.6)
    assert selection.removed == ("a",)
    assert any("1 maps have no variation" in sentence for sentence in selection.warnings)


def test_a_table_that_came_back_from_csv_gives_the_same_selection(tmp_path, make_scores):
    table = make_scores({"a": {1: 0.1, 2: None}, "b": {1: 0.5, 2: np.nan}, "c": {1: 0.6, 2: 0.6}, "d": {}})
    table.to_csv(tmp_path / "scores.csv", index=False)
    for scope in ("case", "class"):
        direct, read = (filter_cases(t, keep=0.5, scope=scope) for t in (table, pd.read_csv(tmp_path / "scores.csv")))
        assert (direct.kept, direct.removed, direct.unscored) == (read.kept, read.removed, read.unscored)


def test_a_case_that_has_a_class_twice_is_refused(make_scores):
    table = make_scores({"a": {1: 0.1}, "b": {1: 0.2}})
    with pytest.raises(UsageError, match="'a' has class 'class 1' twice"):
        filter_cases(pd.concat([table, table]))


def test_something_that_is_no_scores_table_is_refused():
    with pytest.raises(UsageError, match="columns subset are missing"):
        filter_cases(pd.DataFrame({"case": ["a"], "class_id": [1], "class": ["x"], "status": ["ok"], "reason": [""]}))


def test_losses_are_those_of_the_selection(make_scores):
    table = make_scores({f"c{n}": {1: 0.1 + 0.1 * n} for n in range(6)}, site={f"c{n}": "AB"[n % 2] for n in range(6)})
    counted = losses(filter_cases(table, keep=0.8, strata="site"), table)
    assert counted[counted["kind"] == "stratum"].set_index("name")["removed"].to_dict() == {"A": 1, "B": 0}
    assert counted.loc[counted["kind"] == "all", "after"].item() == 5
