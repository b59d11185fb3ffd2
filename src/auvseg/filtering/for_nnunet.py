"""Describe a data set for nnU-Net (labels with an ignore value, channels, file ending) and check that it can be read.

Starts from the data set's own nnU-Net `dataset.json`, if any, which keeps regions, their order and the reader; else
from what the layout reader found. No voxels are read, and headers only for the number of axes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.reading import is_dicom_source, needed_export
from auvseg.errors import ReadError, UsageError
from auvseg.filtering.manifest import read_user_json
from auvseg.filtering.relabel import NIFTI_ENDINGS, SIMPLEITK_ENDINGS
from auvseg.nnunet.raw import DATASET_JSON, described

_ENDINGS = (*NIFTI_ENDINGS, *SIMPLEITK_ENDINGS)
_NNUNET_KEYS = ("labels", "channel_names", "file_ending")
_SPATIAL_AXES = 3


@dataclass(frozen=True)
class Description:
    """Description of a data set for nnU-Net.

    Attributes:
        content: `dataset.json` without its cases.
        file_ending: ending of every image and label.
        ignore_value: value of nnU-Net's ignore label.
        values: label values by class id; several for a region.
    """

    content: dict[str, Any]
    file_ending: str
    ignore_value: int
    values: dict[int, tuple[int, ...]]

    def values_of(self, class_ids: Collection[int]) -> frozenset[int]:
        """Return every label value of the classes.

        Raises:
            UsageError: the data set has no such class, for example because whole images were scored.
        """
        unknown = [class_id for class_id in class_ids if not self.values.get(class_id)]
        if unknown:
            raise UsageError(
                f"class {unknown[0]} has no label value to ignore; were whole images scored, not structures?"
            )
        return frozenset(value for class_id in class_ids for value in self.values[class_id])


def describe_for_nnunet(
    dataset: Dataset, cases: Sequence[Case], scored_classes: Sequence[tuple[int, str]]
) -> Description:
    """Describe a data set for nnU-Net without moving its files.

    Args:
        dataset: the data set.
        cases: the cases to include.
        scored_classes: id and name of the scored classes, for a data set that declares none.

    Raises:
        UsageError: nnU-Net cannot read the data set in place: several channels in one file, 4-D images, different file
            endings, label values with gaps, or case ids that are not file names.
        ReadError: an image's header cannot be read.
    """
    classes = dataset.classes or tuple(
        ClassDef(class_id, name, (class_id,) if class_id else ()) for class_id, name in scored_classes
    )
    content = _own_description(dataset) or _new_description(dataset, classes, cases)
    ending = str(content["file_ending"])
    for case in cases:
        _check_case(case, ending, channels=len(content["channel_names"]))
    labels = content["labels"]
    declared = {value for name, values in labels.items() if name != "ignore" for value in _as_values(values)}
    if declared != set(range(len(declared))):
        raise UsageError(f"nnU-Net needs label values 0, 1, 2 ... without gaps; {dataset.name} has {sorted(declared)}")
    ignore_value = int(labels.get("ignore", dataset.ignore_value or len(declared)))
    content["labels"] = {**labels, "ignore": ignore_value}
    return Description(content, ending, ignore_value, {one.class_id: one.values for one in classes})


def _own_description(dataset: Dataset) -> dict[str, Any] | None:
    """The data set's own `dataset.json`, if it is nnU-Net's."""
    if dataset.source is None or dataset.source.name != DATASET_JSON:
        return None
    content = read_user_json(dataset.source)
    if not isinstance(content, dict) or any(key not in content for key in _NNUNET_KEYS):
        return None
    return {key: value for key, value in content.items() if key != "dataset"}


def _new_description(dataset: Dataset, classes: Sequence[ClassDef], cases: Sequence[Case]) -> dict[str, Any]:
    labels: dict[str, int | list[int]] = {"background": 0}
    for one in classes:
        if len(one.values) != 1:
            raise UsageError(
                f"class {one.name!r} is not a single label value, and {dataset.name} has no nnU-Net description"
            )
        taken = one.name in labels or one.name in ("background", "ignore", "")
        labels[f"{one.name}_{one.class_id}".lstrip("_") if taken else one.name] = one.values[0]
    modality = "CT" if dataset.modality == "ct" else "MRI"
    channels = dataset.channel_names or (modality,) * len(cases[0].images)
    ending = next((known for known in _ENDINGS if cases[0].images[0].name.endswith(known)), cases[0].images[0].suffix)
    return described(channels, labels, ending)


def _check_case(case: Case, ending: str, channels: int) -> None:
    files = [*case.images, *([case.label] if case.label else [])]
    if "/" in case.case_id or "\\" in case.case_id or "\0" in case.case_id:
        raise UsageError(
            f"case {case.case_id!r}: nnU-Net uses case ids as file names, which cannot contain a slash; rename it"
        )
    dicom = [path for path in files if is_dicom_source(path)]
    if dicom:
        raise UsageError(
            f"case {case.case_id!r}: {dicom[0].name} is DICOM, which nnU-Net cannot read; convert the data set to "
            "NIfTI first (dcm2niix for images), or use --export exclude, datalist or weights"
        )
    wrong = [path for path in files if not path.name.endswith(ending)]
    if ending not in _ENDINGS or wrong:
        raise UsageError(
            f"case {case.case_id!r}: {(wrong or files)[0].name} has the wrong ending; nnU-Net needs one file ending "
            f"for all images and labels, one of {', '.join(_ENDINGS)}"
        )
    if len(case.images) != channels:
        raise UsageError(
            f"case {case.case_id!r} has {len(case.images)} image files for {channels} channels; nnU-Net needs one file "
            "per channel: split the images first (nnUNetv2_convert_MSD_dataset does for decathlon)"
        )
    unlike = needed_export(case.label, case.label_values, case.images[0]) if case.label else ""
    if case.label and unlike:
        raise UsageError(
            f"case {case.case_id!r}: {case.label.name}: {unlike}; nnU-Net reads values, not names: export it with "
            "the data set's values on the image's grid (3D Slicer: Segmentations, Export to labelmap), or use "
            "--export exclude, datalist or weights"
        )
    if ending in NIFTI_ENDINGS:
        for image in case.images:
            _check_axes(case, image)


def _check_axes(case: Case, image: Path) -> None:
    try:
        shape = nibabel.load(image).shape
    except (OSError, EOFError, ValueError, ImageFileError, HeaderDataError) as error:
        raise ReadError(f"case {case.case_id!r}: {image} cannot be read ({error})") from None
    if len(shape) > _SPATIAL_AXES:
        raise UsageError(
            f"case {case.case_id!r}: {image.name} is {len(shape)}-D {shape}; nnU-Net needs one 3-D file per channel"
        )


def _as_values(values: Any) -> list[int]:
    """Return the label values of one entry of `labels`: a number, or a list for a region."""
    return [int(value) for value in values] if isinstance(values, list) else [int(values)]
