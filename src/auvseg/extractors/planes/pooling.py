"""Mean of an encoder's features over a structure: one vector per plane, used to compare structures between cases."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from auvseg.extractors.planes.prompts import Box


def region_weights(
    region: Bool[np.ndarray, "h w"] | None, box: Box, shape: tuple[int, int], side: int, *, stretched: bool = False
) -> Float32[np.ndarray, "side side"]:
    """How much of every feature cell a region covers.

    The plane's first pixel lies in the first cell. As a rule its longer side spans all `side` cells, and both axes have
    the same cells, so that a plane that is not square leaves the last rows or columns of cells empty.

    Args:
        region: (h, w) the pixels of interest within `box`; None: all of them.
        box: where `region` lies in the plane, both corners included.
        shape: rows and columns of the whole plane.
        side: cells along either axis.
        stretched: whether both sides of the plane span all cells, whatever its aspect ratio.

    Returns:
        (side, side) areas in pixels; their sum is the number of pixels of the region.
    """
    height, width = shape if stretched else (max(shape), max(shape))
    rows = _shared_lengths(shape[0], side, height / side)[:, box.top : box.bottom + 1]
    columns = _shared_lengths(shape[1], side, width / side)[:, box.left : box.right + 1]
    if region is None:
        return np.outer(rows.sum(axis=1), columns.sum(axis=1))
    return rows @ region.astype(np.float32) @ columns.T


def weighted_mean(
    features: Float[Tensor, "N F"], weights: Float32[np.ndarray, "side side"]
) -> Float32[Tensor, "F"] | None:
    """Mean of (N, F) features under the weights of their N = side² cells, row by row; None where all weights are 0."""
    flat = weights.ravel()
    cells = np.flatnonzero(flat)
    if not len(cells):
        return None
    span = slice(int(cells[0]), int(cells[-1]) + 1)
    share = torch.from_numpy(flat[span] / flat[span].sum()).to(features.device)
    return share @ features[span].to(torch.float32)


@lru_cache(maxsize=16)
def _shared_lengths(size: int, side: int, cell: float) -> Float32[np.ndarray, "side size"]:
    """(side, size) length that cell and pixel share, in pixels."""
    edges = np.arange(side + 1) * cell
    pixels = np.arange(size)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(shared, 0.0, None).astype(np.float32)
