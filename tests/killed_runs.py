"""Runs of `score` in processes that are killed, at every step of a write or at random, and what is left of them.

    python tests/killed_runs.py --kills 100 [--seed 0]

A process of its own, which imports everything once and forks: a run then takes a fraction of a second. It never
computes anything itself, so it has no threads that a fork would lose. The files are read in the same process, since
starting a reader would take longer than everything else.
"""

import argparse
import functools
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from auvseg.data.workers.pool import IsolatedPool
from auvseg.scoring import engines
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.score import score
from small_dataset import small_dataset

CONFIG = ScoreConfig(modality="mri", extractor="small_extractor:Small")
DIED = 9
STEPS = ((tempfile, "mkstemp"), (os, "fsync"), (os, "link"), (Path, "replace"), (Path, "unlink"))
"""What a write is made of; a process can be gone before and after each."""


class Steps:
    """Counts the steps before and after every call of `STEPS`, and ends the process at the one asked for."""

    def __init__(self, last=None):
        self.count, self.last = 0, last
        for owner, name in STEPS:
            setattr(owner, name, self.around(getattr(owner, name)))

    def around(self, call):
        @functools.wraps(call)
        def counted(*arguments, **options):
            self.step()
            result = call(*arguments, **options)
            self.step()
            return result

        return counted

    def step(self):
        if self.count == self.last:
            os._exit(DIED)
        self.count += 1


def forked(action):
    """A child that does something and ends with 0, or with 1 and a traceback."""
    child = os.fork()
    if child:
        return child
    try:
        engines.IsolatedPool = lambda num_workers, timeout_s: IsolatedPool(0)
        action()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - whatever it was, a child must not go on as a second parent
        traceback.print_exc()
        os._exit(1)


def ended(child):
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def contents(run):
    """Everything that must not depend on what happened, the names of all files among it; the seconds do."""
    files = [path for path in run.rglob("*") if path.is_file() and not path.match("timings/*.json")]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


def whole(dataset, run):
    """A run that nothing happens to: its bytes and its seconds."""
    started = time.monotonic()
    assert ended(forked(lambda: score(dataset, run, CONFIG))) == 0
    return contents(run), time.monotonic() - started


def at_every_step(dataset, folder):
    """Kill a run at each step of its writes, and go on with it."""
    undisturbed, _ = whole(dataset, folder / "undisturbed")
    tally = folder / "steps"

    def counted():
        steps = Steps()
        score(dataset, folder / "counted", CONFIG)
        tally.write_text(str(steps.count))

    assert ended(forked(counted)) == 0
    wrong, total = [], int(tally.read_text())
    for step in range(total):
        run = folder / f"step{step}"

        def dying(step=step, run=run):
            Steps(step)
            score(dataset, run, CONFIG)

        died = ended(forked(dying)) == DIED
        again = ended(forked(lambda run=run: score(dataset, run, CONFIG)))
        if not died or again != 0 or contents(run) != undisturbed:
            wrong.append(step)
    return {"steps": total, "wrong": wrong}


def at_random(dataset, folder, kills, seed):
    """Kill runs at random moments until there were so many kills; each run is gone on with until it is whole."""
    undisturbed, duration_s = whole(dataset, folder / "whole")
    moments, result = random.Random(seed), {"kills": 0, "halfway": 0, "whole": 0, "wrong": []}
    number = 0
    while result["kills"] < kills:
        run = folder / f"run{number}"
        child = forked(lambda run=run: score(dataset, run, CONFIG))
        time.sleep(moments.uniform(0, duration_s))
        os.kill(child, signal.SIGKILL)
        code = ended(child)
        if code == -signal.SIGKILL:
            result["kills"] += 1
            result["halfway"] += 0 < len(list(run.glob("records/*.json"))) < len(dataset.cases)
            continue
        number = judged(result, run, code, undisturbed, number)
    judged(result, run, ended(forked(lambda: score(dataset, run, CONFIG))), undisturbed, number)
    return result


def judged(result, run, code, undisturbed, number):
    """Note how a run that was not killed any more ended; the number of the next."""
    result["whole"] += 1
    if code != 0 or contents(run) != undisturbed:
        result["wrong"].append(run.name)
    return number + 1


def side_by_side(dataset, folder, processes):
    """Several processes that score into one run at the same time."""
    undisturbed, _ = whole(dataset, folder / "alone")
    children = [forked(lambda: score(dataset, folder / "shared", CONFIG)) for _ in range(processes)]
    return {"codes": [ended(child) for child in children], "same": contents(folder / "shared") == undisturbed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cases", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("few", "many", "steps", "random", "beside"):
            (folder / part).mkdir()
        few, many = small_dataset(folder / "few", 1), small_dataset(folder / "many", options.cases - 1)
        started = time.monotonic()
        result = {
            "steps": at_every_step(few, folder / "steps"),
            "random": at_random(many, folder / "random", options.kills, options.seed),
            "beside": side_by_side(many, folder / "beside", 3),
        }
        sys.stdout.write(json.dumps(result | {"seconds": round(time.monotonic() - started, 1)}) + "\n")
    return any([result["steps"]["wrong"], result["random"]["wrong"], not result["beside"]["same"]])


if __name__ == "__main__":
    sys.exit(main())
