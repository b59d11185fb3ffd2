"""The baselines that the paper compares `S` with (its table 3), as read here (METHOD section 9).

The paper names them without formulas, so each is our reading, with its suspicious end by what the number means: a large
`variance` is noise or mixed tissue; a small `fisher` ratio is a map that does not tell the structure from the rest; a
high `energy` is a structure that the model does not recognise. All compare with the label, so they are None without.

`variance` takes the structure in the whole case, the other two the planes that were scored. The label is brought
to the map's grid, which is smaller, so that no map is copied at the volume's size.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from torch.nn import functional

from auvseg.measures.inputs import MeasureInput
from auvseg.measures.label_on_map import label_on_map
from auvseg.measures.map_sums import total
from auvseg.measures.structure import structure_of


def variance(case: MeasureInput) -> float | None:
    """Variance of the normalised intensities inside the structure, in [0, 0.25]; the population's, not the sample's."""
    structure = structure_of(case)
    if structure is None:
        return None
    count, sum_, squares = 0, 0.0, 0.0
    for image, mask in zip(structure.image[structure.inner], structure.mask[structure.inner], strict=True):
        # About the middle of the range, so that the difference of two sums loses no digits that matter.
        inside = image[mask].astype(np.float64) - 0.5
        count += inside.size
        sum_ += float(inside.sum())
        squares += float(np.square(inside).sum())
    return max(squares / count - (sum_ / count) ** 2, 0.0) if count else None


def fisher(case: MeasureInput) -> float | None:
    """Fisher discriminant ratio of the map between the pixels inside and outside the structure, at least 0.

        (mu_1 - mu_0)² / (s_1² + s_0²)

    None where either side has no pixel, or both are constant.
    """
    label = case.once(label_on_map)
    if label is None:
        return None
    whole, inside = _Moments(), _Moments()
    # All values less one of them: the ratio is the same, a constant map is exactly 0, and few digits cancel.
    offset = case.class_map.logits[0, 0, 0].double()
    for logits, mask, ignored in zip(case.class_map.logits, label.inside, label.ignored, strict=True):
        values = logits.double() - offset
        inside.add(values[label.rows, label.columns][torch.from_numpy(mask).to(values.device)])
        whole.add(values if ignored is None else values[torch.from_numpy(~ignored).to(values.device)])
    outside = whole.without(inside)
    if not inside.count or not outside.count:
        return None
    spread = inside.variance + outside.variance
    return (inside.mean - outside.mean) ** 2 / spread if spread > 0 else None


def energy(case: MeasureInput) -> float | None:
    """Mean free energy of the map inside the structure, below 0; the higher, the less the model sees there.

    One class against the rest has the logits {z, 0}, so with temperature T = 1

        E(z) = -T log(exp(z / T) + exp(0)) = -softplus(z)

    (Liu et al., Energy-based out-of-distribution detection, NeurIPS 2020, behind the paper's EAOA.)
    """
    label = case.once(label_on_map)
    if label is None:
        return None
    count, sum_ = 0, 0.0
    for odds, mask in zip(case.odds, label.inside, strict=True):
        values = odds[label.rows, label.columns][torch.from_numpy(mask).to(odds.device)]
        count += values.numel()
        sum_ -= float(total(functional.softplus(values)[None]))
    return sum_ / count if count else None


@dataclass
class _Moments:
    """Count, sum and sum of squares of values that come in parts."""

    count: int = 0
    sum: float = 0.0
    squares: float = 0.0

    def add(self, values: Float64[Tensor, "..."]) -> None:
        rows = values if values.dim() > 1 else values[None]
        self.count += values.numel()
        self.sum += float(total(rows))
        self.squares += float(total(rows.square()))

    def without(self, others: "_Moments") -> "_Moments":
        return _Moments(self.count - others.count, self.sum - others.sum, self.squares - others.squares)

    @property
    def mean(self) -> float:
        return self.sum / self.count

    @property
    def variance(self) -> float:
        return max(self.squares / self.count - self.mean**2, 0.0)
