"""Export nnU-Net's `splits_final.json` without the removed cases: only training lists shrink.

An existing split is backed up beside itself, and every later export filters that backup, so filtering is idempotent. If
there is no split, it is the one that nnU-Net would make.
"""

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from auvseg.cohort.selection import Selection
from auvseg.data.case import Dataset
from auvseg.errors import DatasetError, UsageError
from auvseg.filtering.manifest import (
    Export,
    Manifest,
    PlannedFile,
    backup_path,
    check_belongs,
    read_manifest,
    some_of,
    write_files,
)
from auvseg.nnunet.splits import SPLITS_NAME, Fold, near_ids, near_in_words, parse_folds, split_findings
from auvseg.wording import counted

_NNUNET_FOLDS = 5
_NNUNET_SEED = 12345


def export_splits(
    selection: Selection,
    dataset: Dataset,
    folder: Path,
    *,
    splits_path: Path | None = None,
    source: Path | None = None,
    dry_run: bool = False,
) -> Export:
    """Write a split whose training lists lack the removed cases.

    Args:
        selection: what to remove.
        dataset: the data set that was scored.
        folder: the run's filter folder; the manifest lives here.
        splits_path: nnU-Net's own file, replaced in place: `nnUNet_preprocessed/DatasetXXX_Name/splits_final.json`. The
            original is kept beside it. Without it the split is written into `folder`.
        source: a split to start from, which is only read; excludes `splits_path`.
        dry_run: write nothing.

    Returns:
        What was written.

    Raises:
        UsageError: the scores or the split belong to another data set, the split has another name for a case than its
            id, a fold would have no training case left, or `splits_path` was changed since auvseg replaced it.
        DatasetError: the file is not an nnU-Net split.
    """
    if splits_path is not None and source is not None:
        raise UsageError("a split is either replaced in place or read from elsewhere, not both")
    warnings = check_belongs(selection, dataset)
    target = (splits_path or folder / SPLITS_NAME).resolve()
    original: bytes | None = None
    if splits_path is not None and (target.exists() or backup_path(target).exists()):
        original = _original_of(target, read_manifest(folder))
        folds = parse_folds(original, str(target))
    elif source is not None:
        folds = parse_folds(_content_of(source), str(source))
    else:
        folds = fresh_split(dataset)
        if splits_path is not None:
            warnings.append(f"{target} did not exist; it starts from the folds that nnU-Net would have made")
    warnings += _doubts(folds, selection, dataset)
    content = _as_json(filter_folds(folds, selection.removed), original)
    plan = [PlannedFile(target, lambda: content, original)]
    if splits_path is not None and original is None:
        unfiltered = _as_json(folds, None)
        plan.insert(0, PlannedFile(backup_path(target), lambda: unfiltered))
    return Export(write_files(folder, plan, selection.rule.in_words(), dry_run), tuple(warnings))


def fresh_split(dataset: Dataset) -> list[Fold]:
    """Make nnU-Net 2.8's folds of the labelled training cases: 5-fold, shuffled with its seed, over sorted ids.

    A data set with validation cases has one fold: train on the training cases, validate on those.

    Raises:
        UsageError: there are too few training cases for five folds.
    """
    ids = {
        subset: sorted(case.case_id for case in dataset.cases if case.subset == subset and case.label is not None)
        for subset in ("training", "validation")
    }
    training = ids["training"]
    if ids["validation"]:
        return [{"train": training, "val": ids["validation"]}]
    if len(training) < _NNUNET_FOLDS:
        raise UsageError(
            f"nnU-Net's {_NNUNET_FOLDS} folds need at least as many labelled training cases; there are {len(training)}"
        )
    # As scikit-learn's KFold, which nnU-Net uses, legacy generator included.
    shuffled = np.random.RandomState(_NNUNET_SEED).permutation(len(training))
    folds = [set(fold.tolist()) for fold in np.array_split(shuffled, _NNUNET_FOLDS)]
    return [
        {
            "train": [one for number, one in enumerate(training) if number not in fold],
            "val": [one for number, one in enumerate(training) if number in fold],
        }
        for fold in folds
    ]


def filter_folds(folds: Sequence[Fold], removed: Collection[str]) -> list[Fold]:
    """Remove cases from `train` of every fold; everything else, order included, is unchanged.

    Raises:
        UsageError: a fold that had training cases would have none.
    """
    gone = frozenset(removed)
    filtered = [{**fold, "train": [case for case in fold["train"] if case not in gone]} for fold in folds]
    for number, (before, after) in enumerate(zip(folds, filtered, strict=True)):
        if before["train"] and not after["train"]:
            raise UsageError(f"fold {number} would have no training case left; keep more")
    return filtered


def _original_of(target: Path, manifest: Manifest) -> bytes:
    """Return the split to filter: its content before auvseg first replaced it."""
    backup = backup_path(target)
    current = target.read_bytes() if target.exists() else None
    if not backup.exists():
        if current is None or manifest.wrote(target, current):
            raise UsageError(f"{target} is filtered already and its original, {backup.name}, is gone; restore it first")
        return current
    original = backup.read_bytes()
    if current not in (None, original) and not manifest.wrote(target, current):
        raise UsageError(
            f"{target} is neither what this run wrote nor its original: another run filtered it, or somebody edited "
            f"it. Undo the other run or rename {backup.name} back; to filter the present file, delete {backup.name}"
        )
    return original


def _content_of(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise DatasetError(f"{source} cannot be read: {error.strerror}") from None


def _doubts(folds: Sequence[Fold], selection: Selection, dataset: Dataset) -> list[str]:
    """Return warnings about the split.

    Raises:
        UsageError: it names no case of the data set, or not by their ids, so that removed ones would stay in it.
    """
    known = {case.case_id for case in dataset.cases}
    trained = {case for fold in folds for case in fold["train"]}
    named = trained | {case for fold in folds for case in fold["val"]}
    if near := near_ids(named, known):
        staying = sorted(set(selection.removed) & {near[name] for name in trained & near.keys()})
        stay = (
            f"; {counted(len(staying), 'removed case')} would stay in training: {some_of(staying)}" if staying else ""
        )
        raise UsageError(f"the split cannot be filtered: {near_in_words(near)}{stay}. Write the ids into it")
    if not named & known:
        raise UsageError(f"the split names none of the cases of {dataset.name}; it belongs to another data set")
    doubts = [found.message for found in split_findings(folds, dataset, SPLITS_NAME)]
    if untouched := sorted(set(selection.removed) - trained):
        doubts.append(
            f"{counted(len(untouched), 'removed case')} in no training list of the split: {some_of(untouched)}"
        )
    return doubts


def _as_json(folds: Sequence[Fold], original: bytes | None) -> bytes:
    """Format as nnU-Net does (indent 4), so unchanged parts keep their bytes; non-ASCII as in the original."""
    ascii_only = original is None or original.isascii()
    return json.dumps(folds, indent=4, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
