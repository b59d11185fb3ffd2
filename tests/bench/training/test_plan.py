"""What is held out and planted follows from the seed alone."""

from dataclasses import replace

import pytest

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.training.plan import NoisePlan
from auvseg.data.case import Case, Dataset
from auvseg.errors import UsageError


def dataset(tmp_path, count=30):
    cases = tuple(Case(f"c{number:02}", (tmp_path / "image",), tmp_path / "label") for number in range(count))
    return Dataset("data", tmp_path, "folders", None, cases)


def ids(cases):
    return [case.case_id for case in cases]


def test_training_and_held_out_cases_are_all_cases_and_share_none(tmp_path):
    training, held_out = NoisePlan(held_out=0.2).split(dataset(tmp_path))
    assert len(held_out) == 6
    assert sorted(ids(training) + ids(held_out)) == [f"c{number:02}" for number in range(30)]


def test_the_order_of_the_cases_does_not_matter_and_the_seed_does(tmp_path):
    known = dataset(tmp_path)
    turned = replace(known, cases=known.cases[::-1])
    assert NoisePlan().split(known) == NoisePlan().split(turned)
    assert NoisePlan(seed=1).split(known) != NoisePlan().split(known)


def test_cases_without_a_label_or_of_another_subset_have_no_part(tmp_path):
    known = dataset(tmp_path, 20)
    cases = (replace(known.cases[0], label=None), replace(known.cases[1], subset="validation"), *known.cases[2:])
    training, held_out = NoisePlan().split(replace(known, cases=cases))
    assert not {"c00", "c01"} & {*ids(training), *ids(held_out)}


@pytest.mark.parametrize(("cases", "image", "label"), [(24, 2, 3), (40, 4, 4), (10, 1, 1)])
def test_half_the_faults_are_of_the_image(cases, image, label):
    assert NoisePlan(noise_level=0.2).faults_wanted(cases) == {"image": image, "label": label}


def test_faults_of_one_kind_alone_are_all_of_that_kind():
    assert NoisePlan(corruptions=("shift",)).faults_wanted(20) == {"label": 4}


def test_every_kind_of_fault_is_a_candidate_once():
    tried = list(NoisePlan(severities=(0.5, 1.0)).candidates("c07", "label"))
    assert sorted(name for name, _ in tried) == sorted(n for n, one in CORRUPTIONS.items() if one.kind == "label")
    assert len({severity for _, severity in tried}) == 1


def test_randomness_differs_between_cases_and_not_between_calls():
    plan = NoisePlan()
    draws = [plan.generator(case, "shift").random() for case in ("a", "b", "a")]
    assert draws[0] == draws[2] != draws[1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"corruptions": ("rust",)}, "unknown corruption 'rust'"),
        ({"corruptions": ()}, "no corruption"),
        ({"severities": (0.0,)}, "severities"),
        ({"held_out": 0.0}, "held-out"),
        ({"noise_level": 1.0}, "noise level"),
        ({"cases": 5}, "5 cases are too few"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, words):
    with pytest.raises(UsageError, match=words):
        NoisePlan(**options)


def test_too_few_cases_are_refused(tmp_path):
    with pytest.raises(UsageError, match="has 9 labelled training cases"):
        NoisePlan().split(dataset(tmp_path, 9))
