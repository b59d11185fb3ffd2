"""The matrix from which S of a class map and its planes' shares are both made: computed once a class."""

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
    """What is kept of a map.

    Attributes:
        core: (n, n) the Gram matrix of the map's shorter side, of which `fold` leaves parts empty,
            or with energy `singular` a triangle T with TᵀT that matrix; where the map is.
        unfolding: the matrix that the map became.
        depth: planes of the map.
        dtype: of the map.
    """

    core: Float64[Tensor, "n n"]
    unfolding: Unfolding
    depth: int
    dtype: torch.dtype

    def scale(self, options: ScaleOptions) -> float:
        """S, as `semantic_scale` gives it: NaN where the map has none."""
        found = scale_of(shares(self.core, options.energy), torch.nan)
        return float(found.to(torch.promote_types(self.dtype, torch.float32)))

    def gram(self, options: ScaleOptions) -> Float64[Tensor, "n n"]:
        """The Gram matrix whole, on the processor; whatever the energy, its eigenvalues are σ²."""
        core = self.core.cpu()
        return core.T @ core if options.energy == "singular" else core.tril() + core.tril(-1).T


def core_of(maps: Float[Tensor, "D H W"], options: ScaleOptions) -> MapCore:
    """The core of one map.

    Args:
        maps: logits or probabilities, as `options.on` says.
        options: the variant of S.

    Raises:
        ValueError: the values are not floating.
    """
    unfolding = Unfolding.of(maps.shape, options.unfold)
    core = map_cores(maps, unfolding, options.energy, options.centre)
    return MapCore(core, unfolding, maps.shape[0], maps.dtype)


@dataclass(frozen=True)
class CoreOf:
    """For `MeasureInput.once`: the core of a class's map in one variant of S."""

    options: ScaleOptions

    def __call__(self, case: MeasureInput) -> MapCore:
        """The core of the class's map."""
        return core_of(case.class_map.logits if self.options.on == "logits" else case.probabilities, self.options)
