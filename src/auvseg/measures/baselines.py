"""The baselines that the paper compares `S` with (its table 3), as read here (METHOD section 9).

The paper names them without formulas, so each is our reading, with its suspicious end by what the number means: a large
`variance` is noise or mixed tissue; a small `fisher` ratio is a map that does not tell the structure from the rest; a
high `energy` is a structure that the model does not recognise. All compare with the label, so they are None without.

`variance` takes the structure in the whole case, the other two the planes that were scored. The label is brought
to the map's grid, which is smaller, so that no map is copied at the volume's size.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from auvseg.measures.inputs import MeasureInput, is_class


def variance(case: MeasureInput) -> float | None:
    """Variance of the normalised intensities inside the structure, in [0, 0.25]; the population's, not the sample's."""
    if case.whole.label is None or case.box is None:
        return None
    count, total, squares = 0, 0.0, 0.0
    for image, label in zip(case.whole.image[case.box], case.whole.label[case.box], strict=True):
        inside = image[is_class(label, case.values)].astype(np.float64)
        count += inside.size
        # About the middle of the range, so that the difference of two sums loses no digits that matter.
        total += float((inside - 0.5).sum())
        squares += float(np.square(inside - 0.5).sum())
    return max(squares / count - (total / count) ** 2, 0.0) if count else None


def fisher(case: MeasureInput) -> float | None:
    """Fisher discriminant ratio of the map between the pixels inside and outside the structure, at least 0.

        (mu_1 - mu_0)² / (s_1² + s_0²)

    None where either side has no pixel, or both are constant.
    """
    count, mean, square = np.zeros(2), np.zeros(2), np.zeros(2)
    for logits, inside, valid in _planes(case, case.class_map.logits):
        for side, where in enumerate((valid & ~inside, valid & inside)):
            values = logits[where].double()
            count[side] += values.numel()
            mean[side] += float(values.sum())
            square[side] += float(values.square().sum())
    if not count.all():
        return None
    mean, square = mean / count, square / count
    spread = float(np.clip(square - mean**2, 0.0, None).sum())
    return float((mean[1] - mean[0]) ** 2) / spread if spread > 0 else None


def energy(case: MeasureInput) -> float | None:
    """Mean free energy of the map inside the structure, below 0; the higher, the less the model sees there.

    One class against the rest has the logits {z, 0}, so with temperature T = 1

        E(z) = -T log(exp(z / T) + exp(0)) = -softplus(z)

    (Liu et al., Energy-based out-of-distribution detection, NeurIPS 2020, behind the paper's EAOA.)
    """
    count, total = 0, 0.0
    for logits, inside, valid in _planes(case, case.odds):
        values = logits[inside & valid]
        count += values.numel()
        total -= float(functional.softplus(values).double().sum())
    return total / count if count else None


def _planes(
    case: MeasureInput, maps: Float[Tensor, "D h w"]
) -> Iterator[tuple[Float[Tensor, "h w"], Bool[Tensor, "h w"], Bool[Tensor, "h w"]]]:
    """Each scored plane of the map, where the structure is, and where the label means something, on the map's grid.

    A pixel belongs to the structure where at least half of its area does.
    """
    if not case.has_label or not case.has_map:
        return
    for logits, (mask, valid) in zip(maps, case.label_planes(), strict=True):
        inside = _on_grid(mask, logits)
        yield logits, inside, torch.ones_like(inside) if valid.all() else _on_grid(valid, logits)


def _on_grid(mask: Bool[np.ndarray, "H W"], logits: Float[Tensor, "h w"]) -> Bool[Tensor, "h w"]:
    shares = torch.from_numpy(mask).to(torch.float32)[None, None]
    return (functional.interpolate(shares, logits.shape, mode="area")[0, 0] >= 0.5).to(logits.device)
