"""Voxel size of pictures and TIFF stacks, which have no standard header for positions.

Print densities (dots per inch or centimetre) say nothing about a patient or specimen and are ignored. The voxel size of
a TIFF is taken from nnU-Net's sidecar, a JSON file beside the image; else from OME-XML; else from ImageJ with a unit of
microscopy. Everything else is measured in pixels, with a note.
"""

import math
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from auvseg.data.check.findings import Kind, Problem
from auvseg.data.formats.header import (
    DIRECTION_TOLERANCE,
    LPS_TO_RAS,
    Geometry,
    Notes,
    Part,
    Spacing,
    millimetres,
    mm_per_unit,
)
from auvseg.data.formats.reasons import Reason
from auvseg.data.formats.tiff_directories import FirstPage, first_page
from auvseg.files.text import parse_json

_PIXELS: Spacing = (1.0, 1.0, 1.0)
_TIFF = (".tif", ".tiff")
_CHANNEL = re.compile(r"_\d{4}$")
_MAX_SIDECAR = 1 << 20
_MIN_MM, _MAX_MM = 1e-12, 1e12
_BEGINNING = 1 << 12
_UNITS_OF_PRINT = ("in", "inch", "cm", "m")
"""What ImageJ also writes where it only found a density for printing."""
_PRINT = {2: "inch", 3: "centimetre"}


@dataclass(frozen=True)
class _Stated:
    """A voxel size, and who states it."""

    sizes: Spacing
    by: str


def picture_geometry(path: Path, part: Part, planes: int) -> Geometry:
    """The geometry of a picture or a stack of them; its axes point to L, P and S.

    Args:
        path: the file.
        part: what it is read as.
        planes: how many it holds.

    Raises:
        ReadError: a sidecar states what is no voxel size.
    """
    sizes = seen = _PIXELS
    notes: Notes = (Problem(Kind.PIXELS_ONLY, "a picture states no size in mm: 1 mm a pixel is assumed"),)
    if path.name.lower().endswith(_TIFF):
        sizes, notes = _of_tiff(path, part, planes)
        seen = _PIXELS if any(note.kind == Kind.SPACING_UNSEEN for note in notes) else sizes
    return Geometry(LPS_TO_RAS @ np.diag([*sizes, 1.0]), notes, seen)


def sidecar_of(path: Path, part: Part) -> Path | None:
    """The JSON file in which nnU-Net looks for a TIFF's voxel size; None where there is none.

    It is called as the case: as the label, and as the image without its channel; a file that is called as the image
    with its channel is taken where there is no such one.
    """
    return next((file for file in _sidecars(path, part) if file.is_file()), None)


def _sidecars(path: Path, part: Part) -> list[Path]:
    stems = [path.stem] if part == "label" else [_CHANNEL.sub("", path.stem), path.stem]
    return [path.with_name(f"{stem}.json") for stem in stems]


def _of_tiff(path: Path, part: Part, planes: int) -> tuple[Spacing, Notes]:
    page = first_page(path)
    inside = _from_ome(page, planes) or _from_imagej(page)
    sidecar = sidecar_of(path, part)
    beside = None if sidecar is None else _from_sidecar(path, sidecar, planes)
    notes: Notes = ()
    wanted = _sidecars(path, part)[0].name
    if sidecar is not None and beside is None and planes > 1:
        message = f"nnU-Net's reader stops at {sidecar.name}, which holds no 'spacing'"
        notes = (Problem(Kind.UNREADABLE_ELSEWHERE, message),)
    if beside is not None:
        if inside is not None and not np.allclose(inside.sizes, beside.sizes, rtol=DIRECTION_TOLERANCE, atol=0):
            message = (
                f"{beside.by} states {millimetres(beside.sizes)}, {inside.by} {millimetres(inside.sizes)}: auvseg and "
                f"nnU-Net take {beside.by}"
            )
            notes = (Problem(Kind.CONTRADICTORY_SPACING, message),)
        return beside.sizes, notes
    if inside is not None:
        message = (
            f"{inside.by} states {millimetres(inside.sizes)}, which nnU-Net's reader does not look at: it takes 1×1×1 "
            f"unless {wanted} states the size"
        )
        return inside.sizes, (*notes, Problem(Kind.SPACING_UNSEEN, message))
    density = ""
    if page.resolution is not None and page.unit in _PRINT:
        density = f" ({page.resolution[0]:.4g} dots per {_PRINT[page.unit]} are for printing)"
    if planes == 1:
        message = f"a picture states no size in mm{density}: 1 mm a pixel is assumed"
        return _PIXELS, (Problem(Kind.PIXELS_ONLY, message),)
    message = f"the file states no voxel size{density}: 1 mm is assumed, as nnU-Net does without {wanted}"
    return _PIXELS, (*notes, Problem(Kind.UNSTATED_SPACING, message))


def _from_sidecar(path: Path, sidecar: Path, planes: int) -> _Stated | None:
    """What nnU-Net's sidecar states; None for a JSON file that has other things to say.

    Raises:
        ReadError: its `spacing` is none; or it cannot be read, and the image is one of those for which nnU-Net does.
    """
    try:
        content = _content(sidecar)
    except ValueError as error:
        if planes == 1:
            return None
        raise Reason.ODD_SIDECAR.of(path, sidecar=sidecar.name, why=str(error)) from None
    if not isinstance(content, dict) or "spacing" not in content:
        return None
    stated = content["spacing"]
    if not (isinstance(stated, list) and len(stated) == 3 and all(map(_is_size, stated))):
        raise Reason.ODD_SIDECAR.of(path, sidecar=sidecar.name, why=f"holds {str(stated)[:60]!r}")
    z, y, x = (float(size) for size in stated)
    return _Stated((x, y, z), sidecar.name)


def _content(sidecar: Path) -> Any:
    """What a JSON file holds.

    Raises:
        ValueError: it cannot be read, is no JSON, or is too large to be a sidecar; as a clause.
    """
    try:
        with sidecar.open("rb") as file:
            text = file.read(_MAX_SIDECAR + 1)
    except OSError as error:
        raise ValueError(f"cannot be opened ({error.strerror or type(error).__name__})") from None
    if len(text) > _MAX_SIDECAR:
        raise ValueError(f"is larger than {_MAX_SIDECAR >> 20} MiB")
    try:
        return parse_json(text)
    except ValueError:
        raise ValueError("is no JSON") from None


def _is_size(value: object) -> bool:
    """Whether a value is a positive number whose square is one too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and _MIN_MM <= value <= _MAX_MM


def _from_ome(page: FirstPage, planes: int) -> _Stated | None:
    """What OME-XML states of the first image; None where it does not state every size in a unit of length."""
    if b"<OME" not in page.description[:_BEGINNING]:
        return None
    found = _first_pixels(page.description)
    sizes = [_ome_size(found, axis) for axis in "XYZ"]
    if planes == 1 and sizes[2] is None:
        sizes[2] = 1.0
    x, y, z = sizes
    return None if x is None or y is None or z is None else _Stated((x, y, z), "OME-XML")


def _first_pixels(description: bytes) -> dict[str, str]:
    """The attributes of the first element `Pixels` of an OME document; of a damaged one those that were found."""
    found: dict[str, str] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] == "Pixels" and not found:
            found.update(attributes)

    def refuse(*_: object) -> None:
        # OME declares no entities, and a few of them could be told to become gigabytes.
        raise ValueError

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    # LookupError: of an encoding that nobody knows.
    with suppress(expat.ExpatError, ValueError, LookupError):
        parser.Parse(description, True)
    return found


def _ome_size(pixels: dict[str, str], axis: str) -> float | None:
    return _size(pixels.get(f"PhysicalSize{axis}", ""), pixels.get(f"PhysicalSize{axis}Unit", "µm"))


def _from_imagej(page: FirstPage) -> _Stated | None:
    """What ImageJ states: pixels per unit in the resolution, the unit and the distance of planes in the description."""
    text = page.description.decode("utf-8", "replace")
    if not text.startswith("ImageJ=") or page.resolution is None:
        return None
    lines = dict(line.partition("=")[::2] for line in text.splitlines())
    unit = lines.get("unit", "").replace("\\u00B5", "µ")
    if unit in _UNITS_OF_PRINT:
        return None
    # Without a line for it, ImageJ's planes are one unit apart.
    numbers = (*(str(1 / pixels) for pixels in page.resolution), lines.get("spacing", "1"))
    x, y, z = (_size(number, unit) for number in numbers)
    return None if x is None or y is None or z is None else _Stated((x, y, z), "ImageJ's description")


def _size(number: str, unit: str) -> float | None:
    """A length in mm; None where it is no positive number in a unit of length."""
    factor = mm_per_unit(unit)
    try:
        size = float(number) * (factor or math.nan)
    except ValueError:
        return None
    return size if _is_size(size) else None
