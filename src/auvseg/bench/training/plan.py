"""Plan of the bench: held-out cases, faults of the training cases, and arms. Everything follows from a seed."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.detection.plan import check_corruptions, labelled_cases
from auvseg.choices import Loss
from auvseg.data.case import Case, Dataset
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import MEASURES, OUTLIER

MIN_CASES = 10
"""With fewer, neither training nor evaluation is meaningful."""


@dataclass(frozen=True)
class NoisePlan:
    """What is planted, and what stays clean.

    Attributes:
        cases: at most so many cases of the data set, drawn at random; None takes all.
        held_out: share of the cases that nobody trains on; they stay clean and all arms are judged by them.
        noise_level: share of the training cases that get a fault, half of them of the image, half of the label.
        corruptions: kinds of fault that are drawn from.
        severities: each fault's severity is one of these.
        seed: of everything that is drawn.
    """

    cases: int | None = None
    held_out: float = 0.2
    noise_level: float = 0.2
    corruptions: tuple[str, ...] = tuple(CORRUPTIONS)
    severities: tuple[float, ...] = (1.0,)
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn.

        Raises:
            UsageError: a share, a severity, a corruption or the number of cases makes no sense.
        """
        check_corruptions(self.corruptions)
        if not self.severities or not all(0 < severity <= 1 for severity in self.severities):
            raise UsageError("severities must be above 0 and at most 1, such as 0.5,1")
        if not 0 < self.held_out < 1 or not 0 <= self.noise_level < 1:
            raise UsageError("the held-out share must lie between 0 and 1, the noise level from 0 to below 1")
        if self.cases is not None and self.cases < MIN_CASES:
            raise UsageError(f"{self.cases} cases are too few to train on; take at least {MIN_CASES}")

    def split(self, dataset: Dataset) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
        """Training cases and held-out cases, both in the order of their ids.

        Raises:
            UsageError: the data set has too few labelled training cases.
        """
        labelled = labelled_cases(dataset, MIN_CASES)
        drawn = [labelled[i] for i in self._rng("cases").permutation(len(labelled))[: self.cases]]
        count = max(round(self.held_out * len(drawn)), 1)
        held_out, training = drawn[:count], drawn[count:]
        return tuple(sorted(training, key=_by_id)), tuple(sorted(held_out, key=_by_id))

    def faulty_order(self, training: tuple[Case, ...]) -> tuple[Case, ...]:
        """The training cases in the order in which they are asked to take a fault."""
        return tuple(training[i] for i in self._rng("faulty").permutation(len(training)))

    def faults_wanted(self, training_cases: int) -> dict[str, int]:
        """How many faults of the image and how many of the label; the label gets the odd one.

        Where the corruptions are all of one kind, that kind gets all.
        """
        wanted = round(self.noise_level * training_cases)
        kinds = {CORRUPTIONS[name].kind for name in self.corruptions}
        if len(kinds) == 1:
            return {kinds.pop(): wanted}
        return {"image": wanted // 2, "label": wanted - wanted // 2}

    def candidates(self, case_id: str, kind: str) -> Iterator[tuple[str, float]]:
        """Corruption and severity to try in a case, one after the other: not every case can have every fault."""
        rng = self._rng("kind", case_id)
        names = [name for name in self.corruptions if CORRUPTIONS[name].kind == kind]
        severity = float(rng.choice(self.severities))
        for index in rng.permutation(len(names)):
            yield names[index], severity

    def generator(self, case_id: str, corruption: str) -> np.random.Generator:
        """The randomness of a fault; the same for every channel of a case."""
        return self._rng("fault", case_id, corruption)

    def _rng(self, *purpose: str) -> np.random.Generator:
        digest = hashlib.sha256("\0".join(purpose).encode("utf-8", "surrogatepass")).digest()
        return np.random.default_rng([self.seed, *np.frombuffer(digest, dtype=np.uint32).tolist()])

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return json.loads(json.dumps(asdict(self)))


def _by_id(case: Case) -> str:
    return case.case_id


BASELINE = "baseline"
RANDOM = "random"
COMBINED = "combined"
ORACLE = "oracle"


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: as people read it.
        filter: who says which training cases are left out: `none`, `random`, `oracle`, `auv`, `combined` or a measure.
        loss: what is minimised.
        summary: one line for people.
    """

    name: str
    filter: str
    loss: Loss
    summary: str


ARMS = {
    arm.name: arm
    for arm in (
        Arm(BASELINE, "none", "baseline", "all training cases, including faulty ones"),
        Arm(RANDOM, "random", "baseline", "as many cases removed as by the filters, drawn anew for every seed"),
        Arm("auv", "auv", "baseline", "the paper's filter: cases with the highest AUV removed"),
        Arm(OUTLIER, OUTLIER, "baseline", "cases farthest from the cohort removed: the default of auvseg filter"),
        Arm("combined", "combined", "baseline", "most suspicious cases by the combined measure removed"),
        Arm("duo", "none", "duo", "all training cases, trained with DUO"),
        Arm("auv+duo", "auv", "duo", "the paper's filter, then DUO"),
        Arm("combined+duo", "combined", "duo", "the combined measure's filter, then DUO"),
        Arm("oracle", "oracle", "baseline", "exactly the faulty cases removed: the upper limit of any filter"),
    )
}
DEFAULT_ARMS = tuple(name for name in ARMS if name != "combined+duo")


def arms_named(names: tuple[str, ...]) -> tuple[Arm, ...]:
    """The arms of these names, in the catalogue's order and then as named, the baseline always among them.

    A measure's name is an arm too, which filters by it, and with `+duo` trains with DUO then.

    Raises:
        UsageError: an unknown name.
    """
    others = tuple(_by_measure(name) for name in dict.fromkeys(names) if name not in ARMS)
    return (*(arm for name, arm in ARMS.items() if name in names or name == BASELINE), *others)


def _by_measure(name: str) -> Arm:
    measure, plus, loss = name.partition("+")
    if measure not in MEASURES or loss not in ("", "duo") or bool(plus) != bool(loss):
        known = (*ARMS, *MEASURES, *(f"{one}+duo" for one in MEASURES))
        hint = did_you_mean(name, known, f"{', '.join(ARMS)}, and every measure, alone or with +duo")
        raise UsageError(f"unknown arm {name!r}; {hint}")
    return Arm(name, measure, "duo" if loss else "baseline", f"most suspicious cases by {measure} removed")


def drawn_at_random(training: tuple[str, ...], count: int, seed: int) -> tuple[str, ...]:
    """So many training cases, drawn by a seed: what a filter must beat."""
    chosen = np.random.default_rng([seed, 7]).permutation(len(training))[:count]
    return tuple(training[i] for i in sorted(chosen))
