"""The key of pseudonyms: `pseudonyms.csv` in the run folder, never in a report.

A pseudonym is drawn once and kept, so reviews of earlier reports stay valid when a report is made again or the run has
grown. The order is random: pseudonyms in the order of the ids would reveal them to anybody with a list of ids.
"""

import csv
import secrets
from collections.abc import Iterable
from pathlib import Path

from auvseg.errors import RunError
from auvseg.files import atomic
from auvseg.files.safe_csv import rows_as_csv, unguarded

KEY = "pseudonyms.csv"

_DIGITS = 4


def pseudonyms_of(run_folder: Path, case_ids: Iterable[str]) -> dict[str, str]:
    """Return a pseudonym for every case; new ones are added to the key.

    Args:
        run_folder: folder of the run.
        case_ids: case ids of the run.

    Returns:
        `case-0001` and so on, by case id; another word if an id of the run begins like that.

    Raises:
        RunError: the key is damaged.
    """
    wanted = sorted(set(case_ids))
    known = {case: pseudonym for pseudonym, case in read_key(run_folder).items()}
    new = [case for case in wanted if case not in known]
    if new:
        secrets.SystemRandom().shuffle(new)
        word = "case"
        while any(case.startswith(f"{word}-") for case in (*wanted, *known)):
            word = f"x{word}"
        digits = max(len(str(len(known) + len(new))), _DIGITS)
        known |= {case: f"{word}-{number:0{digits}d}" for number, case in enumerate(new, start=len(known) + 1)}
        _write_key(run_folder, known)
    return {case: known[case] for case in wanted}


def read_key(run_folder: Path) -> dict[str, str]:
    """Read case ids by pseudonym; empty if no report of the run had pseudonyms.

    Raises:
        RunError: the key is damaged.
    """
    key = run_folder / KEY
    if not key.is_file():
        return {}
    try:
        with key.open(encoding="utf-8", errors="surrogatepass", newline="") as file:
            rows = [(row["pseudonym"], unguarded(row["case"])) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError, csv.Error):
        rows = [("", "")]
    found = dict(rows)
    if not all(name and case for name, case in rows) or not len(rows) == len(found) == len(set(found.values())):
        raise RunError(f"{key} is damaged; restore it, or delete it to lose the old pseudonyms and draw new ones")
    return found


def _write_key(run_folder: Path, pseudonyms: dict[str, str]) -> None:
    text = rows_as_csv([("case", "pseudonym"), *sorted(pseudonyms.items())])
    atomic.write_bytes(run_folder / KEY, text.encode("utf-8", "surrogatepass"))
