"""The unlabelled anatomy: body wall, couch, skeleton, great vessels, stomach and bowel.

It gives the labelled organs the neighbours that make real ones hard to outline: muscle of the liver's density, bowel of
the spleen's, fat of varying width.
"""

from dataclasses import dataclass

import numpy as np

from auvseg.demo.canvas import Canvas
from auvseg.demo.geometry import Field, Point, Space, ellipsoid, smooth_union, tube
from auvseg.demo.patient import FAT_HU, GAS_HU, Patient

ENDLESS_MM = 1e5
"""Radius along s of what runs through the whole volume."""

_SIDES = (1.0, -1.0)
_VERTEBRA_MM = 33.0


@dataclass(frozen=True)
class Wall:
    """The body's layers as shapes.

    Attributes:
        skin: (D, H, W) everything inside the skin.
        muscle: (D, H, W) what the subcutaneous fat surrounds.
        cavity: (D, H, W) what the abdominal wall surrounds.
    """

    skin: Field
    muscle: Field
    cavity: Field


def paint_couch(canvas: Canvas, patient: Patient, plain: Space) -> None:
    """Paint the scanner's couch under the patient; it is drawn in the unbent `plain` space."""
    radius_mm = 420.0
    below_mm = 0.93 * patient.half_depth_mm + 8
    arc = ellipsoid(plain, (0, radius_mm - below_mm, 0), (ENDLESS_MM, radius_mm, radius_mm))
    shell = np.minimum(np.float32(3.5) - np.abs(arc + np.float32(3.5)), np.float32(200) - np.abs(plain.r))
    canvas.paint(np.where(plain.a < 0, shell, np.float32(-100)), -70.0)


def paint_wall(canvas: Canvas, patient: Patient, unevenness: Field) -> Wall:
    """Paint skin, fat and muscle around a cavity filled with fat.

    Args:
        canvas: painted into.
        patient: whose body.
        unevenness: (D, H, W) unit-variance field by which the layers' thickness varies.
    """
    space = canvas.space
    skin = _body(space, patient)
    towards_back = np.clip(-space.a / np.float32(patient.half_depth_mm), -1, 1)
    fat_mm = np.float32(patient.fat_mm) * (1 + np.float32(0.2) * towards_back + np.float32(0.12) * unevenness)
    muscle = skin - np.maximum(fat_mm, np.float32(5))
    # The wall thins to an aponeurosis in the middle of the front, between the two straight muscles.
    midline = np.exp(-np.square(space.r / 12)) * (space.a > 0)
    muscle_mm = np.float32(patient.muscle_mm) * (1 + np.float32(0.15) * unevenness - np.float32(0.55) * midline)
    cavity = muscle - muscle_mm
    canvas.paint(skin, 20.0)
    canvas.paint(skin - np.float32(2.5), FAT_HU)
    canvas.paint(muscle, patient.tissues.muscle)
    canvas.paint(cavity, FAT_HU + 4 * unevenness)
    return Wall(skin, muscle, cavity)


def _body(space: Space, patient: Patient) -> Field:
    """A cylinder over a superellipse, flattened where the patient lies on the couch."""
    power = np.float32(2.25)
    width, depth = np.float32(patient.half_width_mm), np.float32(patient.half_depth_mm)
    a, r = np.abs(space.a) / depth, np.abs(space.r) / width
    norm = np.maximum(a**power + r**power, np.float32(1e-6)) ** (1 / power)
    gradient = np.hypot(a ** (power - 1) / depth, r ** (power - 1) / width) * norm ** (1 - power)
    hull = (1 - norm) / np.maximum(gradient, 1 / width)
    return -smooth_union(-hull, -(space.a + np.float32(0.93) * depth), 8.0)


def paint_ribs(canvas: Canvas, patient: Patient, wall: Wall) -> None:
    """Paint the lower ribs: hoops in the wall that fall from the spine towards the front and end at the costal arch."""
    space = canvas.space
    middle = np.float32(3.2) - np.abs(wall.cavity + np.float32(0.45 * patient.muscle_mm))
    around = np.arctan2(
        np.abs(space.r) / np.float32(patient.half_width_mm), -space.a / np.float32(patient.half_depth_mm)
    )
    for index in range(7):
        height = space.s - np.float32(-30 + 30 * index) + 58 * around
        end = 60 * (np.float32(1.0 + 0.2 * index) - around)
        canvas.paint(np.minimum(np.minimum(middle, 6 - np.abs(height)), end), 0.7 * patient.tissues.cortical_bone)


def spine_position(patient: Patient) -> float:
    """Where the vertebral bodies' centres lie along the anterior axis, in mm."""
    return -0.24 * patient.half_depth_mm


def paint_back(canvas: Canvas, patient: Patient, wall: Wall) -> None:
    """Paint the muscles behind, beside and in front of the spine."""
    space, scale, muscle_hu = canvas.space, patient.organ_scale, patient.tissues.muscle
    spine_a = spine_position(patient)
    psoas_mm = np.clip(8 - space.s / 6, 1, 17) * np.float32(scale)
    for side in _SIDES:
        erector = ellipsoid(space, (0, spine_a - 40 * scale, side * 31 * scale), (ENDLESS_MM, 21 * scale, 29 * scale))
        quadratus = ellipsoid(space, (-70, spine_a - 26 * scale, side * 62 * scale), (80, 9 * scale, 20 * scale))
        axis = space.around((0, spine_a - 4 * scale, side * 31 * scale))
        canvas.paint(np.minimum(erector, wall.muscle), muscle_hu - 4)
        canvas.paint(np.minimum(quadratus, wall.muscle), muscle_hu)
        canvas.paint(psoas_mm - np.hypot(axis.a, axis.r), muscle_hu)


def paint_spine(canvas: Canvas, patient: Patient, phase_mm: float) -> None:
    """Paint vertebrae, discs and the spinal canal.

    Args:
        canvas: painted into.
        patient: whose spine.
        phase_mm: how far the pattern of vertebrae is moved along the spine.
    """
    space, scale, tissues = canvas.space, patient.organ_scale, patient.tissues
    spine_a = spine_position(patient)
    height = np.mod(space.s + np.float32(phase_mm), np.float32(_VERTEBRA_MM)) - np.float32(_VERTEBRA_MM / 2)
    body = ellipsoid(space, (0, spine_a, 0), (ENDLESS_MM, 16 * scale, 22 * scale))
    arch = ellipsoid(space, (0, spine_a - 25 * scale, 0), (ENDLESS_MM, 13 * scale, 16 * scale))
    for bone in (_processes(space, height, spine_a, scale), arch, body):
        canvas.paint(bone, tissues.cortical_bone)
        canvas.paint(bone - np.float32(2.5), tissues.cancellous_bone)
    canvas.paint(np.minimum(body, np.abs(height) - np.float32(12.5)), 85.0)
    canvas.paint(ellipsoid(space, (0, spine_a - 24 * scale, 0), (ENDLESS_MM, 8 * scale, 10 * scale)), 28.0)


def _processes(space: Space, height: Field, spine_a: float, scale: float) -> Field:
    """The transverse and spinous processes; `height` is the position in the vertebra, zero in its middle."""
    back = space.around((0, spine_a - 22 * scale, 0))
    plate = np.minimum(np.float32(4 * scale) - np.abs(back.r), np.minimum(-back.a, back.a + np.float32(38 * scale)))
    spinous = np.minimum(plate, 11 - np.abs(height + 6))
    rod = np.minimum(np.float32(5 * scale) - np.abs(back.a), np.float32(42 * scale) - np.abs(back.r))
    transverse = np.minimum(rod, 7 - np.abs(height))
    return np.maximum(spinous, transverse)


def paint_great_vessels(canvas: Canvas, patient: Patient) -> None:
    """Paint aorta, inferior vena cava and the crura of the diaphragm beside them."""
    space, scale, tissues = canvas.space, patient.organ_scale, patient.tissues
    front = spine_position(patient) + 16 * scale
    for side in _SIDES:
        crus = ellipsoid(space, (40, front + 4, side * 15 * scale), (60, 11 * scale, 6 * scale))
        canvas.paint(crus, tissues.muscle)
    aorta = ellipsoid(space, (0, front + 11 * scale, -8 * scale), (ENDLESS_MM, 10 * scale, 10 * scale))
    vena_cava = ellipsoid(space, (0, front + 11 * scale, 19 * scale), (ENDLESS_MM, 8.5 * scale, 12 * scale))
    canvas.paint(aorta, tissues.artery)
    canvas.paint(vena_cava, tissues.vein)


def paint_stomach(canvas: Canvas, patient: Patient, cavity: Field, rng: np.random.Generator) -> None:
    """Paint the stomach: fundus on the left, antrum across the middle."""
    space, scale = canvas.space, patient.organ_scale
    fundus = ellipsoid(space, (38 * scale, 22 * scale, -62 * scale), (46 * scale, 40 * scale, 36 * scale))
    antrum = ellipsoid(space, (4 * scale, 46 * scale, -24 * scale), (22 * scale, 18 * scale, 44 * scale))
    outside = np.minimum(smooth_union(fundus, antrum, 10.0), cavity - np.float32(4))
    _paint_hollow(canvas, patient, outside, rng.uniform(8, 35), rng.uniform(25, 55) * scale, wall_mm=4.5)


def paint_bowel(canvas: Canvas, patient: Patient, cavity: Field, rng: np.random.Generator) -> None:
    """Paint colon on both flanks, loops of small bowel, and the vessels of the mesentery between them."""
    space, scale = canvas.space, patient.organ_scale
    keep = cavity - np.float32(4)
    for _ in range(10):
        start = (rng.uniform(-40, 30) * scale, rng.uniform(5, 60) * scale, rng.uniform(-70, 70) * scale)
        points = _wandering(start, rng, steps=4, step_mm=12)
        canvas.paint(np.minimum(tube(space, points, [2.4] * len(points)), keep), patient.tissues.vein)
    for _ in range(int(rng.integers(14, 20))):
        start = (rng.uniform(-75, 5) * scale, rng.uniform(2, 66) * scale, rng.uniform(-85, 60) * scale)
        _paint_loop(canvas, patient, keep, _wandering(start, rng, steps=3, step_mm=20 * scale), rng)
    for side in _SIDES:
        # The ascending colon ends below the liver, the descending colon comes from under the spleen.
        top = rng.uniform(-45, -25) if side > 0 else rng.uniform(0, 20)
        course = [(-110.0, -12.0, side * 92), ((top - 80) / 2, -16.0, side * 96), (top, 4.0, side * 90)]
        points = [(s * scale, a * scale, r * scale) for s, a, r in course]
        _paint_loop(canvas, patient, keep, points, rng)


def _paint_loop(canvas: Canvas, patient: Patient, keep: Field, points: list[Point], rng: np.random.Generator) -> None:
    radius_mm = rng.uniform(10, 15) * patient.organ_scale
    loop = np.minimum(tube(canvas.space, points, [radius_mm] * len(points)), keep)
    level_mm = points[-1][1] + rng.uniform(-0.5, 3) * radius_mm
    _paint_hollow(canvas, patient, loop, rng.uniform(12, 45), level_mm, wall_mm=2.5)


def _paint_hollow(
    canvas: Canvas, patient: Patient, outside: Field, content_hu: float, level_mm: float, *, wall_mm: float
) -> None:
    """Paint a wall, its content up to the level, and gas above: the patient lies on the back."""
    canvas.paint(outside, patient.tissues.bowel_wall)
    inside = outside - np.float32(wall_mm)
    canvas.paint(inside, content_hu)
    canvas.paint(np.minimum(inside, canvas.space.a - np.float32(level_mm)), GAS_HU)


def _wandering(start: Point, rng: np.random.Generator, *, steps: int, step_mm: float) -> list[Point]:
    """A path of equal steps whose heading changes a little at each."""
    points = [start]
    heading = rng.standard_normal(3)
    for _ in range(steps):
        heading = heading + 0.9 * rng.standard_normal(3)
        s, a, r = np.asarray(points[-1]) + step_mm * heading / np.linalg.norm(heading)
        points.append((float(s), float(a), float(r)))
    return points
