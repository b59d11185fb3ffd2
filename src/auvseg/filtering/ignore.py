"""Export an nnU-Net data set in which the suspicious structures are set to nnU-Net's ignore label, without copies.

The new `DatasetXXX_Name` holds a `dataset.json` whose `"dataset"` key refers to the original images and labels by
relative paths, and rewritten labels for the affected cases only. No case is dropped and no image is copied.

In detail:
- Voxels of a suspicious class in the label become "ignore". Voxels that its mask misses stay background: this does not
  repair a mask that is too small or a missing structure.
- For a region (several label values) all of its values are ignored, so regions that contain it or are contained in it
  lose those voxels too: nnU-Net has one ignore mask for all regions.
- nnU-Net makes its folds from all cases and validates on the rewritten labels without the ignored voxels. Compare
  trainings on the original labels.
- Validation cases of the data set are left out, so nnU-Net cannot train on them.
"""

import re
from functools import partial
from pathlib import Path

from auvseg.cohort.selection import Selection
from auvseg.data.case import Case, Dataset
from auvseg.errors import UsageError
from auvseg.filtering.for_nnunet import describe_for_nnunet
from auvseg.filtering.manifest import Export, PlannedFile, check_belongs, read_manifest, some_of, write_files
from auvseg.filtering.relabel import replace_values
from auvseg.nnunet.raw import DATASET_JSON, as_json, entry, with_cases
from auvseg.wording import counted

_FOLDER_NAME = re.compile(r"Dataset(\d{3})_.+")
_LAST_NUMBER = 999


def export_ignore(
    selection: Selection, dataset: Dataset, folder: Path, *, target: Path, dry_run: bool = False
) -> Export:
    """Write a data set that ignores the suspicious structures and shares everything else with the original.

    Args:
        selection: selection of scope `class`; all its suspicious structures count, whatever `combine` is.
        dataset: the data set that was scored; NIfTI or another format of nnU-Net's, one file per channel.
        folder: the run's filter folder; the manifest lives here.
        target: the new `DatasetXXX_Name` folder; or the folder `nnUNet_raw`, in which a free number or the one from an
            earlier export of this run is taken.
        dry_run: make every label, but write nothing.

    Returns:
        What was written: the labels, then `dataset.json`, so an existing data set is complete.

    Raises:
        UsageError: the selection is not of scope `class` or finds nothing, nnU-Net cannot read the data set in place, a
            file's name contains a dollar sign, or `target` is taken.
        ReadError: a label cannot be read or rewritten.
    """
    warnings = check_belongs(selection, dataset)
    affected = _affected(selection)
    target = _target_folder(target.resolve(), dataset, folder)
    labelled = _labelled_training_cases(dataset, affected, warnings)
    description = describe_for_nnunet(dataset, [case for case, _ in labelled], selection.classes)
    plan, entries = [], {}
    for case, source in labelled:
        label = source
        if case.case_id in affected:
            label = target / "labelsTr" / f"{case.case_id}{description.file_ending}"
            values = description.values_of(affected[case.case_id])
            plan.append(PlannedFile(label, partial(replace_values, source, values, description.ignore_value)))
        entries[case.case_id] = entry(case.images, label, target)
    data = as_json(with_cases(description.content, entries))
    plan.append(PlannedFile(target / DATASET_JSON, lambda: data))
    written = write_files(folder, plan, selection.rule.in_words(), dry_run)
    return Export(written, (*warnings, *_remarks(selection, affected)))


def _affected(selection: Selection) -> dict[str, list[int]]:
    """Suspicious classes by case."""
    if selection.rule.scope != "class":
        raise UsageError("the ignore export needs structures; filter with scope 'class'")
    affected: dict[str, list[int]] = {}
    for case_id, class_id in selection.suspicious_pairs:
        affected.setdefault(case_id, []).append(class_id)
    if not affected:
        raise UsageError("no structure is suspicious, so there is nothing to ignore; keep less")
    return affected


def _target_folder(target: Path, dataset: Dataset, folder: Path) -> Path:
    """Return the `DatasetXXX_Name` folder to write.

    Raises:
        UsageError: its number belongs to another data set, or the name does not follow nnU-Net's scheme.
    """
    if not _FOLDER_NAME.fullmatch(target.name):
        if re.match(r"Dataset\d*_", target.name):
            raise UsageError(f"{target.name} is not an nnU-Net name; it needs three digits, as in Dataset042_Name")
        return _earlier_folder(target, folder) or _free_folder(target, dataset)
    number = target.name[: len("Dataset000")]
    others = sorted(path.name for path in target.parent.glob(f"{number}_*") if path.name != target.name)
    if others:
        raise UsageError(f"{target.parent} already has {others[0]}; nnU-Net needs unique numbers, choose another")
    return target


def _earlier_folder(raw: Path, folder: Path) -> Path | None:
    written = [Path(name) for name in read_manifest(folder.resolve()).files]
    homes = [path.parent for path in written if path.name == "dataset.json" and path.parent.parent == raw]
    return homes[-1] if homes else None


def _free_folder(raw: Path, dataset: Dataset) -> Path:
    known = _FOLDER_NAME.fullmatch(dataset.root.name)
    taken = {int(match[1]) for path in raw.glob("Dataset*") if (match := _FOLDER_NAME.fullmatch(path.name))}
    if known:
        taken.add(int(known[1]))
    name = re.sub(r"[^A-Za-z0-9]+", "", re.sub(r"^(Dataset|Task)\d+_", "", dataset.name)) or "Data"
    for number in [*range(max(taken, default=0) + 1, _LAST_NUMBER + 1), *range(1, _LAST_NUMBER + 1)]:
        if number not in taken:
            return raw / f"Dataset{number:03d}_{name}Ignore"
    raise UsageError(f"{raw} has no free data set number; name the new folder DatasetXXX_Name yourself")


def _labelled_training_cases(
    dataset: Dataset, affected: dict[str, list[int]], warnings: list[str]
) -> list[tuple[Case, Path]]:
    """Return the cases of the new data set with their labels; omissions are added to the warnings."""
    training = [case for case in dataset.cases if case.subset == "training"]
    labelled = [(case, case.label) for case in training if case.label is not None]
    validation = sum(case.subset == "validation" for case in dataset.cases)
    if validation:
        warnings.append(f"the {validation} validation cases are left out, so that nnU-Net cannot train on them")
    if len(labelled) < len(training):
        warnings.append(f"{len(training) - len(labelled)} training cases have no label and are left out")
    unknown = sorted(affected.keys() - {case.case_id for case, _ in labelled})
    if unknown:
        raise UsageError(f"{dataset.name} has no label for {some_of(unknown)}; the scores belong to another data set")
    return labelled


def _remarks(selection: Selection, affected: dict[str, list[int]]) -> list[str]:
    held = selection.decisions[selection.decisions["held"]].groupby("case").size()
    empty = sorted(case for case, classes in affected.items() if len(classes) == held[case])
    found = selection.decisions[selection.decisions["suspicious"]]
    missing = sorted(found.loc[~found["held"], "case"].unique())
    sentences = []
    if empty:
        left = f"only background is left in {counted(len(empty), 'case')}"
        sentences.append(f"{left}, which the other exports can drop: {some_of(empty)}")
    if missing:
        nowhere = f"{counted(len(missing), 'case')} without a structure, so there are no voxels to ignore"
        sentences.append(f"{nowhere}; the other exports can drop such cases: {some_of(missing)}")
    return sentences
