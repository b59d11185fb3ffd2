"""What the scheduler asks of workers in other processes, and what it hears from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from auvseg.data.case import Case
from auvseg.errors import AuvsegError
from auvseg.scoring.extractor import ExtractorFacts
from auvseg.scoring.job import Ended, Job


@dataclass(frozen=True)
class News:
    """One thing that happened to one worker; exactly one of the last four is set.

    Attributes:
        slot: which worker.
        facts: it is ready.
        ended: it finished a case.
        lost: it is no more, and why.
        error: it cannot go on, whatever the case.
    """

    slot: int
    facts: ExtractorFacts | None = None
    ended: Ended | None = None
    lost: str = ""
    error: AuvsegError | None = None


@runtime_checkable
class Fleet(Protocol):
    """Workers, each in a slot; one that is lost is started anew in the same slot."""

    @property
    def names(self) -> Sequence[str]:
        """What a person calls the workers, by slot."""
        ...

    def start(self, slot: int) -> None:
        """Start a worker; news of its facts follow."""
        ...

    def begin(self, slot: int, job: Job) -> None:
        """Tell a worker, which is ready, what the run is."""
        ...

    def give(self, slot: int, case: Case) -> None:
        """Give a worker a case; news of its end follow."""
        ...

    def wait(self) -> Sequence[News]:
        """Wait until something happens. Nothing is heard any more from a worker that was lost."""
        ...

    def stop(self) -> None:
        """End all workers, whatever they are doing."""
        ...
