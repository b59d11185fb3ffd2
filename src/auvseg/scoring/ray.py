"""A Ray cluster: an actor for each worker, a case a task, and no more of them under way than the actors have room for.

Actors write the records themselves, with the writer that every engine uses, so nothing large passes through the driver;
the run folder and the data set must be visible on every node. Ray is imported when it is asked for, sends no usage
statistics, and opens no dashboard on a cluster that is started for a run.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

from auvseg.errors import RunError, UsageError
from auvseg.scoring.case_worker import IN_FLIGHT, CaseWorker, WorkerPlan
from auvseg.scoring.scheduler import Message, WorkerLost
from auvseg.scoring.scorer import CaseTask, Job

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

_STORE_BYTES = 100_000_000
"""Of a cluster that is started for a run: volumes never travel, so a third of the machine's memory is not needed."""


@contextmanager
def joined(address: str | None, workers: int | None) -> Iterator[None]:
    """Be part of a cluster as long as the `with` block.

    Args:
        address: of the cluster; None starts one on this machine, unless this process is part of one already.
        workers: how many are wanted; a cluster of this machine has room for them even if it has fewer cores.

    Raises:
        UsageError: Ray is not installed.
        RunError: there is no cluster at the address, or none can be started.
    """
    # Before the import, which starts nothing, but reads some of it.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--engine ray needs Ray; pip install 'auvseg[ray]'") from None
    if ray.is_initialized():
        yield
        return
    own: dict[str, Any] = {}
    if address is None:
        cores = max(os.cpu_count() or 1, workers or 1)
        own = {"num_cpus": cores, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    try:
        ray.init(address or "local", logging_level=logging.ERROR, log_to_driver=False, **own)
    except (ConnectionError, OSError, RuntimeError, ValueError, TimeoutError) as problem:
        where = f"at {address}" if address else "on this machine"
        raise RunError(f"no Ray cluster {where}: {_first_line(problem)}") from None
    try:
        yield
    finally:
        ray.shutdown()


class RayFleet:
    """An actor for each worker; made inside `joined`.

    Args:
        plan: of every worker, but for device and threads.
        device: `cpu`, `cuda`, or `auto`: `cuda` where the cluster has any.
        workers: how many; None for one a GPU, or on `cpu` one a core.

    Raises:
        UsageError: the cluster has no GPU, or the plan cannot be sent to it.
    """

    def __init__(self, plan: WorkerPlan, device: str, workers: int | None) -> None:
        import ray

        there = ray.cluster_resources()
        gpus, cores = int(there.get("GPU", 0)), int(there.get("CPU", 1))
        cuda = device.startswith("cuda") or (device == "auto" and gpus > 0)
        if cuda and gpus == 0:
            raise UsageError(f"--device {device}: the Ray cluster has no GPU; use --device cpu")
        wanted = workers or (gpus if cuda else cores)
        threads = _threads(wanted, [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]])
        self._names = [f"worker {number + 1} of {wanted}" for number in range(wanted)]
        self._plan = replace(plan, device="cuda" if cuda else "cpu", threads=threads)
        self._actor = ray.remote(CaseWorker).options(
            num_cpus=threads, num_gpus=1 if cuda else 0, max_concurrency=IN_FLIGHT, max_restarts=0, max_task_retries=0
        )
        self._actors: dict[int, ActorHandle[CaseWorker]] = {}
        self._asked: dict[ObjectRef[Any], int] = {}

    @property
    def names(self) -> Sequence[str]:
        """Numbers: Ray chooses the node."""
        return self._names

    def start(self, slot: int) -> None:
        """See `Fleet`."""
        try:
            self._actors[slot] = self._actor.remote(self._plan)
        except TypeError as problem:
            raise UsageError(
                f"--extractor {self._plan.config.extractor} cannot be sent to a cluster ({_first_line(problem)}); put "
                "its factory into a module and name it package.file:name"
            ) from None
        self._asked[self._actors[slot].open.remote()] = slot

    def begin(self, slot: int, job: Job) -> None:
        """See `Fleet`."""
        self._asked[self._actors[slot].begin.remote(job)] = slot

    def give(self, slot: int, task: CaseTask) -> None:
        """See `Fleet`."""
        self._asked[self._actors[slot].score.remote(task)] = slot

    def wait(self) -> Sequence[tuple[int, Message]]:
        """See `Fleet`."""
        import ray

        asked = list(self._asked)
        ray.wait(asked, num_returns=1)
        ready, _ = ray.wait(asked, num_returns=len(asked), timeout=0)
        heard = [(self._asked[answer], self._hear(answer)) for answer in ready if answer in self._asked]
        return [(slot, message) for slot, message in heard if message is not None]

    def stop(self) -> None:
        """See `Fleet`."""
        import ray

        for actor in self._actors.values():
            ray.kill(actor)
        self._actors, self._asked = {}, {}

    def _hear(self, answer: "ObjectRef[Any]") -> Message | None:
        """What an answer says; None where it says that a worker has begun."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        slot = self._asked.pop(answer)
        try:
            message: Message | None = ray.get(answer)
        except RayTaskError as error:
            return RunError(f"a worker stopped: {_first_line(error.cause or error)}")
        except RayError as error:
            self._forget(slot)
            return WorkerLost(type(error).__name__)
        return message

    def _forget(self, slot: int) -> None:
        """Hear nothing more of a lost actor; one that is merely out of reach must not go on beside its successor."""
        import ray

        ray.kill(self._actors.pop(slot))
        self._asked = {answer: of for answer, of in self._asked.items() if of != slot}


def _threads(workers: int, cores: Sequence[int]) -> int:
    """Threads for each of some workers on nodes with so many cores."""
    return max(max(cores, default=1) // ceil(workers / max(len(cores), 1)), 1)


def _first_line(problem: BaseException) -> str:
    lines = str(problem).splitlines()
    return f"{type(problem).__name__}: {lines[0] if lines else 'no message'}"
