"""Run an export by name."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

from auvseg.choices import ExportName
from auvseg.cohort.selection import Selection, decided
from auvseg.data.case import Dataset
from auvseg.errors import UsageError, did_you_mean
from auvseg.files.safe_csv import table_as_csv
from auvseg.filtering.datalist import export_datalist
from auvseg.filtering.exclude import export_exclude
from auvseg.filtering.ignore import export_ignore
from auvseg.filtering.manifest import Export, PlannedFile, write_files
from auvseg.filtering.splits import export_splits
from auvseg.filtering.weights import export_weights

FILTER_FOLDER = "filter"
"""Folder of a run that exports are written into, with the manifest by which they can be undone."""


def export_selection(
    name: ExportName,
    selection: Selection,
    dataset: Dataset,
    run_folder: Path,
    *,
    splits_path: Path | None = None,
    target: Path | None = None,
    dry_run: bool = False,
) -> Export:
    """Write one export of a selection into the run's filter folder, or to `target`.

    `NAME-decisions.csv` in the run's filter folder lists every decision (`auvseg.cohort.selection.decided`).

    Args:
        name: `exclude` list, nnU-Net `splits`, MONAI `datalist`, sampling `weights`, or an nnU-Net data set that sets
            the suspicious structures to `ignore`.
        selection: the selection.
        dataset: the data set that was scored.
        run_folder: folder of the run.
        splits_path: for `splits`, nnU-Net's splits_final.json to filter; it is backed up beside itself.
        target: the file, for `ignore` the folder, to write; the run's filter folder by default.
        dry_run: compute everything and write nothing.

    Raises:
        UsageError: an option that this export does not have, or one it lacks.
    """
    folder = run_folder / FILTER_FOLDER
    written = _written(name, selection, dataset, folder, splits_path=splits_path, target=target, dry_run=dry_run)
    table = table_as_csv(decided(selection, ignores=name == "ignore"))
    path = folder.resolve() / f"{name}-decisions.csv"
    plan = [PlannedFile(path, lambda: table.encode("utf-8", "surrogateescape"))]
    return replace(written, files=(*written.files, *write_files(folder, plan, selection.rule.in_words(), dry_run)))


def _written(
    name: ExportName,
    selection: Selection,
    dataset: Dataset,
    folder: Path,
    *,
    splits_path: Path | None,
    target: Path | None,
    dry_run: bool,
) -> Export:
    if splits_path is not None and name != "splits":
        raise UsageError(f"--splits goes with --export splits, not with --export {name}")
    if name == "splits":
        if target is not None:
            raise UsageError("--export splits writes to --splits or into the run folder; --to does not apply")
        return export_splits(selection, dataset, folder, splits_path=splits_path, dry_run=dry_run)
    if name == "ignore":
        if target is None:
            raise UsageError("--export ignore needs --to: the new DatasetXXX_Name folder, or the folder nnUNet_raw")
        return export_ignore(selection, dataset, folder, target=target, dry_run=dry_run)
    simple = {"exclude": export_exclude, "datalist": export_datalist, "weights": export_weights}
    if name not in simple:
        raise UsageError(f"unknown export {name!r}; {did_you_mean(name, get_args(ExportName))}")
    return simple[name](selection, dataset, folder, target=target, dry_run=dry_run)
