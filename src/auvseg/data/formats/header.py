"""Result of every reader: a file's `Header` and its voxels (`RawArray`), in the order on disk.

Shape and affine are checked here, for all formats, and lengths are converted to millimetres; nothing is reoriented.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.reasons import Reason

Part = Literal["image", "label"]
"""Which array of a file that holds both (`.npz`); other formats hold one."""

Notes = tuple[Problem, ...]
"""What a reader noticed in a file; each is a finding of `check`, and a sentence in the case's record."""

Spacing = tuple[float, float, float]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From ITK's and DICOM's positions to NIfTI's."""

DIRECTION_TOLERANCE = 1e-3
"""Grids are the same where spacings differ by less than this share, unit axes by less than this in every coordinate
(0.06 degrees), and origins by less than `origin_tolerance_mm`. Axes are perpendicular where the cosine between any two
is no more than this."""

_ORIGIN_TOLERANCE_MM = 1e-2
"""What writing positions as text or as float32 may cost, unless it is a tenth of a voxel."""

MAX_SIDE_MM = 1e4
"""No scan of a body is longer than this: where a header makes it so, its unit of length is wrong."""

_ATOM_MM = 1e-7
_ROUNDING = 1e-5
_LEAST_VOLUME_OF_UNIT_AXES = 1e-6
"""Three axes of length 1 that span less than this lie in one plane, apart from rounding."""

_UNITS: dict[tuple[str, ...], float] = {
    ("m", "metre"): 1e3,
    ("cm", "centimetre"): 1e1,
    ("mm", "millimetre"): 1.0,
    ("um", "µm", "micron", "micrometre"): 1e-3,
    ("nm", "nanometre"): 1e-6,
}
_MM_PER_UNIT = {name.casefold(): factor for names, factor in _UNITS.items() for name in names}


@dataclass(frozen=True)
class Header:
    """Header of a file.

    Attributes:
        shape: as stored, spatial axes first, trailing axes of length 1 dropped, at least three axes.
        affine: (4, 4) voxel indices to RAS+ millimetres.
        spacing_mm: voxel size along the spatial axes as stored.
        axcodes: where each spatial axis points, such as "LAS".
        dtype: NumPy's name of the type on disk, before slope and intercept.
        notes: what the reader had to guess or repair, and where the header contradicts itself.
        nnunet_spacing: voxel size in the numbers of nnU-Net's own reader of such files; None where it sees the same.
    """

    shape: tuple[int, ...]
    affine: Float64[np.ndarray, "4 4"]
    spacing_mm: Spacing
    axcodes: str
    dtype: str
    notes: Notes = ()
    nnunet_spacing: Spacing | None = None

    @property
    def is_sheared(self) -> bool:
        """Whether the axes are not perpendicular, so that a voxel is no box."""
        return _largest_cosine(self.affine) > DIRECTION_TOLERANCE

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel, that of the slanted box where the axes are not perpendicular."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) if self.is_sheared else math.prod(self.spacing_mm)


@dataclass(frozen=True)
class Geometry:
    """Position of the voxels, and notes about it.

    Attributes:
        affine: (4, 4) voxel indices to RAS+ millimetres.
        notes: as of `Header`.
        nnunet_spacing: voxel size that nnU-Net's own reader takes.
    """

    affine: Float64[np.ndarray, "4 4"]
    notes: Notes = ()
    nnunet_spacing: Spacing | None = None


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
    nnunet_spacing: Spacing | None = None,
) -> Header:
    """Check shape and affine and derive spacing and orientation.

    Raises:
        ReadError: an axis without voxels, or an affine that is not finite or maps a voxel onto nothing.
    """
    shape = _at_least_three_axes(shape)
    if any(size < 1 for size in shape):
        raise Reason.EMPTY_AXIS.of(path, shape=shape)
    if not is_invertible(affine):
        raise Reason.SINGULAR_AFFINE.of(path)
    x, y, z = (float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
    axcodes = "".join(nib.orientations.aff2axcodes(affine))
    notes = (*notes, *_notes_on_grid(affine, shape, notes))
    if nnunet_spacing is not None and np.allclose(nnunet_spacing, (x, y, z), rtol=_ROUNDING, atol=0):
        nnunet_spacing = None
    return Header(shape, affine.astype(np.float64), (x, y, z), axcodes, dtype.name, notes, nnunet_spacing)


def itk_affine(
    direction: Float64[np.ndarray, "n n"], spacing: Float64[np.ndarray, " n"], origin: Float64[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, "4 4"], Notes]:
    """ITK's direction, spacing and origin (LPS) as an affine to RAS; axes beyond the third are left out.

    Voxels are as large as the spacing says; a direction of another length than 1 is a note.
    """
    spatial = min(len(spacing), 3)
    matrix = np.eye(4)
    notes: Notes = ()
    lengths = np.linalg.norm(direction[:spatial, :spatial], axis=0)
    if np.isfinite(lengths).all() and lengths.all():
        direction = direction[:spatial, :spatial] / lengths
        if np.abs(lengths - 1).max() > DIRECTION_TOLERANCE:
            stated = " × ".join(f"{length:.4g}" for length in lengths)
            message = f"the directions have the lengths {stated}, not 1: the voxel size is taken from the spacing alone"
            notes = (Problem(Kind.CONTRADICTORY_SPACING, message),)
    matrix[:spatial, :spatial] = direction[:spatial, :spatial] * spacing[:spatial]
    matrix[:spatial, 3] = origin[:spatial]
    return LPS_TO_RAS @ matrix, notes


def mm_per_unit(name: str) -> float | None:
    """Millimetres in a unit of length by its name or sign, such as "um" or "Microns"; None where it is unknown."""
    # Two letters of Unicode look like the Greek one; folding case makes them one.
    plain = name.strip().casefold().replace("meter", "metre")
    return _MM_PER_UNIT.get(plain, _MM_PER_UNIT.get(plain.removesuffix("s") if len(plain) > 2 else plain))


def to_millimetres(
    stated: Float64[np.ndarray, "4 4"],
    converted: Float64[np.ndarray, "4 4"],
    shape: tuple[int, ...],
    unit: str,
    taken: str,
) -> tuple[Float64[np.ndarray, "4 4"], Problem]:
    """The affine in millimetres of a header that states another unit of length, and what is to be said of it.

    A unit that would make the volume longer than any body, while its numbers would do in millimetres, is not believed.

    Args:
        stated: the affine as the numbers are.
        converted: the affine in millimetres, if the unit is right.
        shape: of the voxels.
        unit: the unit's name.
        taken: what nnU-Net's reader makes of it, as a clause.
    """
    own, other = (np.linalg.norm(affine[:3, :3], axis=0) for affine in (converted, stated))
    if _longest_side(own, shape) > MAX_SIDE_MM >= _longest_side(other, shape):
        metres = _longest_side(own, shape) / 1000
        message = (
            f"lengths are stated in {unit}, which makes the volume {metres:.3g} m long: taken as millimetres, "
            f"{millimetres(other)} instead of {millimetres(own)}; {taken}"
        )
        return stated, Problem(Kind.IMPLAUSIBLE_SPACING, message)
    return converted, Problem(Kind.UNUSUAL_UNIT, f"lengths are stated in {unit}: {millimetres(own)}; {taken}")


def origin_tolerance_mm(spacing_mm: Iterable[float]) -> float:
    """How far the origins of two grids of the same voxels may lie apart."""
    longest = max(spacing_mm)
    return max(min(_ORIGIN_TOLERANCE_MM, longest / 10), DIRECTION_TOLERANCE * longest)


def millimetres(spacing: Iterable[float]) -> str:
    """A voxel size in words."""
    return "×".join(f"{size:.4g}" for size in spacing) + " mm"


def degrees_sheared(affine: Float64[np.ndarray, "4 4"]) -> float:
    """By how many degrees the axes are off perpendicular, at most."""
    return math.degrees(math.asin(min(_largest_cosine(affine), 1.0)))


def is_invertible(affine: Float64[np.ndarray, "4 4"]) -> bool:
    """Whether an affine can be a grid's: finite, and no axis of length 0 or in the plane of the two others."""
    with np.errstate(over="ignore", invalid="ignore"):
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and np.isfinite(spacing).all() and spacing.all()):
        return False
    # Relative to the voxel's edges, so that micrometres are as good as millimetres.
    return bool(abs(np.linalg.det(affine[:3, :3] / spacing)) >= _LEAST_VOLUME_OF_UNIT_AXES)


def _notes_on_grid(affine: Float64[np.ndarray, "4 4"], shape: tuple[int, ...], notes: Notes) -> Iterator[Problem]:
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    known = {note.kind for note in notes}
    if _largest_cosine(affine) > DIRECTION_TOLERANCE:
        yield Problem(
            Kind.SHEARED_GRID,
            f"the axes are {degrees_sheared(affine):.2g}° off perpendicular, as after a tilted gantry: a voxel has "
            f"{abs(np.linalg.det(affine[:3, :3])):.4g} mm³, not {math.prod(spacing):.4g}; nnU-Net takes it for a box",
        )
    # Of pixels that nobody measured, any number may be in a picture.
    if _longest_side(spacing, shape) > MAX_SIDE_MM and not known & {Kind.UNSTATED_SPACING, Kind.PIXELS_ONLY}:
        metres = _longest_side(spacing, shape) / 1000
        yield Problem(Kind.IMPLAUSIBLE_SPACING, f"voxels of {millimetres(spacing)} make the volume {metres:.3g} m long")
    if spacing.min() < _ATOM_MM:
        yield Problem(Kind.IMPLAUSIBLE_SPACING, f"voxels of {millimetres(spacing)} are thinner than an atom")


def _largest_cosine(affine: Float64[np.ndarray, "4 4"]) -> float:
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(unit.T @ unit - np.eye(3)).max())


def _longest_side(spacing: Float64[np.ndarray, "3"], shape: tuple[int, ...]) -> float:
    return max(float(size) * count for size, count in zip(spacing, shape, strict=False))


def _at_least_three_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return (*shape, *[1] * (3 - len(shape)))
