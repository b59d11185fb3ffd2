"""Who is drawn: the size, habitus, contrast phase and tissue densities of one imaginary patient.

Densities are Hounsfield units as abdominal CT shows them, unenhanced or about 70 s after contrast (portal venous).
Nothing is taken from a patient's images.
"""

from dataclasses import dataclass

import numpy as np

FAT_HU = -105.0
AIR_HU = -1000.0
GAS_HU = -900.0
FLUID_HU = 12.0


@dataclass(frozen=True)
class Tissues:
    """Mean densities in HU that depend on the patient and on the contrast phase."""

    muscle: float
    liver: float
    spleen: float
    kidney_cortex: float
    kidney_medulla: float
    pancreas: float
    bowel_wall: float
    artery: float
    vein: float
    hepatic_vessel: float
    lesion: float
    cancellous_bone: float
    cortical_bone: float


@dataclass(frozen=True)
class Patient:
    """One imaginary patient.

    Attributes:
        half_width_mm: half the body's width at the navel.
        half_depth_mm: half the body's depth.
        fat_mm: thickness of the subcutaneous fat at the flank.
        muscle_mm: thickness of the abdominal wall.
        visceral_fat: 0 (lean) to 1: how far organs keep from each other.
        level_mm: how far the middle of the volume lies above the kidneys' middle.
        organ_scale: size of the organs relative to the standard patient.
        tissues: densities.
        lesion_count: lesions inside the liver; 0 where the patient has none.
    """

    half_width_mm: float
    half_depth_mm: float
    fat_mm: float
    muscle_mm: float
    visceral_fat: float
    level_mm: float
    organ_scale: float
    tissues: Tissues
    lesion_count: int


def draw_patient(rng: np.random.Generator, *, has_lesion: bool) -> Patient:
    """Draw one patient; about one in four is unenhanced."""
    half_width_mm = rng.uniform(148, 178)
    enhanced = rng.random() >= 0.25
    return Patient(
        half_width_mm=half_width_mm,
        half_depth_mm=half_width_mm * rng.uniform(0.69, 0.78),
        fat_mm=rng.uniform(12, 26),
        muscle_mm=rng.uniform(10, 14),
        visceral_fat=rng.uniform(0, 1),
        level_mm=rng.uniform(8, 22),
        organ_scale=half_width_mm / 165 * rng.uniform(0.94, 1.04),
        tissues=_draw_tissues(rng, enhanced=enhanced),
        lesion_count=int(rng.integers(1, 4)) if has_lesion else 0,
    )


def _draw_tissues(rng: np.random.Generator, *, enhanced: bool) -> Tissues:
    liver = rng.normal(108 if enhanced else 60, 5)
    cortex = rng.normal(165 if enhanced else 35, 8 if enhanced else 2)
    return Tissues(
        muscle=rng.normal(62 if enhanced else 54, 3),
        liver=liver,
        spleen=rng.normal(118 if enhanced else 49, 4),
        kidney_cortex=cortex,
        kidney_medulla=cortex - (rng.uniform(5, 30) if enhanced else 0),
        pancreas=rng.normal(88 if enhanced else 42, 5),
        bowel_wall=rng.normal(75 if enhanced else 42, 5),
        artery=rng.normal(150 if enhanced else 42, 5),
        vein=rng.normal(140 if enhanced else 40, 5),
        hepatic_vessel=liver + (rng.uniform(35, 55) if enhanced else rng.uniform(-22, -14)),
        lesion=liver - rng.uniform(35, 60) if enhanced else liver - rng.uniform(22, 32),
        cancellous_bone=rng.uniform(160, 240),
        cortical_bone=rng.uniform(480, 650),
    )
