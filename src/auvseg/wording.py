"""Counts in sentences: `1 case`, `2 cases`; and what is alike for many cases, told once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

_FEW = 3
"""So many cases are named one by one."""


def counted(number: int, noun: str) -> str:
    """A number with its noun, in the plural where there is not exactly one.

    Examples:
        >>> counted(1, "case"), counted(0, "case"), counted(12, "class")
        ('1 case', '0 cases', '12 classes')
    """
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{ending}"


def cases_in_words(cases: Sequence[str]) -> str:
    """Some case ids, and how many there are if not all are named.

    Examples:
        >>> cases_in_words(["a", "b"]), cases_in_words(["a", "b", "c", "d"])
        ('a, b', '4 cases: a, b, c ...')
    """
    if len(cases) <= _FEW:
        return ", ".join(cases)
    return f"{counted(len(cases), 'case')}: {', '.join(cases[:_FEW])} ..."


def told_once(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """Lines that say why cases failed; a reason that differs in the case's own name alone is one line for all of them.

    Args:
        reasons: case id and reason of every case.
    """
    alike: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for case, reason in reasons:
        alike[reason.replace(case, "\0") if case else reason].append((case, reason))
    lines = []
    for same in alike.values():
        if len(same) <= _FEW:
            lines += [f"{case}: {reason}" for case, reason in same]
        else:
            lines.append(f"{cases_in_words([case for case, _ in same])}; the first: {same[0][1]}")
    return lines
