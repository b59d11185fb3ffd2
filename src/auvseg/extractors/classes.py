"""Match the classes of a data set with those of a model: by name, by meaning, or by a file of the user's."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auvseg.data.case import ClassDef
from auvseg.errors import UsageError, did_you_mean
from auvseg.files.text import parse_json

_SIDES = {"l": "left", "lt": "left", "left": "left", "r": "right", "rt": "right", "right": "right"}

_SMALL_WORDS = frozenset({"of", "the", "and", "a"})

_SHORT = {
    "lk": "left kidney",
    "rk": "right kidney",
    "ivc": "inferior vena cava",
    "svc": "superior vena cava",
    "postcava": "inferior vena cava",
    "lag": "left adrenal gland",
    "rag": "right adrenal gland",
    "gb": "gallbladder",
    "eso": "esophagus",
    "small intestine": "small bowel",
    "intestine": "small bowel",
    "windpipe": "trachea",
    "colon cancer primaries": "colon tumor",
    "urinary bladder": "bladder",
    "hip bone": "hip",
    "femur head": "femoral head",
}
"""Whole names, without their side; looked up after spelling is made one."""

_WORDS = {
    "oesophagus": "esophagus",
    "tumour": "tumor",
    "tumours": "tumor",
    "tumors": "tumor",
    "cancer": "tumor",
    "carcinoma": "tumor",
    "hepatic": "liver",
    "renal": "kidney",
    "splenic": "spleen",
    "pulmonary": "lung",
    "pancreatic": "pancreas",
    "colonic": "colon",
    "prostatic": "prostate",
    "gastric": "stomach",
    "suprarenal": "adrenal",
    "vertebra": "vertebrae",
    "clavicle": "clavicula",
    "aortic": "aorta",
    "cysts": "cyst",
    "lesions": "lesion",
    "vessels": "vessel",
    "kidneys": "kidney",
    "lungs": "lung",
    "glands": "gland",
    "bones": "bone",
    "ribs": "rib",
    "hips": "hip",
}

_AS_WRITTEN = frozenset({"vein", "artery", "veins", "arteries", "trunk"})
"""Next to these, an adjective names a separate vessel: the splenic vein is not part of the spleen."""

FINDINGS = frozenset({"tumor", "cyst", "lesion"})
"""Findings of an organ; on their own they name no structure."""

_HINTS = frozenset({"gland"})
"""Words that may be left out: an adrenal is an adrenal gland."""


def meaning(name: str) -> tuple[str, ...]:
    """Normalise a class name, ignoring spelling variants and word order: equal for names that mean the same.

    Args:
        name: such as `kidney_left`, `Kidney (L)`, `lk` or `Head_of_femur_L`.

    Returns:
        The side first, where there is one, then the other words, sorted.

    >>> meaning("Kidney (L)") == meaning("left kidney") == meaning("lk")
    True
    >>> meaning("hepatic tumour")
    ('liver', 'tumor')
    """
    words = _expanded(_split(name))
    sides = [_SIDES[word] for word in words if word in _SIDES]
    rest = [word for word in words if word not in _SIDES and word not in _SMALL_WORDS]
    return (*sides, *sorted(rest))


def _split(name: str) -> list[str]:
    # "LeftKidney" is two words; "L5" is one, and so is "IVC".
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.findall(r"[^\W_]+", spaced.casefold())


def _expanded(words: list[str]) -> list[str]:
    """Unify spelling, expand abbreviations, join double words."""
    text = " ".join(words).replace("gall bladder", "gallbladder")
    sides = [word for word in text.split() if word in _SIDES]
    rest = [word for word in text.split() if word not in _SIDES]
    literal = not _AS_WRITTEN.isdisjoint(rest)
    whole = _SHORT.get(" ".join(rest))
    if whole is None:
        rest = [word if literal else _WORDS.get(word, word) for word in rest]
        whole = _SHORT.get(" ".join(rest), _SHORT.get(" ".join(word for word in rest if word not in _SMALL_WORDS)))
    if whole is not None:
        rest = whole.split()
    if "head" in rest and "femur" in rest:
        rest = ["femoral", "head"]
    return sides + [word for word in rest if word not in _HINTS]


ClassNameMap = Mapping[str, tuple[str, ...]]
"""The model's names of a class by the data set's; of several, the class is all of them together."""

_SHOWN = 8


@dataclass(frozen=True)
class Match:
    """The model's classes for those of a data set.

    Attributes:
        names: the model's names by class id: one, or several whose union the class is.
        lacking: the classes that have none.
        renamed: where the two names are not the same word for word: the data set's, then the model's.
    """

    names: Mapping[int, tuple[str, ...]]
    lacking: tuple[ClassDef, ...]
    renamed: tuple[tuple[str, str], ...]

    def reasons(self, model: str) -> dict[int, str]:
        """Why a class has no map, by class id; `HasOwnClasses.unmatched` of an extractor."""
        return {one.class_id: f"{model} has no class of this name; see --class-map" for one in self.lacking}

    def notes(self, model: str, known: Sequence[str]) -> tuple[str, ...]:
        """What a person should know before scoring, one sentence each.

        Args:
            model: what to call the model.
            known: its names.

        Raises:
            UsageError: no class is matched at all.
        """
        if not self.names:
            raise UsageError(
                f"{model} has none of the data set's classes ({listed([c.name for c in self.lacking])}); it has "
                f"{listed(known)}; name them with --class-map"
            )
        notes = []
        if self.renamed:
            notes.append(
                "matched by meaning: " + listed([f"{own} is {model}'s {its}" for own, its in self.renamed], "; ")
            )
        if self.lacking:
            notes.append(f"{model} has no class for {listed([c.name for c in self.lacking])}")
        return tuple(notes)


def match_names(classes: Sequence[ClassDef], known: Sequence[str], class_map: ClassNameMap | None = None) -> Match:
    """Find the model's class for every class of a data set.

    The class map comes first, then the same name, then a name of the same meaning. A name without a side matches left
    and right together if the model has both. A bare finding (`tumor`, `cyst`) is matched to the data set's only other
    organ, if the model has such a class.

    Args:
        classes: of the data set.
        known: the model's names.
        class_map: the model's names by the data set's.

    Raises:
        UsageError: the class map names a class that the model has not.
    """
    chosen = mapped(classes, known, class_map)
    exact = {_plain(name): name for name in reversed(known)}
    by_meaning = _by_meaning(known)
    for one in classes:
        if one.class_id not in chosen:
            own = exact.get(_plain(one.name))
            found = (own,) if own is not None else _of_meaning(one, classes, by_meaning)
            if found:
                chosen[one.class_id] = found
    return Match(
        names=chosen,
        lacking=tuple(one for one in classes if one.class_id not in chosen),
        renamed=tuple(
            (one.name, " + ".join(chosen[one.class_id]))
            for one in classes
            if one.class_id in chosen and [_plain(one.name)] != [_plain(its) for its in chosen[one.class_id]]
        ),
    )


def mapped(
    classes: Sequence[ClassDef], known: Sequence[str], class_map: ClassNameMap | None
) -> dict[int, tuple[str, ...]]:
    """The model's names that a class map gives, by class id; a class that it says nothing of is left out.

    Raises:
        UsageError: the class map names a class that the model has not.
    """
    wanted = {_plain(own): its for own, its in (class_map or {}).items()}
    names = {_plain(name): name for name in known}
    unknown = [its for all_its in wanted.values() for its in all_its if _plain(its) not in names]
    if unknown:
        raise UsageError(f"--class-map: the model has no class {unknown[0]!r}; {did_you_mean(unknown[0], known)}")
    return {
        one.class_id: tuple(names[_plain(its)] for its in wanted[_plain(one.name)])
        for one in classes
        if _plain(one.name) in wanted
    }


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """Names for a sentence; of many only the first."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return separator.join(names[:_SHOWN]) + more


def _plain(name: str) -> str:
    return name.strip().casefold()


def _by_meaning(known: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Names by what they say; where two say the same, neither is meant by it."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name in known:
        found.setdefault(meaning(name), []).append(name)
    return {key: names[0] for key, names in found.items() if len(names) == 1}


def _of_meaning(
    one: ClassDef, classes: Iterable[ClassDef], by_meaning: Mapping[tuple[str, ...], str]
) -> tuple[str, ...]:
    """The model's names that say the same: one, left and right, or that of a finding; empty where there is none."""
    key = meaning(one.name)
    same = [(key,), (("left", *key), ("right", *key)), (_finding(key, classes),)]
    return next((tuple(by_meaning[k] for k in keys) for keys in same if all(k in by_meaning for k in keys)), ())


def _finding(key: tuple[str, ...], classes: Iterable[ClassDef]) -> tuple[str, ...]:
    """What "tumor" means where the other classes name one organ alone; nothing where they name several."""
    if not set(key) <= FINDINGS:
        return ()
    others = {tuple(word for word in meaning(c.name) if word not in ("left", "right")) for c in classes}
    organs = [words for words in others if not set(words) <= FINDINGS]
    return tuple(sorted((*organs[0], *key))) if len(organs) == 1 else ()


def read_class_map(path: Path) -> dict[str, tuple[str, ...]]:
    """The model's class names by the data set's, from a file.

    Args:
        path: `.json`, an object: a name by a name, or a list of names where the class is several of the model's; or
            `.csv`, a row a pair, with or without the header `class,model`.

    Raises:
        UsageError: the file cannot be read, or is neither.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(
            f"{path}: cannot be read ({type(problem).__name__}); --class-map is a JSON or CSV file"
        ) from None
    pairs = _json_pairs(path, text) if path.suffix.lower() == ".json" else _csv_pairs(path, text)
    if not pairs:
        raise UsageError(f"{path}: names no class; give the data set's name and the model's name of each")
    found: dict[str, tuple[str, ...]] = {}
    for own, its in pairs:
        found[own] = (*found.get(own, ()), its)
    return found


def _json_pairs(path: Path, text: str) -> list[tuple[str, str]]:
    try:
        content = parse_json(text)
    except ValueError as problem:
        raise UsageError(f"{path}: is no JSON ({problem})") from None
    pairs = []
    for own, its in content.items() if isinstance(content, dict) else [("", None)]:
        names = [its] if isinstance(its, str) else its
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise UsageError(f'{path}: must be an object of names, such as {{"tumour": "hepatic tumor"}}')
        pairs += [(own, name) for name in names]
    return pairs


def _csv_pairs(path: Path, text: str) -> list[tuple[str, str]]:
    rows = [
        [cell.strip() for cell in row] for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)
    ]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2 or not all(row):
            raise UsageError(f"{path}: row {number} has not two names; write the data set's name, the model's name")
    if rows and [cell.casefold() for cell in rows[0]] == ["class", "model"]:
        rows = rows[1:]
    return [(own, its) for own, its in rows]
