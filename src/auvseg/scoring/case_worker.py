"""A worker's side of the engines that have several: one extractor on one device, two cases under way.

While one case is in the network the next one is read, so that a device never waits for a disk. Which process a worker
lives in, and how cases reach it, is the engine's business.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from auvseg.data.case import Dataset
from auvseg.data.workers.pool import IsolatedPool
from auvseg.data.workers.process import one_line
from auvseg.errors import AuvsegError, RunError
from auvseg.extractors import ExtractorFactory, register_extractor
from auvseg.extractors.base import Extractor
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.extractor import ExtractorFacts, extractor_facts, make_extractor
from auvseg.scoring.loading import load_case
from auvseg.scoring.run import read_run
from auvseg.scoring.scorer import CaseDone, CaseTask, Job, Scorer
from auvseg.scoring.setups import in_words, setups_differing

IN_FLIGHT = 2
"""Cases that a worker has at a time: one in the network, one being read."""

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class WorkerPlan:
    """What a worker is made from, before the first case.

    Attributes:
        config: how to score.
        dataset: what its description says, without the cases.
        device: where the network runs.
        threads: of the processor.
        folder: what relative paths start from.
        factory: what was registered under the extractor's name; None for auvseg's own.
    """

    config: ScoreConfig
    dataset: Dataset
    device: str
    threads: int
    folder: Path
    factory: ExtractorFactory | None = None


@dataclass(frozen=True)
class TaskDone:
    """What a worker says of a task when all of it has ended; nothing has where time did not suffice for any copy."""

    case_id: str
    ends: tuple[CaseDone, ...]


class CaseWorker:
    """Scores cases, up to `IN_FLIGHT` of them at a time, each in a thread of its own.

    Args:
        plan: what to be.
    """

    def __init__(self, plan: WorkerPlan) -> None:
        self._plan = plan
        # The network lives in one thread, whoever asks: its libraries keep a pool of threads for each that calls them.
        self._network = ThreadPoolExecutor(max_workers=1)
        self._reading = threading.Lock()
        self._opened: Future[Extractor] = Future()
        self._begun: Future[tuple[Scorer, IsolatedPool]] = Future()

    def open(self) -> ExtractorFacts | AuvsegError:
        """Make the extractor ready; what it is, or why it is not."""
        return answered(self._network.submit(self._open).result)

    def begin(self, job: Job) -> AuvsegError | None:
        """Take the run that the following cases belong to; why it is out of reach from here, or None."""
        return answered(self._begin, job)

    def score(self, task: CaseTask) -> TaskDone | AuvsegError:
        """Make, or keep, the records of one case; or why no record can be written at all."""
        return answered(self._score, task)

    def _open(self) -> ExtractorFacts:
        import torch

        plan = self._plan
        os.chdir(plan.folder)
        torch.set_num_threads(plan.threads)
        if plan.factory is not None:
            register_extractor(plan.config.extractor, plan.factory)
        extractor = make_extractor(plan.config, plan.device)
        facts = extractor_facts(extractor, plan.dataset, plan.config.modality)
        self._opened.set_result(extractor)
        return facts

    def _begin(self, job: Job) -> None:
        try:
            if found := setups_differing(read_run(job.run_folder).setup, job.setup):
                raise RunError(
                    f"{job.run_folder}: a worker sees another run there, {in_words(found)}; all must see one folder"
                )
        except RunError as problem:
            self._begun.set_exception(problem)
            raise
        readers = IsolatedPool(num_workers=1, timeout_s=job.read_timeout_s)
        self._begun.set_result((Scorer(job, self._opened.result()), readers))

    def _score(self, task: CaseTask) -> TaskDone:
        # The engine may call from several threads: the first case may be here before the run has begun.
        scorer, readers = self._begun.result()

        def finish() -> TaskDone:
            return TaskDone(task.case.case_id, tuple(scorer.finish(outcome)))

        with self._reading:
            if not task.in_time(0):
                return TaskDone(task.case.case_id, ())
            (outcome,) = readers.map(load_case, [scorer.prepare(task)])
            if not scorer.leaves_room(outcome):
                return self._network.submit(finish).result()
        return self._network.submit(finish).result()


def answered(
    function: Callable[Arguments, Answer], *arguments: Arguments.args, **options: Arguments.kwargs
) -> Answer | AuvsegError:
    """What a function returns, or its error as a value: errors travel between processes as every other answer."""
    try:
        return function(*arguments, **options)
    except AuvsegError as error:
        return error
    except OSError as error:
        return RunError(str(error))
    except Exception as error:  # noqa: BLE001 - raised again by the engine, in the process that talks to the user
        return RunError(f"a worker stopped: {one_line(error)}")
