import numpy as np
import pandas as pd
import pytest

from auvseg.scoring.record import ClassScore, packed
from auvseg.scoring.table import scores_table

MISSING = None


@pytest.fixture
def cohort(make_record):
    """Builds records of one or two structures from their volumes; None is a structure that the case lacks."""

    def build(volumes, *, second=None, subset="training", prefix="case", seed=0):
        rng = np.random.default_rng(seed)
        records = []
        for number, volume in enumerate(volumes):
            scores = []
            for class_id, value in ((1, volume), (2, 5.0 + rng.random() if second is None else second[number])):
                if value is MISSING:
                    scores.append(ClassScore(class_id, f"c{class_id}", "absent", "not there", 0, 0, {}, None))
                    continue
                features = packed(rng.normal(size=16).tolist())
                scores.append(ClassScore(class_id, f"c{class_id}", "ok", "", 3, 3, {"volume_ml": value}, features))
            name = f"{prefix}_{number:02d}"
            setup = {"config": {"measures": ["volume_ml"]}}
            records.append(make_record(name, subset=subset, setup=setup, classes=tuple(scores)))
        return records

    return build


def spread(count, seed=0):
    return list(np.exp(np.random.default_rng(seed).normal(2.0, 0.2, count)))


def of(table, column, class_id=1):
    rows = table[table["class_id"] == class_id]
    return pd.Series(rows[column].to_numpy(), index=rows["case"])


def test_the_structure_that_is_far_too_small_is_farthest(cohort):
    volumes = spread(12)
    volumes[4] /= 30
    table = scores_table(cohort(volumes))
    assert of(table, "label_outlier").idxmax() == "case_04"
    assert of(table, "label_outlier").drop("case_04").max() < 10
    assert of(table, "label_outlier", 2).loc["case_04"] < 5


def test_sizes_are_compared_as_ratios(cohort):
    whole = of(scores_table(cohort(spread(12))), "label_outlier")
    in_other_units = of(scores_table(cohort([1000 * volume for volume in spread(12)])), "label_outlier")
    np.testing.assert_allclose(whole, in_other_units)


def test_a_structure_missing_in_one_of_many_comes_before_any_odd_one(cohort):
    volumes = spread(25)
    volumes[3], volumes[7] = volumes[3] * 1000, MISSING
    far = of(scores_table(cohort(volumes)), "label_outlier")
    assert far.idxmax() == "case_07"
    assert far["case_03"] == 10


def test_a_structure_that_half_of_the_cases_lack_is_hardly_missed(cohort):
    volumes = [volume if number % 2 else MISSING for number, volume in enumerate(spread(24))]
    far = of(scores_table(cohort(volumes)), "label_outlier")
    assert (far[::2] < 3).all()
    assert (far[::2] > 0).all()


def test_a_missing_structure_has_no_other_number(cohort):
    volumes = spread(8)
    volumes[2] = MISSING
    table = scores_table(cohort(volumes))
    row = table[(table["case"] == "case_02") & (table["class_id"] == 1)].iloc[0]
    assert row["status"] == "absent"
    assert np.isnan(row["volume_ml"])
    assert np.isnan(row["mahalanobis"])


def test_a_failed_case_is_unknown_and_not_one_that_lacks_a_structure(cohort, make_record):
    volumes = spread(20)
    volumes[5] = MISSING
    records = cohort(volumes)
    setup = records[0].setup
    failed = [make_record(f"x{n}", status="failed", reason="truncated", setup=setup, classes=()) for n in range(30)]
    alone, beside = (of(scores_table(some), "label_outlier") for some in (records, records + failed))
    assert beside["case_05"] == alone["case_05"]


def test_the_order_of_the_records_does_not_matter(cohort):
    records = cohort(spread(10))
    pd.testing.assert_frame_equal(scores_table(records), scores_table(records[::-1]), check_exact=True)


def test_validation_cases_are_held_against_the_training_cases_and_move_none(cohort):
    training = cohort(spread(12))
    alone = scores_table(training)
    held_out = cohort([1e4, MISSING, *spread(8, seed=9)], subset="validation", prefix="held", seed=5)
    both = scores_table(training + held_out)
    same = both[both["subset"] == "training"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, alone, check_exact=True)
    far = of(both, "label_outlier")
    assert far["held_00"] == 10
    assert far["held_01"] > 8
    assert of(both, "mahalanobis")[["held_00", "held_02"]].notna().all()


def test_without_training_cases_all_are_the_cohort(cohort):
    test = scores_table(cohort(spread(12), subset="test"))
    training = scores_table(cohort(spread(12)))
    for name in ("mahalanobis", "label_outlier"):
        np.testing.assert_array_equal(test[name], training[name])


@pytest.mark.parametrize("column", ["mahalanobis", "label_outlier", "outlier"])
def test_a_cohort_of_fewer_than_five_has_no_distance_of_any_kind(cohort, column):
    assert scores_table(cohort(spread(4)))[column].isna().all()
    assert scores_table(cohort([*spread(3), MISSING]))[column].isna().all()
    assert scores_table(cohort(spread(5)))[column].notna().all()


@pytest.mark.parametrize("column", ["mahalanobis", "label_outlier", "outlier"])
def test_a_structure_that_few_cases_hold_is_compared_with_none(cohort, column):
    table = scores_table(cohort([*spread(4), *[MISSING] * 8]))
    assert of(table, column)[:4].isna().all()
    assert of(table, column, class_id=2).notna().all()


def test_four_training_cases_are_too_few_to_hold_a_test_case_against(cohort):
    table = scores_table(cohort(spread(4)) + cohort([1e4, MISSING], subset="test", prefix="held"))
    assert table["outlier"].isna().all()


def test_columns_exist_where_their_inputs_do_and_stand_after_the_measures(cohort, make_record):
    table = scores_table(cohort(spread(6)))
    assert list(table.columns)[6:] == ["volume_ml", "mahalanobis", "label_outlier", "outlier", "site"]
    assert list(scores_table([make_record()]).columns)[6:] == ["S", "site"]


def test_outlier_is_far_where_the_image_or_the_label_is(make_record):
    rng = np.random.default_rng(3)
    records = []
    for number in range(20):
        measures = {"noise": rng.uniform(1, 2), "spike": rng.uniform(1, 2), "volume_ml": rng.uniform(4, 6)}
        if number == 3:
            measures["noise"] *= 20
        if number == 8:
            measures["volume_ml"] /= 20
        score = ClassScore(1, "c1", "ok", "", 3, 3, measures, None)
        missing = ClassScore(1, "c1", "absent", "not there", 0, 0, {}, None)
        setup = {"config": {"measures": list(measures)}}
        records.append(make_record(f"case_{number:02d}", setup=setup, classes=(missing if number == 13 else score,)))
    table = scores_table(records)
    assert set(of(table, "outlier").nlargest(3).index) == {"case_03", "case_08", "case_13"}
    held = table[table["status"] == "ok"]
    np.testing.assert_allclose(held["outlier"], np.hypot(held["image_outlier"], held["label_outlier"]))
    assert of(table, "outlier")["case_13"] == of(table, "label_outlier")["case_13"]
