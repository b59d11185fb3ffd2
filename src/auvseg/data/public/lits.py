"""LiTS (liver and liver tumour, CT): `Training Batch 1/volume-0.nii` beside `segmentation-0.nii`, or decathlon task 3.

The cases of decathlon's Task03_Liver are the same with repaired headers; its folder is taken too. Orientations are
mixed, some headers are lost (28 to 47) and some labels have another affine than their image.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from auvseg.data.layouts import decathlon
from auvseg.data.public import msd
from auvseg.data.public.source import KnownBad, SourceCase, SourceDataset, numbered_classes
from auvseg.errors import DatasetError

_FILE = re.compile(r"(test-)?(volume|segmentation)-(\d{1,4})\.nii(?:\.gz)?")
_CLASSES = numbered_classes("liver", "tumor")

_LOST_HEADER = KnownBad(
    "the header has identity axes and 1×1×1 mm, not the scan's spacing",
    "LITS-CHALLENGE issue #14; MICCAI-LITS2017 issue #33 (copies of 3D-IRCADb)",
)
_FLIPPED = KnownBad(
    "reported flipped against the other volumes", "a public LiTS preprocessor, which flips volumes 68 to 82"
)


def find(source: Path) -> SourceDataset:
    """List the volumes and segmentations anywhere below `source`.

    Raises:
        DatasetError: there are none.
    """
    if decathlon.recognises(source):
        return _of_decathlon(msd.find(source))
    images: dict[str, list[Path]] = defaultdict(list)
    labels: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(source.rglob("*.nii*")):
        if (match := _FILE.fullmatch(path.name)) and path.is_file():
            case_id = f"lits_{'test_' if match[1] else ''}{int(match[3]):03d}"
            (images if match[2] == "volume" else labels)[case_id].append(path)
    if not images:
        raise DatasetError(f"{source.name}: holds no volume-N.nii; name the folder with LiTS's 'Training Batch 1'")
    return SourceDataset(
        name="LiTS",
        root=source,
        cases=tuple(_case(name, images[name], labels[name]) for name in sorted(images.keys() | labels.keys())),
        classes=_CLASSES,
        channel_names=("CT",),
        licence="CC BY-NC-ND 4.0",
        reference="Bilic et al., The Liver Tumor Segmentation Benchmark (LiTS), Medical Image Analysis 2023",
        known_bad={**_by_number(range(28, 48), _LOST_HEADER), **_by_number(range(68, 83), _FLIPPED)},
    )


def _case(case_id: str, images: list[Path], labels: list[Path]) -> SourceCase:
    is_test = case_id.startswith("lits_test_")
    case = SourceCase(
        case_id,
        image=images[0] if images else None,
        label=labels[0] if labels else None,
        subset="test" if is_test else "training",
    )
    if len(images) > 1 or len(labels) > 1:
        twice = (images if len(images) > 1 else labels)[1]
        return replace(case, failure=f"{twice.name} lies below several folders; keep one of them")
    if not labels and is_test:
        return replace(case, left_out="a test image without a label")
    return case


def _by_number(numbers: Iterable[int], known: KnownBad) -> dict[str, KnownBad]:
    return {f"lits_{number:03d}": known for number in numbers}


def _of_decathlon(dataset: SourceDataset) -> SourceDataset:
    if [one.values for one in dataset.classes] != [one.values for one in _CLASSES]:
        names = ", ".join(one.name for one in dataset.classes)
        raise DatasetError(f"dataset.json: is no liver task (classes {names}); convert it with 'msd'")
    return replace(dataset, classes=_CLASSES)
