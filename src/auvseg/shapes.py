"""Array types and the axis legend, in one place.

Axis names used in every annotation and docstring:
    B  batch, C  classes, D  depth, H  height, W  width: a volume in the canonical orientation (S, A, R),
       so index 0 along D is the most inferior plane, along H the most posterior row, along W the most left
       column, each growing towards the letter.
    h, w  the pixel grid of a foundation model's output; it covers the same field of view as (H, W).
    D alone on a class map means the planes that were scored, in increasing order.

Tensors are annotated where they are used, so that this module does not import torch.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

ImageArray = Float32[np.ndarray, "D H W"]
LabelArray = Int32[np.ndarray, "D H W"]
MaskArray = Bool[np.ndarray, "D H W"]
AxesArray = Float64[np.ndarray, "3 3"]
"""The steps from one voxel to the next along D, H and W, a row each, in mm."""
