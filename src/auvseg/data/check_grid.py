"""Whether two files of one case lie on the same grid: number of voxels, spacing, then orientation and origin.

All that differ are reported, apart from those that follow from another number of voxels.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from auvseg.data.findings import Kind, Problem
from auvseg.data.formats.header import DIRECTION_TOLERANCE, millimetres
from auvseg.data.reading import Header
from auvseg.data.volume import grid_difference


def grid_problems(image: Header, other: Header, what: Literal["label", "channel"]) -> Iterator[Problem]:
    """How the grid of a label or a further channel differs from the first channel's.

    Args:
        image: the first channel's header.
        other: the other file's.
        what: what the other file is, for the messages.
    """
    spatial, own = image.shape[:3], other.shape[:3]
    if spatial != own:
        swapped = "; the axes are swapped" if sorted(spatial) == sorted(own) else ""
        message = f"the {what} has {_by(own)} voxels, the image {_by(spatial)}{swapped}"
        yield Problem(Kind.SHAPE_MISMATCH, message)
    if not np.allclose(image.spacing_mm, other.spacing_mm, rtol=DIRECTION_TOLERANCE, atol=0):
        own_mm, image_mm = millimetres(other.spacing_mm), millimetres(image.spacing_mm)
        message = f"the {what}'s spacing is {own_mm}, the image's {image_mm}"
        yield Problem(Kind.SPACING_MISMATCH, message)
    difference = grid_difference(image, _with_spacing_of(image, other)) if spatial == own else None
    if difference is not None:
        yield Problem(Kind.AFFINE_MISMATCH, difference.replace("the label", f"the {what}"))


def _with_spacing_of(image: Header, other: Header) -> Header:
    """The other header as if its voxels were as large as the image's, so that only the rest can differ."""
    affine = other.affine.copy()
    affine[:3, :3] *= np.divide(image.spacing_mm, other.spacing_mm)
    return Header(other.shape, affine, image.spacing_mm, other.axcodes, other.dtype)


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
