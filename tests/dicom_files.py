"""DICOM files drawn in code: classic and enhanced series, structure sets, and segmentations by highdicom.

Positions are LPS millimetres, arrays (D, H, W) with planes along the normal of the axes.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

CT, MR, PET = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
SECRET = "Musterfrau^Erika"
AXIAL = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True)
class Scan:
    """Everything of a series but its voxels."""

    series: str = field(default_factory=lambda: generate_uid())
    study: str = field(default_factory=lambda: generate_uid())
    space: str = field(default_factory=lambda: generate_uid())
    sop_class: str = CT
    modality: str = "CT"
    origin: tuple[float, float, float] = (-30.0, -40.0, 50.0)
    axes: np.ndarray = field(default_factory=AXIAL.copy)
    pixel_mm: tuple[float, float] = (0.8, 0.7)
    """Distance of columns, distance of rows."""
    step_mm: float = 2.5
    slope: float = 1.0
    intercept: float = -1024.0
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "AXIAL")
    patient: str = SECRET
    patient_id: str = "19281"

    def position(self, index: float) -> np.ndarray:
        return np.array(self.origin) + index * self.step_mm * np.cross(*self.axes)

    def point(self, column: float, row: float, plane: float) -> np.ndarray:
        """LPS millimetres of a voxel's indices."""
        return self.position(plane) + column * self.pixel_mm[0] * self.axes[0] + row * self.pixel_mm[1] * self.axes[1]

    @property
    def affine(self) -> np.ndarray:
        """(column, row, plane) to RAS."""
        matrix = np.eye(4)
        for axis, step in enumerate(([1, 0, 0], [0, 1, 0], [0, 0, 1])):
            matrix[:3, axis] = self.point(*step) - self.point(0, 0, 0)
        matrix[:3, 3] = self.origin
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def new_file(scan: Scan, sop_class: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    file.SOPClassUID, file.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    file.StudyInstanceUID, file.SeriesInstanceUID = scan.study, scan.series
    file.FrameOfReferenceUID, file.Modality = scan.space, scan.modality
    file.PatientName, file.PatientID, file.PatientBirthDate, file.PatientSex = scan.patient, scan.patient_id, "", "O"
    file.StudyDate, file.StudyTime, file.StudyID, file.AccessionNumber = "20200101", "101010", "1", "77"
    file.ReferringPhysicianName, file.SeriesNumber, file.InstanceNumber = "", 1, 1
    file.Manufacturer = "none"
    return file


def set_pixels(file: Dataset, pixels: np.ndarray) -> None:
    file.Rows, file.Columns = pixels.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 8 * pixels.itemsize
    file.HighBit, file.PixelRepresentation = file.BitsStored - 1, int(pixels.dtype.kind == "i")
    file.PixelData = pixels.tobytes()


def plane_file(scan: Scan, pixels: np.ndarray, index: float) -> FileDataset:
    """One plane of a classic series."""
    file = new_file(scan, scan.sop_class)
    file.ImageType = list(scan.image_type)
    # Numbered against the order in space, which is what must count.
    file.InstanceNumber = int(1000 - 10 * index)
    file.ImagePositionPatient = [round(float(value), 6) for value in scan.position(index)]
    file.ImageOrientationPatient = [round(float(value), 9) for value in scan.axes.ravel()]
    file.PixelSpacing = [scan.pixel_mm[1], scan.pixel_mm[0]]
    # Thicker than the planes are apart: spacing comes from positions.
    file.SliceThickness = 2 * scan.step_mm
    file.RescaleSlope, file.RescaleIntercept = scan.slope, scan.intercept
    set_pixels(file, pixels)
    return file


def write_series(folder: Path, array: np.ndarray, scan: Scan, *, names: list[str] | None = None) -> list[Path]:
    """A classic series, file names in no order of space."""
    folder.mkdir(parents=True, exist_ok=True)
    names = names or [f"IM{(7 * index + 3) % 101:04d}" for index in range(len(array))]
    paths = [folder / name for name in names]
    for index, (pixels, path) in enumerate(zip(array, paths, strict=True)):
        plane_file(scan, pixels, index).save_as(path)
    return paths


def write_enhanced(path: Path, array: np.ndarray, scan: Scan) -> Path:
    """One enhanced MR file, its frames in reverse order, each with a slope of its own if `scan.slope` is not 1."""
    file = new_file(scan, ENHANCED_MR)
    file.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    file.NumberOfFrames = len(array)
    shared = Dataset()
    shared.PlaneOrientationSequence = Sequence([Dataset()])
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = [float(value) for value in scan.axes.ravel()]
    shared.PixelMeasuresSequence = Sequence([Dataset()])
    shared.PixelMeasuresSequence[0].PixelSpacing = [scan.pixel_mm[1], scan.pixel_mm[0]]
    shared.PixelMeasuresSequence[0].SliceThickness = 2 * scan.step_mm
    file.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for index in reversed(range(len(array))):
        frame = Dataset()
        frame.PlanePositionSequence = Sequence([Dataset()])
        frame.PlanePositionSequence[0].ImagePositionPatient = [float(value) for value in scan.position(index)]
        frame.PixelValueTransformationSequence = Sequence([Dataset()])
        frame.PixelValueTransformationSequence[0].RescaleSlope = scan.slope + (index if scan.slope != 1 else 0)
        frame.PixelValueTransformationSequence[0].RescaleIntercept = scan.intercept
        frame.PixelValueTransformationSequence[0].RescaleType = "US"
        frames.append(frame)
    file.PerFrameFunctionalGroupsSequence = Sequence(frames)
    set_pixels(file, np.ascontiguousarray(array[::-1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path)
    return path


def write_contours(
    path: Path,
    scan: Scan,
    rois: dict[str, list[np.ndarray]],
    *,
    types: dict[str, str] | None = None,
    geometry: str = "CLOSED_PLANAR",
    names_series: bool = True,
) -> Path:
    """A structure set; contours are (P, 3) points in LPS millimetres."""
    own = replace(scan, series=generate_uid(), modality="RTSTRUCT")
    file = new_file(own, RTSTRUCT)
    file.StructureSetLabel, file.StructureSetDate, file.StructureSetTime = "s", "", ""
    reference = Dataset()
    reference.FrameOfReferenceUID = scan.space
    if names_series:
        series, study = Dataset(), Dataset()
        series.SeriesInstanceUID = scan.series
        study.RTReferencedSeriesSequence = Sequence([series])
        study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = "1.2.840.10008.3.1.2.3.1", scan.study
        reference.RTReferencedStudySequence = Sequence([study])
    file.ReferencedFrameOfReferenceSequence = Sequence([reference])
    items, contours, observations = [], [], []
    for number, (name, curves) in enumerate(rois.items(), start=1):
        roi, drawn, observation = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, scan.space
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = Sequence([_contour(points, geometry) for points in curves])
        observation.ReferencedROINumber, observation.ObservationNumber = number, number
        observation.RTROIInterpretedType = (types or {}).get(name, "ORGAN")
        items.append(roi)
        contours.append(drawn)
        observations.append(observation)
    file.StructureSetROISequence = Sequence(items)
    file.ROIContourSequence = Sequence(contours)
    file.RTROIObservationsSequence = Sequence(observations)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path)
    return path


def _contour(points: np.ndarray, geometry: str) -> Dataset:
    contour = Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = geometry, len(points)
    contour.ContourData = [f"{value:.6f}" for value in points.ravel()]
    return contour


def circle(scan: Scan, centre: tuple[float, float], radius_mm: float, plane: float, points: int = 180) -> np.ndarray:
    """A circle in a plane of the scan; the centre in columns and rows."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    columns = centre[0] + radius_mm * np.cos(angles) / scan.pixel_mm[0]
    rows = centre[1] + radius_mm * np.sin(angles) / scan.pixel_mm[1]
    return np.array([scan.point(column, row, plane) for column, row in zip(columns, rows, strict=True)])


def rectangle(scan: Scan, columns: tuple[float, float], rows: tuple[float, float], plane: float) -> np.ndarray:
    """A rectangle in a plane of the scan, its corners in columns and rows."""
    corners = [(columns[0], rows[0]), (columns[1], rows[0]), (columns[1], rows[1]), (columns[0], rows[1])]
    return np.array([scan.point(column, row, plane) for column, row in corners])


def write_segmentation(path: Path, images: list[Path], masks: np.ndarray, names: list[str], kind: str) -> Path:
    """A SEG by highdicom.

    Args:
        path: where.
        images: the series' files, or the one enhanced file, in the order of the masks' planes.
        masks: (D, H, W) of segment numbers, or (D, H, W, segments) of booleans or fractions.
        names: of the segments.
        kind: BINARY, FRACTIONAL or LABELMAP.
    """
    code = CodedConcept("85756007", "SCT", "Tissue")
    algorithm = AlgorithmIdentificationSequence("drawn", CodedConcept("123109", "DCM", "Manual Processing"), "1")
    descriptions = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=code,
            segmented_property_type=code,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.SEMIAUTOMATIC,
            algorithm_identification=algorithm,
        )
        for number, name in enumerate(names, start=1)
    ]
    segmentation = highdicom.seg.Segmentation(
        source_images=[pydicom.dcmread(image) for image in images],
        pixel_array=masks,
        segmentation_type=highdicom.seg.SegmentationTypeValues(kind),
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="1",
        device_serial_number="1",
        **({"max_fractional_value": 200} if kind == "FRACTIONAL" else {}),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    segmentation.save_as(path)
    return path
