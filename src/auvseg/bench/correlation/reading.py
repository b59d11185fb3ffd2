"""Read METRICS of any supported kind."""

from collections.abc import Callable, Sequence
from pathlib import Path

from auvseg.bench.correlation.metrics import Metrics, read_csv_metrics
from auvseg.data.case import ClassDef
from auvseg.errors import UsageError
from auvseg.nnunet.results import find_summaries, read_summaries

_CSV = "metrics.csv"
"""File name of `auvseg evaluate`'s table."""

_ADVICE = (
    "name the metrics.csv of auvseg evaluate, a CSV with the columns case, class and dice, or a summary.json or a "
    "results folder of nnU-Net"
)


def read_metrics(
    path: Path, column: str = "dice", classes: Callable[[], Sequence[ClassDef] | None] = lambda: None
) -> Metrics:
    """Read the metrics of a network.

    Args:
        path: a CSV; an nnU-Net `summary.json`; a folder that holds `metrics.csv`, `summary.json`, `fold_*/validation`
            or `crossval_results_folds_*`.
        column: which number: a CSV's column, or one of nnU-Net's metrics.
        classes: called where a summary's classes have no other explanation; None where they are not known.

    Raises:
        UsageError: the path is none of these, or contains two of them.
    """
    if path.is_dir():
        summaries, table = find_summaries(path), path / _CSV
        if summaries and table.is_file():
            raise UsageError(f"{path}: holds {_CSV} and summary.json; name one of the two files")
        if table.is_file():
            return read_csv_metrics(table, column)
        if not summaries:
            raise UsageError(f"{path}: contains no metrics; {_ADVICE}")
        return read_summaries(summaries, column, classes)
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder; {_ADVICE}")
    if path.suffix.lower() == ".json":
        return read_summaries([path], column, classes)
    return read_csv_metrics(path, column)
