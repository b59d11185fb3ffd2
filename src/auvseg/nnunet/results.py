"""Read nnU-Net's `summary.json` of one validation folder, or of all folds below a results folder.

    {"metric_per_case": [{"reference_file": ..., "prediction_file": ..., "metrics": {"1": {"Dice": 0.9, ...}}}], ...}

Keys of `metrics` are label values, or regions written as "(1, 2)" (nnU-Net 2.8, evaluation/evaluate_predictions.py).
Their names are in the `dataset.json` that nnU-Net copies into its results, or in the run's data set.
"""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from auvseg.bench.correlation.metrics import MetricRow, Metrics, check_unique
from auvseg.data.case import ClassDef
from auvseg.data.layouts.dataset_json import Remarks, load_json
from auvseg.data.layouts.naming import clean_id, stem
from auvseg.data.layouts.nnunet_labels import read_labels
from auvseg.errors import DatasetError, UsageError, did_you_mean
from auvseg.files.text import read_json

SUMMARY = "summary.json"
VALIDATION = "validation"
_KEY = re.compile(r"\(?\s*\d+(\s*,\s*\d+)*\s*,?\s*\)?")
_ALL_CASES = "fold_all"
"""Fold trained on every case: its metrics are not out-of-fold."""


def find_summaries(folder: Path) -> list[Path]:
    """The summaries of a validation folder, of the folds of a results folder, or of nnU-Net's joined folds.

    Joined folds (`crossval_results_folds_*`) are copies of the folds and read only where no fold has its own summary.

    Raises:
        UsageError: `fold_all` is all there is.
    """
    if (folder / SUMMARY).is_file():
        return [folder / SUMMARY]
    if (folder / VALIDATION / SUMMARY).is_file():
        return [folder / VALIDATION / SUMMARY]
    folds = [path for path in sorted(folder.glob(f"fold_*/{VALIDATION}/{SUMMARY}")) if _fold_of(path) != _ALL_CASES]
    found = folds or sorted(folder.glob(f"crossval_results_folds_*/{SUMMARY}"))
    if not found and (folder / _ALL_CASES / VALIDATION / SUMMARY).is_file():
        raise UsageError(f"{folder.name}: only fold_all is there, which was trained on every case; train single folds")
    return [path for path in found if path.is_file()]


def read_summaries(
    paths: Sequence[Path], metric: str, fallback: Callable[[], Sequence[ClassDef] | None] = lambda: None
) -> Metrics:
    """Read the summaries of one fold or several.

    Args:
        paths: the files.
        metric: which of nnU-Net's metrics, as `Dice`; capitals do not matter.
        fallback: called for the classes where no `dataset.json` lies beside a summary; None where they are not known.

    Raises:
        UsageError: a file is no summary, lacks the metric, has a case that another fold has, or a region that nothing
            explains.
    """
    rows: list[MetricRow] = []
    fold_of: dict[str, str] = {}
    notes = []
    for path in paths:
        where = f"{_fold_of(path)}/{SUMMARY}"
        found = list(_rows(_load(path), metric, _classes_beside(path) or fallback(), where))
        check_unique(found, where)
        for case in {row.case for row in found}:
            if case in fold_of:
                raise UsageError(
                    f"case {case!r} is in {fold_of[case]} and in {where}: not out-of-fold; name one of the two"
                )
            fold_of[case] = where
        rows += found
        if _fold_of(path) == _ALL_CASES:
            notes.append("fold_all was trained on these very cases: its numbers are not out-of-fold")
    return Metrics(
        metric, True, tuple(rows), tuple(f"{_fold_of(path)}/{path.name}" for path in paths), notes=tuple(notes)
    )


def _fold_of(path: Path) -> str:
    return path.parent.parent.name if path.parent.name == VALIDATION else path.parent.name


def _load(path: Path) -> list[Any]:
    try:
        content = read_json(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError:
        raise UsageError(f"{path}: is no valid JSON") from None
    entries = content.get("metric_per_case") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path}: is no summary.json of nnU-Net, which lists its cases under 'metric_per_case'")
    return entries


def _classes_beside(path: Path) -> tuple[ClassDef, ...] | None:
    """The classes of the `dataset.json` that nnU-Net puts beside predictions, or above its folds."""
    folders = [path.parent, *([path.parent.parent.parent] if path.parent.name == VALIDATION else [])]
    for folder in folders:
        if (folder / "dataset.json").is_file():
            try:
                return read_labels(load_json(folder / "dataset.json"), "dataset.json", Remarks())[0]
            except DatasetError:
                continue
    return None


def _rows(entries: Sequence[Any], metric: str, classes: Sequence[ClassDef] | None, where: str) -> Iterator[MetricRow]:
    for entry in entries:
        try:
            case = _case_of(str(entry.get("prediction_file") or entry["reference_file"]))
            by_key = {str(key): dict(values) for key, values in entry["metrics"].items()}
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UsageError(f"{where}: an entry of 'metric_per_case' lacks its files or its metrics") from None
        for key, values in by_key.items():
            label = _values_of(key, where)
            if label != {0}:
                class_id, name = _class_of(key, label, classes, where)
                yield MetricRow(case, class_id, name, _value(values, metric, where))


def _case_of(file: str) -> str:
    """The case id of a path that may have been written on another system."""
    name = file.rsplit("/", 1)[-1] if "/" in file else file.rsplit("\\", 1)[-1]
    return clean_id(stem(name))


def _values_of(key: str, where: str) -> frozenset[int]:
    if not _KEY.fullmatch(key):
        raise UsageError(f"{where}: {key!r} is neither a label value nor a region such as '(1, 2)'")
    return frozenset(int(number) for number in re.findall(r"\d+", key))


def _class_of(
    key: str, label: frozenset[int], classes: Sequence[ClassDef] | None, where: str
) -> tuple[int | None, str]:
    for one in classes or ():
        if frozenset(one.values) == label:
            return one.class_id, one.name
    if classes is not None:
        return None, key
    if len(label) > 1:
        raise UsageError(
            f"{where}: the region {key!r} has no name: neither a dataset.json beside it nor the run's data set can be "
            "read; put nnU-Net's dataset.json beside the summary"
        )
    (value,) = label
    return value, str(value)


def _value(values: dict[str, Any], metric: str, where: str) -> float:
    alike = [name for name in values if name.casefold() == metric.casefold()]
    if not alike:
        raise UsageError(f"{where}: has no {metric!r}; {did_you_mean(metric, values)}")
    value = values[alike[0]]
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{where}: {alike[0]} is {value!r}, not a number")
    return float(value) if math.isfinite(value) else math.nan
