"""Derive the affine of a NIfTI header from sform, qform or pixdim, and compare it with ITK's reading.

The three may contradict each other, and programs choose differently. auvseg uses the sform if it is set, else the
qform, else pixdim, as nibabel does. ITK, with which nnU-Net reads `.nii.gz`, takes every voxel size from pixdim,
and direction and origin from whichever form its rules prefer. Both rules are implemented here; differences are notes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Float64

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.header import (
    DIRECTION_TOLERANCE,
    Geometry,
    degrees_sheared,
    is_invertible,
    millimetres,
    origin_tolerance_mm,
    to_millimetres,
)
from auvseg.data.formats.reasons import Reason

Affine = Float64[np.ndarray, "4 4"]

_MM_PER_UNIT = {1: ("metres", 1e3), 3: ("micrometres", 1e-3)}
"""NIfTI's codes; every other code means millimetres, or nothing."""

_SCANNER = 1
"""The form code for the scanner's own coordinates."""

_MATRIX_INTENTS = (1004, 1005, 1006)
"""Intent codes of matrices and displacements, which ITK does not read as an image of one number a voxel."""

_LEAST_SQUARE = 1e-7
"""Of the quaternion's first part; what is smaller is rounding."""

_ITK_ORTHONORMAL = 1e-4
_ITK_ALIKE = 1e-5
_ITK_SAME_PLACE = 1e-7
_ITK_VERY_ALIKE = 1e-4


@dataclass(frozen=True)
class _Forms:
    """What a header states, in the header's own unit.

    Attributes:
        pixdim: as stored, of the three spatial axes.
        sizes: voxel sizes as every reader mends them: without sign, 1 where pixdim is 0 or not finite.
        sform: (4, 4) as stored; None where its code says that it is unset.
        sform_code: as stored.
        qform: (4, 4) from quaternion and `sizes`; None where its code says that it is unset.
        quaternion: as stored.
    """

    pixdim: tuple[float, float, float]
    sizes: Float64[np.ndarray, "3"]
    sform: Affine | None
    sform_code: int
    qform: Affine | None
    quaternion: tuple[float, float, float]


@dataclass(frozen=True)
class _Seen:
    """What ITK makes of a header, in the header's own unit.

    Attributes:
        affine: (4, 4) to RAS.
        source: where its direction and origin come from.
    """

    affine: Affine
    source: str


def geometry_of(path: Path, header: Any, shape: tuple[int, ...]) -> Geometry:
    """The geometry that a NIfTI header states.

    Args:
        path: the file.
        header: as it is in the file, with nothing repaired.
        shape: of the voxels.

    Raises:
        ReadError: a form is set, and neither is a grid's.
    """
    forms = _forms(header)
    affine, source, notes = _own(path, forms, shape)
    seen = _seen_by_itk(forms)
    if seen is None:
        notes.append(_refused(path, f"the sform is sheared by {degrees_sheared(affine):.2g}° and there is no qform"))
    if header["intent_code"] in _MATRIX_INTENTS:
        notes.append(_refused(path, f"intent code {int(header['intent_code'])} says that voxels are matrices"))
    if header["sizeof_hdr"] == nib.Nifti2Header.sizeof_hdr and path.name.lower().endswith(".gz"):
        notes.append(_refused(path, "it is NIfTI-2"))
    notes += _contradictions(forms, affine, source, seen)
    return _in_millimetres(path, int(header["xyzt_units"]) & 7, affine, shape, forms, notes)


def require_usable(path: Path, header: Any) -> None:
    """Refuse numbers at which nibabel stops without a word that a user understands.

    Raises:
        ReadError: a quaternion that is no rotation where the affine hangs on it, or an intercept that is no number.
    """
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if np.isfinite(slope) and slope != 0 and not np.isfinite(intercept):
        raise Reason.ODD_INTERCEPT.of(path, stated=f"{intercept:g}")
    forms = _forms(header)
    length = float(np.linalg.norm(forms.quaternion))
    if forms.sform is None and forms.qform is not None and not length <= 1 + np.finfo(np.float32).eps:
        raise Reason.NO_ROTATION.of(path, stated=", ".join(f"{part:g}" for part in forms.quaternion), length=length)


def _forms(header: Any) -> _Forms:
    x, y, z = (float(size) for size in header["pixdim"][1:4])
    sizes = np.abs([x, y, z])
    sizes[~np.isfinite(sizes) | (sizes == 0)] = 1.0
    b, c, d = (float(header[f"quatern_{letter}"]) for letter in "bcd")
    sform_code = int(header["sform_code"])
    return _Forms(
        pixdim=(x, y, z),
        sizes=sizes,
        sform=_sform(header) if sform_code > 0 else None,
        sform_code=sform_code,
        qform=_qform(header, (b, c, d), sizes) if int(header["qform_code"]) > 0 else None,
        quaternion=(b, c, d),
    )


def _sform(header: Any) -> Affine:
    rows = [np.asarray(header[f"srow_{axis}"], np.float64) for axis in "xyz"]
    return np.vstack([*rows, [0.0, 0.0, 0.0, 1.0]])


def _qform(header: Any, quaternion: tuple[float, float, float], sizes: Float64[np.ndarray, "3"]) -> Affine:
    """The qform as the NIfTI library makes it: what is not finite is 0, and a quaternion that is too long is cut."""
    b, c, d = np.nan_to_num(quaternion, nan=0.0, posinf=0.0, neginf=0.0)
    squared = float(b * b + c * c + d * d)
    a = np.sqrt(max(1 - squared, 0.0))
    if 1 - squared < _LEAST_SQUARE:
        a, (b, c, d) = 0.0, np.array([b, c, d]) / np.sqrt(squared)
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ]
    matrix[:3, :3] *= sizes
    if float(header["pixdim"][0]) < 0:
        matrix[:3, 2] *= -1
    matrix[:3, 3] = np.nan_to_num([float(header[f"qoffset_{axis}"]) for axis in "xyz"], posinf=0.0, neginf=0.0)
    return matrix


def _own(path: Path, forms: _Forms, shape: tuple[int, ...]) -> tuple[Affine, str, list[Problem]]:
    """Auvseg's affine, where it comes from, and what had to be assumed."""
    notes: list[Problem] = []
    if forms.sform is not None and is_invertible(forms.sform):
        return forms.sform, "sform", notes
    if forms.qform is not None:
        if forms.sform is not None:
            notes.append(Problem(Kind.REPAIRED_HEADER, "the sform is not finite or singular: the qform is taken"))
        affine, source = forms.qform, "qform"
    elif forms.sform is not None:
        raise Reason.SINGULAR_AFFINE.of(path)
    else:
        message = "the header states no orientation (neither sform nor qform): auvseg takes LAS, ITK takes LPS"
        notes.append(Problem(Kind.UNSTATED_ORIENTATION, message))
        affine, source = np.diag([-forms.sizes[0], forms.sizes[1], forms.sizes[2], 1.0]), "pixdim"
        middle = (np.array([*shape, 1, 1, 1][:3]) - 1) / 2
        affine[:3, 3] = -affine[:3, :3] @ middle
    odd = [axis for axis, size in zip("xyz", forms.pixdim, strict=True) if not (np.isfinite(size) and size)]
    if odd:
        stated = ", ".join(f"{size:g}" for size in forms.pixdim)
        message = f"pixdim is ({stated}): 1 mm is assumed along {' and '.join(odd)}, as ITK and nibabel do"
        notes.append(Problem(Kind.UNSTATED_SPACING, message))
    return affine, source, notes


def _seen_by_itk(forms: _Forms) -> _Seen | None:
    """What ITK 5 makes of the header (`NiftiImageIO`); None where it refuses the file."""
    matrix, source = np.diag([-1.0, -1.0, 1.0, 1.0]), "neither"
    if forms.sform is not None and _prefers_sform(forms.sform, forms):
        matrix, source = forms.sform, "sform"
    elif forms.qform is not None:
        matrix, source = forms.qform, "qform"
    elif forms.sform is not None:
        return None
    affine = matrix.copy()
    with np.errstate(invalid="ignore"):
        affine[:3, :3] = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0) * forms.sizes
    # A negative size turns the axis round.
    affine[:3, :3] *= np.where(np.array(forms.pixdim) < 0, -1.0, 1.0)
    return _Seen(affine, source)


def _prefers_sform(sform: Affine, forms: _Forms) -> bool:
    if is_invertible(sform) and _is_straight(sform):
        return forms.qform is None or forms.sform_code == _SCANNER or _very_alike(sform, forms.qform)
    return forms.qform is not None and _alike(sform, forms.qform)


def _is_straight(affine: Affine) -> bool:
    unit = (affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)).astype(np.float32)
    return bool(np.abs(unit @ unit.T - np.eye(3)).max() <= _ITK_ORTHONORMAL)


def _alike(one: Affine, other: Affine) -> bool:
    """ITK's first test of two forms."""
    difference = np.abs(one - other)
    return bool(difference[:3, :3].max() <= _ITK_ALIKE and difference[:3, 3].sum() <= _ITK_SAME_PLACE)


def _very_alike(one: Affine, other: Affine) -> bool:
    """ITK's second test: the same turn, sizes and origin."""
    return bool(np.abs(_turn_between(one, other) - np.eye(3)).max() <= _ITK_VERY_ALIKE) and _same_box(one, other)


def _turned_round(one: Affine, other: Affine) -> bool:
    """Whether ITK's second test hangs on rounding: it compares singular vectors, whose signs are any."""
    turn = _turn_between(one, other)
    return bool(np.abs(np.abs(turn) - np.eye(3)).max() <= _ITK_VERY_ALIKE and turn.trace() < 2) and _same_box(
        one, other
    )


def _turn_between(one: Affine, other: Affine) -> Float64[np.ndarray, "3 3"]:
    first, second = (form[:3, :3] / np.linalg.norm(form[:3, :3], axis=0) for form in (one, other))
    return first.T @ second


def _same_box(one: Affine, other: Affine) -> bool:
    sizes, others = (np.linalg.norm(form[:3, :3], axis=0) for form in (one, other))
    return bool(max(np.abs(sizes - others).max(), np.abs(one[:3, 3] - other[:3, 3]).max()) <= _ITK_VERY_ALIKE)


def _refused(path: Path, why: str) -> Problem:
    name = path.name.lower()
    reader = "nnU-Net's reader of .nii.gz (ITK)" if name.endswith(".nii.gz") else "ITK"
    other = "; nnU-Net reads .nii with nibabel, which does not" if name.endswith(".nii") else ""
    return Problem(Kind.UNREADABLE_ELSEWHERE, f"{reader} refuses it: {why}{other}")


def _contradictions(forms: _Forms, affine: Affine, source: str, seen: _Seen | None) -> list[Problem]:
    """Where the header says two things: of sizes, and of direction and origin."""
    notes = []
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.allclose(spacing, forms.sizes, rtol=DIRECTION_TOLERANCE, atol=0):
        stated = " × ".join(f"{size:.4g}" for size in forms.pixdim)
        mended = "" if np.allclose(forms.sizes, forms.pixdim) else f", read as {millimetres(forms.sizes)}"
        message = (
            f"the {source} says {millimetres(spacing)}, pixdim {stated}{mended}: auvseg takes the {source}, "
            "nnU-Net's readers (ITK, nibabel) pixdim"
        )
        notes.append(Problem(Kind.CONTRADICTORY_SPACING, message))
    if source == "sform" and forms.qform is not None and (difference := _difference("qform", affine, forms.qform)):
        itk = "the qform" if seen is None or seen.source == "qform" else "the sform"
        if forms.sform_code != _SCANNER and _turned_round(affine, forms.qform):
            itk = "either"
        message = f"{difference}: auvseg takes the sform, ITK {itk}"
        notes.append(Problem(Kind.CONTRADICTORY_ORIENTATION, message))
    turned = [axis for axis, size in zip("xyz", forms.pixdim, strict=True) if size < 0]
    if turned:
        axes = " and ".join(turned)
        message = f"pixdim is negative along {axes}: ITK turns that axis round, auvseg and nibabel look at no sign"
        notes.append(Problem(Kind.CONTRADICTORY_ORIENTATION, message))
    return notes


def _difference(name: str, sform: Affine, other: Affine) -> str | None:
    """In words, how direction or origin of another form differ from the sform's; None where they do not."""
    one, two = (form[:3, :3] / np.linalg.norm(form[:3, :3], axis=0) for form in (sform, other))
    if np.abs(one - two).max() > DIRECTION_TOLERANCE:
        own, its = ("".join(nib.orientations.aff2axcodes(form)) for form in (sform, other))
        if own != its:
            return f"the sform's axes point to {own}, the {name}'s to {its}"
        angle = np.degrees(np.arccos(np.clip((one * two).sum(axis=0), -1, 1)).max())
        return f"the sform's axes are turned by {angle:.2g}° against the {name}'s"
    distance = float(np.linalg.norm(sform[:3, 3] - other[:3, 3]))
    if distance > origin_tolerance_mm(np.linalg.norm(sform[:3, :3], axis=0).tolist()):
        return f"the sform's origin lies {distance:.3g} mm from the {name}'s"
    return None


def _in_millimetres(
    path: Path, code: int, affine: Affine, shape: tuple[int, ...], forms: _Forms, notes: list[Problem]
) -> Geometry:
    unit, factor = _MM_PER_UNIT.get(code, ("", 1.0))
    x, y, z = (float(size) for size in forms.sizes * (1.0 if path.name.lower().endswith(".nii") else factor))
    if factor == 1.0:
        return Geometry(affine, tuple(notes), (x, y, z))
    reader = "nnU-Net's reader of .nii.gz (ITK)" if path.name.lower().endswith(".nii.gz") else "ITK"
    taken = f"{reader} takes {millimetres(forms.sizes * factor)}"
    if path.name.lower().endswith(".nii"):
        taken += f", nnU-Net's reader of .nii (nibabel) looks at no unit and takes {millimetres(forms.sizes)}"
    scale = np.diag([factor, factor, factor, 1.0])
    affine, note = to_millimetres(affine, scale @ affine, shape, unit, taken)
    return Geometry(affine, (*notes, note), (x, y, z))
