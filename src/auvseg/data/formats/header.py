"""What every reader gives: a file's promise (`Header`) and its voxels (`RawArray`), in the order on disk.

Shape and affine are checked here, once for all formats; nothing is reoriented.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from auvseg.data.findings import Problem
from auvseg.data.formats.reasons import Reason

Part = Literal["image", "label"]
"""Which array of a file that holds both (`.npz`); other formats hold one."""

Notes = tuple[Problem, ...]
"""What a reader noticed in a file; each is a finding of `check`, and a sentence in the case's record."""

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From ITK's and DICOM's positions to NIfTI's."""

_LEAST_VOLUME_OF_UNIT_AXES = 1e-6
"""Three axes of length 1 that span less than this lie in one plane, apart from rounding."""


@dataclass(frozen=True)
class Header:
    """What a file promises.

    Attributes:
        shape: as stored, spatial axes first, trailing axes of length 1 dropped, at least three axes.
        affine: (4, 4) voxel indices to RAS+ millimetres.
        spacing_mm: voxel size along the spatial axes as stored.
        axcodes: where each spatial axis points, such as "LAS".
        dtype: NumPy's name of the type on disk, before slope and intercept.
        notes: what the reader had to guess or repair, and where the header contradicts itself.
    """

    shape: tuple[int, ...]
    affine: Float64[np.ndarray, "4 4"]
    spacing_mm: tuple[float, float, float]
    axcodes: str
    dtype: str
    notes: Notes = ()


@dataclass(frozen=True)
class RawArray:
    """A file's voxels in the order in which they are stored, with slope and intercept applied.

    Attributes:
        header: what the file says of them.
        array: of `header.shape`, in its own integer type. Where the file is floating or scaled, an image is float32,
            and a label is of a type that holds its values exactly.
    """

    header: Header
    array: NDArray[Any]


def make_header(
    path: Path,
    shape: tuple[int, ...],
    affine: Float64[np.ndarray, "4 4"],
    dtype: np.dtype[Any],
    notes: Notes = (),
) -> Header:
    """Check shape and affine and derive spacing and orientation.

    Raises:
        ReadError: an axis without voxels, or an affine that is not finite or maps a voxel onto nothing.
    """
    shape = _at_least_three_axes(shape)
    if any(size < 1 for size in shape):
        raise Reason.EMPTY_AXIS.of(path, shape=shape)
    spacing = _spacing_mm(affine)
    if spacing is None:
        raise Reason.SINGULAR_AFFINE.of(path)
    axcodes = "".join(nib.orientations.aff2axcodes(affine))
    return Header(shape, affine.astype(np.float64), spacing, axcodes, dtype.name, notes)


def itk_affine(
    direction: Float64[np.ndarray, "n n"], spacing: Float64[np.ndarray, " n"], origin: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, "4 4"]:
    """ITK's direction, spacing and origin (LPS) as an affine to RAS; axes beyond the third are left out."""
    spatial = min(len(spacing), 3)
    matrix = np.eye(4)
    matrix[:spatial, :spatial] = direction[:spatial, :spatial] * spacing[:spatial]
    matrix[:spatial, 3] = origin[:spatial]
    return LPS_TO_RAS @ matrix


def _at_least_three_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return (*shape, *[1] * (3 - len(shape)))


def _spacing_mm(affine: Float64[np.ndarray, "4 4"]) -> tuple[float, float, float] | None:
    """Length of each voxel edge; None where the affine cannot be a grid's."""
    with np.errstate(over="ignore"):
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and np.isfinite(spacing).all() and spacing.all()):
        return None
    # Relative to the voxel's edges, so that micrometres are as good as millimetres.
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < _LEAST_VOLUME_OF_UNIT_AXES:
        return None
    x, y, z = (float(size) for size in spacing)
    return x, y, z
