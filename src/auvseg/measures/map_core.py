"""The core of a class map: the matrix from which both S and the shares of its planes are computed."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from auvseg.measures.catalogue import ScaleOptions
from auvseg.measures.inputs import MeasureInput
from auvseg.measures.scale import map_cores
from auvseg.measures.spectrum import scale_of, shares
from auvseg.measures.unfolding import Unfolding


@dataclass(frozen=True)
class MapCore:
    """The core of a map.

    Attributes:
        core: (n, n) Gram matrix of the map's shorter side, parts of which `fold` leaves empty; with energy `singular`
            a triangle T such that TᵀT is that matrix. On the map's device.
        unfolding: how the map becomes a matrix.
        depth: number of planes.
        dtype: type of the map.
    """

    core: Float64[Tensor, "n n"]
    unfolding: Unfolding
    depth: int
    dtype: torch.dtype

    def scale(self, options: ScaleOptions) -> float:
        """S, as in `semantic_scale`; NaN if the map has none."""
        found = scale_of(shares(self.core, options.energy), torch.nan)
        return float(found.to(torch.promote_types(self.dtype, torch.float32)))

    def gram(self, options: ScaleOptions) -> Float64[Tensor, "n n"]:
        """The full Gram matrix, on the CPU; its eigenvalues are σ² whatever the energy."""
        core = self.core.cpu()
        return core.T @ core if options.energy == "singular" else core.tril() + core.tril(-1).T


def core_of(maps: Float[Tensor, "D H W"], options: ScaleOptions) -> MapCore:
    """Compute the core of one map.

    Args:
        maps: logits or probabilities, according to `options.on`.
        options: the variant of S.

    Raises:
        ValueError: the values are not floating.
    """
    unfolding = Unfolding.of(maps.shape, options.unfold)
    core = map_cores(maps, unfolding, options.energy, options.centre)
    return MapCore(core, unfolding, maps.shape[0], maps.dtype)


@dataclass(frozen=True)
class CoreOf:
    """Function for `MeasureInput.once`: the core of a class map in one variant of S."""

    options: ScaleOptions

    def __call__(self, case: MeasureInput) -> MapCore:
        """Compute the core of the class map."""
        return core_of(case.class_map.logits if self.options.on == "logits" else case.probabilities, self.options)
