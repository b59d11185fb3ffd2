"""Small sound files of every image format, from which mutations start."""

import gzip
import io
import itertools
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import nibabel as nib
import numpy as np
import pandas as pd
import SimpleITK as sitk
from PIL import Image
from pydicom.uid import generate_uid

import dicom_files
from auvseg.data.formats.header import make_header
from auvseg.scoring import table_cache
from auvseg.scoring.view import CaseView, ClassView, Thumbnail, view_path, write_view
from dicom_files import Scan, circle, plane_file, write_contours, write_enhanced, write_segmentation, write_series
from slicer_files import write_slicer

VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


@contextmanager
def _same_uids(name: str) -> Iterator[None]:
    """The same identifiers in every process, so that labels drawn in one belong to the series of another."""
    numbers = itertools.count()

    def numbered() -> str:
        return generate_uid(entropy_srcs=[name, str(next(numbers))])

    with mock.patch.object(dicom_files, "generate_uid", numbered):
        yield


@cache
def nifti() -> list[bytes]:
    """NIfTI-1 of several types, one with an extension, one scaled, and NIfTI-2."""
    scaled = nib.Nifti1Image(VOXELS.astype(np.float32), np.diag([1.0, 2.0, 3.0, 1.0]))
    scaled.header.set_slope_inter(0.5, -3)
    extended = nib.Nifti1Image(VOXELS, np.eye(4))
    extended.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"drawn for a test"))
    images = [nib.Nifti1Image(VOXELS, np.eye(4)), scaled, extended, nib.Nifti2Image(VOXELS, np.eye(4))]
    return [image.to_bytes() for image in images]


@cache
def nifti_gz() -> list[bytes]:
    return [gzip.compress(content, 1, mtime=0) for content in nifti()]


@cache
def nifti_pair() -> list[bytes]:
    return [
        nib.Nifti1Pair(VOXELS, np.eye(4)).header.binaryblock,
        nib.AnalyzeImage(VOXELS, np.eye(4)).header.binaryblock,
    ]


@cache
def mgh() -> list[bytes]:
    return [nib.MGHImage(VOXELS, np.eye(4)).to_bytes()]


@cache
def mgz() -> list[bytes]:
    return [gzip.compress(content, 1, mtime=0) for content in mgh()]


def _by_itk(name: str, *, compressed: bool = False, flat: bool = False) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        voxels = VOXELS[0].astype(np.uint8) if flat else VOXELS
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(path), compressed)
        return path.read_bytes()


@cache
def meta_image() -> list[bytes]:
    return [_by_itk("a.mha"), _by_itk("a.mha", compressed=True)]


@cache
def meta_header() -> list[bytes]:
    return [_by_itk("a.mhd")]


@cache
def nrrd() -> list[bytes]:
    ascii_numbers = (
        b"NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nspace: left-posterior-superior\n"
        b"space directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nencoding: ascii\n\n1 2 3 4 5 6 7 8\n"
    )
    return [_by_itk("a.nrrd"), _by_itk("a.nrrd", compressed=True), ascii_numbers]


@cache
def nrrd_header() -> list[bytes]:
    one = _by_itk("a.nhdr")
    several = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 3 2\nencoding: raw\nendian: little\n"
    return [one, several + b"data file: LIST\na.raw\nb.raw\n"]


SLICER_GRID = make_header(Path("grid.nii"), VOXELS.shape, np.diag([1.0, 1.0, 2.0, 1.0]), VOXELS.dtype)


def _by_slicer(name: str, layers: np.ndarray | list[np.ndarray], segments: list, **more) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_slicer(Path(folder) / name, layers, segments, SLICER_GRID.affine, **more).read_bytes()


@cache
def slicer() -> list[bytes]:
    """Of one layer, cropped, of two layers, and as versions of before 2019 wrote them."""
    label = (VOXELS % 3).astype(np.uint8)
    names, apart = [("liver", 1, 0), ("tumour", 2, 0)], [("liver", 1, 0), ("tumour", 1, 1)]
    layers = [(label == value).astype(np.uint8) for value in (1, 2)]
    old = [("liver", None, None), ("tumour", None, None)]
    return [
        _by_slicer("a.seg.nrrd", label, names),
        _by_slicer("a.seg.nrrd", label[:, 1:, 1:3], names, first=(0, 1, 1), encoding="raw"),
        _by_slicer("a.seg.nrrd", layers, apart, encoding="raw"),
        _by_slicer("a.seg.nrrd", layers, old),
    ]


@cache
def slicer_header() -> list[bytes]:
    label = (VOXELS % 3).astype(np.int16)
    return [_by_slicer("a.seg.nhdr", label, [("liver", 1, 0), ("x", 2, 0)], encoding="raw", data_file="a.raw")]


@cache
def flat(ending: str) -> list[bytes]:
    return [_by_itk(f"a{ending}", flat=True)]


@cache
def tiff_stack() -> list[bytes]:
    """Stacks whose first page says how large voxels are, as ImageJ and as microscopes do."""
    ome = (
        '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" PhysicalSizeX="0.75" PhysicalSizeY="0.5" PhysicalSizeZ="2.5"/>'
        "</Image></OME>"
    )
    planes = [Image.fromarray(plane.astype(np.uint16)) for plane in VOXELS]
    found = []
    for description in (ome, "ImageJ=1.54f\nimages=2\nslices=2\nunit=um\nspacing=2.5\n", ""):
        content = io.BytesIO()
        options = {"tiffinfo": {270: description}, "x_resolution": 4.0, "y_resolution": 2.0, "resolution_unit": 1}
        planes[0].save(content, "TIFF", save_all=True, append_images=planes[1:], **options)
        found.append(content.getvalue())
    return found


@cache
def tiff_sidecar() -> list[bytes]:
    return [b'{"spacing": [2.5, 0.5, 0.75]}']


@cache
def npz() -> list[bytes]:
    packed, stored = io.BytesIO(), io.BytesIO()
    arrays = {"imgs": VOXELS, "gts": VOXELS.astype(np.uint8), "spacing": np.array([0.5, 1.0, 2.0])}
    np.savez_compressed(packed, **arrays)
    np.savez(stored, **arrays)
    return [packed.getvalue(), stored.getvalue()]


@cache
def dicom_plane() -> list[bytes]:
    with _same_uids("plane"):
        return [_saved(plane_file(Scan(), VOXELS[0], 0))]


@cache
def dicom_enhanced() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder, _same_uids("enhanced"):
        return [write_enhanced(Path(folder) / "a.dcm", VOXELS, Scan()).read_bytes()]


@cache
def dicom_series() -> tuple[Scan, dict[str, bytes]]:
    """A series of four planes, file by name, on which the labels below are drawn."""
    with tempfile.TemporaryDirectory() as folder, _same_uids("series"):
        scan = Scan()
        paths = write_series(Path(folder), np.zeros((4, 12, 12), np.int16), scan)
        return scan, {path.name: path.read_bytes() for path in paths}


@cache
def structure_set() -> list[bytes]:
    scan, _ = dicom_series()
    with tempfile.TemporaryDirectory() as folder, _same_uids("contours"):
        contours = {"liver": [circle(scan, (5.0, 5.0), 2.0, plane, points=12) for plane in (1, 2)]}
        return [write_contours(Path(folder) / "rt.dcm", scan, contours).read_bytes()]


@cache
def segmentation() -> list[bytes]:
    _, files = dicom_series()
    with tempfile.TemporaryDirectory() as folder, _same_uids("segmentation"):
        paths = []
        for name, content in files.items():
            paths.append(Path(folder) / name)
            paths[-1].write_bytes(content)
        masks = np.zeros((4, 12, 12, 1), bool)
        masks[1:3, 3:6, 3:6] = True
        return [write_segmentation(Path(folder) / "seg.dcm", paths, masks, ["liver"], "BINARY").read_bytes()]


@cache
def view() -> list[bytes]:
    planes = np.arange(2, dtype=np.int32)
    shares = np.linspace(0.6, 0.4, 2, dtype=np.float32)
    one = ClassView(planes, shares, shares, shares, shares, shares, np.full((2, 3), 9, np.uint8))
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    with tempfile.TemporaryDirectory() as folder:
        write_view(Path(folder), "a", CaseView({1: one, 2: one}, Thumbnail(picture, picture, 1)))
        return [view_path(Path(folder), "a").read_bytes()]


@cache
def kept_table() -> list[bytes]:
    """As a run without records would keep it, so that it is in step with the folder in which it is read."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        (run / "records").mkdir()
        said, _ = table_cache.recorded_files(run)
        table = pd.DataFrame({"case": ["a", "b"], "S": [0.5, None], "status": pd.Categorical(["ok", "absent"])})
        table_cache.keep(run, {"table": table}, table_cache.Stamp(0, said, {}, table_cache.code_sha256()))
        return [table_cache.cache_path(run, "table").read_bytes()]


def _saved(file) -> bytes:
    content = io.BytesIO()
    file.save_as(content)
    return content.getvalue()


def zip_of(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return content.getvalue()
