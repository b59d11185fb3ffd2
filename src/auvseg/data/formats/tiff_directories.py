"""What ITK does not look at in a TIFF file: whether its pages come to an end, and whether its numbers are colours'.

A page that is its own next page keeps ITK reading for ever. Of numbers that stand for colours of a palette, ITK makes
the brightness of those colours, which is no label.
"""

from pathlib import Path
from typing import IO, Literal

from auvseg.data.formats.reasons import Reason

_CLASSIC, _BIG = 42, 43
_PHOTOMETRIC, _PALETTE = 262, 3
_MOST_ENTRIES = 1 << 12


def check_pages(path: Path) -> None:
    """Follow the pages from one to the next; what is no TIFF file passes.

    Raises:
        ReadError: a page comes twice, or its numbers stand for a palette's colours.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(4)
        order: Literal["little", "big"] = "little" if start[:2] == b"II" else "big"
        kind = int.from_bytes(start[2:4], order)
        if start[:2] not in (b"II", b"MM") or kind not in (_CLASSIC, _BIG):
            return
        # Bytes of an offset, of the number of entries of a page, and of one entry.
        offset_bytes, count_bytes, entry_bytes = (4, 2, 12) if kind == _CLASSIC else (8, 8, 20)
        file.seek(4 if kind == _CLASSIC else 8)
        seen: set[int] = set()
        while page := _number(file, offset_bytes, order):
            if page in seen:
                raise Reason.CIRCLE_OF_PAGES.of(path)
            seen.add(page)
            # An offset may be larger than a file can be; behind the end there is no page.
            file.seek(min(page, size))
            count = _number(file, count_bytes, order)
            if len(seen) == 1 and _has_palette(file.read(min(count, _MOST_ENTRIES) * entry_bytes), entry_bytes, order):
                raise Reason.PALETTE.of(path)
            file.seek(min(page + count_bytes + entry_bytes * count, size))


def _has_palette(entries: bytes, entry_bytes: int, order: Literal["little", "big"]) -> bool:
    """Whether a page says that its numbers stand for colours of a palette; an entry begins with what it is about."""
    value_at = 8 if entry_bytes == 12 else 12
    for start in range(0, len(entries), entry_bytes):
        entry = entries[start : start + entry_bytes]
        if int.from_bytes(entry[:2], order) == _PHOTOMETRIC:
            return int.from_bytes(entry[value_at : value_at + 2], order) == _PALETTE
    return False


def _number(file: IO[bytes], size: int, order: Literal["little", "big"]) -> int:
    """The next number of a file; 0 behind its end."""
    stated = file.read(size)
    return int.from_bytes(stated, order) if len(stated) == size else 0
