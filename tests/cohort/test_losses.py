import pytest

from auvseg.cohort.selection import cautions, count_losses, training_rows
from auvseg.errors import UsageError


def caution(table, removed, strata=None):
    return cautions(count_losses(training_rows(table), removed, strata), strata)


@pytest.fixture
def common_and_rare(make_scores):
    """40 cases; class 2 in the first ten alone, class 3 in the first two."""
    return make_scores(
        {f"c{n:02d}": {1: 0.5, 2: 0.5 if n < 10 else None, 3: 0.5 if n < 2 else None} for n in range(40)},
        site={f"c{n:02d}": "north" if n < 10 else "" for n in range(40)},
    )


def test_every_class_is_counted_before_and_after(common_and_rare):
    counted = count_losses(training_rows(common_and_rare), {"c00", "c20"}, None).set_index("name")
    assert counted["before"].to_dict() == {"all": 40, "class 1": 40, "class 2": 10, "class 3": 2}
    assert counted["removed"].to_dict() == {"all": 2, "class 1": 2, "class 2": 1, "class 3": 1}
    assert counted.loc["class 2", "share"] == pytest.approx(0.1)
    assert (counted["before"] - counted["after"] == counted["removed"]).all()


def test_a_class_that_loses_its_share_gives_no_caution(common_and_rare):
    assert caution(common_and_rare, {"c05", "c20", "c21", "c22"}) == []


def test_a_class_that_loses_more_than_twice_its_share_gives_a_caution(common_and_rare):
    sentences = caution(common_and_rare, {"c05", "c06", "c07"})
    assert sentences == ["class 'class 2' would lose 3 of its 10 training cases: 30%, overall 8%"]


def test_one_lost_case_is_no_disproportion(common_and_rare):
    assert caution(common_and_rare, {"c05"}) == []


def test_a_class_that_is_left_with_few_cases_gives_a_caution(common_and_rare):
    assert "class 'class 3' would be left with 1 of its 2 training cases" in caution(common_and_rare, {"c00"})


def test_a_class_that_is_lost_gives_a_caution(common_and_rare):
    assert "class 'class 3' would lose all of its 2 training cases" in caution(common_and_rare, {"c00", "c01"})


def test_a_rare_class_that_loses_nothing_gives_no_caution(common_and_rare):
    assert not any("class 3" in sentence for sentence in caution(common_and_rare, {"c30", "c31"}))


def test_strata_are_counted_and_cautioned_like_classes(common_and_rare):
    counted = count_losses(training_rows(common_and_rare), {"c05", "c06", "c07"}, "site")
    assert counted[counted["kind"] == "stratum"].set_index("name")["before"].to_dict() == {"(missing)": 30, "north": 10}
    assert any(
        sentence.startswith("site 'north'") for sentence in caution(common_and_rare, {"c05", "c06", "c07"}, "site")
    )


def test_a_stratum_that_differs_within_a_case_is_refused(make_scores):
    table = make_scores({"a": {1: 0.1, 2: 0.2}}).assign(site=["x", "y"])
    with pytest.raises(UsageError, match="'a' has more than one 'site'"):
        count_losses(training_rows(table), (), "site")
