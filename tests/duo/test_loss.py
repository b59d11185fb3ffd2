"""The loss against a transcription of its equation and finite differences, and what must not happen."""

import math

import pytest
import torch
from torch.nn import functional

from auvseg.duo import CaseNoise, DUOLoss, SampledNoise

IDS = ["a", "b"]


def scale(z):
    """S of one (D, H, W) map from its singular values (METHOD section 2)."""
    energy = torch.linalg.svdvals(z.reshape(len(z), -1)) ** 2
    p = energy / energy.sum()
    return -(p * p.log()).sum() / math.log(len(p))


def transcription(logits, said, label, noise, *, alpha, beta, limit, smooth, share=math.inf):
    """METHOD section 5 in two loops over samples and classes, softmax, sum over both."""
    total = 0.0
    for i in range(len(logits)):
        p_all = torch.softmax(logits[i], dim=0)
        for c in range(logits.shape[1]):
            p, y = p_all[c], (label[i, 0] == c).double()
            if said is not None:
                change = limit * torch.tanh(noise[i, c] * said[i, c] / limit)
                room = share * min(y.sum(), (1 - y).sum())
                if change.abs().sum() > room:
                    change = change * room / change.abs().sum()
                y = (y - change).clip(0, 1)
            dice = (2 * torch.minimum(p, y).sum() + smooth) / (p.sum() + y.sum() + smooth)
            entropy = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
            total = total + (beta * (1 - dice) + (1 - beta) * entropy) / (1 + alpha * scale(logits[i, c]))
    return total


@pytest.mark.parametrize("alpha", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_it_is_the_equation(logits, label, alpha, beta):
    loss = DUOLoss(3, alpha=alpha, beta=beta, reduction="sum")
    expected = transcription(logits, None, label, None, alpha=alpha, beta=beta, limit=0.4, smooth=1e-5)
    assert loss(logits, label).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("limit", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("share", [0.1, 0.5, math.inf])
def test_it_is_the_equation_with_noise(logits, label, generator, limit, share):
    said = torch.randn(logits.shape, generator=generator, dtype=torch.float64)
    noise = CaseNoise([*IDS, "c"], 3)
    loss = DUOLoss(3, noise=noise, correction_limit=limit, correction_share=share, reduction="sum")
    settings = {"alpha": 0.5, "beta": 0.5, "limit": limit, "smooth": 1e-5, "share": share}
    expected = transcription(logits, said, label, noise.values()[:2], **settings)
    assert loss(torch.cat([logits, said], 1), label, case_ids=IDS).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("scale_on", ["logits", "probabilities"])
@pytest.mark.parametrize("centre", [False, True])
def test_its_gradient_is_that_of_finite_differences(logits, label, generator, activation, scale_on, centre):
    logits, label = logits[:1, :, :, :2, :2], label[:1, :, :, :2, :2]
    target = functional.one_hot(label[:, 0], 3).movedim(-1, 1) if activation == "sigmoid" else label
    # Soft corrections away from the bounds of [0, 1], where the gradient jumps.
    said = 0.3 * torch.randn(logits.shape, generator=generator, dtype=torch.float64)
    noise = CaseNoise([*IDS, "c"], 3).double()
    loss = DUOLoss(3, noise=noise, activation=activation, scale_on=scale_on, centre=centre)
    soft = 0.25 + 0.5 * functional.one_hot(label[:, 0], 3).movedim(-1, 1).double()
    values = torch.cat([logits, said], 1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, soft, case_ids=IDS[:1]), values, eps=1e-6, atol=1e-6)
    plain = logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, target), plain, eps=1e-6, atol=1e-6)


def test_the_gradient_of_the_noise_is_that_of_finite_differences(logits, label, generator):
    said = 0.3 * torch.randn(logits.shape, generator=generator, dtype=torch.float64)
    noise = CaseNoise([*IDS, "c"], 3).double()
    loss = DUOLoss(3, noise=noise)
    soft = 0.25 + 0.5 * functional.one_hot(label[:, 0], 3).movedim(-1, 1).double()
    inputs = torch.cat([logits, said], 1)

    def of_free(free):
        values = torch.func.functional_call(noise, {"free": free}, (2, IDS))
        return (loss.corrected(soft, said, values) * inputs[:, :3].sigmoid()).sum()

    assert torch.autograd.gradcheck(of_free, noise.free, eps=1e-6, atol=1e-6)
    loss(inputs, soft, case_ids=IDS).backward()
    assert noise.free.grad.abs().sum() > 0


def test_a_detached_scale_leaves_the_weight_and_stops_its_gradient(logits, label):
    through, detached = DUOLoss(3), DUOLoss(3, scale_gradient=False)
    leaf = logits.clone().requires_grad_()
    assert through(leaf, label).item() == detached(leaf, label).item()
    weights = detached.class_weights(leaf)
    assert not weights.requires_grad
    (with_scale,) = torch.autograd.grad(through(leaf, label), leaf)
    (without,) = torch.autograd.grad(detached(leaf, label), leaf)
    base = DUOLoss(3, alpha=0.0, reduction="none")(leaf, label)
    (expected,) = torch.autograd.grad((base * weights).sum(1).mean(), leaf)
    assert torch.allclose(without, expected)
    assert not torch.allclose(with_scale, without)


def test_weights_fall_with_the_scale_and_stay_between_0_and_1(generator):
    loss = DUOLoss(2, alpha=2.0)
    flat = torch.ones(1, 1, 4, 8, 8)
    noisy = torch.randn(1, 1, 4, 8, 8, generator=generator)
    weights = loss.class_weights(torch.cat([flat, noisy], 1))
    assert weights[0, 0].item() == pytest.approx(1, abs=1e-6)
    assert 1 / 3 < weights[0, 1].item() < 0.4
    for values in (torch.zeros(1, 2, 3, 4, 4), 1e4 * torch.randn(1, 2, 3, 4, 4, generator=generator)):
        assert ((loss.class_weights(values) > 0) & (loss.class_weights(values) <= 1)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("case", ["zeros", "constant", "absent class", "huge", "all ignored"])
def test_nothing_is_ever_nan(dtype, case, generator):
    values = torch.randn(1, 6, 3, 4, 4, generator=generator)
    label = torch.randint(0, 3, (1, 1, 3, 4, 4), generator=generator)
    if case == "zeros":
        values.zero_()
    elif case == "constant":
        values.fill_(3.0)
    elif case == "absent class":
        label.zero_()
    elif case == "huge":
        values *= 1e4
    else:
        label.fill_(9)
    leaf = values.to(dtype).requires_grad_()
    loss = DUOLoss(3, noise=SampledNoise(3), ignore_index=9)(leaf, label)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    assert loss >= 0
    assert leaf.grad.isfinite().all()


def test_autocast_changes_nothing(logits, label):
    values = logits.float()
    with torch.autocast("cpu", torch.bfloat16):
        inside = DUOLoss(3)(values, label)
    assert inside.item() == DUOLoss(3)(values, label).item()


def test_a_plane_is_a_volume_of_depth_one(generator):
    logits = torch.randn(2, 2, 6, 7, generator=generator)
    label = torch.randint(0, 2, (2, 1, 6, 7), generator=generator)
    loss = DUOLoss(2)
    assert loss(logits, label).item() == pytest.approx(loss(logits.unsqueeze(2), label.unsqueeze(2)).item(), rel=1e-6)


def test_samples_do_not_depend_on_their_batch(logits, label):
    loss = DUOLoss(3, reduction="none")
    together = loss(logits, label)
    alone = torch.cat([loss(logits[i : i + 1], label[i : i + 1]) for i in range(2)])
    assert torch.allclose(together, alone, rtol=1e-12)
    assert DUOLoss(3)(logits, label).item() == pytest.approx(together.sum(1).mean().item())
    assert DUOLoss(3, reduction="sum")(logits, label).item() == pytest.approx(together.sum().item())


def test_background_can_be_left_out(logits, label):
    every = DUOLoss(3, reduction="none")(logits, label)
    assert torch.equal(DUOLoss(3, reduction="none", include_background=False)(logits, label), every[:, 1:])


def test_regions_take_channels_and_a_mask(logits, generator):
    regions = torch.rand(2, 3, 3, 4, 5, generator=generator) > 0.5
    mask = torch.rand(2, 1, 3, 4, 5, generator=generator) > 0.3
    loss = DUOLoss(3, activation="sigmoid")
    changed = torch.where(mask, regions, ~regions)
    assert loss(logits, regions, mask=mask).item() == loss(logits, changed, mask=mask).item()
    assert loss(logits, regions, mask=mask).item() != loss(logits, regions).item()


def test_deep_supervision_is_the_weighted_sum_of_its_resolutions(logits, label):
    low = functional.avg_pool3d(logits, (1, 2, 1))
    low_label = functional.interpolate(label.float(), low.shape[2:], mode="nearest-exact").long()
    single = DUOLoss(3)
    high_loss, low_loss = single(logits, label), single(low, low_label)
    assert single([logits, low], label).item() == pytest.approx((2 * high_loss + low_loss).item() / 3)
    assert single([logits, low], [label, low_label]).item() == pytest.approx((2 * high_loss + low_loss).item() / 3)
    chosen = DUOLoss(3, deep_supervision_weights=(1.0, 0.0))
    assert chosen([logits, low], [label, low_label]).item() == high_loss.item()


def test_ids_can_be_given_around_a_loop_that_knows_none(logits, label):
    loss = DUOLoss(3, noise=CaseNoise([*IDS, "c"], 3).double())
    values = torch.cat([logits, logits], 1)
    with loss.cases(IDS):
        inside = loss(values, label)
    assert inside.item() == loss(values, label, case_ids=IDS).item()
    with pytest.raises(ValueError, match="pass case_ids"):
        loss(values, label)


def learn_from_wrong_start(limit, share):
    """Train free logits, sure of the opposite of the label, and a free noise head; Dice with the label and the loss."""
    shape = (4, 6, 6)
    label = torch.zeros(1, 1, *shape)
    label[..., 1:3, 2:5, 2:5] = 1
    start = 3 * (1 - 2 * functional.one_hot(label[:, 0].long(), 2).movedim(-1, 1).float())
    values = torch.cat([start, torch.zeros_like(start)], 1)
    noise = CaseNoise(["case", "other"], 2)
    loss = DUOLoss(2, noise=noise, correction_limit=limit, correction_share=share)
    # The noise head learns faster than the network: the run in which it would win.
    heads = [values[:, :2].detach().requires_grad_(), values[:, 2:].detach().requires_grad_()]
    groups = [{"params": heads[:1], "lr": 0.05}, {"params": [heads[1], *loss.parameters()], "lr": 0.5}]
    optimizer = torch.optim.Adam(groups)
    for _ in range(250):
        optimizer.zero_grad()
        values = torch.cat(heads, 1)
        value = loss(values, label, case_ids=["case"])
        value.backward()
        optimizer.step()
    found = values[:, :2].argmax(1, keepdim=True)
    dice = 2 * (found * label).sum() / (found.sum() + label.sum())
    return dice.item(), value.item()


def test_the_noise_head_cannot_explain_the_labels_away():
    # Without the bound it does: the loss all but vanishes, and nothing of the label was learnt.
    unbounded_dice, unbounded_loss = learn_from_wrong_start(1.0, math.inf)
    assert unbounded_dice < 0.1
    assert unbounded_loss < 0.1
    for limit, share in [(0.4, math.inf), (1.0, 0.1), (0.4, 0.1)]:
        dice, _ = learn_from_wrong_start(limit, share)
        assert dice == 1


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_corrections_of_a_structure_stay_within_their_share(generator, share):
    loss = DUOLoss(3, noise=SampledNoise(3), correction_share=share)
    y = (torch.rand(2, 3, 6, 6, 6, generator=generator) > torch.tensor([0.1, 0.9, 1.0]).reshape(1, 3, 1, 1, 1)).float()
    noise, said = torch.randn(2, 3, generator=generator), 5 * torch.randn(y.shape, generator=generator)
    moved = (loss.corrected(y, said, noise) - y).abs().flatten(2).sum(-1)
    structure = torch.minimum(y.flatten(2).sum(-1), (1 - y).flatten(2).sum(-1))
    assert (moved <= share * structure * (1 + 1e-5)).all()
    assert (moved[:, :2] > 0).all()
    assert (moved[:, 2] == 0).all()  # an absent class has nothing to correct


def test_voxels_that_do_not_count_have_no_part_in_the_share(generator):
    loss = DUOLoss(2, noise=SampledNoise(2))
    y = (torch.rand(1, 2, 4, 6, 6, generator=generator) > 0.8).float()
    said, noise = torch.randn(y.shape, generator=generator), torch.ones(1, 2)
    counted = torch.ones(1, 1, 4, 6, 6, dtype=torch.bool)
    counted[..., 3:] = False
    part = loss.corrected(y[..., :3], said[..., :3], noise)
    assert torch.allclose(loss.corrected(y, said, noise, counted)[..., :3], part)


@pytest.mark.parametrize("start", [0.0, 1e-30, 1e-6])
def test_a_noise_head_that_says_next_to_nothing_has_a_finite_gradient(start):
    loss = DUOLoss(2, noise=SampledNoise(2, seed=0))
    said = torch.full((1, 2, 4, 4, 4), start, requires_grad=True)
    label = (torch.arange(64).reshape(1, 1, 4, 4, 4) % 5 == 0).long()
    loss(torch.cat([torch.zeros(1, 2, 4, 4, 4), said], 1), label).backward()
    assert said.grad.isfinite().all()
    assert said.grad.abs().sum() > 0


def test_a_corrected_label_stays_on_its_side(generator):
    loss = DUOLoss(2, noise=SampledNoise(2))
    y = (torch.rand(3, 2, 4, 4, 4, generator=generator) > 0.5).float()
    said = 100 * torch.randn(y.shape, generator=generator)
    corrected = loss.corrected(y, said, 10 * torch.randn(3, 2, generator=generator))
    assert torch.equal(corrected > 0.5, y > 0.5)
    assert ((corrected >= 0) & (corrected <= 1)).all()
    assert (corrected != y).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_classes": 1}, "two classes"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": math.inf}, "alpha"),
        ({"beta": 1.5}, "beta"),
        ({"correction_limit": 0.0}, "correction_limit"),
        ({"correction_share": 0.0}, "correction_share"),
        ({"smooth": 0.0}, "smooth"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DUOLoss(**{"num_classes": 2, **options})


@pytest.mark.parametrize(
    ("channels", "message"), [(4, "4 channels; 3 are expected, or 6"), (6, "CaseNoise or SampledNoise")]
)
def test_outputs_that_do_not_fit_are_refused(label, channels, message):
    with pytest.raises(ValueError, match=message):
        DUOLoss(3)(torch.zeros(2, channels, 3, 4, 5), label)


def test_lists_that_do_not_fit_are_refused(logits, label):
    with pytest.raises(ValueError, match="2 deep supervision weights for 1"):
        DUOLoss(3, deep_supervision_weights=(0.5, 0.5))(logits, label)
    with pytest.raises(ValueError, match="its target"):
        DUOLoss(3)([logits, logits[..., ::2]], [label, label])
    with pytest.raises(ValueError, match="all deep supervision weights"):
        DUOLoss(3, deep_supervision_weights=(0.0,))(logits, label)
