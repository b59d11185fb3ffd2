"""The folder of a bench, as everything reads it that comes after planting and scoring.

BENCH/bench.json                               the plan and the chosen cases; a second call must agree on the seed
BENCH/clean/                                   an ordinary run folder: the chosen cases as they are
BENCH/faults/drawN/CORRUPTION-SEVERITY/        a run folder's records of the faulty copies, and truth/ beside them
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
    """The plan of a bench folder, and the ids of the chosen cases in its order.

    Raises:
        RunError: there is none.
    """
    try:
        stored = convert(read_json(folder / BENCH_FILE), _Stored)
        return Plan.from_dict(stored.plan), stored.cases
    except OSError:
        raise RunError(f"{folder} is no bench; make one with: auvseg bench detect DATASET -o {folder}") from None
    except (ValueError, KeyError) as problem:
        raise RunError(f"{folder / BENCH_FILE} is damaged ({problem}); bench into a new folder") from None


def check_same_setup(bench: Path, run: Path, measures: Collection[str]) -> None:
    """Refuse a run in which some measures do not mean the same as in the bench.

    Args:
        bench: folder of the bench.
        run: folder of the run.
        measures: what is to be taken from both. What none of them depends on may differ.

    Raises:
        RunError: they were scored with other options, another model or version; the message says which.
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
    raise RunError(f"{run} was scored otherwise than {bench}: {in_words(found, ' against {}')}; {advice}")


def fault_setup(setup: dict[str, Any], fault: Fault, seed: int) -> dict[str, Any]:
    """The setup of a faulty record: the clean one's, and what was planted."""
    return {**setup, "fault": {**asdict(fault), "seed": seed}}


def truth_path(fault_folder: Path, case_id: str) -> Path:
    """Where the truth about a faulty copy is."""
    return fault_folder / "truth" / file_name(case_id)
