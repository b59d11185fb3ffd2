import dataclasses

import pytest

from auvseg.bench.detection.plan import Plan
from auvseg.errors import UsageError


def ids(cases):
    return [case.case_id for case in cases]


def test_fewer_cases_are_the_first_of_more(balls):
    assert ids(Plan(cases=8).choose(balls)) == ids(Plan(cases=12).choose(balls))[:8]


def test_the_order_of_the_data_set_does_not_matter(balls):
    turned = dataclasses.replace(balls, cases=balls.cases[::-1])
    assert ids(Plan(cases=8).choose(balls)) == ids(Plan(cases=8).choose(turned))


def test_seeds_choose_other_cases(balls):
    assert ids(Plan(cases=8, seed=0).choose(balls)) != ids(Plan(cases=8, seed=1).choose(balls))


@pytest.mark.parametrize("count", [6, 7, 12])
def test_half_of_the_cases_get_faults_in_every_prefix(balls, count):
    chosen = ids(Plan(cases=count).choose(balls))
    half = Plan(cases=count).faulty_half(chosen, draw=0)
    assert len(half) == count // 2
    for pair in range(count // 2):
        assert len(half & set(chosen[2 * pair : 2 * pair + 2])) == 1


def test_draws_have_halves_and_faults_of_their_own(balls):
    plan = Plan(draws=2)
    chosen = ids(plan.choose(balls))
    assert plan.faulty_half(chosen, 0) != plan.faulty_half(chosen, 1)
    first, second = (plan.generator(f, "a") for f in plan.faults() if f.corruption == "shift" and f.severity == 1)
    assert first.random() != second.random()


def test_a_fault_that_grows_is_the_same_fault():
    mild, severe = (f for f in Plan().faults() if f.corruption == "shift")
    assert Plan().generator(mild, "a").random() == Plan().generator(severe, "a").random()
    assert Plan().generator(mild, "a").random() != Plan().generator(mild, "b").random()


def test_unlabelled_and_other_cases_do_not_take_part(balls):
    first, second, *others = balls.cases
    changed = (dataclasses.replace(first, label=None), dataclasses.replace(second, subset="test"), *others)
    chosen = ids(Plan().choose(dataclasses.replace(balls, cases=changed)))
    assert not {first.case_id, second.case_id} & set(chosen)
    assert len(chosen) == 10


def test_too_few_cases_are_refused(balls):
    with pytest.raises(UsageError, match="at least 6"):
        Plan().choose(dataclasses.replace(balls, cases=balls.cases[:5]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"corruptions": ("shift", "rust")},
        {"severities": (1.0, 0.5)},
        {"severities": (0.0,)},
        {"draws": 0},
        {"cases": 2},
    ],
)
def test_what_cannot_be_planted_is_refused(wrong):
    with pytest.raises(UsageError):
        Plan(**wrong)


def test_a_plan_survives_json():
    plan = Plan(cases=None, corruptions=("blur", "shift"), severities=(0.25, 1.0), draws=3, seed=7)
    assert Plan.from_dict(plan.as_dict()) == plan
