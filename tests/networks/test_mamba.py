"""The Mamba block against `mambapy`, finite differences, and what every causal block must do."""

import pytest
import torch
from torch.nn import functional

from auvseg.networks.mamba import STEP_SIZES, Mamba


def block(*sizes, dtype=torch.float64, seed=0, **options):
    torch.manual_seed(seed)
    return Mamba(*sizes, **options).to(dtype)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- parity ---------------------------------------------------------------------------------------------------------


def theirs_of(ours):
    mambapy = pytest.importorskip("mambapy.mamba")
    width, state = ours.in_proj.in_features, ours.A_log.shape[1]
    expand, kernel = ours.D.numel() // width, ours.conv1d.kernel_size[0]
    config = mambapy.MambaConfig(d_model=width, n_layers=1, d_state=state, expand_factor=expand, d_conv=kernel)
    return mambapy.MambaBlock(config)


@pytest.mark.parametrize("options", [{}, {"d_state": 5, "d_conv": 3, "expand": 3}, {"d_conv": 1, "expand": 1}])
@pytest.mark.parametrize("length", [1, 2, 13])
@pytest.mark.parametrize("width", [3, 20])
def test_outputs_and_every_gradient_are_those_of_mambapy(width, length, options):
    ours = block(width, **options)
    theirs = theirs_of(ours).double()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    x, weights = noise(2, length, width), noise(2, length, width, seed=1)
    mine, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, expected = ours(mine), theirs(other)
    # mambapy computes A and D in float32.
    assert torch.allclose(y, expected, rtol=1e-5, atol=1e-8)
    (y * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.allclose(mine.grad, other.grad, rtol=1e-5, atol=1e-7)
    exact = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert torch.allclose(parameter.grad, exact[name].grad, rtol=1e-5, atol=1e-6), name


def test_checkpoints_move_both_ways():
    ours = block(20, dtype=torch.float32)
    theirs = theirs_of(ours)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)


def test_parameters_have_the_names_and_shapes_of_mamba_ssm():
    # mamba_ssm.Mamba(d_model=40): inner 80, rank of the step sizes ceil(40 / 16).
    assert {name: tuple(value.shape) for name, value in block(40).state_dict().items()} == {
        "A_log": (80, 16),
        "D": (80,),
        "in_proj.weight": (160, 40),
        "conv1d.weight": (80, 1, 4),
        "conv1d.bias": (80,),
        "x_proj.weight": (3 + 32, 80),
        "dt_proj.weight": (80, 3),
        "dt_proj.bias": (80,),
        "out_proj.weight": (40, 80),
    }


# --- gradients ------------------------------------------------------------------------------------------------------


def test_gradients_of_the_input_and_every_parameter_are_those_of_finite_differences():
    small = block(2, 3, 2)
    names = [name for name, _ in small.named_parameters()]

    def run(x, *values):
        return torch.func.functional_call(small, dict(zip(names, values, strict=True)), (x,))

    values = [parameter.detach().clone().requires_grad_() for parameter in small.parameters()]
    assert torch.autograd.gradcheck(run, (noise(1, 4, 2).requires_grad_(), *values))


@pytest.mark.parametrize("length", [1, 9])
def test_every_parameter_learns(length):
    network = block(6)
    network(noise(2, length, 6)).square().sum().backward()
    for name, parameter in network.named_parameters():
        # A sequence of one step never decays.
        assert bool(parameter.grad.any()) == (name != "A_log" or length > 1), name


# --- invariances ----------------------------------------------------------------------------------------------------


def test_the_future_does_not_change_the_past():
    network, x = block(6), noise(1, 9, 6)
    changed = x.clone()
    changed[:, 5:] += 1
    before, after = network(x), network(changed)
    assert torch.allclose(before[:, :5], after[:, :5], rtol=1e-12)
    assert not torch.isclose(before[:, 5:], after[:, 5:]).any()


def test_a_sequence_has_the_same_result_alone_and_in_a_batch():
    network, x = block(6), noise(3, 9, 6)
    together = network(x)
    assert torch.allclose(torch.cat([network(one[None]) for one in x]), together, rtol=1e-10)
    assert torch.allclose(network(x.flip(0)), together.flip(0), rtol=1e-10)


def test_the_first_step_reaches_the_last():
    network, x = block(6), noise(1, 40, 6).requires_grad_()
    network(x)[:, -1].sum().backward()
    assert x.grad[:, 0].abs().min() > 0


# --- initialisation, types ------------------------------------------------------------------------------------------


def test_step_sizes_start_evenly_between_their_limits_on_a_logarithmic_scale():
    network = block(400, dtype=torch.float32)
    sizes = functional.softplus(network.dt_proj.bias.double())
    low, high = STEP_SIZES
    assert low * (1 - 1e-4) <= sizes.min() <= low * 1.1
    assert high * 0.9 <= sizes.max() <= high * (1 + 1e-4)
    # A uniform distribution has quartiles at a quarter, a half and three quarters of its range.
    quartiles = sizes.log().quantile(torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64))
    expected = torch.tensor([low, high], dtype=torch.float64).log() @ torch.tensor(
        [[0.75, 0.5, 0.25], [0.25, 0.5, 0.75]], dtype=torch.float64
    )
    assert torch.allclose(quartiles, expected, atol=0.3)


def test_rates_start_at_whole_numbers_and_weights_of_step_sizes_within_their_bound():
    network = block(40)
    assert torch.allclose(network.A_log.exp(), torch.arange(1, 17).double().expand(80, 16), rtol=1e-6)
    assert (network.D == 1).all()
    bound = 3**-0.5
    assert bound * 0.8 < network.dt_proj.weight.abs().max() <= bound


def test_autocast_changes_nothing():
    network, x = block(6, dtype=torch.float32), noise(2, 9, 6).float()
    expected = network(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(x), expected)
        assert torch.allclose(network(x.bfloat16()), expected, rtol=0.1, atol=0.05)


def test_it_can_be_stored_in_half_precision():
    network, x = block(6, dtype=torch.float32), noise(2, 9, 6).float()
    expected = network(x)
    half = network.bfloat16()(x.bfloat16())
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), expected, rtol=0.1, atol=0.05)


@pytest.mark.parametrize("sizes", [(0,), (4, 0), (4, 16, 0), (4, 16, 4, 0)])
def test_a_block_without_parameters_is_refused(sizes):
    with pytest.raises(ValueError, match="has no parameters"):
        Mamba(*sizes)
