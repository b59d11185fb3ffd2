"""Trivial measures: the size of a structure and the noise of its image.

They are printed beside every claim (METHOD section 9): where volume alone ranks the cases as well as a foundation
model does, a user must see it.
"""

import math

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from auvseg.measures.inputs import MeasureInput

_LAPLACIAN = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]], dtype=np.float32)
_MINIMUM_SIDE = 3


def volume_ml(case: MeasureInput) -> float | None:
    """Volume of the labelled structure in the whole case, in millilitres; None without a label."""
    if case.volume_voxels is None:
        return None
    return case.volume_voxels * math.prod(case.spacing_mm) / 1000.0


def slices(case: MeasureInput) -> float | None:
    """Number of planes that hold the labelled structure, also where only some were scored; None without a label."""
    return float(case.class_map.planes_total) if case.mask is not None else None


def snr(case: MeasureInput) -> float | None:
    """Mean normalised intensity inside the structure over the standard deviation of the noise in its planes.

    Inside the whole image where there is no label. The noise is Immerkær's estimate (Computer Vision and Image
    Understanding 64, 1996): the mean absolute response to a Laplacian difference, which smooth anatomy hardly excites.
    None where no noise is measurable or the planes are smaller than the 3×3 kernel.
    """
    noise = _noise_standard_deviation(case.image)
    if noise is None:
        return None
    inside = case.image if case.mask is None else case.image[case.mask]
    return float(inside.mean(dtype=np.float64)) / noise if inside.size else None


def _noise_standard_deviation(image: Float32[np.ndarray, "D H W"]) -> float | None:
    if min(image.shape[1:]) < _MINIMUM_SIDE:
        return None
    response = ndimage.convolve(image, _LAPLACIAN[None], mode="nearest")[:, 1:-1, 1:-1]
    # sqrt(pi/2)/6 turns the mean absolute response to this kernel into a Gaussian's standard deviation.
    noise = math.sqrt(math.pi / 2) / 6 * float(np.abs(response).mean(dtype=np.float64))
    return noise if noise > 0 else None
