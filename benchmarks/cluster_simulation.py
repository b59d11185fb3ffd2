"""What holds up a run of ten thousand or a million volumes: a small discrete-event simulation.

    python benchmarks/cluster_simulation.py [--seconds 2] [--megabytes 50] [--cases 10000,1000000]

Workers take a case, read it from a shared file system while the network works on the case before, compute, and write
its record, as `auvseg.scoring.case_worker` does. The file system is two queues, one for operations on names and one for
bytes; the driver of `--engine ray` is a third. What was measured: the seconds a case (give your own with `--seconds`),
the operations a case (counted with strace on a run of this version), what a case
costs the scheduler, what it costs Ray to carry it, and what a record costs when the table is made, all three measured
here before the simulation. What is assumed: the two file systems,
and that the seconds of cases are spread as a lognormal distribution with a coefficient of variation of 0.5.
"""

import argparse
import heapq
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auvseg.data.case import Case, Dataset
from auvseg.scoring.case_worker import IN_FLIGHT, TaskDone
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.extractor import ExtractorFacts
from auvseg.scoring.ray import joined
from auvseg.scoring.record import CaseInputs, ClassScore, Record, each_record, packed, write_record
from auvseg.scoring.scheduler import Message, Scheduler
from auvseg.scoring.scorer import CaseDone, CaseTask, Job, make_job
from auvseg.scoring.table import scores_table

READ_OPERATIONS = 30
WRITE_OPERATIONS = 30
"""Operations on names a case that reach the server: opens, creations, renames, changes of mode, flushes, and half of
the look-ups; a client's cache answers the others."""

SPREAD = 0.5


@dataclass(frozen=True)
class FileSystem:
    """A shared file system: operations on names a second, bytes a second of all clients and of one."""

    name: str
    operations: float
    bytes_all: float
    bytes_one: float


FILE_SYSTEMS = (FileSystem("one NFS server", 5e3, 1e9, 1e9), FileSystem("parallel", 5e4, 4e10, 2e9))


@dataclass
class Queue:
    """Something that serves one after the other."""

    free_s: float = 0.0
    busy_s: float = 0.0

    def serve(self, now_s: float, service_s: float) -> float:
        """When what comes now is done."""
        self.free_s = max(now_s, self.free_s) + service_s
        self.busy_s += service_s
        return self.free_s


@dataclass(frozen=True)
class Result:
    """Hours, what share of them the networks worked, and the busiest thing."""

    hours: float
    efficiency: float
    busiest: str


def main() -> None:
    options = parse()
    driver_s, carried_s, record_s = driver_seconds(), ray_seconds(), record_seconds()
    print(f"measured: scheduler {1e6 * driver_s:.0f} us a case, Ray's messages {1e6 * carried_s:.0f} us more,", end=" ")
    print(f"table {1e3 * record_s:.2f} ms a record")
    print(f"{options.seconds:g} s and {options.megabytes:g} MB a case")
    print(f"{'cases':>9}{'workers':>9}  {'file system':<16}{'engine':<7}{'hours':>8}", end="")
    print(f"{'efficiency':>12}  {'busiest':<28}{'table':>9}")
    for cases in options.cases:
        for workers in options.workers:
            for system in FILE_SYSTEMS:
                for engine, ask_s in (("ray", driver_s + carried_s), ("array", 0.0)):
                    found = simulate(cases, workers, system, ask_s, options.seconds, options.megabytes * 1e6)
                    print(f"{cases:>9}{workers:>9}  {system.name:<16}{engine:<7}{found.hours:>8.2f}", end="")
                    print(
                        f"{found.efficiency:>12.2f}  {found.busiest:<28}{cases * record_s / 60:>5.1f} min", flush=True
                    )


def parse() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(float(one)) for one in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=numbers, default=[10_000, 1_000_000])
    parser.add_argument("--workers", type=numbers, default=[8, 64, 512])
    parser.add_argument("--seconds", type=float, default=2.0, help="Seconds a case in the network, on the average.")
    parser.add_argument("--megabytes", type=float, default=50.0, help="Of a case's files.")
    return parser.parse_args()


def simulate(cases: int, workers: int, system: FileSystem, ask_s: float, mean_s: float, size: float) -> Result:
    """One run. With a driver cases go to whoever is free, without one every worker has a fixed share."""
    sigma = np.sqrt(np.log1p(SPREAD**2))
    seconds = np.random.default_rng(0).lognormal(np.log(mean_s) - sigma**2 / 2, sigma, cases)
    shares = [seconds.tolist()] if ask_s else [seconds[part::workers].tolist() for part in range(workers)]
    driver, names, data = Queue(), Queue(), Queue()
    networks = [Queue() for _ in range(workers)]
    # Time, what comes next, worker, seconds of the case.
    events = [(0.0, 0, worker, 0.0) for worker in range(workers) for _ in range(IN_FLIGHT)]
    end_s = 0.0
    while events:
        now_s, stage, worker, case_s = heapq.heappop(events)
        if stage == 0:
            share = shares[0 if ask_s else worker]
            if not share:
                continue
            case_s = share.pop()
            done_s = driver.serve(now_s, ask_s) if ask_s else now_s
        elif stage == 1:
            opened_s = names.serve(now_s, READ_OPERATIONS / system.operations)
            done_s = max(data.serve(opened_s, size / system.bytes_all), opened_s + size / system.bytes_one)
        elif stage == 2:
            done_s = networks[worker].serve(now_s, case_s)
        else:
            done_s = names.serve(now_s, WRITE_OPERATIONS / system.operations)
            end_s = max(end_s, done_s)
        heapq.heappush(events, (done_s, (stage + 1) % 4, worker, case_s))
    efficiency = float(seconds.sum()) / workers / end_s
    shares_busy = {"bytes": data.busy_s / end_s, "names": names.busy_s / end_s, "driver": driver.busy_s / end_s}
    busiest = max(shares_busy, key=lambda name: shares_busy[name])
    held = f"{busiest} {100 * shares_busy[busiest]:.0f} %"
    if efficiency > 0.9:
        held = f"networks ({held})"
    elif shares_busy[busiest] < 0.9:
        held = f"the last cases ({held})"
    return Result(end_s / 3600, efficiency, held)


def done(task: CaseTask) -> TaskDone:
    """What a worker says of a case that was scored."""
    return TaskDone(task.case.case_id, (CaseDone(task.case.case_id, "ok"),))


class InstantFleet:
    """Workers that have done everything at once: what is left is the driver's own time."""

    def __init__(self, size: int) -> None:
        self.names = [str(number) for number in range(size)]
        self._news: list[tuple[int, Message]] = []

    def start(self, slot: int) -> None:
        """Is ready."""
        self._news.append((slot, ExtractorFacts({}, (), False)))

    def begin(self, slot: int, job: Job) -> None:
        """Has nothing to do."""

    def give(self, slot: int, task: CaseTask) -> None:
        """Has done it."""
        self._news.append((slot, done(task)))

    def wait(self) -> list[tuple[int, Message]]:
        """Everything that was done since."""
        news, self._news = self._news, []
        return news

    def stop(self) -> None:
        """Has nothing to do."""


def driver_seconds(cases: int = 50_000, workers: int = 64) -> float:
    """The scheduler's time a case, without what carries messages."""
    dataset = Dataset("none", Path(), "none", None, ())
    every = [CaseTask(Case(f"case_{number}", (Path("image"),), None)) for number in range(cases)]
    with Scheduler(InstantFleet(workers), lambda note: None) as scheduler:
        job = make_job(dataset, ScoreConfig("mri"), Path(), scheduler.facts(), views=False, read_timeout_s=None)
        started = time.perf_counter()
        scheduler.begin(job)
        assert sum(1 for _ in scheduler.run(every)) == cases
        return (time.perf_counter() - started) / cases


def ray_seconds(cases: int = 2000) -> float:
    """What Ray takes to carry a case to an actor that does nothing and its end back, on a cluster of this machine."""
    # As the driver itself; Ray's own choice is the lowest priority but four, and on a busy machine no time at all.
    os.environ |= {"RAY_worker_niceness": "0"}
    import ray

    class Idle:
        def score(self, task: CaseTask) -> TaskDone:
            return done(task)

    case = CaseTask(Case("case", (Path("image"),), None))
    with joined(None, 2):
        actors = [ray.remote(Idle).remote() for _ in range(2)]
        ray.get([actor.score.remote(case) for actor in actors])
        started = time.perf_counter()
        under_way = [actor.score.remote(case) for actor in actors * IN_FLIGHT]
        for number in range(cases):
            (ready, *_), under_way = ray.wait(under_way, num_returns=1)
            ray.get(ready)
            under_way.append(actors[number % 2].score.remote(case))
        return (time.perf_counter() - started) / cases


def record_seconds(records: int = 2000) -> float:
    """Time a record when the table is made: read, parsed, compared with the cohort. Two structures a case."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(records):
            write_record(Path(folder), drawn_record(f"case_{number}", rng), {})
        started = time.perf_counter()
        scores_table(each_record(Path(folder)))
        return (time.perf_counter() - started) / records


def drawn_record(case_id: str, rng: np.random.Generator) -> Record:
    """A record of the size of a real one."""
    config = ScoreConfig("mri")
    setup = {"config": config.as_dict(), "extractor": {"name": "lite-medsam"}, "auvseg": "0"}
    classes = tuple(
        ClassScore(
            class_id=number,
            name=f"structure {number}",
            status="ok",
            reason="",
            planes_scored=8,
            planes_total=30,
            measures={name: float(rng.random()) for name in config.measures},
            embedding=packed(rng.random(256)),
        )
        for number in (1, 2)
    )
    inputs = CaseInputs("a" * 64, "b" * 64)
    return Record(
        case_id, "training", {}, inputs, setup, "c" * 64, "ok", "", (), (30, 50, 40), (1.0, 1.0, 1.0), classes
    )


if __name__ == "__main__":
    main()
