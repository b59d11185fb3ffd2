"""Gradients of the scale, maps without one, and what must change neither: precision, autocast, mode, device."""

import itertools
import math

import pytest
import torch

from auvseg.measures.scale import energy_spectrum, semantic_scale

VARIANTS = list(itertools.product(("D_HW", "H_DW", "W_DH"), ("squared", "singular"), (False, True)))
every_variant = pytest.mark.parametrize(("unfold", "energy", "centre"), VARIANTS)


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def ramp(side=16):
    """A smooth map of a few directions."""
    axis = torch.linspace(-1, 1, side, dtype=torch.float64)
    return torch.einsum("d,h,w->dhw", axis.exp(), axis, axis.cos()) + torch.einsum("d,h,w->dhw", axis, axis, axis)


# --- gradients ------------------------------------------------------------------------------------------------------


@every_variant
@pytest.mark.parametrize("shape", [(2, 4, 3, 5), (1, 13, 2, 3), (1, 1, 4, 3)])
def test_gradients_agree_with_finite_differences(unfold, energy, centre, shape):
    maps = (noise(*shape) + 0.5).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda tensor: semantic_scale(tensor, unfold=unfold, energy=energy, centre=centre), (maps,)
    )


@pytest.mark.parametrize("directions", [2, 5])
def test_gradients_agree_with_finite_differences_where_singular_values_coincide(directions):
    matrix = torch.zeros(5, 6, dtype=torch.float64)
    matrix[range(directions), range(directions)] = 2
    one = matrix.reshape(5, 2, 3)
    direction = noise(5, 2, 3)
    leaf = one.clone().requires_grad_()
    semantic_scale(leaf).backward()
    step = 1e-6
    difference = semantic_scale(one + step * direction) - semantic_scale(one - step * direction)
    assert (leaf.grad * direction).sum().item() == pytest.approx(difference.item() / (2 * step), abs=1e-6)


@every_variant
@pytest.mark.parametrize("name", ["zero", "constant", "rank one", "all directions equal"])
def test_gradients_are_finite_on_degenerate_maps(name, unfold, energy, centre):
    one = {
        "zero": torch.zeros(6, 5, 4),
        "constant": torch.full((6, 5, 4), -12.0),
        "rank one": torch.einsum("d,h,w->dhw", torch.arange(6.0), torch.arange(5.0), torch.arange(4.0)),
        "all directions equal": torch.eye(6, 20).reshape(6, 5, 4),
    }[name].requires_grad_()
    semantic_scale(one, unfold=unfold, energy=energy, centre=centre).nan_to_num().backward()
    assert one.grad.isfinite().all()


def test_the_scale_does_not_change_along_the_map_itself():
    one = (noise(6, 5, 4) + 1).requires_grad_()
    semantic_scale(one).backward()
    assert (one.grad * one).sum().item() == pytest.approx(0, abs=1e-14)


def test_following_the_gradient_raises_the_scale():
    one = ramp().requires_grad_()
    before = semantic_scale(one)
    before.backward()
    assert semantic_scale(one + one.grad / one.grad.norm()).item() > before.item()


def test_a_second_derivative_is_refused():
    one = noise(3, 4, 5).requires_grad_()
    (gradient,) = torch.autograd.grad(semantic_scale(one) + one.sum(), one, create_graph=True)
    with pytest.raises(RuntimeError, match="semantic_scale has no second derivative"):
        gradient.sum().backward()


# --- maps without a scale -------------------------------------------------------------------------------------------

NOTHING = {
    "zero": torch.zeros(6, 5, 4),
    "not a number": torch.ones(6, 5, 4).index_fill(0, torch.tensor([2]), math.nan),
    "infinite": torch.ones(6, 5, 4).index_fill(2, torch.tensor([0]), math.inf),
}


@pytest.mark.parametrize("name", NOTHING)
@every_variant
def test_a_map_without_a_scale_is_missing_and_leaves_the_others_alone(name, unfold, energy, centre):
    variant = {"unfold": unfold, "energy": energy, "centre": centre}
    good = (noise(2, 6, 5, 4) + 1).float()
    batch = torch.stack([good[0], NOTHING[name], good[1]]).requires_grad_()
    scale = semantic_scale(batch, **variant)
    assert scale.isnan().tolist() == [False, True, False]
    assert torch.equal(scale[::2], semantic_scale(good, **variant))
    assert energy_spectrum(batch, **variant).isnan().all(-1).tolist() == [False, True, False]
    # The missing element makes the loss NaN on purpose: its gradient must not spread.
    (1 / (1 + scale)).sum().backward()
    alone = good.clone().requires_grad_()
    (1 / (1 + semantic_scale(alone, **variant))).sum().backward()
    assert torch.equal(batch.grad[::2], alone.grad)
    assert not batch.grad[1].any()


def test_what_stands_for_missing_can_be_chosen():
    assert semantic_scale(torch.zeros(2, 3, 3, 3), missing=-1.0).tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("value", [0.1, 1e30, -1e-30])
@pytest.mark.parametrize("unfold", ["D_HW", "H_DW", "W_DH"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_constant_along_the_rows_has_no_energy_once_centred(unfold, value, dtype):
    axis = "DHW".index(unfold[0])
    one = (value * noise(13, 13, 13)).to(dtype).narrow(axis, 0, 1).expand(13, 13, 13)
    assert semantic_scale(one, unfold=unfold, centre=True).isnan()


# --- precision, modes, devices --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("energy", ["squared", "singular"])
def test_half_precision_maps_are_computed_as_precisely_as_others(dtype, energy):
    one = (ramp() - 12).to(dtype).requires_grad_()
    scale = semantic_scale(one, energy=energy)
    scale.backward()
    assert scale.dtype == torch.float32
    assert scale.item() == pytest.approx(semantic_scale(one.detach().double(), energy=energy).item(), abs=1e-6)
    assert one.grad.dtype == dtype
    assert one.grad.isfinite().all()


@pytest.mark.parametrize("energy", ["squared", "singular"])
def test_autocast_changes_nothing(energy):
    leaves = [(noise(3, 6, 5, 4) - 30).float().requires_grad_() for _ in range(2)]
    plain = semantic_scale(leaves[0], energy=energy)
    plain.sum().backward()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = semantic_scale(leaves[1], energy=energy)
        cast.sum().backward()
    assert torch.equal(cast, plain)
    assert torch.equal(leaves[0].grad, leaves[1].grad)


def test_it_works_in_inference_mode_and_leaves_the_maps_unchanged():
    maps = noise(2, 4, 3, 5)
    copy = maps.clone()
    with torch.inference_mode():
        inferred = semantic_scale(maps, centre=True)
    assert torch.equal(inferred, semantic_scale(maps, centre=True))
    assert torch.equal(maps, copy)


@pytest.mark.gpu
@every_variant
def test_a_cuda_device_gives_what_the_cpu_gives(unfold, energy, centre):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    maps = torch.stack([(noise(6, 5, 4) - 12).float(), torch.zeros(6, 5, 4)])
    leaves = [maps.clone().requires_grad_(), maps.cuda().requires_grad_()]
    expected = semantic_scale(leaves[0], unfold=unfold, energy=energy, centre=centre)
    with torch.autocast("cuda", dtype=torch.float16):
        scale = semantic_scale(leaves[1], unfold=unfold, energy=energy, centre=centre)
    expected[0].backward()
    scale[0].backward()
    assert torch.allclose(scale.cpu(), expected, atol=1e-6, equal_nan=True)
    assert torch.allclose(leaves[1].grad.cpu(), leaves[0].grad, atol=1e-6)
