"""Where the cases of a run are scored: in this process, in one process a device, or on a Ray cluster."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from auvseg.choices import EngineName
from auvseg.data.case import Dataset
from auvseg.data.workers.pool import IsolatedPool
from auvseg.errors import UsageError
from auvseg.extractors import registered_factory
from auvseg.scoring.case_worker import WorkerPlan
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.extractor import ExtractorFacts, extractor_facts, make_extractor
from auvseg.scoring.loading import load_case
from auvseg.scoring.scheduler import Scheduler
from auvseg.scoring.scorer import CaseDone, CaseTask, Job, Scorer
from auvseg.scoring.worker_processes import ProcessFleet


@runtime_checkable
class Engine(Protocol):
    """What scores cases."""

    def facts(self) -> ExtractorFacts:
        """What its extractor is."""
        ...

    def begin(self, job: Job) -> None:
        """Take the run that all tasks belong to; once."""
        ...

    def run(self, tasks: Sequence[CaseTask]) -> Iterator[CaseDone]:
        """Make, or keep, the records of every case; after `begin`, and as often as there are tasks."""
        ...


@dataclass(frozen=True)
class Placement:
    """Where a run is to be scored.

    Attributes:
        engine: `local`, on this machine, or `ray`, on a cluster.
        devices: of this machine; with several a worker process for each, the same one named twice included. For `ray`
            one: what each worker has.
        workers: for `ray`: how many; None for one a GPU, or where there is none one a processor core.
        ray_address: for `ray`: the cluster to join; None starts one on this machine, for this run alone.
    """

    engine: EngineName = "local"
    devices: tuple[str, ...] = ("cpu",)
    workers: int | None = None
    ray_address: str | None = None

    def __str__(self) -> str:
        named = ", ".join(self.devices)
        return named if self.engine == "local" else f"ray: {named}"


@dataclass(frozen=True)
class AtWork:
    """An engine whose workers have been started, and where."""

    engine: Engine
    placement: Placement


def choose_device(wanted: str) -> str:
    """`auto` becomes the first CUDA device where there is one, else the processor; anything else must exist.

    Raises:
        UsageError: the device is unknown or absent.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UsageError(f"--device {wanted}: unknown; use auto, cpu, cuda or cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"--device {wanted}: there are {torch.cuda.device_count()} CUDA devices here; use --device cpu"
        )
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"--device {wanted}: only cpu and cuda are supported")
    return wanted


def choose_devices(wanted: str) -> tuple[str, ...]:
    """Devices by their names with commas between them, or `all` CUDA devices.

    Raises:
        UsageError: one is unknown or absent, or there is none.
    """
    if wanted == "all":
        if not torch.cuda.is_available():
            raise UsageError("--devices all: there is no CUDA device here; name processes instead, such as cpu,cpu")
        return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    return tuple(choose_device(name.strip()) for name in wanted.split(",") if name.strip())


class _Here:
    """One extractor in this process: case after case through the network, the next one being read meanwhile."""

    def __init__(self, config: ScoreConfig, device: str, dataset: Dataset) -> None:
        self._extractor = make_extractor(config, device)
        self._facts = extractor_facts(self._extractor, dataset, config.modality)
        self._job: Job

    def facts(self) -> ExtractorFacts:
        return self._facts

    def begin(self, job: Job) -> None:
        self._job = job

    def run(self, tasks: Sequence[CaseTask]) -> Iterator[CaseDone]:
        scorer = Scorer(self._job, self._extractor)
        # Pulled one by one, as there is room.
        to_read = (scorer.prepare(task) for task in tasks if task.in_time(0))
        with IsolatedPool(num_workers=1, timeout_s=self._job.read_timeout_s) as pool:
            for outcome in pool.map(load_case, to_read, ahead=1, meanwhile=scorer.leaves_room):
                ends = scorer.finish(outcome)
                # The case's volume goes with `ends`, before the next one comes.
                del outcome
                yield from ends


@contextmanager
def started(
    placement: Placement, config: ScoreConfig, dataset: Dataset, on_note: Callable[[str], None] | None = None
) -> Iterator[AtWork]:
    """The engine of a placement, whose workers live as long as the `with` block.

    Args:
        placement: where.
        config: how to score.
        dataset: what its description says of its classes and channels.
        on_note: called with what a person should know of lost workers.

    Raises:
        UsageError: the placement contradicts itself, or an extractor cannot be had there.
    """
    _check(placement)
    plan = WorkerPlan(config, replace(dataset, cases=()), "cpu", 1, Path.cwd(), registered_factory(config.extractor))
    if placement.engine == "ray":
        from auvseg.scoring.ray import RayFleet, joined

        with joined(placement.ray_address, placement.workers):
            fleet = RayFleet(plan, placement.devices[0], placement.workers)
            with Scheduler(fleet, on_note) as scheduler:
                yield AtWork(scheduler, placement)
    elif len(placement.devices) > 1:
        plans = [replace(plan, device=one, threads=_threads(placement.devices)) for one in placement.devices]
        with Scheduler(ProcessFleet(plans), on_note) as scheduler:
            yield AtWork(scheduler, placement)
    else:
        yield AtWork(_Here(config, placement.devices[0], dataset), placement)


def _check(placement: Placement) -> None:
    if not placement.devices:
        raise UsageError("no device to score on; name one, such as cpu")
    if placement.engine == "local" and (placement.workers is not None or placement.ray_address is not None):
        raise UsageError("--workers and --ray-address are for --engine ray; on this machine name --devices")
    if placement.engine == "ray" and len(placement.devices) > 1:
        raise UsageError("--engine ray gives every worker one device; name --device cuda or cpu, and --workers")
    if placement.workers is not None and placement.workers < 1:
        raise UsageError(f"--workers must be at least 1, not {placement.workers}")


def _threads(devices: Sequence[str]) -> int:
    """Threads for each of several workers: the machine's cores, or as many as torch was told, among them."""
    limit = torch.get_num_threads() if "cpu" in devices else os.cpu_count() or 1
    return max(limit // len(devices), 1)
