"""Known faults in known cases: the ground truth of the demo.

A third of the cases get one fault each, every kind in turn. Which cases, which organ and how strong is drawn from the
seed. The truth is written beside the data set, never into it, so that nothing that reads the data set can see it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auvseg.bench.corruptions import CORRUPTIONS, Truth
from auvseg.demo.anatomy import ORGANS
from auvseg.demo.phantom import DATASET_NAME, Phantom, case_name, check_request, draw_phantom, write_cases
from auvseg.errors import UsageError
from auvseg.files.atomic import clear_left_overs, write_text
from auvseg.files.safe_csv import rows_as_csv

TRUTH_NAMES = ("truth.csv", "truth.json")
NO_FAULT = "none"
WHOLE_IMAGE = "whole image"

_LARGE_ORGANS = ("liver", "spleen", "left_kidney", "right_kidney")


@dataclass(frozen=True)
class _Plan:
    """A kind of fault: its name in the truth, the corruption, the range of severity, the organs it may hit."""

    fault: str
    corruption: str
    severity: tuple[float, float]
    organs: tuple[str, ...] = ()


_PLANS = (
    _Plan("noise", "noise", (0.2, 0.5)),
    _Plan("shifted label", "shift", (0.5, 0.9), _LARGE_ORGANS),
    _Plan("blur", "blur", (0.35, 0.7)),
    _Plan("eroded label", "erosion", (0.4, 0.7), _LARGE_ORGANS),
    _Plan("ghosting", "ghosting", (0.5, 1.0)),
    _Plan("missing structure", "missing_structure", (1.0, 1.0), _LARGE_ORGANS),
    _Plan("dilated label", "dilation", (0.4, 0.7), _LARGE_ORGANS),
    _Plan("swapped classes", "swapped_classes", (1.0, 1.0), ("left_kidney", "right_kidney")),
)


@dataclass(frozen=True)
class PlantedFault:
    """One case and what is wrong with it.

    Attributes:
        case_id: the case.
        fault: in words; "none" for a clean case.
        truth: what the corruption did; None for a clean case.
    """

    case_id: str
    fault: str
    truth: Truth | None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes whose outline is wrong; "whole image" where the image is; empty for a clean case."""
        if self.truth is None:
            return ()
        names = {value: name for name, value in ORGANS.items()}
        return tuple(names[value] for value in self.truth.class_ids) or (WHOLE_IMAGE,)


@dataclass(frozen=True)
class PlantedDataset:
    """A data set with known faults.

    Attributes:
        dataset: the folder to score.
        truth_file: the table beside it.
        cases: every case, clean ones too, in the order of their names.
    """

    dataset: Path
    truth_file: Path
    cases: tuple[PlantedFault, ...]


def write_planted_dataset(folder: Path, *, cases: int = 24, seed: int = 0, name: str = DATASET_NAME) -> PlantedDataset:
    """Write the phantom data set with faults in a third of its cases, and the truth beside it.

    Args:
        folder: gets the data set's folder, `truth.csv` and `truth.json`.
        cases: how many; eight kinds of fault need 24 for one each.
        seed: what everything is drawn from.
        name: the data set's folder.

    Raises:
        UsageError: `cases` or `seed` is out of range, or the folder holds a data set or a truth already.
        OSError: the folder cannot be written.
    """
    check_request(cases, seed)
    for file_name in TRUTH_NAMES:
        if (folder / file_name).exists():
            raise UsageError(f"{folder / file_name} exists already; choose another folder, or delete it first")
    faults: list[PlantedFault] = []
    dataset = write_cases(folder / name, _planted_cases(cases, seed, faults))
    result = PlantedDataset(dataset, folder / TRUTH_NAMES[0], tuple(faults))
    write_text(folder / TRUTH_NAMES[0], _csv(result.cases))
    write_text(folder / TRUTH_NAMES[1], _json(result.cases, seed))
    clear_left_overs(folder)
    return result


def _planted_cases(cases: int, seed: int, faults: list[PlantedFault]) -> Iterator[tuple[str, Phantom]]:
    """Draw each case, put its fault in, and append the truth to `faults`; one case is held at a time."""
    plans = _assign(cases, seed)
    for index in range(cases):
        phantom = draw_phantom(index, seed=seed)
        if index in plans:
            phantom, truth = _plant(phantom, plans[index], np.random.default_rng([seed, index, 1]))
            faults.append(PlantedFault(case_name(index), plans[index].fault, truth))
        else:
            faults.append(PlantedFault(case_name(index), NO_FAULT, None))
        yield case_name(index), phantom


def _assign(cases: int, seed: int) -> dict[int, _Plan]:
    """Which case gets which fault: every kind once before any comes twice."""
    rng = np.random.default_rng([seed, cases, 2])
    chosen = rng.permutation(cases)[: round(cases / 3)]
    return {int(index): _PLANS[turn % len(_PLANS)] for turn, index in enumerate(chosen)}


def _plant(phantom: Phantom, plan: _Plan, rng: np.random.Generator) -> tuple[Phantom, Truth]:
    organ = str(rng.choice(plan.organs)) if plan.organs else None
    corrupted = CORRUPTIONS[plan.corruption].apply(
        phantom.image,
        phantom.label,
        severity=round(rng.uniform(*plan.severity), 2),
        rng=rng,
        class_id=ORGANS[organ] if organ is not None else None,
        spacing_mm=phantom.spacing_mm,
    )
    faulty = Phantom(corrupted.image, corrupted.label, phantom.spacing_mm, phantom.origin_mm, phantom.orientation)
    return faulty, corrupted.truth


def _csv(cases: tuple[PlantedFault, ...]) -> str:
    rows = [["case", "fault", "kind", "class", "severity", "detail"]]
    for case in cases:
        truth = case.truth
        row = [truth.kind, " and ".join(case.classes), f"{truth.severity:g}", truth.words] if truth else [""] * 4
        rows.append([case.case_id, case.fault, *row])
    return rows_as_csv(rows)


def _json(cases: tuple[PlantedFault, ...], seed: int) -> str:
    rows = []
    for case in cases:
        row: dict[str, object] = {"case": case.case_id, "fault": case.fault}
        if case.truth:
            row |= {
                "kind": case.truth.kind,
                "class": list(case.classes),
                "severity": case.truth.severity,
                "detail": case.truth.words,
                "parameters": dict(case.truth.parameters),
                "changed_voxels": case.truth.changed_voxels,
            }
        rows.append(row)
    return json.dumps({"seed": seed, "cases": rows}, indent=2) + "\n"
