"""WORD (16 abdominal organs, CT): `imagesTr/word_0002.nii.gz` and `labelsTr`, the same for `Val` and `Ts`."""

from pathlib import Path

from auvseg.data.case import Subset
from auvseg.data.layouts.naming import stem, visible_files
from auvseg.data.public.source import SourceCase, SourceDataset, numbered_classes
from auvseg.errors import DatasetError

_SUBSETS: tuple[tuple[str, Subset], ...] = (("Tr", "training"), ("Val", "validation"), ("Ts", "test"))
_CLASSES = numbered_classes(
    *("liver", "spleen", "left_kidney", "right_kidney", "stomach", "gallbladder", "esophagus", "pancreas"),
    *("duodenum", "colon", "intestine", "adrenal", "rectum", "bladder", "Head_of_femur_L", "Head_of_femur_R"),
)


def find(source: Path) -> SourceDataset:
    """List the cases of the folder, or of the one folder in it (`WORD-V0.1.0`) that has an imagesTr.

    Raises:
        DatasetError: there is no imagesTr.
    """
    root = _home(source)
    notes: list[str] = []
    cases = [
        case
        for suffix, subset in _SUBSETS
        for case in _subset(root / f"images{suffix}", root / f"labels{suffix}", subset, notes)
    ]
    return SourceDataset(
        name="WORD",
        root=source,
        cases=tuple(sorted(cases, key=lambda case: case.case_id)),
        classes=_CLASSES,
        channel_names=("CT",),
        licence="GPL-3.0, not for commercial use",
        reference="Luo et al., WORD: A large scale dataset, benchmark and clinical applicable study for abdominal "
        "organ segmentation from CT image, Medical Image Analysis 2022",
        notes=tuple(notes),
    )


def _home(source: Path) -> Path:
    homes = [folder for folder in (source, *sorted(source.iterdir())) if (folder / "imagesTr").is_dir()]
    if not homes:
        raise DatasetError(f"{source.name}: holds no imagesTr; name the unpacked folder WORD-V0.1.0")
    return homes[0]


def _subset(images: Path, labels: Path, subset: Subset, notes: list[str]) -> list[SourceCase]:
    by_name: dict[str, dict[str, Path]] = {}
    for kind, folder in (("image", images), ("label", labels)):
        for path in visible_files(folder, notes) if folder.is_dir() else ():
            if path.name.endswith((".nii", ".nii.gz")):
                by_name.setdefault(stem(path.name), {})[kind] = path
    return [_case(name, files, subset) for name, files in by_name.items()]


def _case(name: str, files: dict[str, Path], subset: Subset) -> SourceCase:
    without = "" if "label" in files or subset != "test" else "a test image without a label"
    return SourceCase(name, files.get("image"), files.get("label"), subset=subset, left_out=without)
