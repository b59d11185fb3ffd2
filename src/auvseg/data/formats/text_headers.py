"""Find the voxels of NRRD and MetaImage files by their text headers.

ITK interprets the header; this module reads only what is needed to check it first: the files with the voxels, which may
not be outside the header's folder, and their encoding. `text_geometry` handles fields that ITK ignores.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auvseg.data.formats.integrity import MAX_DEFLATED, is_below, unreadable
from auvseg.data.formats.reasons import Reason

MAX_PACKED = 4096
"""No packing of PNG, TIFF, BMP or JPEG reaches this; LZW comes closest, with some 1300."""

_MAX_HEADER = 1 << 20
_BLOCK = 1 << 14
_MAX_FIELD = 512
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_ESCAPED = re.compile(r"\\n|\\\\")
_PLACE_OF_NUMBER = re.compile(r"%\d*d")


@dataclass(frozen=True)
class VoxelSource:
    """Where voxels are.

    Attributes:
        files: those that hold them; the header's own file where they follow it.
        offset: where they start in each of the files.
        compressed: whether each of the files is one zlib or gzip stream from there on.
        most_compression: the largest factor by which the encoding can have shrunk them.
        fields: what the header states beside; of an NRRD file by keys in lower case without blanks.
    """

    files: tuple[Path, ...]
    offset: int
    compressed: bool
    most_compression: int
    fields: Mapping[str, str] = field(default_factory=dict)


def voxel_source(path: Path) -> VoxelSource:
    """Find the voxels of an NRRD or MetaImage file.

    Raises:
        ReadError: the header names no data, or data outside its folder, or data that do not exist.
    """
    with path.open("rb") as handle:
        text = handle.read(_MAX_HEADER)
    if path.name.lower().endswith((".nrrd", ".nhdr")):
        return _nrrd_source(path, text)
    return _meta_source(path, text)


def nrrd_key_values(path: Path) -> dict[str, str]:
    """The free pairs (`key:=value`) of an NRRD file's header, beside the fields of the format.

    Raises:
        ReadError: it is no NRRD.
    """
    text = b""
    with path.open("rb") as handle:
        # A block is enough for most: data sets have thousands of such files.
        while len(text) < _MAX_HEADER and (block := handle.read(_BLOCK)):
            text += block
            if _BLANK_LINE.search(text):
                break
    header = text[: _nrrd_end(path, text)]
    try:
        lines = header.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = header.decode("latin-1").splitlines()
    pairs = (line.partition(":=") for line in lines if not line.startswith("#"))
    return {key.strip(): _ESCAPED.sub(_unescaped, value) for key, separator, value in pairs if separator}


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[0] == r"\n" else "\\"


def _nrrd_end(path: Path, text: bytes) -> int:
    """Where the header of an NRRD file ends."""
    if not text.startswith(b"NRRD"):
        raise unreadable(path, ValueError("it does not begin like one"))
    blank = _BLANK_LINE.search(text)
    return blank.end() if blank else len(text)


def _nrrd_source(path: Path, text: bytes) -> VoxelSource:
    end = _nrrd_end(path, text)
    lines = text[:end].decode("latin-1").splitlines()
    _refuse_long_fields(path, lines)
    fields: dict[str, str] = {}
    following: list[str] = []
    for number, line in enumerate(lines):
        key, separator, value = line.partition(": ")
        key = key.strip().lower().replace(" ", "")
        if separator and not line.startswith("#"):
            fields.setdefault(key, value.strip())
            following = lines[number + 1 :] if key == "datafile" else following
    encoding = fields.get("encoding", "raw").lower()
    # Skipped lines stand before the stream, wherever that then starts.
    compressed = encoding in ("gzip", "gz") and fields.get("lineskip", "0") == "0"
    most = 1 if encoding == "raw" else MAX_DEFLATED
    named = fields.get("datafile")
    if named is None:
        return VoxelSource((path,), end, compressed, most, fields)
    return VoxelSource(_named_files(path, named, following), 0, compressed, most, fields)


def _meta_source(path: Path, text: bytes) -> VoxelSource:
    data = re.search(rb"^[ \t]*ElementDataFile[ \t]*=[ \t]*([^\r\n]*)\r?\n?", text, re.MULTILINE)
    if data is None:
        raise unreadable(path, ValueError("its header names no data"))
    before = text[: data.start()].decode("latin-1")
    _refuse_odd_axes(path, before)
    fields = dict(re.findall(r"^[ \t]*(\w+)[ \t]*[=:][ \t]*(.*?)[ \t\r]*$", before, re.MULTILINE))
    compressed = re.search(r"^\s*CompressedData\s*=\s*[Tt1]", before, re.MULTILINE) is not None
    ascii_numbers = re.search(r"^\s*BinaryData\s*=\s*[Ff0]", before, re.MULTILINE) is not None
    most = MAX_DEFLATED if compressed or ascii_numbers else 1
    named = data[1].decode("latin-1").strip()
    if named.lower() == "local":
        source = VoxelSource((path,), data.end(), compressed, most, fields)
    else:
        following = text[data.end() :].decode("latin-1").splitlines() if named.upper().startswith("LIST") else []
        source = VoxelSource(_named_files(path, named, following), 0, compressed, most, fields)
    _refuse_large_streams(path, before, sum(file.stat().st_size for file in source.files))
    return source


def _refuse_long_fields(path: Path, lines: Iterable[str]) -> None:
    """Refuse what makes ITK's NRRD reader write past the end of its memory."""
    for line in lines:
        free = line.startswith("#") or ":=" in line or line.lower().startswith("content:")
        if len(line) > _MAX_FIELD and not free:
            raise Reason.LONG_LINE.of(path, length=len(line))


def _refuse_odd_axes(path: Path, header: str) -> None:
    """Refuse what makes ITK's MetaImage reader write past the end of its memory."""
    for stated in re.findall(r"^\s*NDims\s*=\s*(.*?)\s*$", header, re.MULTILINE):
        if not re.fullmatch(r"[1-9]|10", stated):
            raise Reason.ODD_AXES.of(path, stated=stated[:20])


def _refuse_large_streams(path: Path, header: str, held_bytes: int) -> None:
    """Refuse a compressed size that the files do not have: ITK's MetaImage reader asks for as much memory."""
    for stated in re.findall(r"^\s*CompressedDataSize\s*[=:]\s*(\S+)", header, re.MULTILINE):
        try:
            fits = 0 <= float(stated) <= held_bytes
        except ValueError:
            fits = False
        if not fits:
            raise Reason.ODD_COMPRESSED_SIZE.of(path, stated=stated[:20])


def _named_files(path: Path, named: str, following: Iterable[str]) -> tuple[Path, ...]:
    """The files that a header names: one, a numbered series (`slice%03d.raw 1 20 1`) or a list on the next lines."""
    if named.upper().startswith("LIST"):
        files = [_beside(path, line.strip()) for line in following if line.strip()]
    elif _PLACE_OF_NUMBER.search(named):
        files = _numbered_files(_beside(path, named.split()[0]))
    else:
        files = [_beside(path, named)]
    missing = [file.name for file in files if not _is_file(file)]
    if missing or not files:
        name = missing[0] if missing else named.split()[0]
        raise Reason.NO_DATA_FILE.of(path, data=name[:80])
    return tuple(files)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        # A name that is too long, or holds a zero byte.
        return False


def _numbered_files(pattern: Path) -> list[Path]:
    """The files that differ from a name in its number alone; what else stands in the name is no pattern."""
    parts = [re.escape(part) for part in _PLACE_OF_NUMBER.split(pattern.name)]
    name = re.compile(r"\d+".join(parts))
    there = pattern.parent.iterdir() if pattern.parent.is_dir() else ()
    return sorted(file for file in there if name.fullmatch(file.name))


def _beside(path: Path, named: str) -> Path:
    """A file that a header names; data sets come from strangers, so it may not reach out of the header's folder."""
    if not is_below(path.parent, path.parent / named):
        raise Reason.DATA_OUTSIDE.of(path, data=Path(named).name)
    return Path(os.path.normpath(path.parent / named))
