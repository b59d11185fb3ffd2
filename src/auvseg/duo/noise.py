"""The learnable noise ε̂ of METHOD section 5: one value a training case and class, of zero mean and unit variance.

    1/N Σ_i ε̂_ic = 0        1/N Σ_i ε̂_ic² = 1        for every class c

The constraint is met by construction, not by a penalty: the parameter is free, and what the loss sees is the parameter
standardised over the training cases.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn
from torch import distributed as dist


class CaseNoise(nn.Module):
    """ε̂ of every training case and class, addressed by the case's id.

    Args:
        case_ids: the training cases, each once; their order does not matter.
        num_classes: C.
        seed: of the standard normal start values; the same on all processes of a distributed run.

    Its one parameter must be in the optimizer (`loss.parameters()` holds it), better without weight decay, which has
    no effect on a standardised value but to raise its step. In a distributed run the gradients are averaged over
    the processes by the module itself, because the loss is not wrapped in `DistributedDataParallel`.

    Raises:
        ValueError: no case, an id twice, or no class.
    """

    free: nn.Parameter

    def __init__(self, case_ids: Sequence[str], num_classes: int, *, seed: int = 0) -> None:
        super().__init__()
        ids = sorted(str(case_id) for case_id in case_ids)
        if not ids or num_classes < 1:
            raise ValueError("CaseNoise needs at least one training case and one class")
        if len(set(ids)) < len(ids):
            twice = next(one for one, other in pairwise(ids) if one == other)
            raise ValueError(f"the case id {twice} is listed twice")
        self._row = {case_id: row for row, case_id in enumerate(ids)}
        generator = torch.Generator().manual_seed(seed)
        self.free = nn.Parameter(torch.randn(len(ids), num_classes, generator=generator))
        self.free.register_post_accumulate_grad_hook(_average_over_processes)

    @property
    def case_ids(self) -> list[str]:
        """The training cases in the order of `values()`."""
        return list(self._row)

    def values(self) -> Float64[Tensor, "N C"]:
        """(N, C) ε̂ of all training cases; mean 0 and variance 1 over N to float64's rounding. One case alone: 0."""
        free = self.free.double()
        centred = free - free.mean(dim=0, keepdim=True)
        # One case, or cases that are all equal, cannot have unit variance; they get no noise rather than NaN.
        deviation = centred.square().mean(dim=0, keepdim=True).clamp_min(1e-24).sqrt()
        return centred / deviation

    def forward(self, batch_size: int, case_ids: Sequence[str] | None) -> Float[Tensor, "B C"]:
        """(B, C) ε̂ of the cases of a batch.

        Raises:
            ValueError: ids are missing, not one a sample, or not those of training cases.
        """
        if case_ids is None:
            raise ValueError("the noise is addressed by case: pass case_ids to the loss, or use SampledNoise")
        if len(case_ids) != batch_size:
            raise ValueError(f"{len(case_ids)} case ids for a batch of {batch_size}")
        unknown = sorted({str(case_id) for case_id in case_ids} - self._row.keys())
        if unknown:
            raise ValueError(f"not among the training cases of the noise: {', '.join(unknown)}")
        rows = torch.tensor([self._row[str(case_id)] for case_id in case_ids], device=self.free.device)
        return self.values()[rows].to(self.free.dtype)

    def get_extra_state(self) -> list[str]:
        """The ids in the order of the parameter's rows."""
        return self.case_ids

    def set_extra_state(self, state: Any) -> None:
        """Refuse a checkpoint of other training cases.

        Raises:
            ValueError: the ids differ.
        """
        if list(state) != self.case_ids:
            missing, new = sorted(set(state) - set(self._row)), sorted(set(self._row) - set(state))
            raise ValueError(
                "the checkpoint's noise belongs to other training cases: "
                f"{len(missing)} of its cases are not here ({', '.join(missing[:3])}), "
                f"{len(new)} here are new ({', '.join(new[:3])}); train with the same keep list and fold"
            )


class SampledNoise(nn.Module):
    """ε̂ drawn anew from a standard normal distribution for every sample, class and step.

    For loops that do not know the cases of a batch. The constraint then holds in expectation.

    Args:
        num_classes: C.
        seed: of the draws.
    """

    def __init__(self, num_classes: int, *, seed: int = 0) -> None:
        super().__init__()
        self.num_classes = num_classes
        self._generator = torch.Generator().manual_seed(seed)
        # Follows the module to its device, so that the noise is made where the loss is.
        self.register_buffer("_device", torch.empty(0), persistent=False)

    def forward(self, batch_size: int, case_ids: Sequence[str] | None) -> Float[Tensor, "B C"]:
        """(B, C) draws; the ids are not looked at."""
        del case_ids
        drawn = torch.randn(batch_size, self.num_classes, generator=self._generator)
        return drawn.to(self.get_buffer("_device").device)

    def get_extra_state(self) -> Tensor:
        """The generator's state, so that a resumed run draws what an undisturbed one does."""
        return self._generator.get_state()

    def set_extra_state(self, state: Any) -> None:
        """Continue where the checkpoint's generator stood."""
        self._generator.set_state(state.cpu())


def _average_over_processes(parameter: Tensor) -> None:
    if parameter.grad is not None and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(parameter.grad)
        parameter.grad /= dist.get_world_size()
