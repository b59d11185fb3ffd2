"""Contribution of each plane to the measures of a case, for display.

The semantic perception scale is a sum over directions, and every direction is spread over the planes:

    S = Σ_d s_d,    s_d = Σ_j u_dj² · (-p_j log p_j) / log r,    Z = U Σ Vᵀ with a plane a row,  Σ_d u_dj² = 1

so S is divided among the planes without a remainder (ours, not the paper's). Companions are computed plane by plane.

Shapes: D scored planes, h, w the map's grid, H, W the volume's, r directions.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, UInt8
from torch import Tensor
from torch.nn import functional

from auvseg.measures.catalogue import ScaleOptions
from auvseg.measures.inputs import MeasureInput
from auvseg.measures.map_core import MapCore
from auvseg.measures.map_sums import map_sums
from auvseg.measures.spectrum import SINGULAR_OFFSET
from auvseg.measures.structure import structure_of


@dataclass(frozen=True)
class PlaneShares:
    """Spectrum of a map, and how S is divided among its planes.

    Attributes:
        spectrum: (r,) distribution p_j, descending; NaN if the map has no scale.
        scale: (D,) contribution of each plane to S; NaN if the map has no scale, or if its rows are not planes.
    """

    spectrum: Float64[np.ndarray, "r"]
    scale: Float64[np.ndarray, "D"]


def scale_by_plane(found: MapCore, options: ScaleOptions) -> PlaneShares:
    """Divide S among the planes.

    Args:
        found: core of a map in this variant of S.
        options: the variant.
    """
    gram = found.gram(options)
    depth, directions = found.depth, gram.shape[-1]
    if not bool(torch.isfinite(gram).all()) or float(gram.diagonal().sum()) <= 0:
        return PlaneShares(np.full(directions, np.nan), np.full(depth, np.nan))
    values, vectors = torch.linalg.eigh(gram)
    energies = values.clamp_min(0)
    if options.energy == "singular":
        energies = energies.sqrt() + SINGULAR_OFFSET
    p = energies / energies.sum()
    entropy = torch.special.entr(p) / math.log(max(directions, 2))
    by_row = (vectors.square() @ entropy).numpy()
    spectrum = p.flip(0).numpy()
    if depth == 1:
        return PlaneShares(spectrum, np.array([float(entropy.sum())]))
    rows_are_planes = found.unfolding.order[0] == 0 and found.unfolding.by_rows
    return PlaneShares(spectrum, by_row if rows_are_planes else np.full(depth, np.nan))


def own_mask(case: MeasureInput) -> UInt8[np.ndarray, "D bytes"]:
    """The model's own mask (logit > 0) on the volume's grid: (D, ceil(H·W / 8)) packed bits, one row per plane.

    `MeasureInput.once` caches it, since both a measure and the view of the case need it.
    """
    shape = case.whole.image.shape[1:]
    # Plane by plane: a whole structure upsampled at once can be larger than everything else in memory.
    return np.stack([np.packbits((_on_volume(plane, shape) > 0).cpu().numpy()) for plane in case.odds])


def _on_volume(plane: Float[Tensor, "h w"], shape: tuple[int, ...]) -> Float[Tensor, "H W"]:
    if tuple(plane.shape) == shape:
        return plane
    return functional.interpolate(plane[None, None], shape, mode="bilinear", align_corners=False)[0, 0]


def unpack_plane(bits: UInt8[np.ndarray, "bytes"], height: int, width: int) -> Bool[np.ndarray, "H W"]:
    """Unpack one plane of `own_mask`."""
    return np.unpackbits(bits, count=height * width).view(bool).reshape(height, width)


def overlaps(case: MeasureInput) -> tuple[tuple[int, int], ...]:
    """Count, per scored plane, the voxels in both the label and the model's mask, and the sum of both masks' voxels.

    Voxels of nnU-Net's ignore label do not count. Empty without a label.
    """
    structure = structure_of(case)
    if not case.has_label:
        return ()
    height, width = case.whole.image.shape[1:]
    found = []
    for index, bits in zip(case.class_map.planes, case.once(own_mask), strict=True):
        predicted = unpack_plane(bits, height, width)
        if (ignored := case.ignored(index)) is not None:
            predicted = predicted & ~ignored
        both = labelled = 0
        if structure is not None:
            mask = structure.on_plane(index)
            both = int(np.count_nonzero(predicted[structure.box[1:]] & mask))
            labelled = int(np.count_nonzero(mask))
        found.append((both, int(np.count_nonzero(predicted)) + labelled))
    return tuple(found)


def agreement_by_plane(case: MeasureInput) -> Float64[np.ndarray, "D"]:
    """(D,) Dice of the model's own mask with the label on each plane; NaN without a label, or where both are empty."""
    if not case.has_label:
        return np.full(len(case.class_map.planes), np.nan)
    return np.array([2 * both / total if total else np.nan for both, total in case.once(overlaps)])


def confidence_by_plane(case: MeasureInput) -> Float64[np.ndarray, "D"]:
    """(D,) mean probability inside the model's own mask on each plane; NaN where the mask is empty."""
    sums = case.once(map_sums)
    mean = np.full(len(sums.inside), np.nan)
    return np.divide(sums.probability, sums.inside, out=mean, where=sums.inside > 0)
