"""Dice for soft targets, and a cross-entropy that is exact where a wrong label needs it most."""

import math

import pytest
import torch
from torch.nn import functional

from auvseg.duo.loss import binary_cross_entropy, dice_loss, probabilities


def test_hard_targets_give_the_usual_dice(logits, label):
    p = torch.softmax(logits, 1)
    y = functional.one_hot(label[:, 0], 3).movedim(-1, 1).double()
    usual = 1 - 2 * (p * y).sum((2, 3, 4)) / (p.sum((2, 3, 4)) + y.sum((2, 3, 4)))
    assert torch.allclose(dice_loss(p, y, None, 1e-12), usual)


def test_dice_of_soft_targets_is_smallest_and_zero_where_prediction_equals_target(generator):
    y = torch.rand(1, 2, 3, 3, 3, generator=generator, dtype=torch.float64)
    assert torch.allclose(dice_loss(y, y, None, 1e-5), torch.zeros(1, 2, dtype=torch.float64))
    for _ in range(20):
        p = (y + 0.2 * torch.randn(y.shape, generator=generator, dtype=torch.float64)).clamp(0, 1)
        assert (dice_loss(p, y, None, 1e-5) > 0).all()


def test_a_class_neither_there_nor_predicted_costs_nothing():
    nothing = torch.zeros(1, 1, 2, 2, 2)
    assert dice_loss(nothing, nothing, None, 1e-5).item() == 0


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_cross_entropy_is_that_of_the_probabilities(logits, label, activation):
    p = probabilities(logits, activation)
    y = functional.one_hot(label[:, 0], 3).movedim(-1, 1).double()
    expected = functional.binary_cross_entropy(p, y, reduction="none").mean((2, 3, 4))
    assert torch.allclose(binary_cross_entropy(logits, y, None, activation), expected)


@pytest.mark.parametrize("gap", [5.0, 20.0, 60.0, 200.0])
def test_a_confident_mistake_keeps_its_loss_and_its_gradient(gap):
    logits = torch.tensor([gap, 0.0, -1.0]).view(1, 3, 1).requires_grad_()
    y = torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1)
    loss = binary_cross_entropy(logits, y, None, "softmax")
    # 1 - p of the first class is the others' share.
    expected = math.log(math.exp(0) + math.exp(-1)) - gap
    assert loss[0, 0].item() == pytest.approx(-expected, rel=1e-4, abs=1e-2)
    (gradient,) = torch.autograd.grad(loss[0, 0], logits)
    assert gradient.isfinite().all()
    assert gradient[0, 0, 0].item() == pytest.approx(1.0, abs=0.02)


def test_equal_logits_have_finite_gradients():
    logits = torch.zeros(1, 4, 2, 2, requires_grad=True)
    binary_cross_entropy(logits, torch.zeros(1, 4, 2, 2), None, "softmax").sum().backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("labelled", [0, 1])
def test_float32_loses_nothing_around_a_half_and_far_from_it(classes, labelled):
    # Two classes from far below one another to far above, with a tie between; the others hardly matter.
    gap = torch.cat([torch.linspace(-1, 1, 2001), torch.linspace(-200, 200, 2001)])
    logits = torch.full((1, classes, len(gap)), -50.0)
    logits[0, 0], logits[0, 1] = gap, 0.0
    y = torch.zeros_like(logits)
    y[:, labelled] = 1
    values, gradients = [], []
    for dtype in (torch.float32, torch.float64):
        given = logits.to(dtype).requires_grad_()
        values.append(binary_cross_entropy(given, y.to(dtype), None, "softmax").double())
        gradients.append(torch.autograd.grad(values[-1].sum(), given)[0].double() * len(gap))
    assert torch.allclose(*values, rtol=1e-5)
    assert torch.allclose(*gradients, atol=1e-5)


def test_voxels_that_do_not_count_change_nothing(logits, generator):
    y = torch.rand(logits.shape, generator=generator, dtype=torch.float64)
    counted = torch.rand(2, 1, 3, 4, 5, generator=generator) > 0.5
    other_logits = torch.where(counted, logits, 7.0)
    other_y = torch.where(counted, y, 0.5)
    for activation in ("softmax", "sigmoid"):
        assert torch.allclose(
            binary_cross_entropy(logits, y, counted, activation),
            binary_cross_entropy(other_logits, other_y, counted, activation),
        )
    p = probabilities(logits, "sigmoid")
    other = probabilities(other_logits, "sigmoid")
    assert torch.allclose(dice_loss(p, y, counted, 1e-5), dice_loss(other, other_y, counted, 1e-5))


def test_nothing_that_counts_costs_nothing(logits):
    y, counted = torch.ones_like(logits), torch.zeros(2, 1, 3, 4, 5, dtype=torch.bool)
    assert binary_cross_entropy(logits, y, counted, "softmax").abs().max() == 0
    assert dice_loss(probabilities(logits, "softmax"), y, counted, 1e-5).abs().max() == 0
