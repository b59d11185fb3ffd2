"""The arms, and what is left out at random."""

import pytest

from auvseg.bench.training.plan import ARMS, DEFAULT_ARMS, arms_named, drawn_at_random
from auvseg.errors import UsageError

CASES = tuple(f"c{number:02}" for number in range(20))


def test_the_baseline_is_always_among_them_and_comes_first():
    assert [arm.name for arm in arms_named(("oracle", "duo"))] == ["baseline", "duo", "oracle"]


@pytest.mark.parametrize("name", ["magic", "snr+", "snr+sgd", "+duo"])
def test_an_unknown_arm_is_refused(name):
    with pytest.raises(UsageError, match="unknown arm"):
        arms_named((name,))


def test_every_measure_is_an_arm():
    _, plain, duo = arms_named(("fisher", "fisher+duo"))
    assert (plain.filter, plain.loss) == ("fisher", "baseline")
    assert (duo.filter, duo.loss) == ("fisher", "duo")


def test_the_default_holds_every_question():
    filters = {(ARMS[name].filter, ARMS[name].loss) for name in DEFAULT_ARMS}
    assert {
        ("none", "baseline"),
        ("random", "baseline"),
        ("none", "duo"),
        ("auv", "duo"),
        ("outlier", "baseline"),
    } <= filters


def test_as_many_as_asked_are_drawn_and_every_seed_draws_others():
    drawn = [drawn_at_random(CASES, 4, seed) for seed in range(5)]
    assert all(len(set(one)) == 4 and set(one) <= set(CASES) for one in drawn)
    assert len(set(drawn)) > 1
    assert drawn_at_random(CASES, 4, 0) == drawn[0]
