"""Which class of a model a class of a data set is: told by a class map, else by names that mean the same.

Names are compared by what they say, not by how they are written: `kidney_left`, `Left kidney`, `Kidney (L)` and `lk`
are one structure. Where a name says too little to be sure ("tumor" beside two organs), there is no match: a class that
is not matched becomes a row with that reason, a wrong match becomes a number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auvseg.data.case import ClassDef
from auvseg.errors import UsageError, did_you_mean
from auvseg.extractors.class_meaning import FINDINGS, meaning

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
    """The model's class of every class of a data set that has one.

    First what the class map says, then the same name, then a name of the same meaning. A name without a side is left
    and right together where the model has both. A finding by itself (`tumor`, `cyst`) is that of the data set's
    only other organ, where the model knows it.

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
