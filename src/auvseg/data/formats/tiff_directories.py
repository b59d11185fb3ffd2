"""Check what ITK does not check in a TIFF file: the chain of pages, and the pixel type of the first page.

A page that is its own successor makes ITK read forever. ITK converts palette indices to the brightness of their
colours, which is not a label.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from auvseg.data.formats.reasons import Reason

Order = Literal["little", "big"]

_CLASSIC, _BIG = 42, 43
_PHOTOMETRIC, _DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 262, 270, 282, 283, 296
_WANTED = (_PHOTOMETRIC, _DESCRIPTION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT)
_BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
_PALETTE = 3
_MAX_ENTRIES = 1 << 12
_MAX_DESCRIPTION = 1 << 24


@dataclass(frozen=True)
class FirstPage:
    """What the first page says of itself.

    Attributes:
        description: free text, in which microscopes write XML and ImageJ lines of its own.
        resolution: pixels per unit of length along x and y; None where it is not stated.
        unit: the number of that unit: 1 none, 2 inch, 3 centimetre.
        has_palette: whether its numbers stand for colours.
    """

    description: bytes = b""
    resolution: tuple[float, float] | None = None
    unit: int = 2
    has_palette: bool = False


@dataclass(frozen=True)
class _Format:
    """How wide the numbers of a file are, in bytes; and where the offset of its first page is."""

    order: Order
    offset: int
    count: int
    entry: int
    first: int


def check_pages(path: Path) -> None:
    """Follow the pages from one to the next; what is no TIFF file passes.

    Raises:
        ReadError: a page comes twice, or the first one's numbers stand for a palette's colours.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        form = _format(file)
        if form is None:
            return
        file.seek(form.first)
        seen: set[int] = set()
        while page := _number(file, form.offset, form.order):
            if page in seen:
                raise Reason.CIRCLE_OF_PAGES.of(path)
            seen.add(page)
            # An offset may be larger than a file can be; behind the end there is no page.
            file.seek(min(page, size))
            file.seek(min(page + form.count + form.entry * _number(file, form.count, form.order), size))
    if first_page(path).has_palette:
        raise Reason.PALETTE.of(path)


def first_page(path: Path) -> FirstPage:
    """What the first page says of itself; what is damaged or no TIFF file says nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        form = _format(file)
        if form is None:
            return FirstPage()
        file.seek(form.first)
        page = min(_number(file, form.offset, form.order), size)
        values = dict(_entries(file, page, size, form))
    x, y = (_ratio(values.get(tag, b""), form.order) for tag in (_X_RESOLUTION, _Y_RESOLUTION))
    unit = values.get(_RESOLUTION_UNIT)
    return FirstPage(
        values.get(_DESCRIPTION, b"").rstrip(b"\0"),
        (x, y) if x > 0 and y > 0 else None,
        FirstPage.unit if unit is None else int.from_bytes(unit, form.order),
        int.from_bytes(values.get(_PHOTOMETRIC, b""), form.order) == _PALETTE,
    )


def _format(file: IO[bytes]) -> _Format | None:
    start = file.read(4)
    order: Order = "little" if start[:2] == b"II" else "big"
    kind = int.from_bytes(start[2:4], order)
    if start[:2] not in (b"II", b"MM") or kind not in (_CLASSIC, _BIG):
        return None
    return _Format(order, 4, 2, 12, 4) if kind == _CLASSIC else _Format(order, 8, 8, 20, 8)


def _entries(file: IO[bytes], page: int, size: int, form: _Format) -> Iterator[tuple[int, bytes]]:
    """The wanted entries of a page, each with the bytes of its value."""
    file.seek(page)
    for index in range(min(_number(file, form.count, form.order), _MAX_ENTRIES)):
        file.seek(page + form.count + form.entry * index)
        tag, kind = _number(file, 2, form.order), _number(file, 2, form.order)
        if tag not in _WANTED or kind not in _BYTES_OF_TYPE:
            continue
        length = _number(file, form.offset, form.order) * _BYTES_OF_TYPE[kind]
        if length > form.offset:
            file.seek(min(_number(file, form.offset, form.order), size))
        yield tag, file.read(min(length, _MAX_DESCRIPTION))


def _ratio(value: bytes, order: Order) -> float:
    """A rational number; 0 where it is none."""
    above, below = int.from_bytes(value[:4], order), int.from_bytes(value[4:8], order)
    return above / below if below else 0.0


def _number(file: IO[bytes], size: int, order: Order) -> int:
    """The next number of a file; 0 behind its end."""
    stated = file.read(size)
    return int.from_bytes(stated, order) if len(stated) == size else 0
