"""Reasons why a file cannot be used, with advice: one table for all readers.

`Reason` is the table. `what_it_is` inspects a file that its reader refused: most such files are not images but pointers
to one, web pages left by a failed download, or images with the ending of another format.
"""

import codecs
import re
import shlex
import zlib
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from auvseg.errors import ReadError

_AGAIN = "copy it again from its source"
_FETCH = "fetch or restore that file"


class Reason(Enum):
    """All reasons why a file cannot be read: finding and advice.

    `of` fills in the braces; `quoted` is the file's name, quoted for a shell.
    """

    def of(self, path: Path, **details: object) -> ReadError:
        """The error for one file.

        Args:
            path: the file.
            details: what the braces of this reason's sentence and advice ask for.
        """
        what, advice = self.in_words(quoted=shlex.quote(path.name), **details)
        return ReadError(f"{path.name}: {what}", advice)

    def in_words(self, **details: object) -> tuple[str, str]:
        """What is found, and what to do, with the braces filled in."""
        what, advice = self.value
        return what.format(**details), advice.format(**details)

    # There is no such file.
    MISSING = "the file does not exist", "restore the file, or remove the case"
    BROKEN_LINK = "is a link to a file that does not exist", _FETCH
    ANNEX_LINK = "is a git-annex link to a file that does not exist here", "run `git annex get {quoted}` in its folder"
    FOLDER = "is a folder", "name the {part} file inside it"
    FOLDER_WITHOUT_IMAGE = (
        "is a folder, and holds no DICOM image of CT, MR or PET",
        "name the image file inside it",
    )
    NO_PERMISSION = "no permission to read it", "ask its owner for the right to read it (chmod a+r)"
    UNOPENABLE = "cannot be opened ({reason})", "check its name, and the disk or network share"

    # It is something else.
    EMPTY = "the file is empty", _AGAIN
    ZEROS = "begins with nothing but zeros, as after an interrupted copy", _AGAIN
    LFS_POINTER = "is a Git LFS pointer, not the file itself", "run `git lfs pull` in its repository"
    ANNEX_POINTER = "is a git-annex pointer, not the file itself", "run `git annex get {quoted}` in its folder"
    WEB_PAGE = "is a web page, not an image", "download it again; log in first if the site requires it"
    XML = "is an XML document, not an image", "download it again; servers send this if access is denied"
    TEXT = "is text, not an image", "find the real image file, or remove the case"
    DICOM = (
        "is a DICOM file",
        "convert its series to NIfTI (as dcm2niix does), or rename it so that it ends in .dcm",
    )
    PACKED = "is {kind} archive, not an image", "unpack it, and name the image inside it"
    COMPRESSED_OTHERWISE = "is compressed with {kind}", "unpack it ({tool}), and compress the image with gzip"
    GZIPPED_TWICE = (
        "is gzip-compressed twice",
        "unpack it once: mv {quoted} {quoted_gz} && gunzip {quoted_gz}",
    )
    GZIPPED = "is gzip-compressed", "rename it to {right}"
    GZIPPED_OTHER = "is a gzip-compressed {kind} file", "unpack it, and name it {right}"
    NOT_GZIPPED = (
        "is an uncompressed {kind} file, which ITK reads so and nibabel does not",
        "rename it to {right}, or compress it: mv {quoted} {quoted_right} && gzip {quoted_right}",
    )
    OTHER_FORMAT = "is an uncompressed {kind} file", "rename it to {right}, so that it ends in {ending}"
    NO_IMAGE_FORMAT = "is {kind}, which auvseg does not read", "convert it to NIfTI (.nii.gz)"
    UNKNOWN_FORMAT = (
        "unknown format",
        "convert it to NIfTI (.nii.gz); auvseg reads NIfTI, MGZ, NRRD, MetaImage, PNG, TIFF, .npz and DICOM",
    )

    # It is what its name says, and damaged.
    DAMAGED = "damaged or not the format its name says ({reason})", _AGAIN
    TRUNCATED = "truncated or damaged", _AGAIN
    TRUNCATED_STREAM = "truncated or damaged ({reason})", _AGAIN
    TOO_SHORT = "truncated: the header promises {promised} bytes, there are {held}", _AGAIN
    TOO_LITTLE_COMES_OUT = "truncated: the header promises {promised} bytes, {found} come out", _AGAIN
    JPEG_WITHOUT_END = "truncated: the JPEG has no end", _AGAIN
    CIRCLE_OF_PAGES = "damaged: its pages form a cycle", _AGAIN
    LONG_EXTENSION = "damaged: an extension of its header claims {length} bytes", _AGAIN
    LONG_LINE = "damaged: a line of its header has {length} characters", _AGAIN
    ODD_AXES = "damaged: its header states {stated!r} axes", _AGAIN
    ODD_COMPRESSED_SIZE = "damaged: its header states {stated!r} compressed bytes", _AGAIN
    NEGATIVE_AXIS = "damaged: an axis of the shape {shape} has a negative length", _AGAIN
    EMPTY_AXIS = "damaged: an axis of the shape {shape} has no voxels", _AGAIN
    DAMAGED_DICOM = "truncated or damaged DICOM ({reason})", _AGAIN
    DEFLATED_DICOM = "unpacks to more than {most} MiB", "decompress it (dcmdjpeg or gdcmconv --raw)"
    DAMAGED_IN_SERIES = "{file} is damaged", _AGAIN
    NO_DATA_FILE = "its data file {data} does not exist", "keep header and data together"
    DATA_OUTSIDE = "names {data} outside its folder as its data", "keep header and data together"
    SINGULAR_AFFINE = "the affine is not finite or singular", "repair the header's spacing and direction"
    NO_ROTATION = (
        "the qform's quaternion ({stated}) is no rotation: its length is {length:.7g}",
        "repair the header, or give it an sform",
    )
    ODD_INTERCEPT = "the intercept of its intensities (scl_inter) is {stated}", "set it to 0, or to what it was"
    ODD_SPACING = "states the spacing {stated}", "write a positive number of millimetres for every axis"
    UNQUOTED_UNITS = "states its units as {stated}, without quotes", 'write "mm" "mm" "mm"'
    UNKNOWN_UNIT = "states lengths in {unit!r}, a unit that auvseg does not know", "state them in mm, um, cm or m"
    ODD_SIDECAR = (
        "{sidecar}, which states its voxel size, {why}",
        'write the distances of planes, rows and columns as nnU-Net does: {{"spacing": [2.5, 0.8, 0.8]}}',
    )

    # It is sound, and nothing that can be scored.
    NO_INTENSITIES = "holds {kind}, not intensities", "convert it to one number per voxel"
    VECTORS = (
        "holds {count} numbers per voxel (colours or vectors), not one",
        "store every component in a separate file",
    )
    GREY_AND_ALPHA = "holds grey and transparency", "store it without the alpha channel"
    PALETTE = "holds the numbers of a palette's colours", "store it without a palette, in grey"
    COLOUR_LABEL = (
        "holds {count} numbers per pixel (colours), but a label holds one class number",
        "store the class numbers in grey; nnU-Net would see {count} channels",
    )
    GREY_LABEL_IN_COLOURS = (
        "holds every class number {count} times (grey stored as colours)",
        "store it in grey, one number per pixel; nnU-Net would see {count} channels",
    )
    ONE_HOT = (
        "a label of {axes} axes, {shape}, one 0/1 mask per class (one-hot)",
        "store the class number of every voxel in one 3-D file: numpy.argmax over the last axis",
    )
    LABEL_AXES = (
        "a label of {axes} axes: {shape}",
        "store one class number per voxel, in one 3-D file per time point",
    )
    CHANNELS = (
        "it holds {held} channels, the data set declares {declared}",
        "make image and description agree on the channels",
    )
    COLOUR_CHANNELS = (
        "it holds {held} channels (colours), the data set declares {declared}",
        'nnU-Net sees {held}: write "channel_names": {names} in dataset.json, or store the images in grey',
    )
    GREY_IN_COLOURS = (
        "it holds {held} channels, which are equal (grey stored as colours); the data set declares {declared}",
        "store the images in grey, one number per pixel: nnU-Net sees {held} channels",
    )
    NO_SUCH_ARRAY = "holds no {part} ({keys}); it has {there}", "name the array {key} when you save the file"
    ODD_ARRAY = "{array} is {dtype} {shape}; expected {expected}", "save the array in that form"
    NO_DICOM_IMAGE = "is no image of CT, MR or PET", "name a file of the image series"
    NO_DICOM_LABEL = (
        "is neither a DICOM segmentation (SEG) nor a structure set (RTSTRUCT)",
        "name the SEG or the RTSTRUCT as the label",
    )
    SEGMENT_WITHOUT_NAME = "segment {number} has no name", "name it where it was drawn (3D Slicer), and save it again"
    SEGMENT_TWICE = (
        "two of its segments are called {name!r}",
        "rename one of them where they were drawn (3D Slicer), or make them one",
    )
    SEGMENTS_ALIKE = (
        "its segments {one!r} and {other!r} have the same value, {value}, in the same layer",
        "draw them apart (3D Slicer), and save it again",
    )
    ODD_SEGMENT = "segment {number} has an odd value or layer: {stated!r}", "save it again where it was drawn"
    NO_SUCH_LAYER = "segment {name!r} lies in layer {layer}, and there are {count}", _AGAIN
    FRACTIONAL_SEGMENTS = "holds fractional segments", "export them as a binary labelmap (3D Slicer)"
    VALUE_WITHOUT_NAME = (
        "voxels hold {value}, which no segment of its header names",
        "name the segment (3D Slicer), or take the fields Segment... out of the header",
    )
    NO_WANTED_SEGMENT = (
        "names its segments ({names}), and none of them is a class of the data set",
        "rename them, or name them in the column structures of a table (CSV): CLASS = NAME",
    )
    OTHER_GRID = (
        "lies on another grid than the image",
        "resample it onto the image's (3D Slicer: export it with the image as reference volume)",
    )
    OUTSIDE_IMAGE = "{count} voxels of its segments lie outside the image", "is it the label of another image?"
    MEMORY = "not enough memory to read it", "free some memory, or crop or resample the image"
    TOO_LARGE = "holds more than {most} MiB", "crop or resample it"
    OVER_LIMIT = "needs {size} bytes of memory, {allowed} are allowed", "crop or resample it"
    NEEDS_IMAGE = (
        "is drawn on the grid of its image, and that image could not be read",
        "fix the image first",
    )


class _Kind(NamedTuple):
    """A format that is read: its name, the ending to give it, all its endings and how its files begin."""

    name: str
    ending: str
    endings: tuple[str, ...]
    beginning: re.Pattern[bytes]


def _begins(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL | re.IGNORECASE)


_KINDS = (
    _Kind("NIfTI", ".nii", (".nii", ".hdr", ".img"), re.compile(rb".{344}n\+1\0|.{4}n\+2\0", re.DOTALL)),
    _Kind("NIfTI header", ".hdr", (".hdr",), re.compile(rb".{344}ni1\0|.{4}ni2\0", re.DOTALL)),
    _Kind("NRRD", ".nrrd", (".nrrd", ".nhdr"), re.compile(rb"NRRD0")),
    _Kind("MetaImage", ".mha", (".mha", ".mhd"), re.compile(rb"(ObjectType|NDims|Comment)\s*=")),
    _Kind("PNG", ".png", (".png",), re.compile(rb"\x89PNG\r\n")),
    _Kind("JPEG", ".jpg", (".jpg", ".jpeg"), re.compile(rb"\xff\xd8\xff")),
    _Kind("TIFF", ".tif", (".tif", ".tiff"), re.compile(rb"II[*+]\0|MM\0[*+]")),
    _Kind("BMP", ".bmp", (".bmp",), re.compile(rb"BM.{4}\0{4}", re.DOTALL)),
    _Kind("MGH", ".mgh", (".mgh",), re.compile(rb"\0\0\0\x01(\0\0(\0[^\0]|[^\0].)){3}", re.DOTALL)),
)

_SIGNS: tuple[tuple[re.Pattern[bytes], Reason, dict[str, str]], ...] = (
    (_begins(rb"version https://git-lfs"), Reason.LFS_POINTER, {}),
    (_begins(rb"/annex/objects/"), Reason.ANNEX_POINTER, {}),
    (_begins(rb"(\xef\xbb\xbf)?\s*(<!doctype html|<html|<\?xml.*<html)"), Reason.WEB_PAGE, {}),
    (_begins(rb"(\xef\xbb\xbf)?\s*<\?xml"), Reason.XML, {}),
    (_begins(rb".{128}DICM"), Reason.DICOM, {}),
    (_begins(rb"PK(\x03\x04|\x05\x06)"), Reason.PACKED, {"kind": "a zip"}),
    (_begins(rb"7z\xbc\xaf"), Reason.PACKED, {"kind": "a 7z"}),
    (_begins(rb"Rar!"), Reason.PACKED, {"kind": "a RAR"}),
    (_begins(rb".{257}ustar"), Reason.PACKED, {"kind": "a tar"}),
    (_begins(rb"BZh\d"), Reason.COMPRESSED_OTHERWISE, {"kind": "bzip2", "tool": "bunzip2"}),
    (_begins(rb"\xfd7zXZ"), Reason.COMPRESSED_OTHERWISE, {"kind": "xz", "tool": "unxz"}),
    (_begins(rb"\x28\xb5\x2f\xfd"), Reason.COMPRESSED_OTHERWISE, {"kind": "zstd", "tool": "unzstd"}),
    (_begins(rb"\x93NUMPY"), Reason.NO_IMAGE_FORMAT, {"kind": "a NumPy array"}),
    (_begins(rb"\x89HDF\r\n"), Reason.NO_IMAGE_FORMAT, {"kind": "an HDF5 file"}),
    (_begins(rb"MATLAB \d"), Reason.NO_IMAGE_FORMAT, {"kind": "a MATLAB file"}),
    (_begins(rb"%PDF"), Reason.NO_IMAGE_FORMAT, {"kind": "a PDF document"}),
    (_begins(rb"GIF8"), Reason.NO_IMAGE_FORMAT, {"kind": "a GIF picture"}),
    (_begins(rb"\0+\Z"), Reason.ZEROS, {}),
)
"""How files begin that are no images of a format that is read, in the order in which they are tried."""

_BEGINS_SO_ITSELF = {".npz": ("a zip",), ".img": (Reason.ZEROS,), ".raw": (Reason.ZEROS,)}
"""What is no sign of anything under these endings: NumPy's archive is a zip, and voxels may be zeros."""

_IMAGE_SUFFIXES = frozenset(ending for kind in _KINDS for ending in kind.endings) | {".gz", ".mgz", ".npz"}
_GZIP = b"\x1f\x8b"
_BEGINNING = 1 << 12
_LEAST_TEXT = 8
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def what_it_is(path: Path) -> ReadError | None:
    """The error that says what a file is instead of an image of its ending; None where nothing is recognised.

    Args:
        path: the file, which its reader refused.
    """
    try:
        with path.open("rb") as handle:
            start = handle.read(_BEGINNING)
    except OSError:
        return None
    name = path.name.lower()
    if not start.startswith(_GZIP):
        return _not_gzipped(path, start)
    inside = _inflated(start)
    if not name.endswith((".gz", ".mgz")):
        kind = _kind_of(inside)
        if kind is None or name.endswith(kind.endings):
            return _sign_of(path, inside) or Reason.GZIPPED.of(path, right=f"{path.name}.gz")
        return Reason.GZIPPED_OTHER.of(path, kind=kind.name, right=f"{_bare(path.name)}{kind.ending}")
    if inside.startswith(_GZIP):
        return Reason.GZIPPED_TWICE.of(path, quoted_gz=shlex.quote(f"{path.name}.gz"))
    kind = _kind_of(inside)
    if kind is None:
        return _sign_of(path, inside)
    if (".mgh" if name.endswith(".mgz") else name.removesuffix(".gz")).endswith(kind.endings):
        return None
    return Reason.GZIPPED_OTHER.of(path, kind=kind.name, right=f"{_bare(path.name)}{kind.ending}")


def broken_link(path: Path) -> ReadError:
    """The error for a link whose target is not there; git-annex leaves such links where a file was not fetched."""
    reason = Reason.ANNEX_LINK if "annex/objects" in path.readlink().as_posix() else Reason.BROKEN_LINK
    return reason.of(path)


def _not_gzipped(path: Path, start: bytes) -> ReadError | None:
    kind = _kind_of(start)
    if kind is None:
        return _sign_of(path, start)
    if path.name.lower().endswith(kind.endings):
        return None
    right = f"{_bare(path.name)}{kind.ending}"
    if path.name.lower() == f"{right}.gz".lower():
        return Reason.NOT_GZIPPED.of(path, kind=kind.name, right=right, quoted_right=shlex.quote(right))
    return Reason.OTHER_FORMAT.of(path, kind=kind.name, right=right, ending=kind.ending)


def _kind_of(start: bytes) -> _Kind | None:
    return next((kind for kind in _KINDS if kind.beginning.match(start)), None)


def _sign_of(path: Path, start: bytes) -> ReadError | None:
    suffix = path.suffix.lower()
    # Under a name that promises no format, DICOM is what it should be.
    own: tuple[Any, ...] = _BEGINS_SO_ITSELF.get(suffix, () if suffix in _IMAGE_SUFFIXES else (Reason.DICOM,))
    for beginning, reason, words in _SIGNS:
        if beginning.match(start) and reason not in own and words.get("kind") not in own:
            return reason.of(path, **words)
    return Reason.TEXT.of(path) if _is_text(start) else None


def _is_text(start: bytes) -> bool:
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        # Of a character that is cut at the end, an incremental decoder waits for the rest.
        text = codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return False
    return len(text) >= _LEAST_TEXT and not _CONTROL.search(text)


def _inflated(start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS + 32).decompress(start, _BEGINNING)
    except zlib.error:
        return b""


def _bare(name: str) -> str:
    """A name without the ending of its format: `a.1.nii.gz` is `a.1`, and so is `a.1`."""
    last = Path(name)
    if last.suffix.lower() == ".gz":
        last = Path(last.stem)
    return last.stem if last.suffix[1:].isalpha() else last.name
