"""Who is behind a pseudonym: `pseudonyms.csv` in the run folder, never in a report."""

import csv
from collections.abc import Mapping
from pathlib import Path

from auvseg import atomic
from auvseg.errors import RunError
from auvseg.spreadsheet import rows_as_csv, unguarded

KEY = "pseudonyms.csv"


def write_key(run_folder: Path, pseudonyms: Mapping[str, str]) -> Path:
    """Write the key.

    Args:
        run_folder: of the scores.
        pseudonyms: by case id.
    """
    key = run_folder / KEY
    atomic.write_text(key, rows_as_csv([("case", "pseudonym"), *sorted(pseudonyms.items())]))
    return key


def read_key(run_folder: Path) -> dict[str, str]:
    """Case ids by pseudonym; empty where no report of the run had pseudonyms.

    Raises:
        RunError: the key is damaged.
    """
    key = run_folder / KEY
    if not key.is_file():
        return {}
    try:
        with key.open(encoding="utf-8", newline="") as file:
            return {row["pseudonym"]: unguarded(row["case"]) for row in csv.DictReader(file)}
    except (OSError, KeyError, TypeError, ValueError, csv.Error):
        raise RunError(f"{key} is damaged; make the report with --pseudonymize again") from None
