"""How long `rank`, `filter` and `report` take on a large run, and how much memory, with and without a kept table.

    python benchmarks/tables.py [--cases 333334] [--json-cases 20000]

Three structures a case, every measure. First a run with real records: the table out of their JSON, as every command did
before tables were kept (all records in memory at once, then the table), as the first command does now, and as the next
one does. Then a run of a million rows whose table is kept: the records are there and looked at, but empty. Each line is
a process of its own; imports are not counted.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthetic_run import make_large_run, make_run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=333_334)
    parser.add_argument("--json-cases", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run = in_own_process(make_run, folder / "small", options.json_cases, False)
        print(f"{options.json_cases} cases with records")
        show("all records, then the table", run, all_records)
        show("record by record, and keep", run, load)
        show("from the kept table", run, load)
        started = time.perf_counter()
        run = in_own_process(make_large_run, folder / "large", options.cases)
        print(f"{options.cases} cases, {3 * options.cases} rows, kept (drawn in {time.perf_counter() - started:.0f} s)")
        for name, function in ALL.items():
            show(name, run, function)


def all_records(run: Path) -> str:
    from auvseg.scoring.record import read_records
    from auvseg.scoring.table import scores_table

    return f"{len(scores_table(read_records(run)))} rows"


def load(run: Path) -> str:
    from auvseg import load_scores

    return f"{len(load_scores(run))} rows"


def rank_cases(run: Path) -> str:
    from auvseg import load_scores
    from auvseg.cohort.order import rank

    return f"first: {rank(load_scores(run))['case'].iloc[0]}"


def rank_structures(run: Path) -> str:
    from auvseg import load_scores
    from auvseg.cohort.order import rank

    return f"first: {rank(load_scores(run), scope='class', by='agreement')['case'].iloc[0]}"


def filter_cases(run: Path) -> str:
    import auvseg
    from auvseg.cohort.selection import losses

    table = auvseg.load_scores(run)
    selection = auvseg.filter_cases(table, keep=0.95)
    return f"{len(selection.removed)} removed, {len(losses(selection, table))} lines of losses"


def filter_structures(run: Path) -> str:
    import auvseg

    selection = auvseg.filter_cases(auvseg.load_scores(run), keep=0.95, scope="class")
    return f"{len(selection.suspicious_pairs)} structures suspicious"


def report(run: Path) -> str:
    from auvseg.report import ReportOptions, write_report

    done = write_report(run, run / "report", None, ReportOptions(images=0))
    return f"{done.cases} cases shown, index.html {done.index.stat().st_size / 1e6:.1f} MB"


ALL: dict[str, Callable[[Path], str]] = {
    "load": load,
    "rank": rank_cases,
    "rank --scope class": rank_structures,
    "filter": filter_cases,
    "filter --scope class": filter_structures,
    "report --images 0": report,
}


def show(name: str, run: Path, function: Callable[[Path], str]) -> None:
    seconds, peak_gb, words = in_own_process(timed, function, run)
    print(f"  {name:<30}{seconds:8.1f} s{peak_gb:8.2f} GB   {words}", flush=True)


def timed(function: Callable[[Path], str], run: Path) -> tuple[float, float, str]:
    """Seconds, peak memory and answer of a function, with everything imported that it needs."""
    import auvseg.cohort.order
    import auvseg.cohort.selection
    import auvseg.report  # noqa: F401

    started = time.perf_counter()
    words = function(run)
    return time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, words


def in_own_process(function: Any, *arguments: Any) -> Any:
    """What a function returns in a new process, whose peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


if __name__ == "__main__":
    main()
