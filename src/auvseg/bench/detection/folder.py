"""Read the folder of a bench.

BENCH/bench.json                               the plan and the chosen cases; a second call must have the same seed
BENCH/clean/                                   an ordinary run folder with the chosen cases, unchanged
BENCH/faults/drawN/CORRUPTION-SEVERITY/        records of the faulty copies, and truth/ beside them
"""

import shlex
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auvseg.bench.detection.plan import Fault, Plan
from auvseg.errors import RunError
from auvseg.files.schema import convert
from auvseg.files.text import read_json
from auvseg.scoring.record import file_name
from auvseg.scoring.run import read_run
from auvseg.scoring.setups import VERSION, in_words, setups_differing, what_matters

CLEAN = "clean"
BENCH_FILE = "bench.json"


@dataclass(frozen=True)
class _Stored:
    plan: dict[str, Any]
    cases: tuple[str, ...]


def read_plan(folder: Path) -> tuple[Plan, tuple[str, ...]]:
    """Read the plan of a bench folder, and the ids of the chosen cases in its order.

    Raises:
        RunError: there is no plan, or it is damaged.
    """
    try:
        stored = convert(read_json(folder / BENCH_FILE), _Stored)
        return Plan.from_dict(stored.plan), stored.cases
    except OSError:
        raise RunError(f"{folder} is not a bench; create one with: auvseg bench detect DATASET -o {folder}") from None
    except (ValueError, KeyError) as problem:
        raise RunError(f"{folder / BENCH_FILE} is damaged ({problem}); bench into a new folder") from None


def check_same_setup(bench: Path, run: Path, measures: Collection[str]) -> None:
    """Check that the given measures mean the same in a run as in the bench.

    Args:
        bench: folder of the bench.
        run: folder of the run.
        measures: the measures to use from both. Settings that affect none of them may differ.

    Raises:
        RunError: they were scored with different options, models or versions; the message says which.
    """
    known, asked = read_run(run), read_run(bench / CLEAN)
    found = setups_differing(*(what_matters(one.setup, measures) for one in (known, asked)))
    if not found:
        return
    target = f"{bench.resolve()}-like-{run.resolve().name}"
    command = ["auvseg", "bench", "detect", str(known.dataset_path), "-o", target, "--like", str(run)]
    advice = f"a bench like the run: {shlex.join(command)}"
    if any(one.name == VERSION for one in found):
        advice = "make both with one version"
    raise RunError(f"{run} was scored differently from {bench}: {in_words(found, ' against {}')}; {advice}")


def fault_setup(setup: dict[str, Any], fault: Fault, seed: int) -> dict[str, Any]:
    """Return the setup of a faulty record: that of the clean one, and what was planted."""
    return {**setup, "fault": {**asdict(fault), "seed": seed}}


def truth_path(fault_folder: Path, case_id: str) -> Path:
    """Return the path of the truth about a faulty copy."""
    return fault_folder / "truth" / file_name(case_id)
