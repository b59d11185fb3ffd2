"""The Mamba block (Gu and Dao, 2023, figure 3): projections, a short causal convolution, the selective scan, a gate.

Parameters have the names and shapes of `mamba_ssm.Mamba`, so that checkpoints move both ways; the same module computes
on a CPU and on a GPU.

Axes: B batch, L length, C channels; inside, E = expand·C channels.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from auvseg.networks.selective_scan import selective_scan

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
