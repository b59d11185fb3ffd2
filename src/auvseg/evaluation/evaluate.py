"""Match predicted files with cases, evaluate them, and summarise the metrics by class."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from auvseg.data.case import Case, ClassDef, Dataset
from auvseg.data.check.findings import Kind
from auvseg.data.layouts.naming import is_hidden, some_of, stem
from auvseg.data.reading import is_supported
from auvseg.data.workers.pool import IsolatedPool
from auvseg.errors import DatasetError, UsageError, did_you_mean
from auvseg.evaluation.metrics import CaseEvaluation, ClassEvaluation, EvaluationTask, evaluate_case
from auvseg.evaluation.pair import Names
from auvseg.nnunet.splits import near_ids
from auvseg.wording import counted

_PROBABILITIES = ".npz"
"""nnU-Net stores class probabilities under this ending, beside the predicted labels."""


@dataclass(frozen=True)
class Matches:
    """Predicted files by case.

    Attributes:
        found: predicted file by case id.
        ambiguous: names of several files that could be the prediction, by case id.
        unknown: names of predicted files that belong to no labelled case.
    """

    found: dict[str, Path]
    ambiguous: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]


def match_predictions(folder: Path, cases: Sequence[Case]) -> Matches:
    """Find a file for every labelled case: named after the case, or after its label file where that name is unique.

    Of several formats that of the label is taken; `.npz` only where there is nothing else.

    Args:
        folder: folder of the predictions.
        cases: the labelled cases.

    Raises:
        DatasetError: the folder does not exist, or no file in it belongs to a case.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not is_hidden(path))
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read as a folder of predictions ({error.strerror})") from None
    names = _names(cases)
    wanted = {name for _, name in names}
    by_name: dict[str, list[Path]] = {}
    for path in filter(is_supported, files):
        name = stem(path.name)
        # 3D Slicer's ending is `.seg.nrrd`.
        by_name.setdefault(name if name in wanted else name.removesuffix(".seg"), []).append(path)
    found, ambiguous, taken = {}, {}, set()
    for case, name in names:
        if name not in by_name or case.case_id in found:
            continue
        taken.add(name)
        candidates = _preferred(by_name[name], case.label)
        if len(candidates) == 1:
            found[case.case_id] = candidates[0]
        else:
            ambiguous[case.case_id] = tuple(path.name for path in candidates)
    unknown = tuple(path.name for name in sorted(set(by_name) - taken) for path in by_name[name])
    if not found and not ambiguous:
        example = f"{cases[0].case_id}.nii.gz" if cases else "CASE.nii.gz"
        near = next(iter(near_ids(by_name, [case.case_id for case in cases]).items()), None)
        there = f" by its name; there is {by_name[near[0]][0].name} for {near[1]}" if near else ""
        raise DatasetError(f"{folder.name}: contains no prediction of a labelled case{there}; name them like {example}")
    return Matches(found, ambiguous, unknown)


def _names(cases: Sequence[Case]) -> list[tuple[Case, str]]:
    """Return possible names of a case's prediction, preferred ones first."""
    ids = {case.case_id for case in cases}
    labels = Counter(stem(case.label.name) for case in cases if case.label is not None)
    own = [(case, case.case_id) for case in cases]
    of_label = [(case, stem(case.label.name)) for case in cases if case.label is not None]
    return own + [(case, name) for case, name in of_label if labels[name] == 1 and name not in ids]


def _preferred(files: list[Path], label: Path | None) -> list[Path]:
    ending = "" if label is None else label.name[len(stem(label.name)) :].lower()
    alike = [path for path in files if ending and path.name.lower().endswith(ending)]
    others = [path for path in files if not path.name.lower().endswith(_PROBABILITIES)]
    return alike[:1] or others or files


METRICS = ("dice", "iou", "surface_dice", "hd95_mm", "volume_ml", "predicted_ml")
COLUMNS = ("case", "class_id", "class", *METRICS, "status", "reason")
COUNTS = {metric: f"{metric}_n" for metric in METRICS}
_ONE_SIDED = ("absent", "missed", "extra")
SUMMARY_COLUMNS = (
    *("class_id", "class", "cases", "of", *METRICS, *COUNTS.values(), "median_dice"),
    *(*_ONE_SIDED, "worst", "worst_dice"),
)
READ_TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        table: one row per case and class, `COLUMNS`; sorted. `status` is `ok`, `absent` (in neither label nor
            prediction: no number) or `failed` (one row without a class, with its reason).
        notes: what a reader should know, one sentence each.
    """

    table: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def failed(self) -> pd.DataFrame:
        """The rows of cases without numbers."""
        return self.table[self.table["status"] == "failed"]


def evaluate(
    dataset: Dataset,
    predictions: Path,
    *,
    classes: Sequence[str] = (),
    tolerance_mm: float | None = 1.0,
    only_predicted: bool = False,
    num_workers: int = 2,
    timeout_s: float | None = READ_TIMEOUT_S,
    progress: Callable[[int, int, str], None] | None = None,
) -> Evaluation:
    """Compare every labelled case with its prediction.

    A subset (training, validation, test) of which nothing is predicted is left out. Regions are compared as regions,
    voxels that are labelled "ignore" do not count.

    Args:
        dataset: the labels.
        predictions: folder with one file a case.
        classes: names or numbers of the classes to compare; all if empty.
        tolerance_mm: of the surface Dice; None leaves surfaces out, which is much faster.
        only_predicted: cases without a prediction are left out instead of being rows that failed.
        num_workers: cases read at the same time, each in a process of its own; 0 reads them in this process.
        timeout_s: a case that takes longer fails; None waits forever.
        progress: called with (done, total, case id) after every case.

    Raises:
        DatasetError: the folder holds no prediction of a labelled case.
        UsageError: a class that the data set does not declare, or a negative tolerance.
    """
    if tolerance_mm is not None and not 0 <= tolerance_mm < math.inf:
        raise UsageError(f"the tolerance must be a distance in mm, not {tolerance_mm:g}")
    asked = _asked(dataset.classes, classes)
    cases = [case for case in dataset.cases if case.label is not None]
    if not cases:
        raise DatasetError(f"{dataset.name}: has no labels to compare with")
    matches = match_predictions(predictions, cases)
    cases, notes = _to_compare(cases, matches, only_predicted)
    usable = {case.case_id for case in cases if case.case_id in matches.found and not case.problem}
    tasks = [_task(dataset, case, matches, asked, tolerance_mm) for case in cases if case.case_id in usable]
    rows = [_failed(case, matches) for case in cases if case.case_id not in usable]
    evaluated: dict[str, CaseEvaluation] = {}
    with IsolatedPool(num_workers, timeout_s) as pool:
        for done, outcome in enumerate(pool.map(evaluate_case, tasks), start=1):
            case_id = outcome.item.case_id
            if outcome.result is None:
                rows.append(_failed_row(case_id, outcome.error or "no reason given"))
            else:
                evaluated[case_id] = outcome.result
            if progress is not None:
                progress(done, len(tasks), case_id)
    rows += _rows(evaluated, asked)
    notes += [note for result in evaluated.values() for note in result.notes]
    notes += _doubts(evaluated)
    return Evaluation(_table(rows), tuple(notes))


def _doubts(evaluated: Mapping[str, CaseEvaluation]) -> Iterator[str]:
    """Say why distances are unreliable, one sentence for all cases of a kind."""
    found: dict[Kind, dict[str, str]] = defaultdict(dict)
    for case_id, result in sorted(evaluated.items()):
        for doubt in result.doubts:
            found[doubt.kind].setdefault(case_id, doubt.message)
    for _, messages in sorted(found.items()):
        labels = f"{len(messages)} of {counted(len(evaluated), 'label')} ({some_of(list(messages))})"
        yield f"distances and volumes are unreliable in {labels}: {next(iter(messages.values()))}"


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise an evaluation by class: every mean with the number of values behind it.

    A class that only the prediction or only the label contains has Dice, IoU and surface Dice 0 and no HD95. So a mean
    HD95 can be over fewer cases than the mean Dice, and does not reflect missed cases.

    Returns:
        One row per class: `class_id, class`; `cases`, those with a Dice, and `of`, all of the evaluation, failed ones
        included; the mean of every metric, and as `dice_n`, `hd95_mm_n`, ... over how many cases it is; `median_dice`;
        `absent`, `missed` and `extra`, the cases in neither label nor prediction, in the label alone and in the
        prediction alone; `worst` (case of the lowest Dice) and `worst_dice`. With several classes a last row,
        `class_id` missing, with the mean over the classes of the means (nnU-Net's foreground mean; its `iou` is the
        mIoU), and over how many values of how many these are.
    """
    of = table["case"].nunique()
    rows = [
        {"class_id": class_id, "class": name, "of": of} | _summary(group)
        for (class_id, name), group in table[table["class_id"].notna()].groupby(["class_id", "class"], sort=True)
    ]
    summary = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    counts = ("cases", "of", *COUNTS.values(), *_ONE_SIDED)
    if len(summary) > 1:
        totals = {name: summary[name].sum() for name in counts}
        means = {name: summary[name].mean() for name in (*METRICS, "median_dice")}
        summary.loc[len(summary)] = {"class": "mean of the classes", "worst": "", **totals, **means}
    return summary.astype(dict.fromkeys(("class_id", *counts), "Int64"))


def held_by_one(table: pd.DataFrame) -> dict[int, dict[str, list[str]]]:
    """Find the cases in which a class is not in both label and prediction.

    Returns:
        By class id the case ids that are `absent` (in neither), `missed` (in the label alone) and `extra` (in the
        prediction alone).
    """
    result = {}
    for class_id in sorted(table["class_id"].dropna().unique().tolist()):
        group = table[table["class_id"] == class_id]
        result[class_id] = {what: group.loc[held, "case"].tolist() for what, held in _held_by(group).items()}
    return result


def _summary(group: pd.DataFrame) -> dict[str, object]:
    """Summarise the rows of one class."""
    known = group[group["dice"].notna()]
    lowest = known.sort_values(["dice", "case"]).head(1)
    return {
        "cases": len(known),
        **{metric: known[metric].mean() for metric in METRICS},
        **{COUNTS[metric]: known[metric].count() for metric in METRICS},
        "median_dice": known["dice"].median(),
        **{what: held.sum() for what, held in _held_by(group).items()},
        "worst": lowest["case"].squeeze() if len(lowest) else "",
        "worst_dice": lowest["dice"].min(),
    }


def _held_by(group: pd.DataFrame) -> dict[str, "pd.Series[bool]"]:
    labelled, predicted = group["volume_ml"] > 0, group["predicted_ml"] > 0
    held = (group["dice"].isna(), labelled & ~predicted, predicted & ~labelled)
    return dict(zip(_ONE_SIDED, held, strict=True))


def _asked(declared: tuple[ClassDef, ...] | None, names: Sequence[str]) -> tuple[ClassDef, ...] | None:
    if not names:
        return declared
    if declared is None:
        if not all(name.isdecimal() for name in names):
            raise UsageError("the data set declares no classes; name them by their label values")
        return tuple(ClassDef(int(name), name, (int(name),)) for name in names)
    known = {one.name: one for one in declared} | {str(one.class_id): one for one in declared}
    unknown = [name for name in names if name not in known]
    if unknown:
        hint = did_you_mean(unknown[0], (one.name for one in declared))
        raise UsageError(f"the data set has no class {unknown[0]!r}; {hint}")
    return tuple(dict.fromkeys(known[name] for name in names))


def _to_compare(cases: list[Case], matches: Matches, only_predicted: bool) -> tuple[list[Case], list[str]]:
    """Return the cases that should have a prediction, and notes about the others."""
    named = matches.found.keys() | matches.ambiguous.keys()
    subsets = {case.subset for case in cases if case.case_id in named}
    notes = [
        f"the {subset} cases have no predictions; they are left out"
        for subset in sorted({case.subset for case in cases} - subsets)
    ]
    if matches.unknown:
        shown = ", ".join(matches.unknown[:3]) + (" ..." if len(matches.unknown) > 3 else "")
        notes.append(f"{len(matches.unknown)} files belong to no labelled case: {shown}")
    kept = [case for case in cases if case.subset in subsets]
    if only_predicted:
        predicted = [case for case in kept if case.case_id in named]
        if len(predicted) < len(kept):
            notes.append(f"{len(kept) - len(predicted)} cases without a prediction are left out")
        kept = predicted
    return kept, notes


def _task(
    dataset: Dataset, case: Case, matches: Matches, asked: tuple[ClassDef, ...] | None, tolerance_mm: float | None
) -> EvaluationTask:
    assert case.label is not None
    by_name = {one.name: one.values[0] for one in dataset.classes or () if len(one.values) == 1}
    return EvaluationTask(
        case_id=case.case_id,
        label=case.label,
        prediction=matches.found[case.case_id],
        classes=asked,
        declared=None if dataset.classes is None else frozenset(v for one in dataset.classes for v in one.values),
        ignore_value=dataset.ignore_value,
        tolerance_mm=tolerance_mm,
        names=Names(case.label_values, by_name, case.images[0]),
    )


def _failed(case: Case, matches: Matches) -> dict[str, object]:
    several = matches.ambiguous.get(case.case_id)
    reason = f"several predictions: {', '.join(several)}; keep one" if several else "there is no prediction"
    return _failed_row(case.case_id, case.problem or reason)


def _failed_row(case_id: str, reason: str) -> dict[str, object]:
    return {"case": case_id, "class_id": None, "class": "", "status": "failed", "reason": reason}


def _rows(evaluated: dict[str, CaseEvaluation], asked: tuple[ClassDef, ...] | None) -> Iterable[dict[str, object]]:
    """Make one row per case and class; if no classes are declared, those found in any case count."""
    found = {one.class_def for result in evaluated.values() for one in result.classes}
    classes = sorted(found, key=lambda one: one.class_id) if asked is None else asked
    for case_id, result in evaluated.items():
        by_class = {one.class_def: one for one in result.classes}
        for class_def in classes:
            yield _row(case_id, class_def, by_class.get(class_def))


def _row(case_id: str, class_def: ClassDef, known: ClassEvaluation | None) -> dict[str, object]:
    row: dict[str, object] = {"case": case_id, "class_id": class_def.class_id, "class": class_def.name}
    if known is None or math.isnan(known.dice):
        return row | {"status": "absent", "reason": "neither label nor prediction contains this class"}
    reason = ""
    if known.volume_ml == 0 or known.predicted_ml == 0:
        reason = "the label lacks this class" if known.volume_ml == 0 else "the prediction lacks this class"
    return row | {metric: getattr(known, metric) for metric in METRICS} | {"status": "ok", "reason": reason}


def _table(rows: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["class_id"] = table["class_id"].astype("Int64")
    table[list(METRICS)] = table[list(METRICS)].astype(np.float64)
    return table.sort_values(["case", "class_id"], kind="stable", ignore_index=True)
