"""The scan against its recursion, by hand and by automatic differentiation, however it is cut into blocks and runs."""

import sys
from types import ModuleType

import pytest
import torch

from auvseg.networks.mamba import selective_scan

# As an attribute of its package the module is hidden by its function.
scan = sys.modules["auvseg.networks.mamba"]

BUDGETS = {
    "one block, one run": scan.Budget(1, 10**6),
    "one block, several runs": scan.Budget(10**6, 10**6),
    "several blocks, one run": scan.Budget(1, 1),
    "several blocks, several runs": scan.Budget(10**6, 1),
}
NAMES = ("x", "delta", "A", "B", "C")


@pytest.fixture(params=BUDGETS)
def _cut(request, monkeypatch):
    """Every way to cut a sequence."""
    monkeypatch.setitem(scan.BUDGETS, "cpu", BUDGETS[request.param])


def arguments(batch=2, length=23, channels=3, states=4, dtype=torch.float64):
    """A sequence with small and large steps, so that some decays vanish."""
    generator = torch.Generator().manual_seed(0)

    def noise(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    given = (
        noise(batch, length, channels),
        (2 * noise(batch, length, channels)).exp(),
        -noise(channels, states).exp(),
        noise(batch, length, states),
        noise(batch, length, states),
    )
    return [value.to(dtype).requires_grad_() for value in given]


def recursion(x, delta, A, B, C):
    """The equations, a step at a time."""
    state = x.new_zeros(x.shape[0], *A.shape)
    outputs = []
    for step in range(x.shape[1]):
        decay = torch.exp(delta[:, step, :, None] * A)
        state = decay * state + (delta * x)[:, step, :, None] * B[:, step, None, :]
        outputs.append((state * C[:, step, None, :]).sum(-1))
    return torch.stack(outputs, 1)


def gradients(function, given):
    y = function(*given)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(y.dtype)
    return y.detach(), torch.autograd.grad((y * weights).sum(), given)


# --- values and gradients -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_cut")
@pytest.mark.parametrize("length", [1, 2, 5, 16, 23])
@pytest.mark.parametrize("batch", [1, 3])
def test_values_and_gradients_are_those_of_the_recursion(length, batch):
    given = arguments(batch=batch, length=length)
    y, found = gradients(selective_scan, given)
    expected, autograd = gradients(recursion, given)
    assert torch.allclose(y, expected, rtol=1e-12, atol=1e-12)
    for name, one, other in zip(NAMES, found, autograd, strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=1e-11, atol=1e-11), name


def test_two_steps_by_hand():
    x, delta = torch.tensor([[[3.0], [5.0]]]), torch.tensor([[[0.5], [2.0]]])
    A, B, C = torch.tensor([[-1.0]]), torch.tensor([[[7.0], [11.0]]]), torch.tensor([[[1.0], [0.1]]])
    first = 0.5 * 3 * 7
    second = first * torch.tensor(-2.0).exp().item() + 2 * 5 * 11
    assert selective_scan(x, delta, A, B, C).flatten().tolist() == pytest.approx([first, 0.1 * second])


@pytest.mark.usefixtures("_cut")
def test_the_gradient_is_that_of_finite_differences():
    assert torch.autograd.gradcheck(selective_scan, arguments(batch=1, length=7, channels=2, states=2))


@pytest.mark.usefixtures("_cut")
def test_float32_stays_close_to_float64():
    given = arguments(dtype=torch.float32)
    y, found = gradients(selective_scan, given)
    expected, exact = gradients(selective_scan, [value.detach().double().requires_grad_() for value in given])
    assert y.dtype == torch.float32
    assert torch.allclose(y.double(), expected, rtol=1e-4, atol=1e-4)
    for name, one, other in zip(NAMES, found, exact, strict=True):
        assert (one - other).norm() <= 1e-5 * other.norm(), name


def test_only_the_gradients_that_are_asked_for_are_given():
    given = arguments()
    _, all_of_them = gradients(selective_scan, given)
    for value in given[:2]:
        value.requires_grad_(requires_grad=False)
    y = selective_scan(*given)
    y.sum().backward()
    assert given[0].grad is None
    assert all(value.grad.isfinite().all() for value in given[2:])
    assert len(all_of_them) == len(given)


def test_a_second_derivative_is_refused_and_not_wrong():
    given = arguments(length=3)
    (first,) = torch.autograd.grad(selective_scan(*given).sum(), given[0], create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(first.sum(), given[0])


# --- invariances ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_cut")
def test_a_step_sees_only_itself_and_those_before_it():
    given = [value.detach() for value in arguments()]
    before = selective_scan(*given)
    changed = [value if name == "A" else value.clone() for name, value in zip(NAMES, given, strict=True)]
    for name, value in zip(NAMES, changed, strict=True):
        if name != "A":
            value[:, 10:] *= 2
    after = selective_scan(*changed)
    assert torch.equal(before[:, :10], after[:, :10])
    assert not torch.isclose(before[:, 10:], after[:, 10:]).any()


@pytest.mark.usefixtures("_cut")
def test_a_sequence_has_the_same_result_alone_and_in_a_batch():
    x, delta, A, B, C = (value.detach() for value in arguments(batch=3))
    together = selective_scan(x, delta, A, B, C)
    for number in range(3):
        one = slice(number, number + 1)
        assert torch.allclose(selective_scan(x[one], delta[one], A, B[one], C[one]), together[one], rtol=1e-12)


def test_decays_that_vanish_leave_no_trace():
    x, delta, A, B, C = arguments(dtype=torch.float32)
    delta = torch.full_like(delta, 1e6).requires_grad_()
    x, C = x.detach() * 1e-6, C.detach()
    y = selective_scan(x, delta, A, B, C)
    memoryless = delta * x * (B * C).sum(-1, keepdim=True)
    assert torch.allclose(y, memoryless, rtol=1e-4, atol=1e-5)
    y.sum().backward()
    assert delta.grad.isfinite().all()
    assert not A.grad.any()


# --- memory, types, compilation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 2, 99, 100, 101, 5000])
@pytest.mark.parametrize("state", [1, 64, 10**5, 10**9])
@pytest.mark.parametrize("budget", scan.BUDGETS)
def test_blocks_cover_the_sequence_and_are_few(length, state, budget):
    layout = scan._Layout.of(length, state, scan.BUDGETS[budget])
    block = layout.runs * layout.steps
    root = length**0.5
    assert layout.blocks * block >= length > (layout.blocks - 1) * block
    assert layout.blocks <= root + 1
    assert block * state <= 2 * max((root + 1) * state, scan.BUDGETS[budget].block)
    assert layout.runs <= layout.steps


def test_what_is_kept_for_the_gradient_is_far_less_than_all_states():
    given = arguments(batch=1, length=4096, channels=64, states=16, dtype=torch.float32)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda value: kept.append(value) or value, lambda value: value):
        selective_scan(*given)
    inputs = sum(value.numel() for value in given)
    assert sum(value.numel() for value in kept) <= inputs + 65 * 64 * 16


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32_and_given_back(dtype):
    given = [value.detach() for value in arguments(dtype=dtype)]
    expected = selective_scan(*(value.float() for value in given))
    assert torch.equal(selective_scan(*given), expected.to(dtype))


def test_autocast_changes_neither_values_nor_gradients():
    given = arguments(dtype=torch.float32)
    expected, exact = gradients(selective_scan, given)
    with torch.autocast("cpu", torch.bfloat16):
        y, found = gradients(selective_scan, given)
    assert torch.equal(y, expected)
    assert all(torch.equal(one, other) for one, other in zip(found, exact, strict=True))


@pytest.mark.usefixtures("without_type_checks")  # which the compiler of older PyTorch cannot follow
def test_the_compiler_calls_it_and_does_not_unroll_it():
    sizes = []

    def backend(graph, _):
        sizes.append(len(graph.graph.nodes))
        return graph.forward

    given = [value.detach() for value in arguments(length=50)]
    compiled = torch.compile(lambda *values: 2 * selective_scan(*values), backend=backend)
    assert torch.equal(compiled(*given), 2 * selective_scan(*given))
    assert sum(sizes) < 20


@pytest.mark.usefixtures("without_type_checks")
def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match=r"nothing to scan in a sequence of shape \(2, 0, 3\)"):
        selective_scan(*arguments(length=0))


# --- the kernel -----------------------------------------------------------------------------------------------------


@pytest.fixture
def _fresh():
    scan._kernel.cache_clear()
    yield
    scan._kernel.cache_clear()


def of_mamba_ssm(x, delta, A, B, C):
    """What the kernel computes, in its layout: sequences along the last axis."""
    assert all(value.is_contiguous() for value in (x, delta, A, B, C))
    return recursion(x.mT, delta.mT, A, B.mT, C.mT).mT


@pytest.mark.usefixtures("_fresh")
def test_the_kernel_is_taken_where_it_and_its_extension_are_there(monkeypatch):
    interface = ModuleType("interface")
    interface.selective_scan_fn = of_mamba_ssm
    for name in ("mamba_ssm", "mamba_ssm.ops", "selective_scan_cuda"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "mamba_ssm.ops.selective_scan_interface", interface)
    assert scan._kernel() is of_mamba_ssm
    # Installed without its extension, as newer releases can be, it would fail when called.
    monkeypatch.setitem(sys.modules, "selective_scan_cuda", None)
    scan._kernel.cache_clear()
    assert scan._kernel() is None


def test_the_kernel_gets_and_gives_its_own_layout():
    given = arguments()
    found, gradient = gradients(lambda *values: scan._by_kernel(of_mamba_ssm, *values), given)
    expected, exact = gradients(selective_scan, given)
    assert torch.allclose(found, expected)
    assert all(torch.allclose(one, other) for one, other in zip(gradient, exact, strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_what_a_cpu_gives():
    given = arguments(length=300, channels=16, dtype=torch.float32)
    expected, exact = gradients(selective_scan, given)
    y, found = gradients(selective_scan, [value.detach().cuda().requires_grad_() for value in given])
    assert torch.allclose(y.cpu(), expected, rtol=1e-3, atol=1e-3)
    for name, one, other in zip(NAMES, found, exact, strict=True):
        assert (one.cpu() - other).norm() <= 1e-4 * other.norm(), name
