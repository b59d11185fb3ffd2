"""Settings of a training, passed as environment variables because nnU-Net's command passes no options to a trainer.

Each setting has one name: `alpha` here, `AUVSEG_ALPHA` in the environment, `"auvseg": {"alpha": …}` in a configuration
of the plans, `--alpha` of `auvseg train`. The environment overrides the plans, and both override the default.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from auvseg.errors import UsageError, did_you_mean
from auvseg.measures.catalogue import ScaleOn

NoiseKind = Literal["case", "sampled", "none"]
PREFIX = "AUVSEG_"


@dataclass(frozen=True)
class Settings:
    """Settings of a training; the defaults are the paper's (section *Implementation details*).

    Attributes:
        epochs: passes of `iterations` steps.
        iterations: steps an epoch.
        validation_iterations: patches an epoch on which nnU-Net estimates Dice.
        mirroring: whether validation cases are predicted over mirrored copies too, as nnU-Net does: eight times the
            time. Nothing of a checkpoint depends on it.
        learning_rate: of SGD at the start; it falls by nnU-Net's polynomial.
        seed: of everything that is drawn, reproducible with `nnUNet_n_proc_DA=0`; None draws anew.
        keep: file with the ids of the cases to train on, one a line; validation cases stay as they are.
        exclude: file with the ids not to train on: `exclude.txt` or `exclude.yaml` of `auvseg filter`.
        alpha: α of DUO.
        beta: β of DUO, the share of Dice.
        noise: `case` learns ε̂ of every training case, `sampled` draws it, `none` has no noise head.
        correction_limit: largest change of a label, below 1/2 to keep it on its side.
        correction_share: largest share of a structure that its corrections may add up to.
        scale_gradient: whether gradient flows through `S`.
        scale_on: `S` of logits or of probabilities.
    """

    epochs: int = 100
    iterations: int = 250
    validation_iterations: int = 50
    mirroring: bool = True
    learning_rate: float = 0.01
    seed: int | None = None
    keep: str | None = None
    exclude: str | None = None
    alpha: float = 0.5
    beta: float = 0.5
    noise: NoiseKind = "case"
    correction_limit: float = 0.4
    correction_share: float = 0.1
    scale_gradient: bool = True
    scale_on: ScaleOn = "logits"

    @classmethod
    def read(cls, environment: Mapping[str, str], plans: Mapping[str, Any]) -> "Settings":
        """The settings of a training.

        Args:
            environment: `os.environ`.
            plans: the configuration's `"auvseg"` entry, or an empty one.

        Raises:
            UsageError: a value is of the wrong kind or out of its range, or the plans name an unknown setting.
        """
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(plans) - known)
        if unknown:
            raise UsageError(
                f"the plans' auvseg entry has no setting {unknown[0]!r}; {did_you_mean(unknown[0], sorted(known))}"
            )
        given: dict[str, Any] = {}
        for name in known:
            variable = PREFIX + name.upper()
            if environment.get(variable):
                given[name] = _read(name, environment[variable], variable)
            elif name in plans:
                given[name] = _read(name, plans[name], f"auvseg.{name} of the plans")
        return cls(**given)

    def as_environment(self) -> dict[str, str]:
        """The variables that say the same; an empty one stands for None."""
        return {PREFIX + field.name.upper(): _written(getattr(self, field.name)) for field in fields(self)}


def _written(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _read(name: str, value: object, where: str) -> Any:
    parse, expected = _READERS[name]
    try:
        return parse(str(value))
    except ValueError:
        raise UsageError(f"{where} is {value!r}; {expected} is expected") from None


def _integer(low: int) -> tuple[Callable[[str], int], str]:
    def parse(text: str) -> int:
        value = int(text)
        if value < low:
            raise ValueError
        return value

    return parse, f"a whole number from {low}"


def _number(low: float, high: float, *, above: bool = False) -> tuple[Callable[[str], float], str]:
    def parse(text: str) -> float:
        value = float(text)
        if not (low < value if above else low <= value) or not value <= high or not math.isfinite(value):
            raise ValueError
        return value

    least = f"above {low:g}" if above else f"from {low:g}"
    return parse, f"a number {least}" + ("" if math.isinf(high) else f" to {high:g}")


def _one_of(kind: Any) -> tuple[Callable[[str], str], str]:
    def parse(text: str) -> str:
        if text not in get_args(kind):
            raise ValueError
        return text

    return parse, " or ".join(get_args(kind))


def _boolean() -> tuple[Callable[[str], bool], str]:
    def parse(text: str) -> bool:
        if text.lower() not in ("true", "1", "false", "0"):
            raise ValueError
        return text.lower() in ("true", "1")

    return parse, "true or false"


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "epochs": _integer(1),
    "iterations": _integer(1),
    "validation_iterations": _integer(1),
    "mirroring": _boolean(),
    "learning_rate": _number(0, math.inf, above=True),
    "seed": _integer(0),
    "keep": (str, "a file"),
    "exclude": (str, "a file"),
    "alpha": _number(0, math.inf),
    "beta": _number(0, 1),
    "noise": _one_of(NoiseKind),
    "correction_limit": _number(0, 1, above=True),
    "correction_share": _number(0, 1, above=True),
    "scale_gradient": _boolean(),
    "scale_on": _one_of(ScaleOn),
}
