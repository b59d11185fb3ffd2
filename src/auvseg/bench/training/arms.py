"""What is compared: every arm is a choice of training cases and a loss."""

from dataclasses import dataclass

import numpy as np

from auvseg.choices import Loss
from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import MEASURES, OUTLIER

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
        Arm(BASELINE, "none", "baseline", "every training case, faulty ones too"),
        Arm(RANDOM, "random", "baseline", "as many cases left out as the filters do, drawn anew for every seed"),
        Arm("auv", "auv", "baseline", "the paper's filter: the highest AUV left out"),
        Arm(OUTLIER, OUTLIER, "baseline", "the cases farthest from the cohort left out: the default of auvseg filter"),
        Arm("combined", "combined", "baseline", "the combined measure's most suspicious left out"),
        Arm("duo", "none", "duo", "every training case, trained with DUO"),
        Arm("auv+duo", "auv", "duo", "the paper's filter, then DUO"),
        Arm("combined+duo", "combined", "duo", "the combined measure's filter, then DUO"),
        Arm("oracle", "oracle", "baseline", "exactly the faulty cases left out: the most that a filter can do"),
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
    return Arm(name, measure, "duo" if loss else "baseline", f"the most suspicious by {measure} left out")


def drawn_at_random(training: tuple[str, ...], count: int, seed: int) -> tuple[str, ...]:
    """So many training cases, drawn by a seed: what a filter must beat."""
    chosen = np.random.default_rng([seed, 7]).permutation(len(training))[:count]
    return tuple(training[i] for i in sorted(chosen))
