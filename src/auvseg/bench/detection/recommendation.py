"""The measure that a bench recommends for filtering."""

from pathlib import Path

import pandas as pd

from auvseg.bench.combination import measures_behind
from auvseg.bench.detection.folder import check_same_setup, read_plan
from auvseg.bench.verdict import FINDS
from auvseg.errors import RunError

UNSEEN = "combined, unseen"
"""The combined measure on faults that its weights were not fitted to: to be read, not to filter by."""

MEASURES_FILE = "measures.csv"


def recommended_of(overall: pd.DataFrame) -> str | None:
    """Return the measure with the largest mean area whose interval lies above chance; None if there is none.

    Args:
        overall: a row a measure (`Verdicts.overall`), the largest area first.
    """
    usable = overall[(overall["verdict"] == FINDS) & (overall["measure"] != UNSEEN)]
    return None if usable.empty else str(usable["measure"].iloc[0])


def read_recommendation(bench: Path, run: Path) -> str | None:
    """Read the measure that a bench recommends for filtering a run; None: no usable signal.

    Raises:
        RunError: the folder is not a judged bench, or the recommended measure was scored differently in the run.
    """
    read_plan(bench)
    path = bench / MEASURES_FILE
    try:
        by = recommended_of(pd.read_csv(path))
    except OSError:
        raise RunError(f"{bench} has not been judged yet; run the same auvseg bench detect command again") from None
    except (KeyError, ValueError):
        raise RunError(f"{path} is damaged; run auvseg bench detect again, finished scores are kept") from None
    if by is not None:
        check_same_setup(bench, run, measures_behind(by, bench))
    return by
