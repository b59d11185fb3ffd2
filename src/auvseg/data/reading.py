"""Read one file: its header's promise first, its voxels only if the file can hold them.

nibabel reads NIfTI, MGZ and whatever else it knows; SimpleITK the rest; NumPy the `.npz` of MedSAM. NIfTI never goes to
SimpleITK, whose reader corrupts the heap on some 5-D files. Nothing is reoriented, normalised or judged here.
"""

import hashlib
import math
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from auvseg.errors import ReadError

Part = Literal["image", "label"]
"""Which array of a file that holds both (`.npz`); other formats hold one."""

NIBABEL_ENDINGS = (".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz", ".mgz", ".mgh")
ITK_ENDINGS = (".nrrd", ".nhdr", ".mha", ".mhd", ".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")
SUPPORTED_ENDINGS = (*NIBABEL_ENDINGS, *ITK_ENDINGS, ".npz")

_MOST_GZIP_RATIO = 1032
"""Deflate cannot shrink by more than this, so a header that promises more is lying."""
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Header:
    """What a file promises.

    Attributes:
        shape: as stored, spatial axes first, trailing axes of length 1 dropped, at least three axes.
        affine: (4, 4) voxel indices to RAS+ millimetres.
        spacing_mm: voxel size along the spatial axes as stored.
        axcodes: where each spatial axis points, such as "LAS".
        dtype: the type on disk.
    """

    shape: tuple[int, ...]
    affine: Float64[np.ndarray, "4 4"]
    spacing_mm: tuple[float, float, float]
    axcodes: str
    dtype: str


@dataclass(frozen=True)
class RawArray:
    """A file's voxels in the order in which they are stored, with slope and intercept applied.

    Attributes:
        header: what the file says of them.
        array: of `header.shape`; float32 where the file is floating or scaled, else its own integer type.
    """

    header: Header
    array: NDArray[Any]


def is_supported(path: Path) -> bool:
    """Whether the name's ending is one that `read_array` knows."""
    return path.name.lower().endswith(SUPPORTED_ENDINGS)


def file_sha256(path: Path) -> str:
    """Sha256 of a file's bytes, in hexadecimal.

    Raises:
        ReadError: the file is missing or cannot be opened.
    """
    _require_file(path)
    try:
        with path.open("rb") as handle:
            digest = hashlib.sha256()
            while block := handle.read(1 << 20):
                digest.update(block)
            return digest.hexdigest()
    except OSError as error:
        raise ReadError(f"{path.name}: cannot be read ({error.strerror or error})") from None


def read_header(path: Path, *, part: Part = "image") -> Header:
    """Read what a file promises, without its voxels.

    Raises:
        ReadError: the file is missing, of an unknown format, damaged, or promises more than it can hold.
    """
    if _reader(path) == "nibabel":
        return _nibabel_header(path, _open_nibabel(path))
    if _reader(path) == "itk":
        return _itk_header(path, _open_itk(path))
    return _read_npz(path, part).header


def read_array(path: Path, *, part: Part = "image") -> RawArray:
    """Read a file's voxels.

    Raises:
        ReadError: the file is missing, truncated, damaged, of an unknown format, promises more voxels than it can
            hold, or holds colours, vectors or complex numbers instead of intensities.
    """
    if _reader(path) == "nibabel":
        return _read_nibabel(path)
    if _reader(path) == "itk":
        return _read_itk(path)
    return _read_npz(path, part)


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise ReadError(f"{path.name}: is a folder; name the image file inside it")
    if not path.is_file():
        raise ReadError(f"{path.name}: the file does not exist")
    if path.stat().st_size == 0:
        raise ReadError(f"{path.name}: the file is empty; copy it again from its source")


def _reader(path: Path) -> Literal["nibabel", "itk", "npz"]:
    _require_file(path)
    name = path.name.lower()
    if name.endswith(".npz"):
        return "npz"
    if name.endswith(NIBABEL_ENDINGS):
        return "nibabel"
    if name.endswith(ITK_ENDINGS):
        return "itk"
    raise ReadError(f"{path.name}: unknown format; auvseg reads NIfTI, MGZ, NRRD, MetaImage, PNG, TIFF and .npz")


def _damaged(path: Path, error: Exception) -> ReadError:
    reason = str(error).replace(str(path), path.name).replace(str(path.parent), "").strip().splitlines()
    what = reason[0] if reason else type(error).__name__
    return ReadError(f"{path.name}: damaged or not the format its name says ({what})")


def make_header(path: Path, shape: tuple[int, ...], affine: Float64[np.ndarray, "4 4"], dtype: str) -> Header:
    """Check shape and affine and derive spacing and orientation.

    Raises:
        ReadError: an axis without voxels, or an affine that is not finite or maps a voxel onto nothing.
    """
    shape = _three_axes(shape)
    if any(size < 1 for size in shape):
        raise ReadError(f"{path.name}: an axis has no voxels: {shape}")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise ReadError(f"{path.name}: the affine is not finite or singular; repair the header's spacing and direction")
    spacing = tuple(float(size) for size in np.linalg.norm(affine[:3, :3], axis=0))
    codes = nib.orientations.aff2axcodes(affine)
    if None in codes:
        raise ReadError(f"{path.name}: the affine is too sheared to tell the axes apart; resample the image")
    return Header(shape, affine.astype(np.float64), (spacing[0], spacing[1], spacing[2]), "".join(codes), dtype)


def _three_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return (*shape, *[1] * (3 - len(shape)))


def _check_promise(path: Path, voxels: int, bytes_a_voxel: int, offset: int = 0) -> None:
    """Refuse before anything is allocated what the file cannot hold."""
    size = path.stat().st_size
    promised = voxels * bytes_a_voxel + offset
    compressed = path.name.lower().endswith((".gz", ".mgz"))
    if promised > size * (_MOST_GZIP_RATIO if compressed else 1):
        raise ReadError(f"{path.name}: truncated: the header promises {promised} bytes, the file has {size}")


def _open_nibabel(path: Path) -> Any:
    try:
        return nib.load(path)
    except Exception as error:  # noqa: BLE001 - nibabel raises whatever a damaged header makes its parsers raise
        raise _damaged(path, error) from None


def _nibabel_header(path: Path, image: Any) -> Header:
    try:
        dtype = np.dtype(image.get_data_dtype())
        shape = tuple(int(size) for size in image.shape)
        affine = np.asarray(image.affine, dtype=np.float64)
    except Exception as error:  # noqa: BLE001 - as above
        raise _damaged(path, error) from None
    if dtype.fields is not None or dtype.kind not in "biuf":
        kind = "colours" if dtype.fields is not None else "complex numbers" if dtype.kind == "c" else str(dtype)
        raise ReadError(f"{path.name}: holds {kind}, not intensities; convert it to one number a voxel")
    if any(size < 0 for size in shape):
        raise ReadError(f"{path.name}: damaged: an axis has negative length: {shape}")
    data = Path(image.file_map["image"].filename)
    if not data.is_file():
        raise ReadError(f"{path.name}: its data file {data.name} does not exist; keep the pair together")
    _check_promise(data, math.prod(shape), dtype.itemsize)
    return make_header(path, shape, affine, str(dtype))


def _read_nibabel(path: Path) -> RawArray:
    image = _open_nibabel(path)
    header = _nibabel_header(path, image)
    try:
        proxy = image.dataobj
        scaled = getattr(proxy, "slope", 1.0) not in (1.0, None) or getattr(proxy, "inter", 0.0) not in (0.0, None)
        floating = np.dtype(image.get_data_dtype()).kind == "f"
        array = np.asarray(proxy, dtype=np.float32) if scaled or floating else np.asanyarray(proxy)
    except (EOFError, zlib.error, OSError, ValueError) as error:
        raise _truncated(path, error) from None
    native = array.dtype.newbyteorder("=")
    wanted = np.dtype(np.float32) if array.dtype.kind == "f" else native
    return RawArray(header, np.asarray(array, dtype=wanted).reshape(header.shape))


def _truncated(path: Path, error: Exception) -> ReadError:
    known = isinstance(error, EOFError | zlib.error) or "Expected" in str(error) or "CRC" in str(error)
    return (
        ReadError(f"{path.name}: truncated or damaged; copy it again from its source")
        if known
        else _damaged(path, error)
    )


def _open_itk(path: Path) -> Any:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _damaged(path, _itk_reason(error)) from None
    return reader


def _itk_reason(error: RuntimeError) -> Exception:
    """ITK's last line says what happened; the lines before it name source files of its own."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # "Reason" is the system's last error, of whatever call; addresses of objects differ from run to run.
    lines = [re.sub(r"\(0x[0-9a-f]+\)", "", line) for line in lines if not line.startswith("Reason: ")]
    return RuntimeError(lines[-1].removeprefix("sitk::ERROR: ").removeprefix("ITK ERROR: ") if lines else "unreadable")


def _itk_header(path: Path, reader: Any) -> Header:
    import SimpleITK as sitk

    if reader.GetNumberOfComponents() != 1:
        count = reader.GetNumberOfComponents()
        raise ReadError(f"{path.name}: holds {count} numbers a voxel (colours or vectors), not one")
    shape = tuple(int(size) for size in reader.GetSize())
    pixel = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if "complex" in pixel.lower():
        raise ReadError(f"{path.name}: holds complex numbers, not intensities; convert it to one number a voxel")
    # Compression ratios vary by format; a thousandfold is beyond all of them.
    _check_itk_promise(path, math.prod(shape))
    dimension = len(shape)
    direction = np.asarray(reader.GetDirection(), dtype=np.float64).reshape(dimension, dimension)
    spatial = min(dimension, 3)
    matrix = np.eye(4)
    matrix[:spatial, :spatial] = direction[:spatial, :spatial] * np.asarray(reader.GetSpacing())[:spatial]
    matrix[:spatial, 3] = np.asarray(reader.GetOrigin())[:spatial]
    return make_header(path, shape, _LPS_TO_RAS @ matrix, pixel)


def _check_itk_promise(path: Path, voxels: int) -> None:
    data = _detached_data(path)
    if data is None:
        return
    size = data.stat().st_size
    if voxels > size * _MOST_GZIP_RATIO:
        raise ReadError(f"{path.name}: truncated: the header promises {voxels} voxels, {data.name} has {size} bytes")
    if path.name.lower().endswith((".jpg", ".jpeg")):
        _check_jpeg_end(path)


def _detached_data(path: Path) -> Path | None:
    """The file that holds the voxels; None where a header names several, which ITK checks as it opens them."""
    if not path.name.lower().endswith((".nhdr", ".mhd")):
        return path
    text = path.read_bytes()[: 1 << 16].decode("latin-1")
    named = re.search(r"^(?:data ?file:|ElementDataFile *=) *(.+?)\s*$", text, re.MULTILINE | re.IGNORECASE)
    data = path.parent / named[1] if named else None
    return data if data is not None and data.is_file() else None


def _check_jpeg_end(path: Path) -> None:
    """ITK fills what is missing of a truncated JPEG with grey; only its end marker tells."""
    if not path.read_bytes().rstrip(b"\0\r\n").endswith(b"\xff\xd9"):
        raise ReadError(f"{path.name}: truncated: the JPEG has no end; copy it again from its source")


def _read_itk(path: Path) -> RawArray:
    import SimpleITK as sitk

    reader = _open_itk(path)
    header = _itk_header(path, reader)
    try:
        array = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise _damaged(path, _itk_reason(error)) from None
    array = array.transpose().reshape(header.shape)
    return RawArray(header, array.astype(np.float32) if array.dtype.kind == "f" else array)


_NPZ_KEYS: dict[Part, tuple[str, ...]] = {"image": ("imgs", "img", "image"), "label": ("gts", "gt", "label")}


def _read_npz(path: Path, part: Part) -> RawArray:
    if not zipfile.is_zipfile(path):
        raise ReadError(f"{path.name}: damaged or not the format its name says (an .npz is a zip archive)")
    try:
        with np.load(path, allow_pickle=False) as content:
            key = next((key for key in _NPZ_KEYS[part] if key in content.files), None)
            if key is None:
                there = ", ".join(content.files)
                raise ReadError(f"{path.name}: holds no {part} ({', '.join(_NPZ_KEYS[part])}); it has {there}")
            array = np.asarray(content[key])
            grid = {
                name: np.asarray(content[name], dtype=np.float64).ravel() if name in content.files else default.ravel()
                for name, default in (("spacing", np.ones(3)), ("origin", np.zeros(3)), ("direction", np.eye(3)))
            }
    except ReadError:
        raise
    except MemoryError as error:
        raise ReadError(f"{path.name}: promises more voxels than memory can hold ({error})") from None
    except Exception as error:  # noqa: BLE001 - zipfile and NumPy raise whatever a damaged archive makes them raise
        raise _damaged(path, error) from None
    sizes = [grid[name].size for name in ("spacing", "origin", "direction")]
    if array.dtype.kind not in "biuf" or array.ndim not in (2, 3) or sizes != [3, 3, 9]:
        raise ReadError(
            f"{path.name}: {key} is {array.dtype} {array.shape}; expected numbers (D, H, W) with 3 spacings"
        )
    # MedSAM's arrays are ITK's (z, y, x): stored order is reversed, positions are LPS.
    array = array.transpose() if array.ndim == 3 else array.transpose()[..., None]
    matrix = np.eye(4)
    matrix[:3, :3] = grid["direction"].reshape(3, 3) * grid["spacing"]
    matrix[:3, 3] = grid["origin"]
    header = make_header(path, array.shape, _LPS_TO_RAS @ matrix, str(array.dtype))
    return RawArray(header, array.astype(np.float32) if array.dtype.kind == "f" else array)
