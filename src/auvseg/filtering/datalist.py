"""Export a MONAI datalist without the removed cases: `{"training": [...], "validation": [...], "testing": [...]}`.

If the data set comes from a datalist (such as decathlon's `dataset.json`), its entries are kept; otherwise they are
made from its cases. Paths are relative to the folder of the new file; only `training` loses entries.
"""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from auvseg.cohort.selection import Selection
from auvseg.data.case import Case, Dataset
from auvseg.data.formats.dicom.series import stands_for_series
from auvseg.data.reading import is_dicom_source
from auvseg.errors import UsageError
from auvseg.filtering.manifest import Export, PlannedFile, check_belongs, read_user_json, write_files
from auvseg.nnunet.raw import as_json, path_from

DATALIST_NAME = "datalist.json"
_LISTS = {"training": "training", "validation": "validation", "test": "testing"}


def export_datalist(
    selection: Selection, dataset: Dataset, folder: Path, *, target: Path | None = None, dry_run: bool = False
) -> Export:
    """Write a datalist whose `training` lacks the removed cases.

    Args:
        selection: what to remove.
        dataset: the data set that was scored.
        folder: the run's filter folder; the manifest lives here.
        target: the new file; `folder / "datalist.json"` if not given. Paths in it are relative to its folder, which is
            where MONAI's `load_decathlon_datalist` starts from by default.
        dry_run: write nothing.

    Returns:
        What was written, and a warning if entries could not be matched to cases.

    Raises:
        UsageError: the scores belong to another data set, `target` is a file of the user's, or an image is a DICOM
            series that only one of its files names.
    """
    target = (target or folder / DATALIST_NAME).resolve()
    warnings = [*check_belongs(selection, dataset), *_reading_remarks(dataset)]
    original = _own_datalist(dataset)
    if original is None:
        content = _from_cases(dataset, selection, target.parent)
    else:
        content, unknown = _from_datalist(original, dataset, selection, target.parent)
        if unknown:
            warnings.append(f"{unknown} training entries of {dataset.source} match no case and are kept")
    data = as_json(content)
    plan = [PlannedFile(target, lambda: data)]
    return Export(write_files(folder, plan, selection.rule.in_words(), dry_run), tuple(warnings))


def _reading_remarks(dataset: Dataset) -> list[str]:
    """Say how MONAI reads DICOM and labels that name their structures.

    Raises:
        UsageError: a series shares its folder with others, which MONAI's readers cannot tell apart.
    """
    lone = [case for case in dataset.cases if any(stands_for_series(image) for image in case.images)]
    if lone:
        raise UsageError(
            f"case {lone[0].case_id!r}: its DICOM series shares a folder with others, but MONAI reads one series "
            "per folder; move it to a separate folder, or use --export exclude or weights"
        )
    if any(case.label is not None and is_dicom_source(case.label) for case in dataset.cases):
        return ["labels are DICOM objects: auvseg reads them from this datalist, but MONAI cannot read RTSTRUCT"]
    if any(case.label_values for case in dataset.cases):
        return ["labels name their segments: auvseg reads them by name, MONAI by value"]
    return []


def _own_datalist(dataset: Dataset) -> dict[str, Any] | None:
    """Return the datalist that the data set was read from, if any."""
    if dataset.source is None or dataset.source.suffix.lower() != ".json":
        return None
    content = read_user_json(dataset.source)
    if not isinstance(content, dict) or not isinstance(content.get("training"), list):
        return None
    return content if all(isinstance(entry, dict) for entry in content["training"]) else None


def _from_datalist(
    original: dict[str, Any], dataset: Dataset, selection: Selection, start: Path
) -> tuple[dict[str, Any], int]:
    """Return the original without the entries of removed cases, and the number of entries of unknown cases.

    `numTraining` (decathlon) is updated; every other key stays.
    """
    content = copy.deepcopy(original)
    known = {_files_of(case.images, case.label): case.case_id for case in dataset.cases}
    gone = frozenset(selection.removed)
    ids = [known.get(_files_of_entry(entry, dataset.root)) for entry in content["training"]]
    content["training"] = [
        entry for entry, case_id in zip(content["training"], ids, strict=True) if case_id is None or case_id not in gone
    ]
    if original.get("numTraining") == len(original["training"]):
        content["numTraining"] = len(content["training"])
    for name, entries in content.items():
        if isinstance(entries, list):
            content[name] = [_moved_entry(entry, name, dataset.root, start) for entry in entries]
    return content, sum(case_id is None for case_id in ids)


def _moved_entry(entry: Any, list_name: str, root: Path, start: Path) -> Any:
    """Rewrite the paths of an entry relative to `start`; decathlon's `test` list holds bare image paths."""
    if isinstance(entry, dict):
        return {key: _moved_value(value, root, start, surely=key in ("image", "label")) for key, value in entry.items()}
    return _moved_value(entry, root, start, surely=list_name in ("test", "testing"))


def _moved_value(value: Any, root: Path, start: Path, *, surely: bool) -> Any:
    """Rewrite a path relative to `start`; absolute paths and values that name no file (unless `surely`) stay."""
    if isinstance(value, list):
        return [_moved_value(one, root, start, surely=surely) for one in value]
    if not isinstance(value, str) or Path(value).is_absolute() or start == root.resolve():
        return value
    return path_from(root / value, start) if surely or (value and (root / value).is_file()) else value


def _files_of_entry(entry: dict[str, Any], root: Path) -> tuple[tuple[Path, ...], Path | None]:
    image, label = entry.get("image"), entry.get("label")
    images = image if isinstance(image, list) else [image]
    return _files_of(
        (root / one for one in images if isinstance(one, str)), root / label if isinstance(label, str) else None
    )


def _files_of(images: Iterable[Path], label: Path | None) -> tuple[tuple[Path, ...], Path | None]:
    """Key that matches entries and cases: image and label files, so two labels of one image stay distinct."""
    return tuple(image.resolve() for image in images), None if label is None else label.resolve()


def _from_cases(dataset: Dataset, selection: Selection, start: Path) -> dict[str, Any]:
    gone = frozenset(selection.removed)
    content: dict[str, Any] = {"name": dataset.name, "training": [], "validation": [], "testing": []}
    for case in dataset.cases:
        if not (case.subset == "training" and case.case_id in gone):
            content[_LISTS[case.subset]].append(_entry_of(case, start))
    return content


def _entry_of(case: Case, start: Path) -> dict[str, Any]:
    images = [path_from(image, start) for image in case.images]
    entry: dict[str, Any] = {"image": images[0] if len(images) == 1 else images}
    if case.label is not None:
        entry["label"] = path_from(case.label, start)
    entry["case_id"] = case.case_id
    for name, value in case.attributes.items():
        if name not in entry:
            entry[name] = int(value) if name == "fold" and value.isdecimal() else value
    return entry
