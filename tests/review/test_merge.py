import pytest

from auvseg.errors import UsageError
from auvseg.review.merge import merge
from auvseg.review.verdicts import Decision, Review


def review(rater, run="", **verdicts):
    return Review(rater, {case: Decision(verdict) for case, verdict in verdicts.items()}, run)


def test_most_voices_decide_and_a_tie_is_unsure():
    merged = merge([review("a", x="keep", y="fix"), review("b", x="keep", y="exclude"), review("c", x="exclude")])
    assert merged.review.decisions["x"].verdict == "keep"
    assert merged.review.decisions["y"].verdict == "unsure"
    assert [one.case_id for one in merged.conflicts] == ["x", "y"]
    assert merged.conflicts[0].verdicts == ("keep", "keep", "exclude")


def test_agreement_counts_only_what_all_have_judged():
    first, second = review("a", x="keep", y="fix", z="keep"), review("b", x="keep", y="keep")
    agreement = merge([first, second]).agreement
    assert (agreement.cases, agreement.equal) == (2, 1)


def test_notes_are_joined_with_their_raters_and_a_note_alone_is_no_verdict():
    first = Review("Anna", {"x": Decision(None, "odd")})
    second = Review("Ben", {"x": Decision("keep", "fine")})
    one = merge([first, second]).review.decisions["x"]
    assert (one.verdict, one.note) == ("keep", "Anna: odd; Ben: fine")


def test_a_verdict_that_one_rater_gave_alone_is_named_and_marked():
    first, second = review("Anna", x="keep", y="fix"), review("Ben", x="keep", z="exclude")
    noted = Review("Cem", {"y": Decision(None, "odd")})
    merged = merge([first, second, noted])
    assert merged.alone == (("y", "Anna"), ("z", "Ben"))
    assert merged.judged == 3
    assert merged.review.decisions["x"].judged_by == ("Anna", "Ben")
    assert [case for case, one in merged.review.decisions.items() if one.alone] == ["y", "z"]


def test_raters_of_one_name_are_told_apart():
    assert merge([review("a", x="keep"), review("a", x="fix")]).raters == ("a 1", "a 2")


def test_one_review_alone_cannot_be_merged():
    with pytest.raises(UsageError, match="at least two"):
        merge([review("a", x="keep")])


def test_reviews_of_different_reports_are_told():
    assert merge([review("a", run="1", x="keep"), review("b", run="1", x="fix"), review("c", x="fix")]).one_run
    assert not merge([review("a", run="1", x="keep"), review("b", run="2", x="fix")]).one_run


def test_the_order_of_reviews_changes_no_verdict():
    reviews = [review("a", x="keep", y="fix"), review("b", x="keep", y="exclude"), review("c", x="exclude", z="keep")]
    there, back = merge(reviews), merge(reviews[::-1])
    assert there.review.decisions == back.review.decisions
    assert there.agreement.value == pytest.approx(back.agreement.value, nan_ok=True)


def test_without_any_case_in_common_there_is_no_agreement():
    merged = merge([review("a", x="keep"), review("b", y="fix")])
    assert merged.agreement.cases == 0
    assert {case: one.verdict for case, one in merged.review.decisions.items()} == {"x": "keep", "y": "fix"}
    assert merged.conflicts == ()
