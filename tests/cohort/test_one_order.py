"""The order of the training cases is one, whoever asks and whatever validation and test cases stand beside them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from auvseg.bench.between_runs import between_runs
from auvseg.bench.correlation.correlate import measure_values
from auvseg.cohort.compared import cohort_columns, medians, usually_held, z_scores
from auvseg.cohort.order import behind, doubt, no_order, rank
from auvseg.cohort.reasons import ranked
from auvseg.cohort.selection import filter_cases
from auvseg.cohort.suspicion import default_measure, find_criterion, suspicions
from auvseg.demo.found import case_suspicion
from auvseg.report.ranked_run import rank_run

CRITERIA = ("AUV", "agreement", "anisotropy", "label_outlier", "site")
CLASSES = ((1, "liver"), (2, "spleen"), (3, "tumour"))


def drawn(rng, cases, subset, offset=0.0):
    """Rows of cases whose numbers lie around an offset; a structure in five is missing, a case in eight failed."""
    rows = []
    for case in cases:
        if rng.random() < 0.12:
            rows.append(
                {"case": case, "subset": subset, "class_id": None, "class": "", "status": "failed", "reason": "x"}
            )
            continue
        site = round(float(rng.normal(offset, 2)), 1)
        for class_id, name in CLASSES:
            row = {"case": case, "subset": subset, "class_id": class_id, "class": name, "site": site, "reason": ""}
            if rng.random() < 0.2:
                rows.append(row | {"status": "absent", "reason": "the label does not hold this class"})
                continue
            # Few different numbers, so that there are ties.
            numbers = {name: round(float(rng.normal(offset, 1)), 1) for name in ("anisotropy", "offset_z_mm")}
            numbers |= {name: round(float(rng.uniform(0.05, 1)), 1) for name in ("S", "agreement", "noise")}
            rows.append(row | {"status": "ok", "volume_ml": float(rng.choice([1.0, 3.0, 40.0])), **numbers})
    return rows


def table_of(rows):
    table = pd.DataFrame(rows)
    table["class_id"] = table["class_id"].astype("Int64")
    return table.assign(**cohort_columns(table, {})).sort_values(["case", "class_id"], ignore_index=True)


@st.composite
def pairs_of_tables(draw):
    """A table of training cases, and the same with cases of other subsets before, between and behind them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    training = drawn(rng, [f"case_{n:02d}" for n in range(draw(st.integers(6, 16)))], "training")
    assume(sum(row["status"] == "ok" for row in training) > 4)
    others = []
    for subset in ("validation", "test"):
        names = [f"{draw(st.sampled_from(['a', 'case_03', 'z']))}_{subset}_{n}" for n in range(draw(st.integers(0, 9)))]
        others += drawn(rng, names, subset, offset=draw(st.sampled_from([0.0, 8.0, -300.0])))
    return table_of(training), table_of([*training, *others])


def of_training(frame, table):
    """The rows of a frame that are about training cases, without the rank, which counts all."""
    training = set(table.loc[table["subset"] == "training", "case"])
    rows = frame[frame["case"].isin(training)].drop(columns=["rank", "cohort"], errors="ignore")
    return rows.reset_index(drop=True)


@settings(max_examples=4)
@given(tables=pairs_of_tables())
@pytest.mark.parametrize("by", CRITERIA)
@pytest.mark.parametrize("scope", ["case", "class"])
def test_other_subsets_move_no_training_case(tables, by, scope):
    alone, beside = tables
    end = "both" if by == "site" else None
    assume((by in alone and by in beside) or by == "AUV")
    criterion = find_criterion(alone, by, end)
    assume(not no_order(alone, criterion, scope))
    pd.testing.assert_frame_equal(
        of_training(rank(alone, by=by, scope=scope, suspicious=end), alone),
        of_training(rank(beside, by=by, scope=scope, suspicious=end), alone),
    )
    pd.testing.assert_frame_equal(
        of_training(suspicions(alone, criterion, scope), alone),
        of_training(suspicions(beside, criterion, scope), alone),
    )
    assert doubt(alone, criterion, scope) == doubt(beside, criterion, scope)


@settings(max_examples=4)
@given(tables=pairs_of_tables())
@pytest.mark.parametrize("by", CRITERIA)
def test_rank_filter_and_report_have_one_order(tables, by):
    alone, beside = tables
    end = "both" if by == "site" else None
    assume((by in alone and by in beside) or by == "AUV")
    criterion = find_criterion(beside, by, end)
    assume(not no_order(alone, criterion))
    in_rank = rank(beside, by=by, suspicious=end)
    training = set(alone["case"])
    wanted = [case for case in in_rank["case"][in_rank["rank"].notna()] if case in training]
    decisions = filter_cases(beside, by=by, suspicious=end, keep=0.7).decisions.dropna(subset="suspicion")
    in_filter = decisions.sort_values(["suspicion", "case"], ascending=[False, True], kind="stable")["case"]
    assert wanted == list(in_filter)
    assert [case for case in ranked(beside, by=by, suspicious=end).rows["case"] if case in set(wanted)] == wanted
    if by != "site":
        report = rank_run(beside, None, by)
        assert [case for case in report.order if case in set(wanted)] == wanted
        known = decisions.set_index("case")["suspicion"]
        pd.testing.assert_series_equal(report.suspicion[known.index], known, check_names=False)
        puts_there = {case: one.class_id for case, one in behind(alone, criterion).items()}
        assert {case: class_id for case, class_id in report.behind.items() if case in training} == puts_there


@settings(max_examples=4)
@given(tables=pairs_of_tables())
def test_whatever_else_reads_the_cohort_is_not_moved_either(tables):
    alone, beside = tables
    assert default_measure(alone) == default_measure(beside)
    assert usually_held(alone) == usually_held(beside)
    np.testing.assert_equal(medians(beside), medians(alone))
    mine = (beside["subset"] == "training").to_numpy()
    pd.testing.assert_frame_equal(z_scores(alone), z_scores(beside)[mine].reset_index(drop=True))
    names = [name for name in measure_values(alone) if name in measure_values(beside)]
    pd.testing.assert_frame_equal(measure_values(alone)[names], of_training(measure_values(beside)[names], alone))


def test_the_filter_is_the_same_whatever_stands_beside():
    rng = np.random.default_rng(7)
    training = drawn(rng, [f"case_{n:02d}" for n in range(20)], "training")
    others = drawn(rng, [f"other_{n:02d}" for n in range(20)], "test", offset=50.0)
    alone, beside = table_of(training), table_of([*training, *others])
    for by in CRITERIA:
        end = "low" if by == "site" else None
        for scope in ("case", "class"):
            first, second = (filter_cases(one, by=by, scope=scope, suspicious=end, keep=0.8) for one in (alone, beside))
            assert first.removed == second.removed
            pd.testing.assert_frame_equal(first.decisions, second.decisions)
    of_both = between_runs(alone, beside, by="anisotropy")
    assert of_both.measures.set_index("measure").loc["anisotropy", "spearman"] == pytest.approx(1.0)
    assert set(case_suspicion(alone, "noise").index) <= set(case_suspicion(beside, "noise").index)
