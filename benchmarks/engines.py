"""How much faster several workers are than one: one thread each, with the foundation model, on this machine.

    OMP_NUM_THREADS=1 python benchmarks/engines.py DATASET --engine local --workers 1,2,4 [--cases 16] [--max-slices 1]
    OMP_NUM_THREADS=1 python benchmarks/engines.py DATASET --engine ray --workers 1,2,4

Scores the first cases of a data set once for each number of workers, and compares the tables byte for byte. Two speeds
are told: of the whole command, in which every worker starts Python and loads the model, and of the cases after every
worker has ended its first one, which is the speed of a long run. More workers than cores share them.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

import auvseg
from auvseg.scoring.config import resolve_modality
from auvseg.scoring.scorer import CaseDone

GOAL = 1.8


@dataclass(frozen=True)
class Timing:
    """One run: seconds in all, cases a second once every worker was at work, and the table."""

    elapsed_s: float
    cases_a_second: float
    table: bytes


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    whole = auvseg.read_dataset(options.dataset)
    dataset = replace(whole, cases=whole.cases[: options.cases])
    config = auvseg.ScoreConfig(
        modality=resolve_modality(whole, options.modality), extractor=options.extractor, max_slices=options.max_slices
    )
    print(f"{dataset.name}: {len(dataset.cases)} cases, {options.extractor}; {os.cpu_count()} cores, {options.engine}")
    print(f"{'workers':>8}{'whole run s':>13}{'ratio':>8}{'cases/s':>10}{'ratio':>8}{'efficiency':>12}")
    first: Timing | None = None
    for workers in options.workers:
        timing = measure(dataset, config, options.engine, workers)
        first = first or timing
        ratio = timing.cases_a_second / first.cases_a_second
        whole_ratio = first.elapsed_s / timing.elapsed_s
        print(
            f"{workers:>8}{timing.elapsed_s:>13.1f}{whole_ratio:>8.2f}{timing.cases_a_second:>10.3f}{ratio:>8.2f}"
            f"{ratio / workers:>12.2f}"
        )
        same = timing.table == first.table
        print("        table: " + ("the same bytes" if same else "OTHER BYTES") + verdict(workers, ratio))
    shutdown(options.engine)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--engine", choices=("local", "ray"), default="local")
    parser.add_argument("--workers", type=lambda text: [int(one) for one in text.split(",")], default=[1, 2, 4])
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--max-slices", type=int, default=1)
    parser.add_argument("--extractor", default="lite-medsam")
    parser.add_argument("--modality", choices=("ct", "mri", "windowed"))
    return parser.parse_args()


def verdict(workers: int, ratio: float) -> str:
    """Whether two workers are as fast as they should be."""
    return "" if workers != 2 else f"; goal >= {GOAL} x one worker: {'met' if ratio >= GOAL else 'missed'}"


def measure(dataset: auvseg.Dataset, config: auvseg.ScoreConfig, engine: str, workers: int) -> Timing:
    """Score into a new folder with so many workers of one thread each."""
    where = {"devices": ("cpu",) * workers} if engine == "local" else {"engine": "ray", "workers": workers}
    if engine == "ray":
        cluster(workers)
    ends: list[float] = []

    def on_case(case: CaseDone) -> None:
        ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        summary = auvseg.score(dataset, run, config, on_case=on_case, **where)
        table = (run / "scores.csv").read_bytes()
    # From the end of every worker's first case: as many cases ended after it as there are ends left.
    speed = (len(ends) - workers) / (ends[-1] - ends[workers - 1])
    return Timing(summary.elapsed_s, speed, table)


def cluster(workers: int) -> None:
    """A cluster of this machine with a core for each worker, so that each has one thread."""
    # Ray gives its workers the lowest priority but four; here they are to have that of the local engine's.
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    import ray

    ray.shutdown()
    ray.init("local", num_cpus=workers, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)


def shutdown(engine: str) -> None:
    """End the last cluster."""
    if engine == "ray":
        import ray

        ray.shutdown()


if __name__ == "__main__":
    main()
