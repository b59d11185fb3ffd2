"""Every format of numbers with a function that reads a file of it as the product does: arrays as promised or a reason.

Images, and what auvseg itself keeps beside the records: views and tables.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

import nibabel as nib
import numpy as np

from auvseg.data.formats.header import Header
from auvseg.data.reading import names_structures, needed_export, own_values, read_array, read_header, read_label
from auvseg.errors import AuvsegError, ReadError
from auvseg.scoring import table_cache
from auvseg.scoring.record import file_name
from auvseg.scoring.view import read_view
from fuzz import seeds


@dataclass(frozen=True)
class Target:
    """What is fuzzed.

    Attributes:
        file: the name that the content gets.
        read: reads the file; anything but an AuvsegError that it raises is a fault.
        seeds: sound contents.
        text: whether the content begins with text.
        beside: further files of the folder.
    """

    file: str
    read: Callable[[Path], object]
    seeds: Callable[[], list[bytes]]
    text: bool = False
    beside: Callable[[], Mapping[str, bytes]] = field(default=dict)

    def run(self, folder: Path, content: bytes) -> str:
        """Read one content.

        Returns:
            The reason for which it was refused; empty if it was not.

        Raises:
            Exception: what a user would have seen as a traceback.
        """
        for name, other in self.beside().items():
            (folder / name).write_bytes(other)
        path = folder / self.file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        try:
            self.read(path)
        except AuvsegError as refused:
            return str(refused)
        return ""


def _read_image(path: Path, part: str = "image") -> None:
    header = read_header(path, part=part)
    array = read_array(path, part=part).array
    assert array.shape == header.shape, (array.shape, header.shape)
    assert array.dtype.kind in "biuf", array.dtype


def _read_with_sidecar(path: Path) -> None:
    _read_image(path.with_suffix(".tif"))


def _read_both(path: Path) -> None:
    for part in ("image", "label"):
        try:
            _read_image(path, part)
        except AuvsegError:
            if part == "label":
                raise


@cache
def _grid() -> Header:
    _, files = seeds.dicom_series()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        return read_header(Path(folder))


def _read_structures(path: Path) -> None:
    assert read_label(path, {"liver": 1}, _grid()).array.shape == _grid().shape


def _read_segments(path: Path) -> None:
    """By name on the grid of an image, and on its own, as `check` reads it where the image cannot be read."""
    grid = seeds.SLICER_GRID
    named = names_structures(path)
    values = {"liver": 1, "tumour": 2} if named else {}
    if named:
        own_values(path)
        needed_export(path, values, path.parent / "grid.nii")
    try:
        alone = read_label(path, values, None)
        assert alone.array.shape == alone.header.shape
    finally:
        raw = read_label(path, values, grid)
        assert not named or raw.array.shape == grid.shape
        assert not named or set(np.unique(raw.array).tolist()) <= {0, 1, 2}


def _read_view(path: Path) -> None:
    run = path.parent.parent
    whole, outline = read_view(run, "a"), read_view(run, "a", masks=False)
    # What lies in a mask that is not read cannot be seen to be wrong.
    assert whole is None or (outline is not None and whole.classes.keys() == outline.classes.keys())
    if whole is None:
        raise ReadError("a view that is not used")


def _read_kept(path: Path) -> None:
    run = path.parent.parent
    (run / "records").mkdir(exist_ok=True)
    tables = table_cache.kept(run, ["table"])
    if tables is None:
        raise ReadError("a table that is made anew")
    assert len(tables) == 1


_GRID = {
    "a.raw": (seeds.VOXELS % 3).tobytes(),
    "grid.nii": nib.Nifti1Image(seeds.VOXELS, seeds.SLICER_GRID.affine).to_bytes(),
}
_RAW = {"a.raw": seeds.VOXELS.tobytes(), "b.raw": seeds.VOXELS.tobytes()}

IMAGES = {
    "nifti": Target("a.nii", _read_image, seeds.nifti),
    "nifti-gz": Target("a.nii.gz", _read_image, seeds.nifti_gz),
    "nifti-pair": Target("a.hdr", _read_image, seeds.nifti_pair, beside=lambda: {"a.img": seeds.VOXELS.tobytes()}),
    "mgh": Target("a.mgh", _read_image, seeds.mgh),
    "mgz": Target("a.mgz", _read_image, seeds.mgz),
    "meta": Target("a.mha", _read_image, seeds.meta_image, text=True),
    "meta-header": Target("a.mhd", _read_image, seeds.meta_header, text=True, beside=lambda: _RAW),
    "nrrd": Target("a.nrrd", _read_image, seeds.nrrd, text=True),
    "nrrd-header": Target("a.nhdr", _read_image, seeds.nrrd_header, text=True, beside=lambda: _RAW),
    "slicer": Target("a.seg.nrrd", _read_segments, seeds.slicer, text=True, beside=lambda: _GRID),
    "slicer-header": Target("a.seg.nhdr", _read_segments, seeds.slicer_header, text=True, beside=lambda: _GRID),
    "png": Target("a.png", _read_image, partial(seeds.flat, ".png")),
    "tiff": Target("a.tif", _read_image, partial(seeds.flat, ".tif")),
    "tiff-stack": Target("a.tif", _read_image, seeds.tiff_stack),
    "tiff-sidecar": Target(
        "a.json", _read_with_sidecar, seeds.tiff_sidecar, text=True, beside=lambda: {"a.tif": seeds.tiff_stack()[2]}
    ),
    "bmp": Target("a.bmp", _read_image, partial(seeds.flat, ".bmp")),
    "jpeg": Target("a.jpg", _read_image, partial(seeds.flat, ".jpg")),
    "npz": Target("a.npz", _read_both, seeds.npz),
    "dicom-plane": Target("a.dcm", _read_image, seeds.dicom_plane),
    "dicom-enhanced": Target("a.dcm", _read_image, seeds.dicom_enhanced),
    "dicom-contours": Target("rt.dcm", _read_structures, seeds.structure_set),
    "dicom-segmentation": Target("seg.dcm", _read_structures, seeds.segmentation),
    "view": Target(f"views/{Path(file_name('a')).stem}.npz", _read_view, seeds.view),
    "kept-table": Target(f"{table_cache.FOLDER}/table.parquet", _read_kept, seeds.kept_table),
}
