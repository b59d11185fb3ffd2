"""Records to the scores table: one row a case and class.

The records are the truth, `scores.csv` is made of them. Columns that somebody added to that file are kept, and are part
of the table too: who looks at cases in a spreadsheet can rank and filter by what was written there.
"""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from auvseg.cohort.compared import cohort_columns
from auvseg.files import atomic
from auvseg.files.safe_csv import table_as_csv, unguarded, unguarded_texts
from auvseg.scoring.columns import CASE_COLUMNS, Columns, own_name
from auvseg.scoring.record import CaseFacts, CaseInputs, Record, each_record
from auvseg.scoring.table_cache import keep, kept, stamp_of

_log = logging.getLogger(__name__)
_CSV, _PARQUET = "scores.csv", "scores.parquet"
_TABLE, _CASES = "table", "cases"
_ROW = ["case", "class_id"]


def scores_table(records: Iterable[Record]) -> pd.DataFrame:
    """One row a case and class, sorted by case and class; a case without classes is one row with its reason.

    Where the data set does not declare its classes, the classes of all cases together count, and a case that lacks one
    gets a row `absent`.

    Returns:
        Columns `KEY_COLUMNS`, then every measure that was asked for (missing as NaN), the measures that compare a case
        with the others (`auvseg.cohort.compared`), then the data set's own columns.
    """
    return _compared(Columns(records))


def load_scores(run_folder: Path) -> pd.DataFrame:
    """The scores table of a run, with the columns that somebody added to its `scores.csv` last, as text.

    Raises:
        RunError: the folder holds no records.
    """
    return _with_added_columns(run_folder, recorded_scores(run_folder))


def recorded_scores(run_folder: Path) -> pd.DataFrame:
    """The scores table of a run, made from its records.

    Of a large run the table is kept (`auvseg.scoring.table_cache`), and made anew when any record has changed.

    Raises:
        RunError: the folder holds no records.
    """
    known = kept(run_folder, (_TABLE,))
    _log.debug("%s: the table was %s", run_folder, "made of the records" if known is None else "kept in cache/")
    return known[0] if known is not None else _made(run_folder)[0]


def load_run(run_folder: Path) -> tuple[pd.DataFrame, list[CaseFacts]]:
    """The scores table of a run, and what else is known of its cases, by case id.

    Raises:
        RunError: the folder holds no records.
    """
    known = kept(run_folder, (_TABLE, _CASES))
    table, cases = known if known is not None else _made(run_folder)
    return _with_added_columns(run_folder, table), _facts(cases)


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
    """Write `scores.csv` and `scores.parquet`; floats in their shortest exact form, so both hold the same numbers.

    Columns that somebody added to an earlier `scores.csv` stay in it.
    """
    atomic.write_text(run_folder / _CSV, table_as_csv(_with_added_columns(run_folder, table)))
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    atomic.write_bytes(run_folder / _PARQUET, buffer.getvalue())


def _with_added_columns(run_folder: Path, table: pd.DataFrame) -> pd.DataFrame:
    """The table with the columns of `scores.csv` that auvseg did not write, by case and class; as it is without any."""
    path = run_folder / _CSV
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            headings = next(csv.reader(file), [])
        names = {heading: unguarded(heading) for heading in headings if heading}
        added = {heading: name for heading, name in names.items() if not {name, own_name(name)} & {*table.columns}}
        written = _columns_of(run_folder / _PARQUET) if added else ()
        added = {heading: name for heading, name in added.items() if name not in written}
        if not added or not set(_ROW) <= names.keys():
            return table
        found = pd.read_csv(path, usecols=[*_ROW, *added], dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError, csv.Error):
        return table  # somebody made another file of it
    found = unguarded_texts(found).rename(columns={name: own_name(name) for name in added.values()})
    numbers = pd.to_numeric(found["class_id"], errors="coerce")
    found["class_id"] = numbers.where(numbers % 1 == 0).astype("Float64").astype("Int64")
    with_added = table.merge(found.drop_duplicates(_ROW), on=_ROW, how="left")
    return with_added.fillna({own_name(name): "" for name in added.values()})


def _columns_of(path: Path) -> Sequence[str]:
    """The columns that auvseg wrote: `scores.parquet` has them and nothing of anybody else's."""
    from pyarrow import ArrowException, parquet

    try:
        names: list[str] = parquet.read_schema(path).names
    except (OSError, ArrowException):
        return ()
    return names


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
