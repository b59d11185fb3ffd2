"""Geometry in NRRD and MetaImage headers that ITK ignores: units of length, and missing values.

ITK reads sizes, directions and origin; it ignores units, and assumes 1 for missing sizes.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float64

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.header import DIRECTION_TOLERANCE, Geometry, Notes, millimetres, mm_per_unit, to_millimetres
from auvseg.data.formats.reasons import Reason

Affine = Float64[np.ndarray, "4 4"]

T = TypeVar("T")

_SPACES = {
    "right-anterior-superior": "ras",
    "left-anterior-superior": "las",
    "left-posterior-superior": "lps",
    "right-anterior-superior-time": "rast",
    "left-anterior-superior-time": "last",
    "left-posterior-superior-time": "lpst",
}
_SPACES_WITH_TIME = {"rast": (-1.0, -1.0), "last": (1.0, -1.0)}
"""Which of the first two coordinates ITK leaves as they are, although the space is not LPS."""

_KINDS_IN_SPACE = ("domain", "space", "time", "???", "none")
"""Kinds of an axis along which voxels stand; along the others stand one voxel's numbers."""

_VOXEL = ("ElementSpacing", "ElementSize")
_UNSTATED_UNITS = ("", "?")


def nrrd_geometry(path: Path, fields: Mapping[str, str], affine: Affine, shape: tuple[int, ...]) -> Geometry:
    """The geometry that an NRRD header states.

    Args:
        path: the file.
        fields: its header, keys in lower case without blanks.
        affine: to RAS, as ITK reads it.
        shape: of the voxels.

    Raises:
        ReadError: lengths in a unit that is unknown.
    """
    space = fields.get("space", "").lower()
    space = _SPACES.get(space, space)
    affine = np.diag([*_SPACES_WITH_TIME.get(space, (1.0, 1.0)), 1.0, 1.0]) @ affine
    vectors = re.findall(r"none|\([^)]*\)", fields.get("spacedirections", ""))
    spacings = fields.get("spacings", "").split()
    stated = _spatial([part != "none" for part in vectors] or [_is_number(part) for part in spacings], fields)
    notes = [*_unstated(stated, min(len(shape), 3))]
    if space not in _SPACES.values():
        called = f"its space is {space!r}, which names no patient axes" if space else "the header states no space"
        notes.append(Problem(Kind.UNSTATED_ORIENTATION, f"{called}: LPS is assumed, as ITK does"))
    if any(part.startswith("-") for part in spacings):
        notes.append(_turned_round("spacings"))
    # A space has units of its own, one a coordinate; without it every axis has one.
    quoted = re.findall(r'"([^"]*)"', fields.get("spaceunits" if vectors else "units", ""))
    units = quoted if vectors else _spatial(quoted, fields)
    return _converted(path, affine, shape, units[:3], notes)


def meta_geometry(path: Path, fields: Mapping[str, str], affine: Affine, shape: tuple[int, ...]) -> Geometry:
    """The geometry that a MetaImage header states.

    Args:
        path: the file.
        fields: its header.
        affine: to RAS, as ITK reads it.
        shape: of the voxels.

    Raises:
        ReadError: lengths in a unit that is unknown.
    """
    stated = [fields[key].split() for key in _VOXEL if key in fields]
    notes = [*_unstated([bool(stated)] * 3, min(len(shape), 3))]
    # Along the third axis planes may be thinner than they are apart.
    in_plane = [[float(size) for size in sizes[:2]] for sizes in stated if len(sizes) > 1]
    if len(in_plane) > 1 and not np.allclose(in_plane[0], in_plane[1], rtol=DIRECTION_TOLERANCE, atol=0):
        both = " and ".join(f"{key} {fields[key]}" for key in _VOXEL)
        message = f"the header states {both}: the spacing is taken, as ITK does"
        notes.append(Problem(Kind.CONTRADICTORY_SPACING, message))
    if stated and any(float(size) < 0 for size in stated[0]):
        notes.append(_turned_round(_VOXEL[0] if _VOXEL[0] in fields else _VOXEL[1]))
    return _converted(path, affine, shape, [fields.get("DistanceUnits", "")] * 3, notes)


def require_nrrd_sizes(path: Path, fields: Mapping[str, str]) -> None:
    """Refuse voxel sizes of an NRRD header that ITK refuses in words of its own.

    Raises:
        ReadError: one is 0, endless or no number, or stands beside a space that has directions instead; or units stand
            without quotes.
    """
    spacings = fields.get("spacings", "")
    # "nan" is what an axis has that has no spacing.
    known = [part for part in spacings.split() if part.lower() != "nan"]
    if any(not _is_size(part) for part in known) or (known and "space" in fields):
        raise Reason.ODD_SPACING.of(path, stated=spacings[:40] + (" beside a space" if "space" in fields else ""))
    for key in ("spaceunits", "units"):
        if fields.get(key) and '"' not in fields[key]:
            raise Reason.UNQUOTED_UNITS.of(path, stated=fields[key][:40])


def require_meta_sizes(path: Path, fields: Mapping[str, str]) -> None:
    """Refuse voxel sizes of a MetaImage header that ITK refuses without saying which, or takes some of.

    Raises:
        ReadError: one is 0, not finite or no number, or there are not as many as axes.
    """
    for key in _VOXEL:
        parts = fields.get(key, "").split()
        if not all(map(_is_size, parts)) or (key in fields and str(len(parts)) != fields.get("NDims")):
            raise Reason.ODD_SPACING.of(path, stated=fields[key][:40])


def _as_utf8(text: str) -> str:
    """What was read as Latin-1, in which every byte is a letter, read as UTF-8 if it is that."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_size(text: str) -> bool:
    return _is_number(text) and float(text) != 0


def _spatial(values: Sequence[T], fields: Mapping[str, str]) -> list[T]:
    """Of values that an NRRD header states for every axis, those of axes in space."""
    kinds = fields.get("kinds", "").lower().split()
    if len(kinds) != len(values):
        return list(values)
    return [value for value, kind in zip(values, kinds, strict=True) if kind in _KINDS_IN_SPACE]


def _unstated(stated: Sequence[bool], axes: int) -> Notes:
    missing = [axis for axis, known in zip("xyz"[:axes], [*stated, False, False, False], strict=False) if not known]
    if not missing:
        return ()
    where = f" along {' and '.join(missing)}" if len(missing) < axes else ""
    return (Problem(Kind.UNSTATED_SPACING, f"the header states no voxel size{where}: 1 mm is assumed, as ITK does"),)


def _turned_round(field: str) -> Problem:
    return Problem(Kind.REPAIRED_HEADER, f"{field} has a negative number: that axis is turned round, as ITK does")


def _converted(
    path: Path, affine: Affine, shape: tuple[int, ...], units: Sequence[str], notes: list[Problem]
) -> Geometry:
    factors = [1.0, 1.0, 1.0]
    units = [_as_utf8(unit) for unit in units]
    for axis, unit in enumerate(units):
        factor = 1.0 if unit.strip() in _UNSTATED_UNITS else mm_per_unit(unit)
        if factor is None:
            raise Reason.UNKNOWN_UNIT.of(path, unit=unit)
        factors[axis] = factor
    if factors == [1.0, 1.0, 1.0]:
        return Geometry(affine, tuple(notes))
    x, y, z = (float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
    named = ", ".join(dict.fromkeys(repr(unit) for unit in units))
    scaled = np.diag([*factors, 1.0]) @ affine
    taken = f"ITK, and so nnU-Net, looks at no unit and takes {millimetres((x, y, z))}"
    affine, note = to_millimetres(affine, scaled, shape, named, taken)
    return Geometry(affine, (*notes, note), (x, y, z))
