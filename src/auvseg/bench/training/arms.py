"""What is compared: every arm is a choice of training cases and a loss."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from auvseg.errors import UsageError

Filter = Literal["none", "random", "auv", "combined", "oracle"]
Loss = Literal["baseline", "duo"]

BASELINE = "baseline"
RANDOM = "random"


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: as people read it.
        filter: who says which training cases are left out.
        loss: what is minimised.
        summary: one line for people.
    """

    name: str
    filter: Filter
    loss: Loss
    summary: str


ARMS = {
    arm.name: arm
    for arm in (
        Arm(BASELINE, "none", "baseline", "every training case, faulty ones too"),
        Arm(RANDOM, "random", "baseline", "as many cases left out as the filters do, drawn anew for every seed"),
        Arm("auv", "auv", "baseline", "the paper's filter: the highest AUV left out"),
        Arm("combined", "combined", "baseline", "the combined measure's most suspicious left out"),
        Arm("duo", "none", "duo", "every training case, trained with DUO"),
        Arm("auv+duo", "auv", "duo", "the paper's filter, then DUO"),
        Arm("combined+duo", "combined", "duo", "the combined measure's filter, then DUO"),
        Arm("oracle", "oracle", "baseline", "exactly the faulty cases left out: the most that a filter can do"),
    )
}
DEFAULT_ARMS = tuple(name for name in ARMS if name != "combined+duo")


def arms_named(names: tuple[str, ...]) -> tuple[Arm, ...]:
    """The arms of these names, in the catalogue's order, the baseline always among them.

    Raises:
        UsageError: an unknown name.
    """
    unknown = [name for name in names if name not in ARMS]
    if unknown:
        raise UsageError(f"unknown arm {unknown[0]!r}; there are {', '.join(ARMS)}")
    return tuple(arm for name, arm in ARMS.items() if name in names or name == BASELINE)


def drawn_at_random(training: tuple[str, ...], count: int, seed: int) -> tuple[str, ...]:
    """So many training cases, drawn by a seed: what a filter must beat."""
    chosen = np.random.default_rng([seed, 7]).permutation(len(training))[:count]
    return tuple(training[i] for i in sorted(chosen))
