"""Public data sets at tiny size, laid out exactly as they are published: folders, names, orientations, types, traps.

Every case has a scene, an image and a label in RAS order, from which its files are made; `Scene.label` is what any
correct reader must find.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np

from auvseg.data.public.totalsegmentator import V1, V2

SHAPE = (9, 8, 7)


def contents(folder: Path) -> dict[str, str]:
    """Every file below a folder by its name, with its sha256."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass
class Scene:
    """(X, Y, Z) arrays in RAS order, one label block a class, at places that no flip or exchange of axes keeps."""

    seed: int
    classes: int
    shape: tuple[int, int, int] = SHAPE
    image: np.ndarray = field(init=False)
    label: np.ndarray = field(init=False)

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        self.image = rng.integers(-1000, 1000, self.shape).astype(np.int16)
        self.label = np.zeros(self.shape, np.uint8)
        spots = rng.permutation(self.label.size)[: 3 * self.classes]
        self.label.reshape(-1)[spots] = np.repeat(np.arange(1, self.classes + 1), 3)

    def canonical(self):
        """The label along (S, A, R), as `load_volume` gives it."""
        return self.label.transpose(2, 1, 0)


def affine_of(axcodes, spacing=(0.7, 0.8, 2.5), origin=(-40.0, -30.0, 12.0)):
    """A header for an array of SHAPE that is stored with these axes: RAS spacing, the position of RAS voxel 0."""
    ras = np.diag([*spacing, 1.0])
    ras[:3, 3] = origin
    turn = _turn(axcodes)
    return ras @ nib.orientations.inv_ornt_aff(turn, SHAPE)


def save(path, array, axcodes="RAS", *, affine=None, dtype=None, descrip=b"", **header):
    """Store an array of RAS order with other axes; `affine` replaces the header that would be right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = nib.orientations.apply_orientation(array, _turn(axcodes))
    stored = np.ascontiguousarray(stored).astype(dtype or array.dtype)
    image = nib.Nifti1Image(stored, affine_of(axcodes, **header) if affine is None else affine)
    image.header["descrip"] = descrip
    nib.save(image, path)
    return path


def _turn(axcodes):
    return nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt(tuple("RAS")), nib.orientations.axcodes2ornt(tuple(axcodes))
    )


def write_lits(root: Path) -> dict[str, Scene]:
    """Mixed axes; label 1 in another axis order, headers of 28 lost, label 53 with another affine; a test image."""
    scenes = {number: Scene(number, 2) for number in (0, 1, 28, 53)}
    one, two = root / "Training Batch 1", root / "Training Batch 2"
    save(one / "volume-0.nii", scenes[0].image, "RAS")
    save(one / "segmentation-0.nii", scenes[0].label, "RAS")
    save(one / "volume-1.nii", scenes[1].image, "LPS", descrip=b"Jane Doe")
    save(one / "segmentation-1.nii", scenes[1].label, "RAS", dtype=np.float64)
    save(two / "volume-28.nii", scenes[28].image, affine=np.eye(4))
    save(two / "segmentation-28.nii", scenes[28].label, affine=np.eye(4))
    offset = np.eye(4)
    offset[:3, 3] = 1
    save(two / "volume-53.nii", scenes[53].image, "LAS")
    save(two / "segmentation-53.nii", scenes[53].label, "LAS", affine=offset)
    save(root / "test-volume-0.nii", scenes[0].image)
    return {f"lits_{number:03d}": scene for number, scene in scenes.items()}


def write_totalsegmentator(root: Path, version: int = 2, every_class: bool = False) -> dict[str, Scene]:
    """One binary mask a class, the later ones empty, 1.5 mm; in s0002 two masks overlap.

    The first seven classes and the last, which tell the versions apart, unless all are asked for.
    """
    names = V1 if version == 1 else V2
    taken = names if every_class else (*names[:7], "face" if version == 1 else names[-1])
    scenes = {name: Scene(seed, 5) for seed, name in enumerate(("s0000", "s0002", "s0864", "s0900"), start=10)}
    spacing = {"spacing": (1.5, 1.5, 1.5)}
    for case_id, scene in scenes.items():
        save(root / case_id / "ct.nii.gz", scene.image, **spacing)
        # The scene's classes are the first five of the version's.
        for value, name in enumerate(names, start=1):
            mask = scene.label == value
            if case_id == "s0002" and value == 2:
                mask |= scene.label == 3
            if name in taken:
                save(root / case_id / "segmentations" / f"{name}.nii.gz", mask.astype(np.uint8), **spacing)
    rows = [
        "image_id;age;gender;institute;study_type;split;manufacturer;scanner_model;kvp;pathology;pathology_location"
    ]
    rows += [
        f"{name};70;m;A;ct;{split};;;;;" for name, split in zip(scenes, ("train", "train", "test", "val"), strict=True)
    ]
    (root / "meta.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return scenes


def write_word(root: Path) -> dict[str, Scene]:
    """Axes LPS, labels uint8 and one uint16, the three subsets of the release."""
    home = root / "WORD-V0.1.0"
    scenes = {}
    for seed, (suffix, numbers) in enumerate({"Tr": (2, 3), "Val": (1,), "Ts": (7,)}.items()):
        for number in numbers:
            name = f"word_{number:04d}"
            scenes[name] = Scene(100 * seed + number, 16)
            spacing = {"spacing": (0.98, 0.98, 3.0)}
            save(home / f"images{suffix}" / f"{name}.nii.gz", scenes[name].image, "LPS", **spacing)
            dtype = np.uint16 if number == 3 else np.uint8
            save(home / f"labels{suffix}" / f"{name}.nii.gz", scenes[name].label, "LPS", dtype=dtype, **spacing)
    (home / "dataset.json").write_text(json.dumps({"name": "WORD", "labels": {"0": "background"}}), encoding="utf-8")
    return scenes


def write_feta(root: Path) -> dict[str, Scene]:
    """Both reconstructions, one a subject; brains oblique in the scanner's axes."""
    home = root / "feta_2.2"
    scenes = {}
    tilt = np.eye(4)
    angle = np.deg2rad(20)
    tilt[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    oblique = tilt @ affine_of("RAS", spacing=(0.5, 0.5, 0.5))
    for number, method in ((1, "mial"), (41, "irtk")):
        name = f"sub-{number:03d}"
        scenes[name] = Scene(number, 7)
        anat = home / name / "anat"
        save(anat / f"{name}_rec-{method}_T2w.nii.gz", np.abs(scenes[name].image), affine=oblique, dtype=np.float32)
        save(anat / f"{name}_rec-{method}_dseg.nii.gz", scenes[name].label, affine=oblique)
        for kind in ("T2w", "dseg"):
            (anat / f"{name}_rec-{method}_{kind}.json").write_text("{}", encoding="utf-8")
    table = "participant_id\tPathology\tGestational age\nsub-001\tPathological\t27.9\nsub-041\tNeurotypical\t26.9\n"
    (home / "participants.tsv").write_text(table, encoding="utf-8")
    return scenes


def write_kits(root: Path) -> dict[str, Scene]:
    """Axes IPL as in all of KiTS23, a folder of instances beside each label, one case without an image."""
    home = root / "dataset"
    scenes = {}
    for number in (0, 15, 400):
        name = f"case_{number:05d}"
        scenes[name] = Scene(number, 3)
        save(home / name / "imaging.nii.gz", scenes[name].image, "IPL")
        save(home / name / "segmentation.nii.gz", scenes[name].label, "IPL")
        save(home / name / "instances" / "kidney_instance-1_annotation-1.nii.gz", scenes[name].label, "IPL")
    return scenes


def write_msd(root: Path, channels: int = 1) -> dict[str, Scene]:
    """A decathlon task; with several channels its images have a fourth axis."""
    scenes = {f"prostate_{number:02d}": Scene(number, 2) for number in (0, 4)}
    modalities = ("T2", "ADC")[:channels]
    return _write_decathlon(root, scenes, "PROSTATE", modalities, ("background", "PZ", "TZ"), test="prostate_03")


def write_task03(root: Path) -> dict[str, Scene]:
    """The decathlon's third task: the cases of LiTS, with repaired headers and numbers that are not filled up."""
    scenes = {f"liver_{number}": Scene(number, 2) for number in (0, 28, 104)}
    return _write_decathlon(root, scenes, "Liver", ("CT",), ("background", "liver", "cancer"), test="liver_132")


def _write_decathlon(
    root: Path,
    scenes: dict[str, Scene],
    name: str,
    modalities: tuple[str, ...],
    labels: tuple[str, ...],
    *,
    test: str,
) -> dict[str, Scene]:
    several = len(modalities) > 1
    (root / "imagesTr").mkdir(parents=True, exist_ok=True)
    for case_id, scene in scenes.items():
        channels = [scene.image + channel for channel in range(len(modalities))]
        image = nib.Nifti1Image(np.stack(channels, -1) if several else channels[0], affine_of("RAS"))
        nib.save(image, root / "imagesTr" / f"{case_id}.nii.gz")
        save(root / "labelsTr" / f"{case_id}.nii.gz", scene.label)
        # Apple's archives leave such files beside the real ones.
        save(root / "imagesTr" / f"._{case_id}.nii.gz", scene.label)
    save(root / "imagesTs" / f"{test}.nii.gz", np.zeros(SHAPE, np.int16))
    content = {
        "name": name,
        "description": f"{name} segmentation",
        "reference": "Medical Segmentation Decathlon",
        "licence": "CC-BY-SA 4.0",
        "tensorImageSize": "4D" if several else "3D",
        "modality": {str(number): modality for number, modality in enumerate(modalities)},
        "labels": {str(value): label for value, label in enumerate(labels)},
        "numTraining": len(scenes),
        "numTest": 1,
        "training": [{"image": f"./imagesTr/{name}.nii.gz", "label": f"./labelsTr/{name}.nii.gz"} for name in scenes],
        "test": [f"./imagesTs/{test}.nii.gz"],
    }
    (root / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    return scenes


WRITERS = {
    "lits": write_lits,
    "totalsegmentator": write_totalsegmentator,
    "word": write_word,
    "feta": write_feta,
    "kits": write_kits,
    "msd": write_msd,
    "task03": write_task03,
}
"""Of every layout; `task03` is converted as `lits`, the others by their own name."""
