"""Identify one DICOM file and the series it belongs to, without its pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from auvseg.data.formats.dicom.parsing import parse
from auvseg.data.formats.dicom.quiet import quietly
from auvseg.data.formats.painting import structure_name

InstanceKind = Literal["image", "segmentation", "contours", "other"]
"""`image`: a plane, or many, of CT, MR or PET; `segmentation`: a DICOM SEG; `contours`: an RTSTRUCT."""

ENDINGS = (".dcm", ".dicom", ".ima")
"""Usual endings; a DICOM file may have any name."""

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_KINDS: dict[str, InstanceKind] = {
    # CT, MR and PET, each classic, enhanced and converted from classic to enhanced.
    **{_STORAGE + number: "image" for number in ("2", "2.1", "2.2", "4", "4.1", "4.4", "128", "128.1", "130")},
    # Segmentation, and segmentation as a label map.
    **{_STORAGE + number: "segmentation" for number in ("66.4", "66.7")},
    _STORAGE + "481.3": "contours",
}
_DIRECTORY = "1.2.840.10008.1.3.10"
_MAGIC_AT, _MAGIC = 128, b"DICM"
_TAGS = (
    "SOPClassUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "NumberOfFrames",
    "PatientIdentityRemoved",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
)
_LABEL_TAGS = (
    "ReferencedSeriesSequence",
    "ReferencedFrameOfReferenceSequence",
    "SegmentSequence",
    "StructureSetROISequence",
    "RTROIObservationsSequence",
)


@dataclass(frozen=True)
class Instance:
    """What one DICOM file is.

    Attributes:
        path: the file.
        kind: what can be done with it.
        study: StudyInstanceUID.
        series: SeriesInstanceUID.
        frame_of_reference: of its positions; empty where it states none.
        frames_of_reference: for labels, all that it states for its structures; empty where it states none.
        modality: such as `CT`.
        is_localizer: whether it is a scout view.
        frames: planes in the file.
        refers_to: for labels, SeriesInstanceUIDs of the images that they were drawn on.
        identity: lower-case words that may identify the patient; empty where the file says it was de-identified.
    """

    path: Path
    kind: InstanceKind
    study: str
    series: str
    frame_of_reference: str
    modality: str
    is_localizer: bool
    frames: int
    refers_to: tuple[str, ...] = ()
    frames_of_reference: frozenset[str] = frozenset()
    identity: frozenset[str] = field(default=frozenset(), repr=False)


def is_dicom(path: Path) -> bool:
    """Whether a file is DICOM by its content, or at least by its name's ending; False for folders."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as handle:
            handle.seek(_MAGIC_AT)
            return handle.read(len(_MAGIC)) == _MAGIC or path.name.lower().endswith(ENDINGS)
    except (OSError, ValueError):
        # A name that is too long, or holds a zero byte, is refused with its reason when it is read.
        return False


@quietly()
def read_instance(path: Path) -> Instance | None:
    """What a file is; None for a DICOMDIR, which only lists others.

    Raises:
        Exception: whatever pydicom raises on a damaged file.
    """
    header = _read_tags(path, _TAGS)
    sop_class = str(header.get("SOPClassUID", ""))
    if sop_class == _DIRECTORY:
        return None
    kind = _KINDS.get(sop_class, "other")
    return Instance(
        path=path,
        kind=kind,
        study=str(header.StudyInstanceUID),
        series=str(header.SeriesInstanceUID),
        frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
        modality=str(header.get("Modality") or ""),
        is_localizer="LOCALIZER" in _as_list(header.get("ImageType")),
        frames=int(header.get("NumberOfFrames") or 1),
        refers_to=_refers_to(path, kind),
        frames_of_reference=_frames_of_reference(path, kind, header),
        identity=_identity(header),
    )


def _read_tags(path: Path, tags: Sequence[str]) -> Any:
    """A pydicom data set of the named tags; no pixels are read.

    Raises:
        Exception: whatever pydicom raises on a damaged file.
    """
    # Files of before 2000 and of some exporters lack the preamble; their ending is then all there is.
    return parse(path, stop_before_pixels=True, specific_tags=list(tags), force=_has_ending(path))


def _as_list(value: Any) -> list[str]:
    """A value that pydicom gives as text where there is one, and as a list of texts where there are several."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(one) for one in value]


@quietly()
def structures_of(path: Path) -> list[tuple[str, str]]:
    """Name and type of every structure that a label object holds, in its order.

    The type is that of an RTSTRUCT's observation (`ORGAN`, `EXTERNAL` ...), in capitals; empty where there is none.

    Raises:
        Exception: whatever pydicom raises on a damaged file.
    """
    header = _read_tags(path, ("SOPClassUID", *_LABEL_TAGS))
    if _KINDS.get(str(header.get("SOPClassUID", ""))) == "segmentation":
        # In a label map number 0 is the background, which may be described as well.
        segments = [one for one in header.get("SegmentSequence") or () if int(one.SegmentNumber) != 0]
        return [(structure_name(one.get("SegmentLabel")), "") for one in segments]
    types = {
        int(one.ReferencedROINumber): str(one.get("RTROIInterpretedType") or "").upper()
        for one in header.get("RTROIObservationsSequence") or ()
    }
    rois = header.get("StructureSetROISequence") or ()
    return [(structure_name(roi.get("ROIName")), types.get(int(roi.ROINumber), "")) for roi in rois]


def _refers_to(path: Path, kind: InstanceKind) -> tuple[str, ...]:
    if kind not in ("segmentation", "contours"):
        return ()
    header = _read_tags(path, _LABEL_TAGS)
    found = [one.get("SeriesInstanceUID") for one in header.get("ReferencedSeriesSequence") or ()]
    for frame in header.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            found += [one.get("SeriesInstanceUID") for one in study.get("RTReferencedSeriesSequence") or ()]
    return tuple(dict.fromkeys(str(uid) for uid in found if uid))


def _frames_of_reference(path: Path, kind: InstanceKind, header: Any) -> frozenset[str]:
    """A SEG has one for all of its frames; a structure set may have one a structure, and none of its own."""
    found = [header.get("FrameOfReferenceUID")]
    if kind == "contours":
        labels = _read_tags(path, _LABEL_TAGS)
        found += [one.get("FrameOfReferenceUID") for one in labels.get("ReferencedFrameOfReferenceSequence") or ()]
        found += [roi.get("ReferencedFrameOfReferenceUID") for roi in labels.get("StructureSetROISequence") or ()]
    return frozenset(str(uid) for uid in found if uid)


def _identity(header: Any) -> frozenset[str]:
    """Words by which a folder's name would identify the patient.

    A name that is also the id is a pseudonym, as de-identification writes it.
    """
    name, number = str(header.get("PatientName") or ""), str(header.get("PatientID") or "")
    if str(header.get("PatientIdentityRemoved") or "").upper() == "YES" or name.casefold() == number.casefold():
        return frozenset()
    parts = name.replace("^", " ").replace("=", " ").replace(",", " ").split()
    words = [number, str(header.get("PatientBirthDate") or ""), *parts]
    return frozenset(word.casefold() for word in words if len(word) > 2)


def _has_ending(path: Path) -> bool:
    return path.name.lower().endswith(ENDINGS)
