"""Per-plane sums over a class map: everything that the companion measures need, in one pass.

On a CPU the map is processed plane by plane, which stays in the cache, with NumPy, which compares and counts much
faster than PyTorch; on an accelerator in large parts. Sums are in float64 and do not depend on the number of threads.

Shapes: D planes, h, w the map's grid, n planes of a part.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, Shaped
from torch import Tensor

from auvseg.measures.inputs import MeasureInput

STABILITY_OFFSET = 2.0
"""Logit offset of the stability score."""

_DEVICE_PART = 1 << 24
"""Pixels that are processed together on an accelerator."""

_MAX_LOGIT = 80.0
"""Beyond this, e^-z approaches the denormal numbers of float32, which are many times slower."""


@dataclass(frozen=True)
class MapSums:
    """Sums for each plane, over the logits of the class against everything else.

    Attributes:
        inside: (D,) pixels of the model's own mask (logit > 0).
        sure: (D,) pixels with a logit above +2.
        loose: (D,) pixels with a logit above -2.
        probability: (D,) sum of the probabilities inside the mask.
        entropy: (D,) sum of the binary entropies of all pixels, in nats.
    """

    inside: Int64[np.ndarray, "D"]
    sure: Int64[np.ndarray, "D"]
    loose: Int64[np.ndarray, "D"]
    probability: Float64[np.ndarray, "D"]
    entropy: Float64[np.ndarray, "D"]


def map_sums(case: MeasureInput) -> MapSums:
    """Compute the sums of a class map; `MeasureInput.once` caches them."""
    odds = case.odds
    if odds.device.type == "cpu":
        found = np.stack([_sums_of_plane(plane) for plane in odds.numpy()], axis=1)
    else:
        parts = odds.split(max(_DEVICE_PART // odds[0].numel(), 1))
        found = torch.cat([_sums_on_device(part) for part in parts], dim=1).cpu().numpy()
    inside, sure, loose = found[:3].astype(np.int64)
    return MapSums(inside, sure, loose, found[3], found[4])


def total(values: Shaped[Tensor, "*n h w"]) -> Float64[Tensor, "*n"]:
    """Sum over rows and columns in float64; a row is never divided, so the number of threads does not matter."""
    return values.sum(-1, dtype=torch.float64).sum(-1)


def _sums_of_plane(logits: Float32[np.ndarray, "h w"]) -> Float64[np.ndarray, "5"]:
    inside = logits > 0
    # Of the less likely of the two classes over the more likely: never overflows, and beyond the limit it is nothing,
    # but the processor would be slow at it.
    distance = np.minimum(np.abs(logits), np.float32(_MAX_LOGIT))
    odds = np.exp(-distance)
    more_likely = 1 / (1 + odds)
    # -log p of either class is log1p(odds), and for the less likely one |z| more. NumPy's log1p is no vector's.
    entropy = torch.log1p(torch.from_numpy(odds)).numpy()
    entropy += distance * odds * more_likely
    masks = inside, logits > STABILITY_OFFSET, logits > -STABILITY_OFFSET
    sums = (more_likely * inside).sum(dtype=np.float64), entropy.sum(dtype=np.float64)
    return np.array([*map(np.count_nonzero, masks), *sums], dtype=np.float64)


def _sums_on_device(logits: Float32[Tensor, "n h w"]) -> Float64[Tensor, "5 n"]:
    """The same for several planes at once."""
    inside = logits > 0
    distance = logits.abs().clamp_max_(_MAX_LOGIT)
    odds = torch.exp(-distance)
    more_likely = 1 / (1 + odds)
    entropy = torch.log1p(odds) + distance * odds * more_likely
    masks = inside, logits > STABILITY_OFFSET, logits > -STABILITY_OFFSET
    counts = [mask.sum((-2, -1)).double() for mask in masks]
    return torch.stack([*counts, total(more_likely * inside), total(entropy)])
