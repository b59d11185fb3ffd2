"""Choose the classes of a converted data set: all, some by name, merged ones, or those of a file."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auvseg.data.case import ClassDef
from auvseg.errors import UsageError, did_you_mean
from auvseg.files.text import read_yaml

_RESERVED = ("background", "ignore", "")


@dataclass(frozen=True)
class TargetClass:
    """One foreground class of the converted data set.

    Attributes:
        value: its label value, from 1 without gaps.
        name: its name.
        sources: names of the classes that it is made of.
    """

    value: int
    name: str
    sources: tuple[str, ...]


def target_classes(
    classes: Sequence[ClassDef],
    *,
    keep: Sequence[str] = (),
    merge: Mapping[str, Sequence[str]] | None = None,
    class_map: Mapping[str, Sequence[str]] | None = None,
) -> tuple[TargetClass, ...]:
    """The classes of the converted data set, in the order of their label values.

    Args:
        classes: of the source.
        keep: names of the only classes to take, in the source's order; all if empty. The others become background.
        merge: new name → names of the classes that it replaces; it takes the place of the first of them.
        class_map: new name → names, in the order of the new label values; classes that it does not name become
            background. Excludes the other two.

    Raises:
        UsageError: a name is unknown, used twice or reserved, or nothing is left.
    """
    if class_map is not None and (keep or merge):
        raise UsageError("a class map says everything about the classes; leave out --classes and --merge")
    names = [one.name for one in classes]
    groups = dict(class_map) if class_map is not None else _merged(_kept(names, keep), merge or {})
    _check(groups, names)
    return tuple(
        TargetClass(value, name, tuple(sources)) for value, (name, sources) in enumerate(groups.items(), start=1)
    )


def parse_merges(texts: Iterable[str]) -> dict[str, list[str]]:
    """`organs=liver,spleen` → new name and the names that it replaces.

    Raises:
        UsageError: a text is of another form, or a new name stands there twice.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        name, equals, sources = (part.strip() for part in text.partition("="))
        listed = [source.strip() for source in sources.split(",") if source.strip()]
        if not equals or not name or not listed:
            raise UsageError(f"--merge {text!r}: write NEW=OLD,OLD such as liver=liver,tumor")
        if name in found:
            raise UsageError(f"--merge names {name!r} twice; put all its classes behind one")
        found[name] = listed
    return found


def read_class_map(path: Path) -> dict[str, list[str]]:
    """A YAML or JSON file `{new name: old name, or a list of them}`, in the order of the new label values.

    Raises:
        UsageError: it cannot be read or says something else.
    """
    try:
        content = read_yaml(path)
    except OSError as error:
        raise UsageError(f"{path.name}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise UsageError(f"{path.name}: is not valid YAML or JSON ({error})") from None
    if not isinstance(content, dict) or not content:
        raise UsageError(f"{path.name}: must be a list of lines such as 'liver: [liver, tumor]'")
    return {_text(name, path): _names(sources, path) for name, sources in content.items()}


def _names(sources: Any, path: Path) -> list[str]:
    return [_text(name, path) for name in (sources if isinstance(sources, list) else [sources])]


def _text(name: Any, path: Path) -> str:
    if not isinstance(name, str):
        shown = repr(name) if isinstance(name, str | int | float | None) else f"a {type(name).__name__}"
        raise UsageError(f"{path.name}: {shown} is no class name; put names that look like numbers in quotes")
    return name


def _kept(names: list[str], keep: Sequence[str]) -> list[str]:
    _refuse_unknown(keep, names)
    return [name for name in names if name in keep] if keep else names


def _merged(names: list[str], merge: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """New name → old names; a merged class stands where the first of its classes stood."""
    new_of = {source: new for new, sources in merge.items() for source in sources}
    _refuse_unknown(new_of, names)
    _refuse_twice([source for sources in merge.values() for source in sources])
    groups: dict[str, list[str]] = {}
    for name in names:
        if name in merge and new_of.get(name) != name:
            raise UsageError(f"--merge {name}=...: {name!r} is a class of its own; take another name, or merge it too")
        groups.setdefault(new_of.get(name, name), []).append(name)
    return groups


def _check(groups: Mapping[str, Sequence[str]], names: Sequence[str]) -> None:
    if not groups:
        raise UsageError("no class is left; name at least one")
    reserved = [name for name in groups if name.strip() in _RESERVED]
    if reserved:
        raise UsageError(f"a class cannot be called {reserved[0]!r}, which means something else to nnU-Net")
    empty = [name for name, sources in groups.items() if not sources]
    if empty:
        raise UsageError(f"the class {empty[0]!r} is made of nothing; name what it is made of, or leave it out")
    sources = [source for listed in groups.values() for source in listed]
    _refuse_unknown(sources, names)
    _refuse_twice(sources)


def _refuse_unknown(wanted: Iterable[str], names: Sequence[str]) -> None:
    for name in wanted:
        if name not in names:
            raise UsageError(f"there is no class {name!r} in the data set; {did_you_mean(name, names)}")


def _refuse_twice(sources: Sequence[str]) -> None:
    twice = [name for name, times in Counter(sources).items() if times > 1]
    if twice:
        raise UsageError(f"the class {twice[0]!r} is named twice; a voxel has one class")
