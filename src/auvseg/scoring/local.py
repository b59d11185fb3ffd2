"""The engine for one device: cases one after the other through the network, the next one being read meanwhile."""

from collections.abc import Iterable, Iterator

from auvseg.data.case import Case
from auvseg.data.workers.pool import IsolatedPool
from auvseg.extractors.base import Extractor
from auvseg.scoring.job import Ended, Job
from auvseg.scoring.loading import load_case
from auvseg.scoring.scorer import Scorer


def score_here(job: Job, extractor: Extractor, cases: Iterable[Case]) -> Iterator[Ended]:
    """Make, or keep, the record of every case, in this process.

    Args:
        job: what to do.
        extractor: what does it.
        cases: pulled one by one, as there is room.
    """
    scorer = Scorer(job, extractor)
    with IsolatedPool(num_workers=1, timeout_s=job.read_timeout_s) as pool:
        for outcome in pool.map(load_case, map(scorer.prepare, cases), ahead=1, meanwhile=scorer.leaves_room):
            ended = scorer.finish(outcome)
            # The case's volume goes before the next one comes.
            del outcome
            yield ended
