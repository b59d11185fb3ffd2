"""Read nnU-Net's `splits_final.json` and check its folds against a data set."""

import codecs
import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any

from auvseg.data.case import Dataset
from auvseg.data.check.findings import Finding, Kind, Problem
from auvseg.data.layouts.naming import folded, loosely, some_of, stem
from auvseg.errors import DatasetError
from auvseg.files.text import parse_json, what_is_wrong
from auvseg.wording import counted

Fold = dict[str, Any]
"""One fold: `train` and `val`, lists of case ids; other keys stay as they are."""

SPLITS_NAME = "splits_final.json"

_WANTED = 'a list with one {"train": [ids], "val": [ids]} a fold'
_LISTS = ("train", "val")
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PICKLE = b"\x80"
_MAX_WIDTH = 80
_CHANNEL = re.compile(r"[_.\-]\d{4}$")


def find_splits(dataset: Dataset) -> Path | None:
    """Find the split of a data set: beside its images, or where nnU-Net looks for it; None if there is none."""
    places = [dataset.root / SPLITS_NAME]
    preprocessed = os.environ.get("nnUNet_preprocessed")  # noqa: SIM112 - nnU-Net's own spelling
    if preprocessed:
        places.append(Path(preprocessed) / dataset.name / SPLITS_NAME)
    return next((place for place in places if place.is_file()), None)


def check_splits(path: Path, dataset: Dataset) -> list[Finding]:
    """Report all problems of a split file, including files that are not a split."""
    try:
        content = path.read_bytes()
        folds = parse_folds(content, path.name)
    except OSError as error:
        return [Problem(Kind.UNUSABLE_SPLIT, f"cannot be read ({error.strerror})").at("", path.name)]
    except DatasetError as error:
        message = str(error).removeprefix(f"{path.name} ")
        return [Problem(Kind.UNUSABLE_SPLIT, message).at("", path.name)]
    found = split_findings(folds, dataset, path.name)
    if content.startswith(_MARKS):
        message = "begins with a byte order mark, which nnU-Net does not read"
        found.append(Problem(Kind.UNUSABLE_SPLIT, message, "save it as UTF-8 without one").at("", path.name))
    return found


def parse_folds(content: bytes, name: str) -> list[Fold]:
    """The folds that a file holds.

    Args:
        content: the file's.
        name: what to call the file in messages.

    Raises:
        DatasetError: it is no JSON, or no nnU-Net split.
    """
    if content.startswith(_PICKLE):
        raise DatasetError(f"{name} is a pickle, as nnU-Net v1 wrote; nnU-Net v2 wants JSON: {_WANTED}")
    try:
        folds = parse_json(content)
    except ValueError as error:
        raise DatasetError(f"{name} is not a JSON file ({what_is_wrong(error)})") from None
    _require_folds(folds, name)
    return list(folds)


def split_findings(folds: Sequence[Fold], dataset: Dataset, file: str) -> list[Finding]:
    """What is wrong with the folds of a data set.

    Args:
        folds: as `parse_folds` gives them.
        dataset: the data set.
        file: the split's name, for the findings.
    """
    known = {case.case_id for case in dataset.cases}
    lists = [(f"{key} of fold {number}", fold[key]) for number, fold in enumerate(folds) for key in _LISTS]
    named = {name for _, names in lists for name in names}
    near = near_ids(named, known)
    trainable = {case.case_id for case in dataset.cases if case.subset != "test" and case.label is not None}
    problems = [
        *_overlaps(folds),
        *_names(near, sorted(named - known - near.keys()), dataset.name),
        *(problem for where, names in lists for problem in _in_list(where, names)),
        *_left_out(sorted(trainable - named - set(near.values()))),
    ]
    return [problem.of_cases(file, known.intersection(cases)) for problem, cases in problems]


_About = tuple[Problem, Collection[str]]
"""A problem and the cases that it is about."""


def _overlaps(folds: Sequence[Fold]) -> Iterator[_About]:
    for number, fold in enumerate(folds):
        if both := sorted(set(fold["train"]) & set(fold["val"])):
            message = f"fold {number} trains on {counted(len(both), 'case')} that it validates on: {some_of(both)}"
            yield Problem(Kind.SPLIT_OVERLAP, message), both


def _names(near: dict[str, str], unknown: Sequence[str], dataset: str) -> Iterator[_About]:
    advice = "write the ids of the cases"
    if near:
        yield Problem(Kind.UNUSABLE_SPLIT, near_in_words(near), advice), near.values()
    if unknown:
        message = f"it names {counted(len(unknown), 'case')} that {dataset} does not have: {some_of(unknown)}"
        yield Problem(Kind.UNUSABLE_SPLIT, message, advice), ()


def _in_list(where: str, names: Sequence[str]) -> Iterator[_About]:
    if twice := sorted(name for name, times in Counter(names).items() if times > 1):
        message = f"{where} names {counted(len(twice), 'case')} more than once: {some_of(twice)}"
        yield Problem(Kind.DOUBTFUL_SPLIT, message, "name each once"), twice
    if not names:
        yield Problem(Kind.DOUBTFUL_SPLIT, f"{where} is empty", "give it cases"), ()


def _left_out(cases: Sequence[str]) -> Iterator[_About]:
    if cases:
        message = f"{counted(len(cases), 'case')} in no fold: {some_of(cases)}"
        yield Problem(Kind.DOUBTFUL_SPLIT, message, "add them, unless they are left out on purpose"), cases


def near_ids(names: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Names that are no case's, with the one case that each must mean.

    What is looked through: a file's name or path, nnU-Net's channel suffix, capital letters and their composition,
    separators and leading zeros.
    """
    looks: tuple[Callable[[str], str], ...] = (folded, loosely)
    by_look: dict[tuple[Callable[[str], str], str], set[str]] = defaultdict(set)
    for look, one in product(looks, known):
        by_look[look, look(one)].add(one)
    found = {}
    for name in set(names) - set(known):
        file = PurePosixPath(name.strip().replace("\\", "/")).name
        bare = stem(file)
        forms = (name, file, bare, _CHANNEL.sub("", file), _CHANNEL.sub("", bare))
        keys = ((look, look(form)) for look, form in product(looks, forms))
        meant = (by_look[key] for key in keys if key[1] and key in by_look)
        if one_case := next((cases for cases in meant if len(cases) == 1), None):
            (found[name],) = one_case
    return dict(sorted(found.items()))


def near_in_words(near: dict[str, str]) -> str:
    """What is wrong with names that `near_ids` found."""
    name, case = next(iter(near.items()))
    many = counted(len(set(near.values())), "case")
    return f"it names {many} otherwise than by id, such as {name!r} for {case!r}, and nnU-Net finds no such case"


def _require_folds(folds: object, name: str) -> None:
    if isinstance(folds, dict):
        instead = f"one fold without a list around it; write [{{...}}], {_WANTED}"
        if not folds.keys() >= set(_LISTS):
            instead = f"an object, with the keys {some_of([repr(key) for key in folds])}; it should be {_WANTED}"
        raise DatasetError(f"{name} is no nnU-Net split: it is {instead}")
    if not isinstance(folds, list) or not folds:
        raise DatasetError(f"{name} is no nnU-Net split; it should be {_WANTED}")
    for number, fold in enumerate(folds):
        if not isinstance(fold, dict) or not fold.keys() >= set(_LISTS):
            keys = f" (it has {some_of(list(map(repr, fold)))})" if isinstance(fold, dict) else ""
            raise DatasetError(f"fold {number} of {name} is no fold{keys}; a split is {_WANTED}")
        for key in _LISTS:
            _require_ids(fold[key], f"fold {number} of {name} is no fold: {key}")


def _require_ids(names: object, where: str) -> None:
    if not isinstance(names, list):
        raise DatasetError(f"{where} is a {type(names).__name__}, not a list of ids; a split is {_WANTED}")
    for odd in (name for name in names if not isinstance(name, str)):
        quoted = f'; write "{odd}"' if isinstance(odd, int) and not isinstance(odd, bool) else ""
        raise DatasetError(f"{where} holds {json.dumps(odd)[:_MAX_WIDTH]}, and ids are texts{quoted}")
