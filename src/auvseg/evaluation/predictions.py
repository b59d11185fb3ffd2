"""Which predicted file belongs to which case."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auvseg.data.case import Case
from auvseg.data.layouts.naming import is_hidden, stem
from auvseg.data.reading import is_supported
from auvseg.data.splits import near_ids
from auvseg.errors import DatasetError

_PROBABILITIES = ".npz"
"""nnU-Net stores class probabilities under this ending, beside the predicted labels."""


@dataclass(frozen=True)
class Matches:
    """Files by case.

    Attributes:
        found: by case id, its predicted file.
        ambiguous: by case id, the names of several files that could be its prediction.
        unknown: names of predicted files that belong to no labelled case.
    """

    found: dict[str, Path]
    ambiguous: dict[str, tuple[str, ...]]
    unknown: tuple[str, ...]


def match_predictions(folder: Path, cases: Sequence[Case]) -> Matches:
    """Find a file for every labelled case: named after the case, or after its label file where that name is unique.

    Of several formats that of the label is taken; `.npz` only where there is nothing else.

    Args:
        folder: of the predictions.
        cases: the labelled cases.

    Raises:
        DatasetError: the folder does not exist, or no file in it belongs to a case.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not is_hidden(path))
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read as a folder of predictions ({error.strerror})") from None
    names = _names(cases)
    wanted = {name for _, name in names}
    by_name: dict[str, list[Path]] = {}
    for path in filter(is_supported, files):
        name = stem(path.name)
        # 3D Slicer's ending is `.seg.nrrd`.
        by_name.setdefault(name if name in wanted else name.removesuffix(".seg"), []).append(path)
    found, ambiguous, taken = {}, {}, set()
    for case, name in names:
        if name not in by_name or case.case_id in found:
            continue
        taken.add(name)
        candidates = _preferred(by_name[name], case.label)
        if len(candidates) == 1:
            found[case.case_id] = candidates[0]
        else:
            ambiguous[case.case_id] = tuple(path.name for path in candidates)
    unknown = tuple(path.name for name in sorted(set(by_name) - taken) for path in by_name[name])
    if not found and not ambiguous:
        example = f"{cases[0].case_id}.nii.gz" if cases else "CASE.nii.gz"
        near = next(iter(near_ids(by_name, [case.case_id for case in cases]).items()), None)
        there = f" by its name; there is {by_name[near[0]][0].name} for {near[1]}" if near else ""
        raise DatasetError(f"{folder.name}: holds no prediction of a labelled case{there}; name them like {example}")
    return Matches(found, ambiguous, unknown)


def _names(cases: Sequence[Case]) -> list[tuple[Case, str]]:
    """What a prediction of a case may be called, the better name first."""
    ids = {case.case_id for case in cases}
    labels = Counter(stem(case.label.name) for case in cases if case.label is not None)
    own = [(case, case.case_id) for case in cases]
    of_label = [(case, stem(case.label.name)) for case in cases if case.label is not None]
    return own + [(case, name) for case, name in of_label if labels[name] == 1 and name not in ids]


def _preferred(files: list[Path], label: Path | None) -> list[Path]:
    ending = "" if label is None else label.name[len(stem(label.name)) :].lower()
    alike = [path for path in files if ending and path.name.lower().endswith(ending)]
    others = [path for path in files if not path.name.lower().endswith(_PROBABILITIES)]
    return alike[:1] or others or files
