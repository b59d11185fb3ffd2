"""What a person wants to see of a case besides its numbers, kept while the network's maps are still there.

RUN/views/<case>.npz, beside the records: a thumbnail, and of every class the singular spectrum, what each plane
contributes, and the model's own mask. A view is no part of the record: nothing is computed from it, and a run without
views is whole. It holds pictures of the patient, as large as a stamp, and nothing of the file's header.

Axes: D scored planes, H, W the volume's rows and columns, r directions, t, u the thumbnail's.
"""

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float32, Int32, UInt8
from numpy.typing import NDArray
from PIL import Image

from auvseg.data.case import ClassDef
from auvseg.files import atomic
from auvseg.measures.catalogue import ScaleOptions
from auvseg.scoring.record import file_name
from auvseg.shapes import ImageArray, LabelArray

if TYPE_CHECKING:
    # A view is made beside torch, and read without it.
    from auvseg.measures.inputs import MeasureInput, WholeCase

VIEW_VERSION = 1
"""Raised whenever a view's meaning changes; views of another version are not shown."""

_MAX_VIEW = 1 << 28
"""Bytes that a view may unpack to."""

THUMBNAIL_SIDE = 80
"""Pixels of a thumbnail's longer side."""

_MARGIN = 0.4
"""How much a thumbnail shows around the structures, as a share of their size, on every side."""

_MIN_MM = 40.0
"""A thumbnail shows at least so much, where the image has it."""


@dataclass(frozen=True)
class ClassView:
    """One class of one case.

    Attributes:
        planes: (D,) indices of the scored planes.
        spectrum: (r,) how the map's energy is spread over its directions, descending, summing to 1.
        scale: (D,) what each plane contributes to S.
        agreement: (D,) Dice of the model's own mask with the label.
        confidence: (D,) mean probability inside the model's own mask.
        predicted_iou: (D,) the model's own estimate; None if it has none.
        mask: (D, bytes) the model's own mask on the volume's grid, H·W bits a plane; (D, 0) where it was not read.
    """

    planes: Int32[np.ndarray, "D"]
    spectrum: Float32[np.ndarray, "r"]
    scale: Float32[np.ndarray, "D"]
    agreement: Float32[np.ndarray, "D"]
    confidence: Float32[np.ndarray, "D"]
    predicted_iou: Float32[np.ndarray, "D"] | None
    mask: UInt8[np.ndarray, "D bytes"]


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of the plane that holds most of the structures.

    Attributes:
        image: (t, u) grey values, normalised as the run's configuration says.
        label: (t, u) position of the class among the data set's, from 1; 0 for none.
        plane: which plane it is.
    """

    image: UInt8[np.ndarray, "t u"]
    label: UInt8[np.ndarray, "t u"]
    plane: int


@dataclass
class CaseView:
    """Everything that is shown of one case.

    Attributes:
        classes: by class id.
        thumbnail: None until the case was prepared.
    """

    classes: dict[int, ClassView] = field(default_factory=dict)
    thumbnail: Thumbnail | None = None

    def take(self, measured: "MeasureInput", options: ScaleOptions) -> None:
        """Keep what there is to see of a class; nothing where the extractor makes no maps."""
        from auvseg.measures.map_core import CoreOf
        from auvseg.measures.planes import agreement_by_plane, confidence_by_plane, own_mask, scale_by_plane

        if not measured.has_map:
            return
        class_map = measured.class_map
        shares = scale_by_plane(measured.once(CoreOf(options)), options)
        quality = class_map.predicted_iou
        self.classes[class_map.class_def.class_id] = ClassView(
            planes=np.array(class_map.planes, dtype=np.int32),
            spectrum=shares.spectrum.astype(np.float32),
            scale=shares.scale.astype(np.float32),
            agreement=agreement_by_plane(measured).astype(np.float32),
            confidence=confidence_by_plane(measured).astype(np.float32),
            predicted_iou=None if quality is None else quality.float().cpu().numpy(),
            mask=measured.once(own_mask),
        )

    def picture(self, whole: "WholeCase", classes: Sequence[ClassDef]) -> None:
        """Make the thumbnail of a case."""
        self.thumbnail = thumbnail(whole.image, whole.label, classes, whole.spacing_mm)


def thumbnail(
    image: ImageArray, label: LabelArray | None, classes: Sequence[ClassDef], spacing_mm: tuple[float, float, float]
) -> Thumbnail:
    """The plane with most labelled voxels, cut to the structures; without a label the middle plane, whole.

    Rows are turned so that the front is up and the patient's right on the left, as radiologists look at axial planes.
    """
    depth, height, width = image.shape
    plane, structures = depth // 2, np.zeros((height, width), dtype=np.uint8)
    if label is not None:
        values = [value for one in classes for value in one.values]
        counts = [int(np.isin(one, values).sum()) if values else 0 for one in label]
        plane = int(np.argmax(counts)) if any(counts) else plane
        for position, one in enumerate(classes, start=1):
            structures[np.isin(label[plane], one.values)] = min(position, 255)
    rows, columns = _window(structures, (height, width), spacing_mm[1:])
    grey = np.clip(image[plane, rows, columns] * 255, 0, 255).astype(np.uint8)[::-1, ::-1]
    marked = structures[rows, columns][::-1, ::-1]
    size = _picture_size(grey.shape, spacing_mm[1:])
    small = Image.fromarray(np.ascontiguousarray(grey)).resize(size, Image.Resampling.BILINEAR)
    marks = Image.fromarray(np.ascontiguousarray(marked)).resize(size, Image.Resampling.NEAREST)
    return Thumbnail(np.asarray(small), np.asarray(marks), plane)


def view_path(run_folder: Path, case_id: str) -> Path:
    """Where the view of a case lives."""
    return (run_folder / "views" / file_name(case_id)).with_suffix(".npz")


def write_view(run_folder: Path, case_id: str, view: CaseView) -> None:
    """Write a view: equal views are equal bytes."""
    arrays: dict[str, NDArray[Any]] = {"version": np.array(VIEW_VERSION)}
    for class_id, one in view.classes.items():
        for name in ("planes", "spectrum", "scale", "agreement", "confidence", "predicted_iou", "mask"):
            value = getattr(one, name)
            if value is not None:
                arrays[f"{class_id}/{name}"] = value
    if view.thumbnail is not None:
        arrays |= {"thumbnail/image": view.thumbnail.image, "thumbnail/label": view.thumbnail.label}
        arrays["thumbnail/plane"] = np.array(view.thumbnail.plane)
    content = io.BytesIO()
    # NumPy 1 would store `allow_pickle=False` as one more array; what NumPy 2 says of `**` is meant for that name.
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    atomic.write_bytes(view_path(run_folder, case_id), content.getvalue())


def read_view(run_folder: Path, case_id: str, *, masks: bool = True) -> CaseView | None:
    """The view of a case; None where there is none, or one that is damaged or of another version.

    Args:
        run_folder: of the scores.
        case_id: the case.
        masks: whether the model's own masks are read, which are most of a view; empty without.
    """
    try:
        with view_path(run_folder, case_id).open("rb") as file, zipfile.ZipFile(file) as stored:
            members = {info.filename.removesuffix(".npy"): info for info in stored.infolist()}
            if sum(info.file_size for info in members.values()) > _MAX_VIEW:
                return None
            wanted = {name: info for name, info in members.items() if masks or not name.endswith("/mask")}
            arrays = {name: _array(_content(stored, info)) for name, info in wanted.items()}
        if int(arrays.pop("version")) != VIEW_VERSION:
            return None
        view = CaseView()
        if "thumbnail/image" in arrays:
            plane = int(arrays.pop("thumbnail/plane"))
            view.thumbnail = Thumbnail(arrays.pop("thumbnail/image"), arrays.pop("thumbnail/label"), plane)
        for class_id in sorted({_of(name) for name in arrays}):
            found = {name.partition("/")[2]: value for name, value in arrays.items() if _of(name) == class_id}
            quality, mask = found.pop("predicted_iou", None), found.pop("mask", _no_mask(found["planes"]))
            view.classes[class_id] = ClassView(predicted_iou=quality, mask=mask, **found)
        return view if _fits_together(view) else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError):
        # RuntimeError is what zipfile raises for a member that says it is encrypted, or packed as nobody packs.
        return None


def _fits_together(view: CaseView) -> bool:
    """Whether arrays that belong to each other have one length and the kind of numbers that they should have."""
    picture = view.thumbnail
    if picture is not None and not (
        picture.image.dtype == picture.label.dtype == np.uint8
        and picture.image.ndim == 2
        and picture.image.size
        and picture.image.shape == picture.label.shape
    ):
        return False
    for one in view.classes.values():
        by_plane = [one.scale, one.agreement, one.confidence]
        by_plane += [] if one.predicted_iou is None else [one.predicted_iou]
        if any(array.shape != one.planes.shape or array.dtype.kind != "f" for array in by_plane):
            return False
        if one.planes.ndim != 1 or one.planes.dtype.kind != "i" or one.spectrum.ndim != 1:
            return False
        if one.mask.ndim != 2 or len(one.mask) != len(one.planes) or one.mask.dtype != np.uint8:
            return False
    return True


def _no_mask(planes: NDArray[Any]) -> UInt8[np.ndarray, "D 0"]:
    return np.empty((len(planes), 0), dtype=np.uint8)


def _content(stored: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with stored.open(info) as member:
        # Not `read()`, which unpacks all that there is before it looks at how long the member should be.
        return member.read(info.file_size)


def _array(content: bytes) -> NDArray[Any]:
    """An array of an `.npz` file. `numpy.load` parses every header anew, which takes longer than everything else."""
    start = 10 + int.from_bytes(content[8:10], "little")
    dtype, shape, order = _header(content[:start])
    return np.frombuffer(content, dtype, offset=start).reshape(shape, order=order)


@lru_cache(maxsize=4096)
def _header(head: bytes) -> tuple[np.dtype[Any], tuple[int, ...], Literal["C", "F"]]:
    file = io.BytesIO(head)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("not as numpy.savez writes small headers")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("objects would be code")
    return dtype, shape, "F" if fortran_order else "C"


def _of(name: str) -> int:
    return int(name.partition("/")[0])


def _window(
    structures: UInt8[np.ndarray, "H W"], shape: tuple[int, int], spacing_mm: tuple[float, ...]
) -> tuple[slice, slice]:
    """Rows and columns to show: the structures and some of what is around them."""
    if not structures.any():
        return slice(0, shape[0]), slice(0, shape[1])
    parts = []
    for axis in (0, 1):
        held = np.flatnonzero(structures.any(axis=1 - axis))
        low, high = int(held[0]), int(held[-1]) + 1
        wanted = max((high - low) * (1 + 2 * _MARGIN), _MIN_MM / spacing_mm[axis])
        more = int(np.ceil((wanted - (high - low)) / 2))
        parts.append(slice(max(low - more, 0), min(high + more, shape[axis])))
    return parts[0], parts[1]


def _picture_size(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> tuple[int, int]:
    """Width and height of a picture of a (rows, columns) plane with square pixels."""
    height_mm, width_mm = shape[0] * spacing_mm[0], shape[1] * spacing_mm[1]
    factor = THUMBNAIL_SIDE / max(height_mm, width_mm)
    return max(round(width_mm * factor), 1), max(round(height_mm * factor), 1)
