"""The selective scan of Mamba (Gu and Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023).

    h_t = exp(Δ_t A) ∘ h_{t-1} + (Δ_t x_t) B_t        y_t = h_t C_t        h_0 = 0

Every channel e has a state of N numbers; Δ, B and C vary along the sequence, which is what makes it selective.

Memory is what limits a scan over a volume: the states of all steps are N times as large as the sequence. So the
sequence is cut into blocks of M steps. The states at the blocks' borders are kept, and the backward pass computes
those inside a block again, a block at a time.

Time is lost to launching one small operation a step. So a block is cut into R runs of K steps that advance side by
side, each as if it began at rest; since the recursion is linear, what was there before is added afterwards, weighted by
the product of all decays since. That takes K + R launches instead of K·R, and nothing is ever divided.

Axes: B batch, L length, E channels, N state. A block is laid out as (K, R, B, E, N), so that a step is contiguous.
"""

import functools
import importlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class Budget(NamedTuple):
    """How many numbers a step, and a block, should hold, where a single step of the sequence does not hold more."""

    step: int
    block: int


BUDGETS = {"cpu": Budget(2**10, 2**18), "default": Budget(2**20, 2**25)}
"""By type of device. A block of a CPU stays in its cache; a step of a GPU outweighs its launch."""


def selective_scan(
    x: Float[Tensor, "B L E"],
    delta: Float[Tensor, "B L E"],
    A: Float[Tensor, "E N"],
    B: Float[Tensor, "B L N"],
    C: Float[Tensor, "B L N"],
) -> Float[Tensor, "B L E"]:
    """Run the recursion over the sequence and read it out at every step.

    Computed in float32 (float64 where an argument is), outside autocast, and never traced by `torch.compile`. Tensors
    on a GPU go through the kernel of `mamba_ssm` where that is installed. Elsewhere memory is bounded: for the gradient
    about √L states of (B, E, N) are kept, and either pass works in about ten buffers of max(√L·B·E·N, 2^18) numbers
    (2^25 on a GPU), where automatic differentiation would keep several of L·B·E·N.

    Args:
        x: (B, L, E) the sequence.
        delta: (B, L, E) step sizes Δ, positive.
        A: (E, N) rates, negative: then no decay exceeds 1 and states stay bounded.
        B: (B, L, N) how a step enters the state.
        C: (B, L, N) how the state is read out.

    Returns:
        (B, L, E) of the type of `x`. Differentiable once, with respect to every argument.

    Raises:
        ValueError: the sequence is empty.
    """
    if x.numel() == 0:
        raise ValueError(f"nothing to scan in a sequence of shape {tuple(x.shape)}")
    return _untraced(x, delta, A, B, C)


def _scan(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Float[Tensor, "B L E"]:
    with torch.autocast(x.device.type, enabled=False):
        common = functools.reduce(torch.promote_types, (value.dtype for value in (x, delta, A, B, C)), torch.float32)
        arguments = [value.to(common) for value in (x, delta, A, B, C)]
        kernel = _kernel() if x.is_cuda and common == torch.float32 else None
        y = _Scan.apply(*arguments) if kernel is None else _by_kernel(kernel, *arguments)
        return y.to(x.dtype)


class _Untraced:
    """Calls a function that `torch.compile` must not trace: its loop would be unrolled.

    The compiler, which takes two seconds to import, is asked on the first call.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self._opaque: Callable[..., Tensor] | None = None

    def __call__(self, *arguments: Tensor) -> Tensor:
        if self._opaque is None:
            self._opaque = torch.compiler.disable(self._function)
        return self._opaque(*arguments)


_untraced = _Untraced(_scan)


@functools.cache
def _kernel() -> Callable[..., Tensor] | None:
    try:
        # Newer releases of mamba_ssm can be built without this extension, and then fail only when called.
        importlib.import_module("selective_scan_cuda")
        return importlib.import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn
    except (ImportError, OSError, RuntimeError, AttributeError):
        # Not installed, or built for another torch or CUDA.
        return None


def _by_kernel(
    kernel: Callable[..., Tensor], x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor
) -> Float[Tensor, "B L E"]:
    """The same by `mamba_ssm`, whose sequences lie along the last axis."""
    x, delta, B, C = (value.mT.contiguous() for value in (x, delta, B, C))
    return kernel(x, delta, A.contiguous(), B, C).mT


class _Layout(NamedTuple):
    """A sequence of `length` steps as `blocks` of `runs` of `steps`."""

    length: int
    blocks: int
    runs: int
    steps: int

    @classmethod
    def of(cls, length: int, state: int, budget: Budget) -> "_Layout":
        """For states of so many numbers; at most √length blocks."""
        block = min(max(math.isqrt(length - 1) + 1, budget.block // state), length)
        # More runs than √block would take more launches again.
        runs = min(max(budget.step // state, 1), math.isqrt(block))
        steps = -(-block // runs)
        return cls(length, -(-length // (steps * runs)), runs, steps)

    def blocked(self, sequence: Tensor) -> Tensor:
        """(B, L, F) to (blocks, K, R, B, F).

        The steps that fill up the last block have Δ = 0: they leave the state as it is and let nothing in.
        """
        missing = self.blocks * self.runs * self.steps - self.length
        whole = functional.pad(sequence, (0, 0, 0, missing))
        return whole.unflatten(1, (self.blocks, self.runs, self.steps)).permute(1, 3, 2, 0, 4).contiguous()

    def unblocked(self, blocks: Tensor) -> Tensor:
        """(blocks, K, R, B, F) to (B, L, F)."""
        return blocks.permute(3, 0, 2, 1, 4).flatten(1, 3)[:, : self.length]


class _Scan(torch.autograd.Function):
    """The scan with its gradient written out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
        state = x.new_zeros(x.shape[0], *A.shape)
        layout = _Layout.of(x.shape[1], state.numel(), BUDGETS.get(x.device.type, BUDGETS["default"]))
        # Autograd keeps what came in; copies in another order are made again for the backward pass.
        xs, deltas, Bs, Cs = map(layout.blocked, (x, delta, B, C))
        y = torch.empty_like(xs)
        starts = x.new_empty(layout.blocks, *state.shape)
        for number in range(layout.blocks):
            starts[number] = state
            _, states = _states(xs[number], deltas[number], A, Bs[number], starts[number])
            torch.sum(states.mul(Cs[number].unsqueeze(-2)), -1, out=y[number])
            state = states[-1, -1]
        ctx.save_for_backward(x, delta, A, B, C, starts)
        ctx.layout = layout
        return layout.unblocked(y)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        # Whoever calls backward may do so inside autocast.
        with torch.no_grad(), torch.autocast(gradient.device.type, enabled=False):
            found = _gradient(ctx.layout, gradient, *ctx.saved_tensors)
        return _Final.apply(*found, *ctx.saved_tensors, gradient)


class _Final(torch.autograd.Function):
    """Passes five gradients on and refuses to be differentiated: `once_differentiable` may silently give zero."""

    @staticmethod
    def forward(ctx: Any, *values: Tensor) -> tuple[Tensor, ...]:
        return values[:5]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise RuntimeError("selective_scan has no second derivative")


def _gradient(
    layout: _Layout, dy: Tensor, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, starts: Tensor
) -> tuple[Tensor, ...]:
    dA = torch.zeros_like(A)
    later = torch.zeros_like(starts[0])
    sequences = [layout.blocked(value) for value in (x, delta, B, C, dy)]
    results = [torch.empty_like(value) for value in sequences[:4]]
    for number in reversed(range(layout.blocks)):
        *found, of_A, later = _block_gradient(A, starts[number], later, *(value[number] for value in sequences))
        dA += of_A
        for result, value in zip(results, found, strict=True):
            result[number] = value
    dx, ddelta, dB, dC = map(layout.unblocked, results)
    return dx, ddelta, dA, dB, dC


def _block_gradient(
    A: Tensor, start: Tensor, later: Tensor, x: Tensor, delta: Tensor, B: Tensor, C: Tensor, dy: Tensor
) -> tuple[Tensor, ...]:
    """The gradients of a block's x, Δ, B, C, of A, and `later` of the block before.

    `later` is the gradient of the last state as the blocks after this one see it.
    """
    decays, states = _states(x, delta, A, B, start)
    dC = torch.einsum("krben,krbe->krbn", states, dy)
    # The gradient of every state: what it is read out for, and what the next state makes of it.
    dstates = _recursion_(_next(decays).flip(0, 1), _outer(dy, C).flip(0, 1), later).flip(0, 1)
    before = decays[0, 0] * dstates[0, 0]
    dB = torch.einsum("krben,krbe->krbn", dstates, delta * x)
    dinput = dstates.mul(B.unsqueeze(-2)).sum(-1)
    # Through the decay exp(ΔA), whose derivative is the decay itself.
    dexponent = dstates.mul_(decays).mul_(_previous(states, start))
    dA = torch.einsum("krben,krbe->en", dexponent, delta)
    ddelta = (dexponent * A).sum(-1).addcmul_(dinput, x)
    return dinput * delta, ddelta, dB, dC, dA, before


def _states(x: Tensor, delta: Tensor, A: Tensor, B: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Decays and states of a block, (K, R, B, E, N) both."""
    decays = delta.unsqueeze(-1).mul(A).exp_()
    return decays, _recursion_(decays, _outer(delta * x, B), start)


def _outer(over_channels: Tensor, over_states: Tensor) -> Tensor:
    return over_channels.unsqueeze(-1) * over_states.unsqueeze(-2)


def _recursion_(decays: Tensor, inputs: Tensor, start: Tensor) -> Tensor:
    """h_t = a_t h_{t-1} + b_t from `start`, in place: `inputs` become the states, in time order along (R, K)."""
    inputs[0, 0].addcmul_(decays[0, 0], start)
    for step in range(1, len(inputs)):
        inputs[step].addcmul_(decays[step], inputs[step - 1])
    runs = inputs.shape[1]
    if runs > 1:
        since = decays.cumprod(0)
        for run in range(1, runs):
            inputs[-1, run].addcmul_(since[-1, run], inputs[-1, run - 1])
        inputs[:-1, 1:].addcmul_(since[:-1, 1:], inputs[-1:, :-1])
    return inputs


def _previous(states: Tensor, start: Tensor) -> Tensor:
    """The state before each, (K, R, ...): that of the step before, or the end of the run before."""
    ends = torch.cat([start.unsqueeze(0), states[-1, :-1]])
    return torch.cat([ends.unsqueeze(0), states[:-1]])


def _next(decays: Tensor) -> Tensor:
    """The decay after each; after the block it is 1, since the gradient from there has passed its decay already."""
    begins = torch.cat([decays[0, 1:], torch.ones_like(decays[0, :1])])
    return torch.cat([decays[1:], begins.unsqueeze(0)])


STEP_SIZES = (1e-3, 1e-1)
"""Between these the step sizes Δ of an untrained block lie, evenly on a logarithmic scale."""


class Mamba(nn.Module):
    """Mix a sequence causally: what comes out at a step depends on this step and those before it.

    Computed outside autocast in the parameters' type, the scan in float32 at least: in float16 its states overflow.

    Args:
        d_model: C, channels of the sequence.
        d_state: numbers of state a channel.
        d_conv: length of the convolution.
        expand: E / C.

    Raises:
        ValueError: one of them is below 1.
    """

    def __init__(self, d_model: int, d_state: int = 16, d_conv: int = 4, expand: int = 2) -> None:
        super().__init__()
        if min(d_model, d_state, d_conv, expand) < 1:
            raise ValueError(f"a block of {d_model=}, {d_state=}, {d_conv=}, {expand=} has no parameters")
        inner, rank = expand * d_model, math.ceil(d_model / 16)
        self.in_proj = nn.Linear(d_model, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, d_conv, groups=inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(inner, rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        # S4D-real: the n-th number of every state decays at rate n (Gu et al., 2022).
        self.A_log = nn.Parameter(torch.arange(1.0, d_state + 1).log().repeat(inner, 1))
        self.D = nn.Parameter(torch.ones(inner))
        self.out_proj = nn.Linear(inner, d_model, bias=False)
        self._initialise_step_sizes()

    @torch.no_grad()
    def _initialise_step_sizes(self) -> None:
        weight, bias = self.dt_proj.weight, self.dt_proj.bias
        # Keeps the variance of the step sizes' input.
        nn.init.uniform_(weight, -(weight.shape[1] ** -0.5), weight.shape[1] ** -0.5)
        low, high = map(math.log, STEP_SIZES)
        sizes = torch.empty_like(bias).uniform_(low, high).exp_()
        # The inverse of softplus, log(exp(Δ) - 1), written so that small Δ keep their digits.
        bias.copy_(sizes + torch.log(-torch.expm1(-sizes)))

    def forward(self, x: Float[Tensor, "B L C"]) -> Float[Tensor, "B L C"]:
        """(B, L, C) to (B, L, C), in the parameters' type.

        Raises:
            ValueError: the sequence is empty.
        """
        with torch.autocast(x.device.type, enabled=False):
            values, gate = self.in_proj(x.to(self.in_proj.weight.dtype)).chunk(2, -1)
            # Padded on both sides: what sees only the past is the first L outputs.
            convolved = functional.silu(self.conv1d(values.mT)[..., : x.shape[1]]).mT
            state = self.A_log.shape[1]
            low_rank, B, C = self.x_proj(convolved).split((self.dt_proj.in_features, state, state), -1)
            delta = functional.softplus(self.dt_proj(low_rank))
            y = selective_scan(convolved, delta, -self.A_log.exp(), B, C) + self.D * convolved
            return self.out_proj(y * functional.silu(gate))
