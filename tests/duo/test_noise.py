"""The constraint on the noise, its addressing by case, and two processes that act as one."""

import pytest
import torch
from torch import nn

from auvseg.duo import CaseNoise, SampledNoise, add_noise_head
from auvseg.duo.loss import DUOLoss, parameters_for_optimizer

IDS = [f"case_{number:02d}" for number in range(7)]


def assert_constrained(noise):
    values = noise.values()
    assert values.mean(dim=0).abs().max() < 1e-12
    assert (values.square().mean(dim=0) - 1).abs().max() < 1e-12


def test_the_constraint_is_exact_at_the_start_and_after_a_hundred_steps(make_network, generator):
    network, noise = add_noise_head(make_network(), 3), CaseNoise(IDS, 3)
    assert_constrained(noise)
    loss = DUOLoss(3, noise=noise)
    optimizer = torch.optim.SGD(parameters_for_optimizer(network, loss, 1e-4), lr=0.5, momentum=0.9)
    before = noise.values().clone()
    for step in range(100):
        image = torch.randn(2, 1, 4, 4, 4, generator=generator)
        label = torch.randint(0, 3, (2, 1, 4, 4, 4), generator=generator)
        optimizer.zero_grad()
        loss(network(image), label, case_ids=[IDS[step % 7], IDS[(step + 3) % 7]]).backward()
        optimizer.step()
    assert_constrained(noise)
    assert (noise.values() - before).abs().max() > 1e-3


def test_noise_is_addressed_by_case_and_not_by_order():
    noise, turned = CaseNoise(IDS, 2), CaseNoise(IDS[::-1], 2)
    assert torch.equal(noise(2, [IDS[4], IDS[1]]), turned(2, [IDS[4], IDS[1]]))
    assert torch.equal(noise(2, [IDS[4], IDS[1]]), noise(2, [IDS[1], IDS[4]]).flip(0))
    assert torch.equal(noise(1, [IDS[3]])[0].double(), noise.values()[3].float().double())


def test_a_single_case_has_no_noise_rather_than_nan():
    noise = CaseNoise(["only"], 2)
    values = noise.values()
    assert values.abs().max() == 0
    values.sum().backward()
    assert noise.free.grad.isfinite().all()


@pytest.mark.parametrize(("ids", "message"), [([], "at least one"), (["a", "a"], "twice")], ids=["none", "twice"])
def test_impossible_case_lists_are_refused(ids, message):
    with pytest.raises(ValueError, match=message):
        CaseNoise(ids, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [(None, "pass case_ids"), ([IDS[0]], "1 case ids for a batch of 2"), ([IDS[0], "stranger"], "stranger")],
)
def test_ids_that_do_not_fit_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        CaseNoise(IDS, 2)(2, given)


def test_a_checkpoint_restores_the_noise_and_one_of_other_cases_is_refused():
    noise, other = CaseNoise(IDS, 2, seed=0), CaseNoise(IDS, 2, seed=1)
    other.load_state_dict(noise.state_dict())
    assert torch.equal(noise.values(), other.values())
    with pytest.raises(ValueError, match="other training cases"):
        CaseNoise([*IDS[:-1], "new"], 2).load_state_dict(noise.state_dict())


def test_sampled_noise_follows_its_seed_and_resumes():
    first, second = SampledNoise(3, seed=5), SampledNoise(3, seed=5)
    assert torch.equal(first(4, None), second(4, None))
    resumed = SampledNoise(3)
    resumed.load_state_dict(first.state_dict())
    assert torch.equal(first(4, None), resumed(4, None))
    many = SampledNoise(2)(20000, None)
    assert many.mean().abs() < 0.05
    assert (many.var() - 1).abs() < 0.05


def test_weight_decay_leaves_the_noise_alone(make_network):
    network, noise = make_network(), CaseNoise(IDS, 3)
    groups = parameters_for_optimizer(network, DUOLoss(3, noise=noise), 3e-5)
    assert [group["weight_decay"] for group in groups] == [3e-5, 0.0]
    assert groups[1]["params"] == [noise.free]
    assert isinstance(groups[0]["params"][0], nn.Parameter)
