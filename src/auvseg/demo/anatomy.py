"""Anatomy of the phantom: patient, trunk and organs."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from scipy import ndimage

from auvseg.demo.geometry import Field, Point, Space, ellipsoid, smooth_union, tube
from auvseg.shapes import LabelArray

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


Density = float | Float32[np.ndarray, "D H W"]


class Canvas:
    """One volume while it is being painted.

    An edge in the image is a ramp as wide as a voxel, the way a voxel that two tissues share averages them; the label
    is the exact shape, so the two never disagree by more than half a voxel.

    Attributes:
        space: where the voxels lie.
        hu: (D, H, W) density so far.
        label: (D, H, W) label so far.
    """

    def __init__(self, space: Space, edge_mm: float) -> None:
        self.space = space
        self.hu: Field = np.full(space.s.shape, AIR_HU, dtype=np.float32)
        self.label: LabelArray = np.zeros(space.s.shape, dtype=np.int32)
        self._edge_mm = edge_mm

    def paint(self, shape: Field, density_hu: Density, *, label: int | None = None, edge_mm: float = 0.0) -> None:
        """Cover the inside of `shape` by `density_hu`.

        Args:
            shape: the implicit shape, positive inside.
            density_hu: one density, or a field of densities.
            label: the label of the voxels inside; None leaves the labels as they are.
            edge_mm: width of the image's edge where the tissue fades more slowly than the scanner blurs.
        """
        width = np.float32(max(self._edge_mm, edge_mm))
        share = np.clip(shape / width + np.float32(0.5), 0, 1)
        self.hu += share * (np.float32(density_hu) - self.hu)
        if label is not None:
            self.label[shape > 0] = label


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
