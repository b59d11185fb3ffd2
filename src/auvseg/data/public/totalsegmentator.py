"""TotalSegmentator CT: `s0000/ct.nii.gz`, one binary mask a class in `segmentations/`, the split in meta.csv.

Version 1 has 104 classes, version 2 has 117; which one it is, the names of the masks tell.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

from auvseg.data.case import Subset
from auvseg.data.layouts.naming import is_hidden, some_of, stem
from auvseg.data.public.source import KnownBad, SourceCase, SourceDataset, numbered_classes
from auvseg.errors import DatasetError

_TABLE = "meta.csv"
_SUBSETS: dict[str, Subset] = {"train": "training", "val": "validation", "test": "test"}
_ISSUE = "wasserth/TotalSegmentator issue"
_CONTRAST = KnownBad("the contrast is broken in v2.0.0 (fixed in v2.0.1)", f"{_ISSUE} #193")

_BAD_V1 = {"s0864": KnownBad("ct.nii.gz is damaged (checksum)", f"{_ISSUE}s #24 and #92")}
_BAD_V2 = {
    **dict.fromkeys(("s0184", "s0224", "s0830", "s0992"), _CONTRAST),
    "s0864": KnownBad("intensities from -9758 to 4349 HU in v2.0.0 (fixed in v2.0.1)", f"{_ISSUE} #193"),
    **dict.fromkeys(("s0143", "s1196"), KnownBad("the heart is marked in the abdomen", f"{_ISSUE} #299")),
    "s0092": KnownBad("lung_upper_lobe_right extends beyond the scan", f"{_ISSUE} #245"),
    "s0201": KnownBad("the heart is marked in the wrong place", f"{_ISSUE}s #245 and #299"),
    "s0513": KnownBad("humerus_right is wrong", f"{_ISSUE} #245"),
    "s0605": KnownBad("lung_lower_lobe_left extends below the diaphragm", f"{_ISSUE} #245"),
}


def find(source: Path) -> SourceDataset:
    """List the subjects of the folder, or of the one folder in it that has them.

    Raises:
        DatasetError: there are none, or meta.csv lacks its columns.
    """
    homes = [folder for folder in (source, *sorted(source.iterdir())) if folder.is_dir() and _subjects(folder)]
    if not homes:
        raise DatasetError(
            f"{source.name}: holds no folder with ct.nii.gz and segmentations; name the unpacked "
            "Totalsegmentator_dataset"
        )
    notes: list[str] = []
    splits = _splits(homes[0] / _TABLE, notes)
    cases = tuple(_case(subject, splits) for subject in _subjects(homes[0]))
    unlisted = [case.case_id for case in cases if splits and case.case_id not in splits]
    if unlisted:
        notes.append(f"{_TABLE} does not list {some_of(unlisted)}: taken for training")
    names = {name for case in cases for name in case.masks}
    is_v1 = names.isdisjoint(set(V2) - set(V1)) and not names.isdisjoint(set(V1) - set(V2))
    return SourceDataset(
        name=f"TotalSegmentator v{1 if is_v1 else 2}",
        root=source,
        cases=cases,
        classes=numbered_classes(*_in_order(names, V1 if is_v1 else V2, notes)),
        channel_names=("CT",),
        licence="CC BY 4.0",
        reference="Wasserthal et al., TotalSegmentator: Robust segmentation of 104 anatomic structures in CT images, "
        "Radiology: Artificial Intelligence 2023",
        known_bad=_BAD_V1 if is_v1 else _BAD_V2,
        notes=tuple(notes),
    )


def _subjects(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if (path / "segmentations").is_dir()]


def _case(subject: Path, splits: dict[str, Subset]) -> SourceCase:
    image = subject / "ct.nii.gz"
    masks = {
        stem(path.name): path
        for path in sorted((subject / "segmentations").iterdir())
        if path.name.endswith((".nii.gz", ".nii")) and not is_hidden(path)
    }
    return SourceCase(
        subject.name,
        image=image if image.is_file() else None,
        masks=masks,
        subset=splits.get(subject.name, "training"),
        failure="" if masks else "segmentations holds no mask",
    )


def _splits(table: Path, notes: list[str]) -> dict[str, Subset]:
    if not table.is_file():
        notes.append(f"there is no {_TABLE}: every case is taken for training")
        return {}
    try:
        rows = list(csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines(), delimiter=";"))
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(f"{_TABLE}: cannot be read ({error})") from None
    if not rows or not {"image_id", "split"} <= rows[0].keys():
        raise DatasetError(f"{_TABLE}: lacks the columns image_id and split, separated by ;")
    unknown = sorted({row["split"] or "" for row in rows} - _SUBSETS.keys())
    if unknown:
        raise DatasetError(f"{_TABLE}: the split {unknown[0]!r} is none of {', '.join(_SUBSETS)}")
    return {row["image_id"]: _SUBSETS[row["split"]] for row in rows}


def _in_order(names: Iterable[str], known: tuple[str, ...], notes: list[str]) -> list[str]:
    """The names in the data set's order, those that it does not know at the end in alphabetical order."""
    found = set(names)
    others = sorted(found - set(known))
    if others:
        notes.append(f"masks beyond the data set's own classes: {some_of(others)}; their classes come last")
    missing = [name for name in known if name not in found]
    if missing and len(missing) < len(known):
        notes.append(f"{len(missing)} of the data set's {len(known)} classes have no mask here: {some_of(missing)}")
    return [*(name for name in known if name in found), *others]


_VERTEBRAE = tuple(
    f"vertebrae_{level}"
    for level in (
        *("L5", "L4", "L3", "L2", "L1"),
        *("T12", "T11", "T10", "T9", "T8", "T7", "T6", "T5", "T4", "T3", "T2", "T1"),
        *("C7", "C6", "C5", "C4", "C3", "C2", "C1"),
    )
)
_RIBS = tuple(f"rib_{side}_{number}" for side in ("left", "right") for number in range(1, 13))
_LUNG = (
    *("lung_upper_lobe_left", "lung_lower_lobe_left"),
    *("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
)
_UPPER_ABDOMEN = ("spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach")
_ILIAC = ("iliac_artery_left", "iliac_artery_right", "iliac_vena_left", "iliac_vena_right")
_LIMBS = (
    *("humerus_left", "humerus_right", "scapula_left", "scapula_right", "clavicula_left", "clavicula_right"),
    *("femur_left", "femur_right", "hip_left", "hip_right"),
)
_MUSCLES = (
    *("gluteus_maximus_left", "gluteus_maximus_right", "gluteus_medius_left", "gluteus_medius_right"),
    *("gluteus_minimus_left", "gluteus_minimus_right", "autochthon_left", "autochthon_right"),
    *("iliopsoas_left", "iliopsoas_right"),
)

V1 = (
    *_UPPER_ABDOMEN,
    *("aorta", "inferior_vena_cava", "portal_vein_and_splenic_vein", "pancreas"),
    *("adrenal_gland_right", "adrenal_gland_left"),
    *_LUNG,
    *_VERTEBRAE,
    *("esophagus", "trachea", "heart_myocardium", "heart_atrium_left", "heart_ventricle_left"),
    *("heart_atrium_right", "heart_ventricle_right", "pulmonary_artery", "brain"),
    *_ILIAC,
    *("small_bowel", "duodenum", "colon"),
    *_RIBS,
    *_LIMBS,
    *("sacrum", "face"),
    *_MUSCLES,
    "urinary_bladder",
)
"""The 104 classes of version 1, which the paper used."""

V2 = (
    *_UPPER_ABDOMEN,
    *("pancreas", "adrenal_gland_right", "adrenal_gland_left"),
    *_LUNG,
    *("esophagus", "trachea", "thyroid_gland", "small_bowel", "duodenum", "colon", "urinary_bladder", "prostate"),
    *("kidney_cyst_left", "kidney_cyst_right", "sacrum", "vertebrae_S1"),
    *_VERTEBRAE,
    *("heart", "aorta", "pulmonary_vein", "brachiocephalic_trunk", "subclavian_artery_right"),
    *("subclavian_artery_left", "common_carotid_artery_right", "common_carotid_artery_left"),
    *("brachiocephalic_vein_left", "brachiocephalic_vein_right", "atrial_appendage_left", "superior_vena_cava"),
    *("inferior_vena_cava", "portal_vein_and_splenic_vein"),
    *_ILIAC,
    *_LIMBS,
    "spinal_cord",
    *_MUSCLES,
    *("brain", "skull"),
    *_RIBS,
    *("sternum", "costal_cartilages"),
)
"""The 117 classes of version 2."""
