"""A data set of CT-like upper abdomens that nobody had to be scanned for, in nnU-Net v2's raw layout.

Every patient, scan and orientation differs, drawn from the seed and the case's number alone, so that the same seed
writes the same bytes and more cases leave the first ones as they are. The labels are the exact shapes that were drawn.
It is made for demonstration and tests: how a model scores here says nothing about how it scores on patients.
"""

import gzip
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from jaxtyping import Integer

from auvseg.demo.canvas import Canvas
from auvseg.demo.geometry import bent, regular_space, smooth_noise
from auvseg.demo.organs import ORGANS, Textures, paint_organs
from auvseg.demo.patient import draw_patient
from auvseg.demo.scanner import HU_RANGE, acquire, draw_protocol
from auvseg.demo.trunk import (
    paint_back,
    paint_bowel,
    paint_couch,
    paint_great_vessels,
    paint_ribs,
    paint_spine,
    paint_stomach,
    paint_wall,
)
from auvseg.errors import UsageError
from auvseg.files.atomic import TEMPORARY_PREFIX, write_bytes, write_text
from auvseg.shapes import ImageArray, LabelArray

_CASE_FILE = re.compile(rf"(imagesTr|labelsTr)/(phantom_\d{{3}}(_0000)?\.nii\.gz|{re.escape(TEMPORARY_PREFIX)}.*)")

DATASET_NAME = "Dataset900_Phantom"

_ORIENTATIONS = ("RAS", "LPS", "LAS")
_LESION_BLOCK = 5
_LESIONS_A_BLOCK = 3


@dataclass(frozen=True)
class Phantom:
    """One case in the canonical orientation.

    Attributes:
        image: (D, H, W) whole HU.
        label: (D, H, W) values of `organs.ORGANS`.
        spacing_mm: voxel size along (D, H, W).
        origin_mm: where the first voxel lies, along (S, A, R).
        orientation: nibabel's axis codes of the file, of which "RAS" needs no flip.
    """

    image: ImageArray
    label: LabelArray
    spacing_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    orientation: str


def case_name(index: int) -> str:
    """Name of case `index`, from 0."""
    return f"phantom_{index + 1:03d}"


def draw_phantom(index: int, *, seed: int = 0) -> Phantom:
    """Draw case `index` of the data set of this seed; three of every five cases have lesions."""
    rng = np.random.default_rng([seed, index])
    patient = draw_patient(rng, has_lesion=_has_lesion(index, seed))
    protocol = draw_protocol(patient, rng)
    grid = protocol.grid
    plain = regular_space(grid)
    space = bent(plain, grid, rng, amplitude_mm=3.0, length_mm=28.0)
    space = bent(space, grid, rng, amplitude_mm=0.8, length_mm=10.0)
    textures = Textures(fine=smooth_noise(grid, rng, 4.0), coarse=smooth_noise(grid, rng, 14.0))
    canvas = Canvas(space, edge_mm=grid.spacing_mm[1])
    paint_couch(canvas, patient, plain)
    wall = paint_wall(canvas, patient, textures.coarse)
    paint_ribs(canvas, patient, wall)
    paint_back(canvas, patient, wall)
    paint_spine(canvas, patient, rng.uniform(0, 33))
    paint_great_vessels(canvas, patient)
    paint_bowel(canvas, patient, wall.cavity, rng)
    paint_stomach(canvas, patient, wall.cavity, rng)
    paint_organs(canvas, patient, wall.cavity, textures, rng)
    image = acquire(canvas.hu, plain, protocol, rng)
    return Phantom(image, canvas.label, grid.spacing_mm, protocol.origin_mm, str(rng.choice(_ORIENTATIONS)))


def _has_lesion(index: int, seed: int) -> bool:
    block, place = divmod(index, _LESION_BLOCK)
    order = np.random.default_rng([seed, block, _LESION_BLOCK]).permutation(_LESION_BLOCK)
    return bool(order[place] < _LESIONS_A_BLOCK)


def write_phantom_dataset(folder: Path, *, cases: int = 24, seed: int = 0, name: str = DATASET_NAME) -> Path:
    """Write a data set without any fault.

    Args:
        folder: where the data set's folder is made.
        cases: how many; with four or more, some have lesions and some do not.
        seed: what everything is drawn from.
        name: the data set's folder, `DatasetNNN_Name` for nnU-Net.

    Returns:
        The data set's folder, with `imagesTr`, `labelsTr` and `dataset.json`.

    Raises:
        UsageError: `cases` or `seed` is out of range, or the data set's folder holds files already.
        OSError: the folder cannot be written.
    """
    check_request(cases, seed)
    drawn = ((case_name(index), draw_phantom(index, seed=seed)) for index in range(cases))
    return write_cases(folder / name, drawn)


def check_request(cases: int, seed: int) -> None:
    """Refuse numbers that no data set can be drawn from.

    Raises:
        UsageError: `cases` is below 1 or above 999, or `seed` is negative.
    """
    if not 1 <= cases <= 999:
        raise UsageError(f"{cases} cases were asked for; ask for 1 to 999")
    if seed < 0:
        raise UsageError(f"the seed is {seed}; it must not be negative")


def write_cases(dataset: Path, phantoms: Iterable[tuple[str, Phantom]]) -> Path:
    """Write named cases into the new folder `dataset`, one at a time, `dataset.json` last; an interrupted one again.

    Raises:
        UsageError: `dataset` holds other files, or is whole.
        OSError: the folder cannot be written.
    """
    if dataset.exists() and not _is_unfinished(dataset):
        raise UsageError(f"{dataset} exists already; choose another folder, or delete it first")
    count = 0
    for name, phantom in phantoms:
        image = np.clip(np.rint(phantom.image), *HU_RANGE).astype(np.int16)
        write_bytes(dataset / "imagesTr" / f"{name}_0000.nii.gz", _nifti_bytes(image, phantom))
        write_bytes(dataset / "labelsTr" / f"{name}.nii.gz", _nifti_bytes(phantom.label.astype(np.uint8), phantom))
        count += 1
    write_text(dataset / "dataset.json", json.dumps(_description(count), indent=2) + "\n")
    return dataset


def _is_unfinished(dataset: Path) -> bool:
    """Whether a folder holds nothing but some of the images and labels of a drawing that was interrupted."""
    files = [path.relative_to(dataset).as_posix() for path in dataset.rglob("*") if not path.is_dir()]
    return dataset.is_dir() and all(_CASE_FILE.fullmatch(name) for name in files)


def _description(count: int) -> dict[str, object]:
    return {
        "name": "Phantom",
        "description": "CT-like upper abdomens drawn by auvseg's demo; no patient was scanned",
        "channel_names": {"0": "CT"},
        "labels": {"background": 0, **ORGANS},
        "numTraining": count,
        "file_ending": ".nii.gz",
    }


def _nifti_bytes(array: Integer[np.ndarray, "D H W"], phantom: Phantom) -> bytes:
    """A canonical (D, H, W) array as .nii.gz in the case's own orientation, without a time stamp."""
    affine = np.diag([*phantom.spacing_mm[::-1], 1.0])
    affine[:3, 3] = phantom.origin_mm[::-1]
    turn = nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("RAS"), nib.orientations.axcodes2ornt(phantom.orientation)
    )
    stored = np.ascontiguousarray(nib.orientations.apply_orientation(array.transpose(2, 1, 0), turn))
    stored_affine = affine @ nib.orientations.inv_ornt_aff(turn, array.shape[::-1])
    image = nib.Nifti1Image(stored, stored_affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(stored_affine, code=1)
    image.set_sform(stored_affine, code=1)
    return gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)
