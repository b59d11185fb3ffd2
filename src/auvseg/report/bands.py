"""Where the cohort's spectra lie, so that one case's can be held against them.

Shapes: r directions.
"""

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from auvseg.cohort.distance import MIN_CASES
from auvseg.report.payload import numbers
from auvseg.scoring.view import CaseView

MAX_DIRECTIONS = 32
"""Of a spectrum: the rest holds next to nothing."""

PERCENTILES = (5, 50, 95)


class SpectrumBands:
    """Takes the views of a run one by one; keeps of each its first directions alone."""

    def __init__(self) -> None:
        self._shares: dict[int, list[NDArray[np.float32]]] = {}

    def take(self, view: CaseView) -> None:
        """Count a case in."""
        for class_id, one in view.classes.items():
            share = np.zeros(MAX_DIRECTIONS, dtype=np.float32)
            share[: len(one.spectrum)] = one.spectrum[:MAX_DIRECTIONS]
            if np.isfinite(share).all():
                self._shares.setdefault(class_id, []).append(share)

    def percentiles(self) -> dict[int, tuple[Float32[np.ndarray, "r"], ...]]:
        """The `PERCENTILES` of every direction's share of the energy, by class id; none of fewer than `MIN_CASES`."""
        return {
            class_id: tuple(np.percentile(np.stack(shares), PERCENTILES, axis=0).astype(np.float32))
            for class_id, shares in sorted(self._shares.items())
            if len(shares) >= MIN_CASES
        }

    def payload(self) -> dict[str, dict[str, list[float | None]]]:
        """The same as the page reads it."""
        return {
            str(class_id): {"low": numbers(low), "middle": numbers(middle), "high": numbers(high)}
            for class_id, (low, middle, high) in self.percentiles().items()
        }
