"""FeTA (7 tissues of the fetal brain, T2w MRI): `sub-001/anat/sub-001_rec-mial_T2w.nii.gz` beside `..._dseg.nii.gz`."""

import re
from pathlib import Path

from auvseg.data.public.source import SourceCase, SourceDataset, numbered_classes
from auvseg.errors import DatasetError

_FILE = re.compile(r"(?P<name>sub-[^_]+(?:_.+)?)_(?P<kind>T2w|dseg)\.nii(?:\.gz)?")


def find(source: Path) -> SourceDataset:
    """List the subjects of the folder, or of the one folder in it (`feta_2.2`) that has `sub-*` folders.

    Raises:
        DatasetError: there are none.
    """
    homes = [folder for folder in (source, *sorted(source.iterdir())) if folder.is_dir() and _subjects(folder)]
    if not homes:
        raise DatasetError(f"{source.name}: holds no folder sub-001; name the unpacked folder feta_2.2")
    return SourceDataset(
        name="FeTA",
        root=source,
        cases=tuple(_case(subject) for subject in _subjects(homes[0])),
        classes=numbered_classes(
            *("external_CSF", "grey_matter", "white_matter", "ventricles", "cerebellum", "deep_grey_matter"),
            "brainstem",
        ),
        channel_names=("T2w",),
        licence="custom: research and education only (Synapse syn25649159)",
        reference="Payette et al., An automatic multi-tissue human fetal brain segmentation benchmark using the Fetal "
        "Tissue Annotation Dataset, Scientific Data 2021",
    )


def _subjects(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("sub-*")) if (path / "anat").is_dir()]


def _case(subject: Path) -> SourceCase:
    found: dict[str, dict[str, Path]] = {"T2w": {}, "dseg": {}}
    for path in sorted((subject / "anat").iterdir()):
        if match := _FILE.fullmatch(path.name):
            found[match["kind"]][match["name"]] = path
    images, labels = found["T2w"], found["dseg"]
    if len(images) > 1:
        failure = f"anat holds {len(images)} reconstructions ({', '.join(sorted(images))}); keep one a subject"
        return SourceCase(subject.name, None, failure=failure)
    name = next(iter(images or labels), "")
    return SourceCase(subject.name, images.get(name), labels.get(name))
