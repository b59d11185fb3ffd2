"""Resizing a plane to a foundation model's grid as OpenCV's `INTER_AREA` does, without OpenCV.

Area resampling is separable, so a plane is resized by two small matrices: `rows @ plane @ columns.T`. Where both axes
shrink or stay, every output pixel is the mean of the input it covers, fractions of pixels included. Where one of
them grows, OpenCV changes both axes to a linear interpolation that repeats pixels and blends only where an output
pixel straddles two input pixels; that is reproduced too, because the model was trained on such images.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Float64


def fitted_shape(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of a (height, width) plane after its longer side became `side`, aspect ratio kept.

    Rounded half up as upstream does, but never below one pixel.
    """
    scale = side / max(height, width)
    return max(int(height * scale + 0.5), 1), max(int(width * scale + 0.5), 1)


def resize_area(plane: Float32[np.ndarray, "H W"], shape: tuple[int, int]) -> Float32[np.ndarray, "h w"]:
    """Resize one plane; agrees with `cv2.resize(..., interpolation=cv2.INTER_AREA)` to float32 rounding.

    Args:
        plane: (H, W) intensities.
        shape: rows and columns of the result, (h, w).
    """
    if plane.shape == shape:
        return plane
    shrinking = shape[0] <= plane.shape[0] and shape[1] <= plane.shape[1]
    weights = _covering_weights if shrinking else _straddling_weights
    rows, columns = weights(plane.shape[0], shape[0]), weights(plane.shape[1], shape[1])
    return (rows.astype(np.float32) @ plane @ columns.astype(np.float32).T).astype(np.float32, copy=False)


@lru_cache(maxsize=16)
def _covering_weights(size: int, new_size: int) -> Float64[np.ndarray, "new old"]:
    """(new_size, size) share of each output pixel that each input pixel covers."""
    edges = np.arange(new_size + 1) * (size / new_size)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    covered = np.clip(overlap, 0.0, None)
    return covered / covered.sum(axis=1, keepdims=True)


@lru_cache(maxsize=16)
def _straddling_weights(size: int, new_size: int) -> Float64[np.ndarray, "new old"]:
    """(new_size, size) weights of OpenCV's area interpolation where at least one axis grows."""
    output = np.arange(new_size)
    growth = new_size / size
    # The very expressions and types of OpenCV: where an edge falls on a pixel, their rounding decides.
    left = np.minimum(np.floor(output * (1.0 / growth)).astype(int), size - 1)
    blend = ((output + 1) - (left + 1) * growth).astype(np.float32)
    blend = np.where(blend <= 0, 0.0, blend - np.floor(blend))
    blend[left == size - 1] = 0.0
    weights = np.zeros((new_size, size))
    weights[output, left] = 1.0 - blend
    weights[output, np.minimum(left + 1, size - 1)] += blend
    return weights
