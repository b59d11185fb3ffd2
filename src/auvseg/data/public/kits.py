"""KiTS (kidney, tumour, cyst; CT): `dataset/case_00000/imaging.nii.gz` beside `segmentation.nii.gz`."""

from pathlib import Path

from auvseg.data.public.source import KnownBad, SourceCase, SourceDataset, numbered_classes
from auvseg.errors import DatasetError

_REPEATED = KnownBad("anatomy repeats without a label (reported for KiTS19)", "neheller/kits19 issue #6")
_ENDINGS = (".nii.gz", ".nii")


def find(source: Path) -> SourceDataset:
    """List the `case_*` folders of the folder, or of its folder `dataset` (KiTS21, KiTS23) or `data` (KiTS19).

    Raises:
        DatasetError: there are none.
    """
    homes = [folder for folder in (source, source / "dataset", source / "data") if _cases(folder)]
    if not homes:
        raise DatasetError(f"{source.name}: holds no folder case_00000; name the repository's folder 'dataset'")
    return SourceDataset(
        name="KiTS23",
        root=source,
        cases=tuple(_case(folder) for folder in _cases(homes[0])),
        classes=numbered_classes("kidney", "tumor", "cyst"),
        channel_names=("CT",),
        licence="CC BY-NC-SA 4.0",
        reference="Heller et al., The KiTS21 Challenge: Automatic segmentation of kidneys, renal tumors, and renal "
        "cysts in corticomedullary-phase CT, 2023",
        known_bad={f"case_{number:05d}": _REPEATED for number in (15, 25, 61, 117)},
        # As nnU-Net's own converter has them.
        regions={"kidney": (1, 2, 3), "masses": (2, 3), "tumor": (2,)},
        regions_class_order=(1, 3, 2),
        reorient=True,
    )


def _cases(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("case_*")) if path.is_dir()]


def _case(folder: Path) -> SourceCase:
    image, label = _file(folder, "imaging"), _file(folder, "segmentation")
    failure = ""
    if image is None and label is not None:
        failure = "imaging.nii.gz is missing; the images are downloaded apart from the labels"
    left_out = "an image without a label" if image is not None and label is None else ""
    return SourceCase(folder.name, image, label, left_out=left_out, failure=failure)


def _file(folder: Path, name: str) -> Path | None:
    return next((folder / f"{name}{ending}" for ending in _ENDINGS if (folder / f"{name}{ending}").is_file()), None)
