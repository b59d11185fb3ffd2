"""How sound files are damaged: bytes overwritten, taken out and put in, extreme numbers, lies in text headers."""

import copy
import gzip
import json
import struct
from typing import Any

from hypothesis import strategies as st

_NUMBERS = (0, 1, -1, 2, 127, 255, 32767, -32768, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**40, 2**63 - 1)
_FLOATS = (0.0, -1.0, 1e38, float("nan"), float("inf"), 1e-38)
_WORDS = (
    b"1099511627776",
    b"-1",
    b"0",
    b"nan",
    b"1e999",
    b"99999999999999999999999999",
    b"../../../../etc/passwd",
    b"/etc/passwd",
    b"%d",
    b"%1000000d",
    b"LIST",
    b"LOCAL",
    b"gzip",
    b"bzip2",
    b"hex",
    b"\0",
    b"\r\n",
    b"\n\n",
    b" " * 300,
    b"x" * 300,
    "\ufffd\u202e".encode(),
)
_HEADER = 600


def _packed() -> list[bytes]:
    found = {
        struct.pack(order + letter, number)
        for number in _NUMBERS
        for order in "<>"
        for letter, low, high in (("h", -(2**15), 2**15), ("i", -(2**31), 2**31), ("q", -(2**63), 2**63))
        if low <= number < high
    }
    found |= {struct.pack(order + letter, number) for number in _FLOATS for order in "<>" for letter in "fd"}
    return sorted(found)


_pieces = st.one_of(st.sampled_from(_packed()), st.binary(min_size=1, max_size=8))


@st.composite
def _edit(draw, content: bytes, text: bool) -> bytes:
    size = len(content)
    within = _HEADER if draw(st.booleans()) else size
    at = draw(st.integers(0, max(min(size, within) - 1, 0)))
    kind = draw(st.sampled_from(("overwrite", "overwrite", "insert", "delete", "cut", "repeat")))
    if kind == "cut":
        return content[:at]
    if kind == "delete":
        return content[:at] + content[at + draw(st.integers(1, 64)) :]
    if kind == "repeat":
        piece = content[at : at + draw(st.integers(1, 64))]
        return content[:at] + piece * draw(st.sampled_from((2, 3, 1000))) + content[at:]
    piece = draw(st.sampled_from(_WORDS) if text and draw(st.booleans()) else _pieces)
    return content[:at] + piece + content[at + (len(piece) if kind == "overwrite" else 0) :]


@st.composite
def _token(draw, content: bytes) -> bytes:
    """One word of a text replaced."""
    words = content.split(b" ")
    words[draw(st.integers(0, min(len(words), 40) - 1))] = draw(st.sampled_from(_WORDS))
    return b" ".join(words)


@st.composite
def damaged(draw, seeds: list[bytes], text: bool = False, packed: bool = False) -> bytes:
    """One of the seeds after one to four edits; of a gzip file either the file itself or what is inside."""
    content = draw(st.sampled_from(seeds))
    inside = packed and draw(st.booleans())
    if inside:
        content = gzip.decompress(content)
    for _ in range(draw(st.integers(1, 4))):
        content = draw(_token(content) if text and content and draw(st.booleans()) else _edit(content, text))
    return gzip.compress(content, 1, mtime=0) if inside else content


_ENDLESS = 2**70
"""Stands for a number of more digits than Python reads."""

_odd = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 1.5, 2**31, _ENDLESS, float("nan"), float("inf"), [], {}, [[]], [None]]),
    st.sampled_from(["", " ", "..", "../../etc/passwd", "/etc/passwd", "x" * 300, "CON", "=1+1", "a\nb", "\x1b[2J"]),
    st.sampled_from(["a\0b", "\ud800"]),
    st.text(max_size=5),
    st.dictionaries(st.text(max_size=3), st.none() | st.text(max_size=3), max_size=2),
    st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3),
)
_BOTTOMLESS = "[" * 100_000


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a JSON value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [place for key in keys for place in ((value, key), *_places(value[key]))]


@st.composite
def odd_json(draw, sound: object) -> bytes:
    """A sound JSON value of which one to three parts are odd: of another type, gone, renamed, or bottomless."""
    whole = [copy.deepcopy(sound)]
    for _ in range(draw(st.integers(1, 3))):
        places = _places(whole)
        container, key = places[draw(st.integers(0, len(places) - 1))] if places else (whole, 0)
        kind = draw(st.sampled_from(("replace", "replace", "replace", "remove", "rename")))
        if kind == "replace" or container is whole:
            whole = whole or [None]
            container[key] = copy.deepcopy(draw(_odd))
        elif kind == "remove":
            del container[key]
        elif isinstance(container, dict):
            container[draw(st.text(max_size=4) | st.sampled_from(["../x", "a\0b", "x" * 300]))] = container.pop(key)
        else:
            container.append(container[key])
    text = json.dumps(whole[0]).replace(str(_ENDLESS), "9" * draw(st.sampled_from((20, 5000))))
    if draw(st.integers(0, 19)) == 0:
        text = text.replace("null", _BOTTOMLESS, 1) if "null" in text else text[:-1] + _BOTTOMLESS
    return text.encode("utf-8", "surrogatepass")
