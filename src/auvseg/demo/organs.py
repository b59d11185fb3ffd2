"""The labelled organs: liver with its vessels and lesions, spleen and both kidneys.

The label is the exact shape that is painted. Organs give way to each other in a fixed order (kidneys, liver, spleen),
so that they press on each other but never overlap.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from auvseg.demo.canvas import Canvas
from auvseg.demo.geometry import Field, Point, Space, ellipsoid, smooth_union, tube
from auvseg.demo.patient import FLUID_HU, Patient
from auvseg.demo.trunk import ENDLESS_MM, spine_position

ORGANS: dict[str, int] = {"liver": 1, "spleen": 2, "left_kidney": 3, "right_kidney": 4, "lesion": 5}
"""Label values by name."""

_KIDNEY_SIDES = {"left_kidney": -1.0, "right_kidney": 1.0}
_KIDNEY_TURN = 0.6
"""Radians by which a kidney's hilum looks to the front."""


@dataclass(frozen=True)
class Textures:
    """Unit-variance random fields of one patient.

    Attributes:
        fine: (D, H, W) for the parenchyma, varying over some millimetres.
        coarse: (D, H, W) for outlines, varying over a centimetre and more.
    """

    fine: Field
    coarse: Field


def paint_organs(canvas: Canvas, patient: Patient, cavity: Field, textures: Textures, rng: np.random.Generator) -> None:
    """Paint every labelled organ, and the pancreas and the gallbladder between them."""
    kidneys = {
        name: _kidney(canvas.space, patient, side) + np.float32(0.5) * textures.coarse
        for name, side in _KIDNEY_SIDES.items()
    }
    perirenal_fat_mm = np.float32(4 + 5 * patient.visceral_fat)
    bed = np.minimum(
        cavity - np.float32(2 + 2 * patient.visceral_fat), -np.maximum(*kidneys.values()) - perirenal_fat_mm
    )
    gallbladder = np.minimum(_gallbladder(canvas.space, patient), bed)
    liver = _largest_part(np.minimum(_liver(canvas.space, patient, rng), np.minimum(bed, -1 - gallbladder)))
    spleen = np.minimum(_spleen(canvas.space, patient, rng) + np.float32(1.2) * textures.coarse, bed)
    spleen = _largest_part(np.minimum(spleen, -2 - liver))
    canvas.paint(_pancreas(canvas.space, patient), patient.tissues.pancreas + 14 * textures.fine)
    for name, side in _KIDNEY_SIDES.items():
        _paint_kidney(canvas, patient, kidneys[name], side, ORGANS[name])
    canvas.paint(spleen, patient.tissues.spleen + 3 * textures.fine, label=ORGANS["spleen"])
    canvas.paint(liver, patient.tissues.liver + 4 * textures.fine, label=ORGANS["liver"])
    canvas.paint(gallbladder, FLUID_HU)
    _paint_hepatic_vessels(canvas, patient, liver, rng)
    for _ in range(patient.lesion_count):
        _paint_lesion(canvas, patient, liver, textures, rng)


def _largest_part(shape: Field) -> Field:
    """The shape without the crumbs that neighbours have cut off."""
    parts, count = ndimage.label(shape > 0)
    if count < 2:
        return shape
    largest = int(np.bincount(parts.ravel())[1:].argmax()) + 1
    return np.where((parts == largest) | (parts == 0), shape, np.float32(-1)).astype(np.float32)


def _kidney_space(space: Space, patient: Patient, side: float) -> Space:
    """Axes of one kidney: `r` points away from its hilum, and the upper pole leans towards the spine."""
    scale = patient.organ_scale
    height_mm = -patient.level_mm + (-4 if side > 0 else 8) * scale
    local = space.around((height_mm, spine_position(patient) - 8 * scale, side * 63 * scale))
    outward = local.r * np.float32(side) + np.float32(0.22) * local.s
    cosine, sine = np.float32(np.cos(_KIDNEY_TURN)), np.float32(np.sin(_KIDNEY_TURN))
    return Space(local.s, cosine * local.a + sine * outward, cosine * outward - sine * local.a)


def _kidney(space: Space, patient: Patient, side: float) -> Field:
    scale = patient.organ_scale
    return ellipsoid(_kidney_space(space, patient, side), (0, 0, 0), (54 * scale, 24 * scale, 30 * scale))


def _paint_kidney(canvas: Canvas, patient: Patient, capsule: Field, side: float, label: int) -> None:
    """Paint cortex, medulla and, in the fat of the sinus, the pelvis; the label leaves out the sinus."""
    scale, tissues = patient.organ_scale, patient.tissues
    local = _kidney_space(canvas.space, patient, side)
    sinus = ellipsoid(local, (0, 0, -22 * scale), (20 * scale, 8 * scale, 20 * scale))
    parenchyma = np.minimum(capsule, -sinus)
    canvas.paint(parenchyma, tissues.kidney_cortex, label=label)
    canvas.paint(np.minimum(parenchyma, capsule - 7), tissues.kidney_medulla, edge_mm=6)
    pelvis = ellipsoid(local, (0, 0, -26 * scale), (9 * scale, 4 * scale, 12 * scale))
    canvas.paint(pelvis, tissues.vein * 0.5, edge_mm=5)


def _liver_level(patient: Patient) -> float:
    return 30 * patient.organ_scale - patient.level_mm


def _liver(space: Space, patient: Patient, rng: np.random.Generator) -> Field:
    """Right and left lobe, with the fissure, the hilum and the groove of the vena cava cut out."""
    scale, level = patient.organ_scale, _liver_level(patient)
    right_mm = (rng.uniform(80, 105) * scale, 80 * scale, rng.uniform(62, 72) * scale)
    left_mm = (44 * scale, 27 * scale, rng.uniform(62, 85) * scale)
    right = ellipsoid(space, (level, 2 * scale, 78 * scale), right_mm)
    left = ellipsoid(space, (level + 22 * scale, 50 * scale, 8 * scale), left_mm)
    fissure = ellipsoid(space, (level - 12 * scale, 62 * scale, 20 * scale), (30 * scale, 26 * scale, 3.5 * scale))
    hilum = ellipsoid(space, (level - 14 * scale, 2 * scale, 20 * scale), (34 * scale, 24 * scale, 26 * scale))
    groove = ellipsoid(
        space, (0, spine_position(patient) + 5 * scale, 10 * scale), (ENDLESS_MM, 34 * scale, 24 * scale)
    )
    # The back of the right lobe follows the diaphragm, from the vena cava outwards and backwards.
    front = (space.a + np.float32(0.75) * space.r - np.float32(8 * scale)) / np.float32(1.25)
    cuts = (front, -fissure, -hilum, -groove)
    return np.minimum.reduce([smooth_union(right, left, 14.0), *cuts])


def _gallbladder(space: Space, patient: Patient) -> Field:
    scale, level = patient.organ_scale, _liver_level(patient)
    return ellipsoid(space, (level - 30 * scale, 34 * scale, 46 * scale), (24 * scale, 16 * scale, 13 * scale))


def _spleen(space: Space, patient: Patient, rng: np.random.Generator) -> Field:
    """A crescent against the left flank: an ellipsoid hollowed from the middle."""
    scale = patient.organ_scale
    level = 34 * scale - patient.level_mm
    size = rng.uniform(0.85, 1.2) * scale
    outer = ellipsoid(space, (level, -18 * scale, -104 * scale), (48 * size, 46 * size, 32 * size))
    inner = ellipsoid(space, (level, 14 * scale, -64 * scale), (60 * scale, 44 * scale, 32 * scale))
    return np.minimum(outer, -inner)


def _pancreas(space: Space, patient: Patient) -> Field:
    scale, front = patient.organ_scale, spine_position(patient) + 22 * patient.organ_scale
    course = [(-22, 12, 34), (-14, 18, 18), (2, 24, -4), (10, 14, -36), (20, -2, -68)]
    points = [(s * scale, front + a * scale, r * scale) for s, a, r in course]
    return tube(space, points, [12.0, 11.0, 9.0, 9.0, 7.0])


def _paint_hepatic_vessels(canvas: Canvas, patient: Patient, liver: Field, rng: np.random.Generator) -> None:
    """Paint the portal vein's branches and the three hepatic veins, inside the liver only."""
    scale, level = patient.organ_scale, _liver_level(patient)
    porta = (level - 8 * scale, 10 * scale, 30 * scale)
    vessels = [tube(canvas.space, [(porta[0] - 20, porta[1] - 6, 5 * scale), porta], [7.0, 6.5])]
    for _ in range(5):
        bend = _beyond(porta, (rng.uniform(-25, 40), rng.uniform(-20, 30), rng.uniform(15, 45)), scale)
        vessels.append(tube(canvas.space, [porta, bend], [5.0, 4.2]))
        for _ in range(3):
            tip = _beyond(bend, (rng.uniform(-35, 35), rng.uniform(-45, 45), rng.uniform(5, 50)), scale)
            vessels.append(tube(canvas.space, [bend, tip], [3.8, 2.2]))
    confluence = (level + 45 * scale, -8 * scale, 20 * scale)
    for a, r in ((-8, 90), (38, 55), (55, 5)):
        tip = (level + rng.uniform(-5, 15) * scale, a * scale, r * scale)
        vessels.append(tube(canvas.space, [confluence, tip], [5.5, 2.8]))
    canvas.paint(np.minimum(np.maximum.reduce(vessels), liver - 3), patient.tissues.hepatic_vessel)


def _beyond(point: Point, step: Point, scale: float) -> Point:
    return point[0] + scale * step[0], point[1] + scale * step[1], point[2] + scale * step[2]


def _paint_lesion(canvas: Canvas, patient: Patient, liver: Field, textures: Textures, rng: np.random.Generator) -> None:
    """Paint one slightly lobed lesion with a darker core, somewhere under the liver's surface."""
    radius_mm = rng.uniform(7, 17)
    depth_mm = min(0.8 * radius_mm, 0.9 * float(liver.max()))
    places = np.argwhere(liver > depth_mm)
    d, h, w = places[rng.integers(len(places))]
    space = canvas.space
    centre = (float(space.s[d, h, w]), float(space.a[d, h, w]), float(space.r[d, h, w]))
    round_shape = ellipsoid(space, centre, (radius_mm * rng.uniform(0.75, 1.0), radius_mm, radius_mm))
    lesion = np.minimum(round_shape + np.float32(1.5) * textures.coarse, liver - np.float32(0.5))
    density_hu = patient.tissues.lesion + 5 * textures.fine
    canvas.paint(lesion, density_hu, label=ORGANS["lesion"], edge_mm=rng.uniform(3, 6))
    canvas.paint(lesion - np.float32(0.55 * radius_mm), patient.tissues.lesion - 12, edge_mm=5)
