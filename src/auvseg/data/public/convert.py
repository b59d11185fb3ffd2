"""Convert a public data set to nnU-Net v2 raw, case by case in workers, resumable, with a full report.

Images are never rewritten. A case that cannot be converted becomes a row of the report, and the run goes on.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

from auvseg._version import __version__
from auvseg.choices import PublicDataset
from auvseg.data.layouts.naming import some_of
from auvseg.data.public import feta, kits, lits, msd, totalsegmentator, word
from auvseg.data.public.classes import TargetClass, target_classes
from auvseg.data.public.convert_case import CaseJob, CaseResult, convert_case
from auvseg.data.public.nifti_files import ending_of
from auvseg.data.public.source import SourceCase, SourceDataset
from auvseg.data.public.target import (
    FOLDER,
    REPORT_NAME,
    Conversion,
    Row,
    TargetFolder,
    as_csv,
    files_in_words,
    open_target,
)
from auvseg.data.workers.pool import IsolatedPool
from auvseg.errors import DatasetError, UsageError, did_you_mean
from auvseg.files import atomic
from auvseg.nnunet.raw import DATASET_JSON, as_json, described, path_for_nnunet, with_cases
from auvseg.nnunet.splits import SPLITS_NAME

"""Public data sets that can be converted."""

CASE_TIMEOUT_S = 3600.0
_READERS: dict[str, ModuleType] = {
    "lits": lits,
    "totalsegmentator": totalsegmentator,
    "word": word,
    "feta": feta,
    "kits": kits,
    "msd": msd,
}
_NNUNET_NAME = re.compile(r"Dataset\d{3}_.+")
_NO_FILE_NAME = re.compile(r"[\x00-\x1f/\\<>:\"|?*$]|^\.|^$")


def convert(
    kind: PublicDataset,
    source: Path | str,
    folder: Path | str,
    *,
    copy: bool = False,
    classes: Sequence[str] = (),
    merge: Mapping[str, Sequence[str]] | None = None,
    class_map: Mapping[str, Sequence[str]] | None = None,
    regions: bool = False,
    exclude_known_bad: bool = False,
    num_workers: int = 2,
    progress: Callable[[int, int, str], None] | None = None,
) -> Conversion:
    """Convert a public data set to an nnU-Net v2 raw data set.

    Training and validation cases become nnU-Net's training cases, with the authors' split in `splits_final.json`; test
    cases that have labels go to imagesTs and labelsTs.

    Args:
        kind: which data set.
        source: its folder; only read.
        folder: the data set to write, such as `nnUNet_raw/Dataset003_Liver`: new, empty, or an earlier conversion,
            whose unchanged cases are kept.
        copy: copy the images; otherwise they stay where they are, and the converted data set refers to them.
        classes: names of the only classes to take; all if empty.
        merge: new class name → names of the classes that it is made of.
        class_map: new class name → names, in the order of the new label values; excludes `classes` and `merge`.
        regions: nnU-Net regions in place of classes, where the data set is trained so (KiTS).
        exclude_known_bad: leave out the cases that a public source names as wrong.
        num_workers: cases converted at the same time, each in a process of its own; 0 for none but this.
        progress: called with (done, total, case id) after every case.

    Returns:
        The report; also written to `conversion.csv`.

    Raises:
        UsageError: the options do not fit each other or the data set, or `folder` holds something else.
        DatasetError: `source` is not laid out as this data set is.
        RunError: `folder` cannot be written.
    """
    dataset = _find(kind, Path(source))
    if regions and (classes or merge or class_map is not None or not dataset.regions):
        has = f"{dataset.name} has none" if not dataset.regions else "leave out the options that choose classes"
        raise UsageError(f"regions are made of all of a data set's own classes; {has}")
    targets = target_classes(dataset.classes, keep=classes, merge=merge, class_map=class_map)
    ending = _ending(dataset)
    settings = {
        "dataset": kind,
        "classes": [[target.name, *target.sources] for target in targets],
        "copy": copy,
        "file ending": ending,
    }
    place = Path(folder).expanduser().absolute()
    target = open_target(place, dataset.root, settings)
    for name in (DATASET_JSON, SPLITS_NAME, REPORT_NAME):
        target.check(name)
    run = _Run(dataset, target, targets, ending, regions)
    run.sort_out(copy, exclude_known_bad)
    with IsolatedPool(num_workers, CASE_TIMEOUT_S) as pool:
        for done, outcome in enumerate(pool.map(convert_case, run.jobs), start=1):
            run.note(outcome.item, outcome.result, outcome.error or "")
            if progress is not None:
                progress(done, len(run.jobs), outcome.item.case.case_id)
    return run.finish()


def _find(kind: str, source: Path) -> SourceDataset:
    if kind not in _READERS:
        raise UsageError(f"auvseg converts no data set {kind!r}; {did_you_mean(kind, get_args(PublicDataset))}")
    place = source.expanduser().resolve()
    if not place.is_dir():
        raise DatasetError(f"{source}: there is no such folder")
    try:
        dataset: SourceDataset = _READERS[kind].find(place)
    except OSError as error:
        raise DatasetError(f"{error.filename or source}: cannot be read ({error.strerror or error})") from None
    times = Counter(case.case_id.lower() for case in dataset.cases)
    return replace(dataset, cases=tuple(_with_usable_id(case, times) for case in dataset.cases))


def _with_usable_id(case: SourceCase, times: Counter[str]) -> SourceCase:
    if _NO_FILE_NAME.search(case.case_id):
        return replace(case, failure=f"{case.case_id!r} cannot be a file name everywhere; rename the files")
    if times[case.case_id.lower()] > 1:
        return replace(case, failure="there are several cases of this name; keep one of them")
    return case


def _ending(dataset: SourceDataset) -> str:
    """The ending of the files to write: that of the images where they share one."""
    found = {ending_of(case.image) for case in dataset.cases if case.image is not None} - {None}
    return ".nii" if found == {".nii"} else ".nii.gz"


@dataclass
class _Run:
    """A conversion in the making.

    Attributes:
        dataset: the source.
        target: the folder.
        targets: classes of the converted data set.
        ending: of the files to write.
        regions: whether regions stand in place of classes.
        jobs: cases to convert.
        rows: of the report, by case id.
        results: of the cases that were converted.
    """

    dataset: SourceDataset
    target: TargetFolder
    targets: tuple[TargetClass, ...]
    ending: str
    regions: bool
    jobs: list[CaseJob] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    results: list[tuple[CaseJob, CaseResult]] = field(default_factory=list)

    def sort_out(self, copy: bool, exclude_known_bad: bool) -> None:
        """Make a job of every case that can be converted, and a row of every other."""
        for case in self.dataset.cases:
            bad = self.dataset.known_bad.get(case.case_id)
            if case.failure:
                self._end(case, "failed", case.failure)
            elif case.left_out:
                self._end(case, "left out", case.left_out)
            elif bad is not None and exclude_known_bad:
                self._end(case, "left out", f"known bad: {bad.what} ({bad.source})")
            else:
                job = CaseJob(
                    case=case,
                    root=self.dataset.root,
                    folder=self.target.path,
                    classes=self.dataset.classes,
                    targets=self.targets,
                    channel_names=self.dataset.channel_names,
                    ending=self.ending,
                    copy=copy,
                )
                self.jobs.append(job)

    def note(self, job: CaseJob, result: CaseResult | None, reason: str) -> None:
        """Note how a case ended."""
        if result is None:
            self._end(job.case, "failed", reason)
        else:
            self.rows += result.record.rows
            bad = self.dataset.known_bad.get(job.case.case_id)
            if bad is not None:
                self.rows.append(Row(job.case.case_id, job.case.subset, "known bad", f"{bad.what} ({bad.source})", ""))
            self.results.append((job, result))

    def _description(self, reorient: bool, training: int) -> dict[str, Any]:
        """What nnU-Net must know, whether it is to turn every case to one orientation, and where the data come from."""
        dataset = self.dataset
        labels: dict[str, int | list[int]] = {"background": 0}
        if self.regions:
            regions = dataset.regions.items()
            labels |= {name: list(values) if len(values) > 1 else values[0] for name, values in regions}
        else:
            labels |= {target.name: target.value for target in self.targets}
        content = described(dataset.channel_names, labels, self.ending, training) | {
            "name": dataset.name,
            "reference": dataset.reference,
            "licence": dataset.licence,
            "converted_by": f"auvseg {__version__}",
        }
        if self.regions:
            content["regions_class_order"] = list(dataset.regions_class_order)
        if reorient:
            content["overwrite_image_reader_writer"] = "NibabelIOWithReorient"
        return content

    def finish(self) -> Conversion:
        """Write the description, the split and the report."""
        entries: dict[str, dict[str, Any]] = {}
        for job, result in self.results:
            if job.case.subset != "test":
                entries[job.case.case_id] = self._entry(job, result)
        axcodes = sorted({result.record.axcodes for _, result in self.results})
        reorient = self.dataset.reorient or len(axcodes) > 1
        notes = [*self.dataset.notes, *self._notes(axcodes, reorient)]
        if entries:
            content = with_cases(self._description(reorient, len(entries)), dict(sorted(entries.items())))
            self.target.write(DATASET_JSON, as_json(content))
        else:
            self.target.remove(DATASET_JSON)
            notes.append(f"no training case was converted: there is no {DATASET_JSON}")
        self._write_split(notes)
        rows = tuple(sorted(self.rows, key=lambda row: row.case))
        self.target.write(REPORT_NAME, as_csv(rows).encode("utf-8"))
        atomic.clear_left_overs(self.target.path)
        kept = sum(result.kept for _, result in self.results)
        return Conversion(self.target.path, rows, kept, tuple(notes))

    def _end(self, case: SourceCase, event: Literal["failed", "left out"], detail: str) -> None:
        self.rows.append(Row(case.case_id, case.subset, event, detail, files_in_words(case.files(), self.dataset.root)))

    def _entry(self, job: CaseJob, result: CaseResult) -> dict[str, Any]:
        images = list(result.record.images)
        if None in images and job.case.image is not None:
            images = [path_for_nnunet(job.case.image, self.target.path)]
        return {"images": images, "label": result.record.label}

    def _write_split(self, notes: list[str]) -> None:
        """The authors' split as nnU-Net's, where they have validation cases."""
        ids: dict[str, list[str]] = {"training": [], "validation": [], "test": []}
        for job, _ in self.results:
            ids[job.case.subset].append(job.case.case_id)
        if not ids["validation"] or not ids["training"]:
            self.target.remove(SPLITS_NAME)
            return
        split = [{"train": sorted(ids["training"]), "val": sorted(ids["validation"])}]
        self.target.write(SPLITS_NAME, as_json(split))
        notes.append(
            f"the authors' validation cases are fold 0 of {SPLITS_NAME}: copy it to nnU-Net's preprocessed folder"
        )

    def _notes(self, axcodes: list[str], reorient: bool) -> list[str]:
        notes = []
        if reorient:
            notes.append(
                f"images are stored as {', '.join(axcodes)}: nnU-Net is told to turn them (NibabelIOWithReorient)"
            )
        bad = sorted({row.case for row in self.rows if row.event == "known bad"})
        if bad:
            notes.append(f"{len(bad)} cases are known to be bad ({some_of(bad)}); --exclude-known-bad leaves them out")
        endings = {ending_of(job.case.image) for job, _ in self.results if job.case.image is not None}
        if len(endings) > 1:
            notes.append("some images are .nii and some .nii.gz; nnU-Net reads them, other tools want one ending")
        notes += _notes_on_name(self.target.path)
        known = {case.case_id for case in self.dataset.cases}
        gone = sorted(path.stem for path in (self.target.path / FOLDER).glob("*.json") if path.stem not in known)
        if gone:
            notes.append(f"{some_of(gone)} are no longer in the source: not in {DATASET_JSON}, their labels stay")
        return notes


def _notes_on_name(folder: Path) -> list[str]:
    """What nnU-Net will not like about the folder's name."""
    if not _NNUNET_NAME.fullmatch(folder.name):
        return [f"nnU-Net wants a name such as Dataset003_Liver; rename the folder {folder.name}"]
    number = folder.name[: len("Dataset000_")]
    same = sorted(path.name for path in folder.parent.glob(f"{number}*") if path.name != folder.name)
    if not same:
        return []
    return [f"{same[0]} has the same number; nnU-Net wants every number once, so rename one of the two"]
