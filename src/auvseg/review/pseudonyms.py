"""Who is behind a pseudonym: `pseudonyms.csv` in the run folder, never in a report."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from auvseg import atomic
from auvseg.errors import RunError

KEY = "pseudonyms.csv"


def write_key(run_folder: Path, pseudonyms: Mapping[str, str]) -> Path:
    """Write the key.

    Args:
        run_folder: of the scores.
        pseudonyms: by case id.
    """
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(("case", "pseudonym"))
    writer.writerows(sorted(pseudonyms.items()))
    key = run_folder / KEY
    atomic.write_text(key, content.getvalue())
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
            return {row["pseudonym"]: row["case"] for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError, csv.Error):
        raise RunError(f"{key} is damaged; make the report with --pseudonymize again") from None
