"""Records to the scores table: one row a case and class."""

import io
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from auvseg import atomic
from auvseg.scoring.cohort import cohort_columns
from auvseg.scoring.columns import CASE_COLUMNS, KEY_COLUMNS, Columns
from auvseg.scoring.kept import keep, kept, stamp_of
from auvseg.scoring.record import CaseFacts, CaseInputs, Record, each_record
from auvseg.spreadsheet import table_as_csv

__all__ = ["KEY_COLUMNS", "load_cases", "load_run", "load_scores", "scores_table", "write_tables"]

_TABLE, _CASES = "table", "cases"


def scores_table(records: Iterable[Record]) -> pd.DataFrame:
    """One row a case and class, sorted by case and class; a case without classes is one row with its reason.

    Where the data set does not declare its classes, the classes of all cases together count, and a case that lacks one
    gets a row `absent`.

    Returns:
        Columns `KEY_COLUMNS`, then every measure that was asked for (missing as NaN), the measures that compare a case
        with the others (`auvseg.scoring.cohort`), then the data set's own columns.
    """
    return _compared(Columns(records))


def load_scores(run_folder: Path) -> pd.DataFrame:
    """The scores table of a run, made from its records, which are the truth.

    Of a large run the table is kept (`auvseg.scoring.kept`), and made anew when any record has changed.

    Raises:
        RunError: the folder holds no records.
    """
    known = kept(run_folder, (_TABLE,))
    return known[0] if known is not None else _made(run_folder)[0]


def load_run(run_folder: Path) -> tuple[pd.DataFrame, list[CaseFacts]]:
    """The scores table of a run, and what else is known of its cases, by case id.

    Raises:
        RunError: the folder holds no records.
    """
    known = kept(run_folder, (_TABLE, _CASES))
    table, cases = known if known is not None else _made(run_folder)
    return table, _facts(cases)


def load_cases(run_folder: Path) -> list[CaseFacts]:
    """What a run knows of its cases beside the numbers, by case id.

    Raises:
        RunError: the folder holds no records.
    """
    known = kept(run_folder, (_CASES,))
    if known is not None:
        return _facts(known[0])
    records = sorted(each_record(run_folder), key=lambda record: record.case_id)
    return [CaseFacts(one.case_id, one.status, one.reason, one.warnings, one.inputs) for one in records]


def write_tables(run_folder: Path, table: pd.DataFrame) -> None:
    """Write `scores.csv` and `scores.parquet`; floats in their shortest exact form, so both hold the same numbers."""
    atomic.write_text(run_folder / "scores.csv", table_as_csv(table))
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    atomic.write_bytes(run_folder / "scores.parquet", buffer.getvalue())


def _facts(cases: pd.DataFrame) -> list[CaseFacts]:
    columns = (cases[name].tolist() for name in CASE_COLUMNS)
    return [
        CaseFacts(case_id, status, reason, tuple(warnings), CaseInputs(image, label))
        for case_id, status, reason, warnings, image, label in zip(*columns, strict=True)
    ]


def _made(run_folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    stamp = stamp_of(run_folder)
    columns = Columns(each_record(run_folder))
    table, cases = _compared(columns), columns.cases()
    if stamp is not None:
        keep(run_folder, {_TABLE: table, _CASES: cases}, stamp)
    return table, cases


def _compared(columns: Columns) -> pd.DataFrame:
    table, own = columns.table(), columns.own_names
    compared = cohort_columns(table, columns.features)
    return pd.concat([table.drop(columns=own), compared, table[own]], axis=1)
