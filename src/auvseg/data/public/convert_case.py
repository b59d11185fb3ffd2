"""Convert one case in a worker: read, fix and assemble its label; reference, link, copy or split its image."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from jaxtyping import Bool, Shaped
from numpy.typing import NDArray

from auvseg.data.case import ClassDef
from auvseg.data.label_values import as_label
from auvseg.data.layouts.naming import some_of
from auvseg.data.public.classes import TargetClass
from auvseg.data.public.nifti_files import axes_on_disk, channel_bytes, ending_of, label_bytes, repacked
from auvseg.data.public.source import SourceCase
from auvseg.data.public.target import (
    CaseRecord,
    Event,
    Output,
    Row,
    check_free,
    files_in_words,
    is_known,
    read_record,
    state_of,
    write,
    write_record,
)
from auvseg.data.reading import Header, RawArray, make_header, read_array, read_header
from auvseg.data.volume import grid_difference
from auvseg.errors import CaseError, UsageError
from auvseg.nnunet.raw import path_for_nnunet

_SPATIAL = 3
_LOST = "the header states identity axes and 1×1×1 mm, as headers do that were lost; the image is taken as it is"


@dataclass(frozen=True)
class CaseJob:
    """All that a worker needs.

    Attributes:
        case: the case; it has an image and a label or masks in name.
        root: the source's folder.
        folder: the converted data set.
        classes: of the source.
        targets: classes of the converted data set.
        channel_names: of the data set.
        ending: of every label, and of every image that is written.
        copy: whether images are copied.
    """

    case: SourceCase
    root: Path
    folder: Path
    classes: tuple[ClassDef, ...]
    targets: tuple[TargetClass, ...]
    channel_names: tuple[str, ...]
    ending: str
    copy: bool


@dataclass(frozen=True)
class CaseResult:
    """A converted case.

    Attributes:
        record: what was written, and the rows of the report.
        kept: whether an earlier run had converted it.
    """

    record: CaseRecord
    kept: bool


def convert_case(job: CaseJob) -> CaseResult:
    """Convert one case, or find that it is converted already.

    Raises:
        CaseError: it cannot be converted; nothing was written for it.
        OSError: a file cannot be read or written.
    """
    case = job.case
    image = _require(case.image, "the image", case)
    if case.label is None and not case.masks:
        raise CaseError(f"{case.case_id}: there is no label")
    files = _used_files(job)
    sources = state_of([_require(path, "a file", case) for path in files], job.root)
    earlier = read_record(job.folder, case.case_id)
    if earlier is not None and _is_current(earlier, sources, job.folder):
        return CaseResult(earlier, kept=True)
    if ending_of(image) is None:
        raise CaseError(f"{image.name}: is no NIfTI file (.nii, .nii.gz); convert the image first")
    header = read_header(image)
    rows = _Rows(case, files_in_words(files, job.root))
    _note_image(header, job, rows)
    array = _masks(job, header, rows) if case.masks else _label(job, header, rows)
    suffix = "Ts" if case.subset == "test" else "Tr"
    label = Output(f"labels{suffix}/{case.case_id}{job.ending}", "bytes", label_bytes(array, image, job.ending))
    images = _images(job, image, header, suffix, rows)
    rows.first(f"label → {label.relative}; image {_image_in_words(images)}")
    outputs = [output for output in (label, *images) if output is not None]
    known_of = {name: list(prints) for name, prints in (earlier.outputs if earlier else {}).items()}
    for output in outputs:
        check_free(job.folder, output, known_of.get(output.relative, []))
        before = [known for known in known_of.get(output.relative, []) if known != output.fingerprint()]
        known_of[output.relative] = [*before, output.fingerprint()]
    names = tuple(output.relative if output is not None else None for output in images)
    record = CaseRecord(sources, known_of, tuple(rows.rows), names, label.relative, header.axcodes)
    write_record(job.folder, case.case_id, record)
    for output in outputs:
        _write(job, output)
    return CaseResult(record, kept=False)


class _Rows:
    """Rows of one case, in the making."""

    def __init__(self, case: SourceCase, files: str) -> None:
        self._case = case
        self._files = files
        self.rows: list[Row] = []

    def add(self, event: Event, detail: str) -> None:
        self.rows.append(Row(self._case.case_id, self._case.subset, event, detail, ""))

    def first(self, detail: str) -> None:
        done = Row(self._case.case_id, self._case.subset, "converted", detail, self._files)
        self.rows.insert(0, done)


def _require(path: Path | None, what: str, case: SourceCase) -> Path:
    if path is None:
        raise CaseError(f"{case.case_id}: {what} is missing")
    if not path.is_file():
        raise CaseError(f"{path.name}: {what} does not exist")
    return path


def _used_files(job: CaseJob) -> list[Path]:
    """The files that the converted case depends on: of masks only those of classes that are taken."""
    wanted = {name for target in job.targets for name in target.sources}
    masks = {name: path for name, path in job.case.masks.items() if name in wanted}
    return replace(job.case, masks=masks).files()


def _is_current(record: CaseRecord, sources: dict[str, list[int]], folder: Path) -> bool:
    same = {name: list(state) for name, state in record.sources.items()} == sources
    return same and all(is_known(folder / name, prints[-1:]) for name, prints in record.outputs.items())


def _note_image(header: Header, job: CaseJob, rows: _Rows) -> None:
    for note in header.notes:
        rows.add("warning", f"image: {note.message}")
    # No scanner makes a CT of 1 mm voxels at the origin; crops of MRI are stored so.
    if job.channel_names == ("CT",) and np.array_equal(header.affine, np.eye(_SPATIAL + 1)):
        rows.add("warning", f"image: {_LOST}")


def _label(job: CaseJob, image: Header, rows: _Rows) -> NDArray[Any]:
    path = _require(job.case.label, "the label", job.case)
    raw = read_array(path, part="label")
    for note in raw.header.notes:
        rows.add("warning", f"label: {note.message}")
    array, mend = on_image_grid(raw, image, path)
    if mend:
        rows.add("mended", f"label: {mend}")
    values = {one.name: one.values for one in job.classes}
    new_values = {0: 0, **{value: 0 for listed in values.values() for value in listed}}
    new_values.update(
        {value: target.value for target in job.targets for name in target.sources for value in values[name]}
    )
    out = replaced(array, new_values, len(job.targets), path.name)
    if np.dtype(raw.header.dtype).kind == "f":
        rows.add("mended", f"label: stored as {raw.header.dtype}; written as {out.dtype}")
    return out


def _masks(job: CaseJob, image: Header, rows: _Rows) -> NDArray[Any]:
    """Masks painted in the order of the classes: a later class takes the voxels of an earlier one, and is counted."""
    case = job.case
    missing = [name for target in job.targets for name in target.sources if name not in case.masks]
    if missing:
        raise CaseError(
            f"{case.case_id}: {len(missing)} masks are missing ({some_of(missing)}), and a structure without a mask "
            "is not background; name the other classes by --classes"
        )
    out = np.zeros(image.shape[:_SPATIAL], dtype=label_dtype(len(job.targets)))
    names = {target.value: target.name for target in job.targets}
    remarks: Counter[tuple[Event, str]] = Counter()
    overlaps: list[str] = []
    for target in job.targets:
        taken: Counter[int] = Counter()
        for name in target.sources:
            mask = _mask(case.masks[name], image, remarks)
            taken.update(paint(out, mask, target.value))
        overlaps += [
            f"{count} voxels of {names[old]} lie in {target.name} too: they are {target.name}"
            for old, count in sorted(taken.items())
        ]
    for (event, sentence), count in remarks.items():
        rows.add(event, f"{count} masks: {sentence}")
    for sentence in overlaps:
        rows.add("overlap", sentence)
    return out


def _mask(path: Path, image: Header, remarks: Counter[tuple[Event, str]]) -> NDArray[np.bool_]:
    """One mask on the image's grid; what is mended or odd is counted, since hundreds of masks share it."""
    raw = read_array(path, part="label")
    array, mend = on_image_grid(raw, image, path)
    mask, remark = as_mask(array, path.name)
    if mend:
        remarks["mended", mend] += 1
    if np.dtype(raw.header.dtype).kind == "f":
        remarks["mended", f"stored as {raw.header.dtype}; written as integers"] += 1
    for sentence in (*(note.message for note in raw.header.notes), *([remark] if remark else [])):
        remarks["warning", sentence] += 1
    return mask


def _images(job: CaseJob, image: Path, header: Header, suffix: str, rows: _Rows) -> list[Output | None]:
    """One a channel: what is written for it, or None where the image stays where it is."""
    stored = header.shape[_SPATIAL:]
    if (stored or (1,)) != (len(job.channel_names),):
        found = stored[0] if stored else 1
        raise CaseError(f"{image.name}: holds {found} channels, the data set declares {len(job.channel_names)}")
    names = [
        f"images{suffix}/{job.case.case_id}_{channel:04d}{job.ending}" for channel in range(len(job.channel_names))
    ]
    if axes_on_disk(image) > _SPATIAL:
        rows.add(
            "warning",
            f"image: has a fourth axis; nnU-Net wants {len(job.channel_names)} three-axis files, which were cut out",
        )
        return [Output(name, "bytes", channel_bytes(image, channel, job.ending)) for channel, name in enumerate(names)]
    if ending_of(image) != job.ending and (job.copy or suffix == "Ts"):
        return [Output(names[0], "bytes", repacked(image, job.ending))]
    if job.copy:
        return [Output(names[0], "copy", source=image)]
    if suffix == "Ts":
        return [Output(names[0], "link", source=image)]
    try:
        path_for_nnunet(image, job.folder)
    except UsageError as problem:
        raise CaseError(f"{problem}, or use --copy") from None
    return [None]


def _image_in_words(images: Sequence[Output | None]) -> str:
    if images[0] is None:
        return "stays where it is"
    done = {"bytes": "written", "copy": "copied", "link": "linked"}[images[0].kind]
    return f"{done} → {', '.join(output.relative for output in images if output is not None)}"


def _write(job: CaseJob, output: Output) -> None:
    try:
        write(job.folder, output)
    except OSError as error:
        advice = "; --copy needs no links" if output.kind == "link" else ""
        raise CaseError(f"{output.relative}: cannot be written ({error.strerror or error}){advice}") from None


def on_image_grid(label: RawArray, image: Header, path: Path) -> tuple[NDArray[Any], str]:
    """The label's voxels in the order of the image's, and a sentence that says what was mended.

    Where the label's header puts it on the image's grid with its axes in another order or direction, its axes are
    turned. Where the headers contradict each other and the shapes are equal, voxels are taken one by one, as nnU-Net
    does: the copy gets the image's affine.

    Args:
        label: as read.
        image: the image's header.
        path: the label's file, for messages.

    Returns:
        Voxels (X, Y, Z) in the image's order on disk; the sentence is empty where nothing had to be mended.

    Raises:
        CaseError: the label has further axes, or another shape than the image.
    """
    shape = image.shape[:_SPATIAL]
    if len(label.header.shape) != _SPATIAL:
        raise CaseError(f"{path.name}: a label has three axes, this one has the shape {label.header.shape}")
    difference = grid_difference(image, label.header)
    if label.header.shape == shape and difference is None:
        return label.array, ""
    turned = _turned(label, image, path)
    if turned is not None:
        return turned, f"its axes pointed to {label.header.axcodes}; turned to the image's {image.axcodes}"
    if label.header.shape != shape:
        raise CaseError(
            f"{path.name}: the label has {_by(label.header.shape)} voxels, the image {_by(shape)}; no header can mend "
            "that"
        )
    return label.array, f"{difference}; the copy has the image's affine, voxel by voxel"


def _turned(label: RawArray, image: Header, path: Path) -> NDArray[Any] | None:
    """The voxels in the image's order if both headers describe one grid, else None."""
    if label.header.axcodes == image.axcodes:
        return None
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(tuple(label.header.axcodes)),
        nib.orientations.axcodes2ornt(tuple(image.axcodes)),
    )
    array = nib.orientations.apply_orientation(label.array, turn)
    affine = label.header.affine @ nib.orientations.inv_ornt_aff(turn, label.header.shape)
    header = make_header(path, array.shape, affine, array.dtype)
    same = header.shape == image.shape[:_SPATIAL] and grid_difference(image, header) is None
    return array if same else None


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in shape)


_MAX_VALUES_NAMED = 5
_MAX_VALUE = np.iinfo(np.uint16).max


def label_dtype(highest: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds every label value up to `highest`."""
    return np.dtype(np.uint8 if highest <= np.iinfo(np.uint8).max else np.uint16)


def replaced(
    array: Shaped[np.ndarray, "X Y Z"], new_values: Mapping[int, int], highest: int, name: str
) -> Shaped[np.ndarray, "X Y Z"]:
    """A label with every value replaced.

    Args:
        array: (X, Y, Z) label values as read.
        new_values: new value of every value that may occur, 0 included.
        highest: the highest new value of the data set, which sets the type.
        name: the file, for messages.

    Raises:
        CaseError: values that are no whole numbers, or that `new_values` does not have.
    """
    values = as_label(array, name) if array.dtype.kind == "f" else array
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > _MAX_VALUE:
        raise CaseError(f"{name}: label values from {low} to {high}; the data set declares 0 to {max(new_values)}")
    table = np.zeros(max(high, *new_values) + 1, dtype=label_dtype(highest))
    for old, new in new_values.items():
        table[old] = new
    seen = np.zeros(table.shape, dtype=bool)
    out = np.empty(values.shape, dtype=table.dtype)
    # Plane by plane: NumPy makes indices of eight bytes a voxel.
    for plane in range(values.shape[-1]):
        found = values[..., plane]
        seen[found] = True
        out[..., plane] = table[found]
    unknown = [value for value in np.flatnonzero(seen).tolist() if value not in new_values]
    if unknown:
        some = ", ".join(str(value) for value in unknown[:_MAX_VALUES_NAMED])
        raise CaseError(f"{name}: holds the label values {some}, which the data set does not declare")
    return out


def as_mask(array: NDArray[Any], name: str) -> tuple[Bool[np.ndarray, "X Y Z"], str]:
    """A binary mask, and a sentence where its values are not 0 and 1; everything above 0 counts.

    Raises:
        CaseError: values that are negative or no whole numbers.
    """
    values = as_label(array, name) if array.dtype.kind == "f" else array
    if values.dtype == np.bool_:
        return values, ""
    low, high = int(values.min()), int(values.max())
    if low < 0:
        raise CaseError(f"{name}: a mask with the value {low}; masks are 0 and 1")
    return values > 0, f"holds values up to {high}: everything above 0 is taken as inside" if high > 1 else ""


def paint(out: Shaped[np.ndarray, "X Y Z"], mask: Bool[np.ndarray, "X Y Z"], value: int) -> Counter[int]:
    """Set the voxels of a mask to a value, and count the voxels of every other class that it takes.

    Args:
        out: (X, Y, Z) label values so far; changed in place.
        mask: (X, Y, Z).
        value: of the mask's class.

    Returns:
        Number of voxels by the class value that they had.
    """
    # Most masks of a case are empty, and looking is a tenth of painting.
    if not mask.any():
        return Counter()
    before = np.bincount(out[mask])
    out[mask] = value
    return Counter({old: int(count) for old, count in enumerate(before) if count and old not in (0, value)})
