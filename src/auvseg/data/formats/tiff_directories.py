"""Whether the pages of a TIFF file come to an end: one that is its own next page keeps ITK reading for ever."""

from pathlib import Path
from typing import IO, Literal

from auvseg.data.formats.reasons import Reason

_CLASSIC, _BIG = 42, 43


def check_pages(path: Path) -> None:
    """Follow the pages from one to the next, without looking into them; what is no TIFF file passes.

    Raises:
        ReadError: a page comes twice.
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
            file.seek(min(page + count_bytes + entry_bytes * _number(file, count_bytes, order), size))


def _number(file: IO[bytes], size: int, order: Literal["little", "big"]) -> int:
    """The next number of a file; 0 behind its end."""
    stated = file.read(size)
    return int.from_bytes(stated, order) if len(stated) == size else 0
