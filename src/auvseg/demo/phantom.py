"""Simulated scanner: turns densities into a CT image with a position in space.

Noise has the spectrum of filtered back-projection, which rises with frequency and is cut off by the reconstruction
kernel; it is stronger in the middle of a thick patient, where fewest photons arrive. No beam hardening, no streaks.
"""

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from jaxtyping import Integer

from auvseg.demo.anatomy import (
    ORGANS,
    Canvas,
    Patient,
    Textures,
    draw_patient,
    paint_back,
    paint_bowel,
    paint_couch,
    paint_great_vessels,
    paint_organs,
    paint_ribs,
    paint_spine,
    paint_stomach,
    paint_wall,
)
from auvseg.demo.geometry import Field, Frequency, Grid, Space, bent, filtered_noise, regular_space, smooth_noise
from auvseg.errors import UsageError
from auvseg.files.atomic import TEMPORARY_PREFIX, write_bytes
from auvseg.nnunet.raw import DATASET_JSON, as_json, described
from auvseg.shapes import ImageArray, LabelArray

HU_RANGE = (-1024, 3071)
"""What twelve bits hold."""

_MATRIX = (104, 112, 120)
_SLICE_MM = (3.0, 4.0, 5.0)
_CORNER_PER_MM = 0.05


@dataclass(frozen=True)
class Protocol:
    """How one patient is scanned.

    Attributes:
        grid: the voxels.
        noise_hu: standard deviation of the noise.
        origin_mm: where the first voxel of the canonical array lies, along (S, A, R).
    """

    grid: Grid
    noise_hu: float
    origin_mm: tuple[float, float, float]


def draw_protocol(patient: Patient, rng: np.random.Generator) -> Protocol:
    """Draw matrix, field of view around the patient, slices and dose."""
    pixels = int(rng.choice(_MATRIX))
    pixel_mm = round(2 * patient.half_width_mm * rng.uniform(1.06, 1.14) / pixels, 4)
    grid = Grid((int(rng.integers(22, 27)), pixels, pixels), (float(rng.choice(_SLICE_MM)), pixel_mm, pixel_mm))
    corner_mm = -pixel_mm * (pixels - 1) / 2
    origin_mm = (rng.uniform(-700, -200), corner_mm + rng.uniform(-30, 10), corner_mm + rng.uniform(-10, 10))
    return Protocol(grid, rng.uniform(8, 14), origin_mm)


def acquire(density_hu: Field, plain: Space, protocol: Protocol, rng: np.random.Generator) -> ImageArray:
    """Add the noise of the acquisition and round to whole HU within twelve bits."""
    pixel_mm = protocol.grid.spacing_mm[1]

    def kernel(frequency: Frequency) -> Frequency:
        return frequency / (frequency + _CORNER_PER_MM) * np.exp(-2 * (np.pi * 0.35 * pixel_mm * frequency) ** 2)

    noise = filtered_noise(protocol.grid, rng, kernel)
    reach_mm = np.float32(0.5 * pixel_mm * protocol.grid.shape[2])
    strength = np.float32(1.15) - np.float32(0.45) * np.square(np.hypot(plain.a, plain.r) / reach_mm)
    noisy = density_hu + np.float32(protocol.noise_hu) * strength * noise
    return np.clip(np.rint(noisy), *HU_RANGE).astype(np.float32)


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
    write_bytes(dataset / DATASET_JSON, as_json(_description(count)))
    return dataset


def _is_unfinished(dataset: Path) -> bool:
    """Whether a folder holds nothing but some of the images and labels of a drawing that was interrupted."""
    files = [path.relative_to(dataset).as_posix() for path in dataset.rglob("*") if not path.is_dir()]
    return dataset.is_dir() and all(_CASE_FILE.fullmatch(name) for name in files)


def _description(count: int) -> dict[str, object]:
    return {
        "name": "Phantom",
        "description": "CT-like upper abdomens drawn by auvseg's demo; no patient was scanned",
        **described(["CT"], {"background": 0, **ORGANS}, ".nii.gz", count),
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
