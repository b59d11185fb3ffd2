"""Records to the scores table: one row a case and class."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from auvseg import atomic
from auvseg.measures.catalogue import MEASURES
from auvseg.scoring.cohort import Features, cohort_columns
from auvseg.scoring.record import ClassScore, Record, read_records, unpacked
from auvseg.spreadsheet import table_as_csv

KEY_COLUMNS = ("case", "subset", "class_id", "class", "status", "reason")
"""The columns that every scores table begins with; the measures and then the data set's own columns follow."""


def scores_table(records: Sequence[Record]) -> pd.DataFrame:
    """One row a case and class, sorted by case and class; a case without classes is one row with its reason.

    Where the data set does not declare its classes, the classes of all cases together count, and a case that lacks one
    gets a row `absent`.

    Returns:
        Columns `KEY_COLUMNS`, then every measure that was asked for (missing as NaN), the measures that compare a case
        with the others (`auvseg.scoring.cohort`), then the data set's own columns.
    """
    names = {(score.class_id, score.name) for record in records for score in record.classes}
    attributes = sorted({name for record in records for name in record.attributes})
    rows = []
    for record in records:
        shared = {f"{_own_name(name)}": record.attributes.get(name, "") for name in attributes}
        for score in _with_absent(record, names):
            rows.append(_row(record, score) | shared)
    measures = [name for name in MEASURES if any(name in r.setup["config"]["measures"] for r in records)]
    own = [_own_name(name) for name in attributes]
    table = pd.DataFrame(rows, columns=[*KEY_COLUMNS, *measures, *own])
    table["class_id"] = table["class_id"].astype("Int64")
    table[measures] = table[measures].astype("float64")
    table = table.sort_values(["case", "class_id"], kind="stable", ignore_index=True)
    compared = cohort_columns(table, _features(records))
    return pd.concat([table.drop(columns=own), compared, table[own]], axis=1)


def load_scores(run_folder: Path) -> pd.DataFrame:
    """The scores table of a run, made from its records, which are the truth.

    Raises:
        RunError: the folder holds no records.
    """
    return scores_table(read_records(run_folder))


def write_tables(run_folder: Path, table: pd.DataFrame) -> None:
    """Write `scores.csv` and `scores.parquet`; floats in their shortest exact form, so both hold the same numbers."""
    atomic.write_text(run_folder / "scores.csv", table_as_csv(table))
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    atomic.write_bytes(run_folder / "scores.parquet", buffer.getvalue())


def _features(records: Sequence[Record]) -> Features:
    return {
        (record.case_id, score.class_id): unpacked(score.embedding)
        for record in records
        for score in record.classes
        if score.embedding is not None
    }


def _own_name(attribute: str) -> str:
    """A data set's own column under a name that cannot hide one of ours."""
    return f"dataset_{attribute}" if attribute in KEY_COLUMNS or attribute in MEASURES else attribute


def _with_absent(record: Record, names: set[tuple[int, str]]) -> list[ClassScore | None]:
    if record.status == "failed" or (not record.classes and not names):
        return [None]
    known = {score.class_id: score for score in record.classes}
    absent = [
        ClassScore(class_id, name, "absent", "the label does not hold this class", 0, 0, {})
        for class_id, name in names
        if class_id not in known
    ]
    return [*known.values(), *absent]


def _row(record: Record, score: ClassScore | None) -> dict[str, object]:
    if score is None:
        return {
            "case": record.case_id,
            "subset": record.subset,
            "class_id": None,
            "class": "",
            "status": record.status,
            "reason": record.reason,
        }
    return {
        "case": record.case_id,
        "subset": record.subset,
        "class_id": score.class_id,
        "class": score.name,
        "status": score.status,
        "reason": score.reason,
        **score.measures,
    }
