"""Plan of a bench: the cases, the half of them that gets faults, and the faults. Everything follows from a seed."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.data.case import Case, Dataset
from auvseg.errors import UsageError, did_you_mean
from auvseg.files.schema import Float, Int, convert
from auvseg.wording import counted

MIN_CASES = 6
"""With fewer, a half has at most two cases and an area under the curve is meaningless."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault of one severity, in one draw of the faulty half.

    Attributes:
        draw: which random half, from 0.
        corruption: its name in `auvseg.bench.corruptions.CORRUPTIONS`.
        severity: in (0, 1].
    """

    draw: int
    corruption: str
    severity: float

    @property
    def folder(self) -> str:
        """Folder of its records, below the bench's folder."""
        return f"faults/draw{self.draw}/{self.corruption}-{self.severity:g}"


@dataclass(frozen=True)
class Plan:
    """What a bench plants.

    Attributes:
        cases: at most so many cases of the data set, drawn at random; None takes all.
        corruptions: names, in the catalogue's order.
        severities: each in (0, 1], increasing.
        draws: how many random halves; each has faults of its own.
        seed: of everything that is drawn.
    """

    cases: Int | None = 40
    corruptions: tuple[str, ...] = tuple(CORRUPTIONS)
    severities: tuple[Float, ...] = (0.5, 1.0)
    draws: Int = 1
    seed: Int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be planted.

        Raises:
            UsageError: an unknown corruption, a severity outside (0, 1] or twice, no draw, too few cases.
        """
        check_corruptions(self.corruptions)
        if not self.severities or not all(0 < s <= 1 for s in self.severities):
            raise UsageError("severities must be above 0 and at most 1, such as 0.5,1")
        if list(self.severities) != sorted(set(self.severities)):
            raise UsageError("severities must be increasing, each once")
        if self.draws < 1 or self.seed < 0:
            raise UsageError("draws must be at least 1 and the seed not negative")
        if self.cases is not None and self.cases < MIN_CASES:
            raise UsageError(f"{self.cases} cases are too few; use at least {MIN_CASES}")

    def faults(self) -> tuple[Fault, ...]:
        """Every fault, label faults of a draw first: they can reuse what was computed of the clean image."""
        order = sorted(self.corruptions, key=lambda name: CORRUPTIONS[name].kind == "image")
        return tuple(
            Fault(draw, name, severity) for draw in range(self.draws) for name in order for severity in self.severities
        )

    def choose(self, dataset: Dataset) -> tuple[Case, ...]:
        """Choose the cases, in a random order, so that fewer `cases` are a prefix of more.

        Raises:
            UsageError: the data set has too few labelled training cases.
        """
        labelled = labelled_cases(dataset, MIN_CASES)
        order = np.random.default_rng([self.seed, 0]).permutation(len(labelled))
        return tuple(labelled[index] for index in order[: self.cases])

    def faulty_half(self, case_ids: Sequence[str], draw: int) -> frozenset[str]:
        """Return the chosen cases that get the faults of a draw: one of each pair of neighbours.

        Pairs keep the halves equal, however many cases were done when time ran out.
        """
        rng = np.random.default_rng([self.seed, 1, draw])
        second = rng.integers(0, 2, size=len(case_ids) // 2)
        return frozenset(case_ids[2 * pair + int(choice)] for pair, choice in enumerate(second))

    def generator(self, fault: Fault, case_id: str) -> np.random.Generator:
        """The randomness of a fault in a case; the same for every severity, so that faults of one kind only grow."""
        key = hashlib.sha256(f"{fault.corruption}\0{case_id}".encode("utf-8", "surrogatepass")).digest()
        return np.random.default_rng([self.seed, 2, fault.draw, *np.frombuffer(key, dtype=np.uint32).tolist()])

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Plan":
        """The plan that `as_dict` wrote.

        Raises:
            KeyError, ValueError: these are not a plan's values.
            UsageError: they are, and cannot be planted.
        """
        return convert({one.name: values[one.name] for one in fields(cls)}, cls)


def check_corruptions(names: Sequence[str]) -> None:
    """Refuse names that are no corruption's.

    Raises:
        UsageError: one is unknown, or there are none.
    """
    unknown = [name for name in names if name not in CORRUPTIONS]
    if unknown or not names:
        wanted = f"unknown corruption {unknown[0]!r}" if unknown else "no corruption is named"
        hint = did_you_mean(unknown[0] if unknown else "", CORRUPTIONS, "docs/bench-detect.md")
        raise UsageError(f"{wanted}; {hint}")


def labelled_cases(dataset: Dataset, fewest: int) -> list[Case]:
    """The training cases that have a label, by id.

    Raises:
        UsageError: there are fewer than `fewest`.
    """
    labelled = [case for case in dataset.cases if case.subset == "training" and case.label is not None]
    if len(labelled) < fewest:
        raise UsageError(
            f"{dataset.name} has {counted(len(labelled), 'labelled training case')}; at least {fewest} are needed"
        )
    return sorted(labelled, key=lambda case: case.case_id)
