"""Which training cases a fold may use: a list of cases to keep, or what `auvseg filter` wrote of those to leave out."""

from collections.abc import Collection, Sequence
from pathlib import Path

from auvseg.errors import UsageError
from auvseg.files.text import decode, read_yaml

_SHOWN = 5


def read_case_list(path: Path) -> list[str]:
    """The case ids of a file: one a line, or the entries of `exclude.yaml`.

    Raises:
        UsageError: the file cannot be read, or is no such list.
    """
    try:
        if path.suffix.lower() not in (".yaml", ".yml"):
            return [line.strip() for line in decode(path.read_bytes()).splitlines() if line.strip()]
        return [_case_of(entry) for entry in read_yaml(path)["exclude"]]
    except OSError as error:
        raise UsageError(f"the case list {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the case list {path} is no text in UTF-8") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} has no list of cases under 'exclude': {error}") from None


def _case_of(entry: object) -> str:
    case = entry["case"] if isinstance(entry, dict) else entry
    if not isinstance(case, str | int):
        # Of a list within lists that stand for each other the text alone may fill the memory.
        raise TypeError(f"a {type(case).__name__} is no case id")
    return str(case)


def restricted(
    training: Sequence[str], every: Collection[str], *, keep: Path | None, exclude: Path | None
) -> list[str]:
    """The training cases of a fold that are kept, in their order. Validation cases are no concern of these lists.

    Args:
        training: the fold's training cases.
        every: all cases of the data set; a list that names others belongs to another data set.
        keep: list of cases to train on; None keeps all.
        exclude: list of cases not to train on.

    Raises:
        UsageError: a list cannot be read or names unknown cases, or nothing is left.
    """
    kept = [str(case) for case in training]
    for path, wanted in ((keep, True), (exclude, False)):
        if path is None:
            continue
        listed = set(read_case_list(path))
        unknown = sorted(listed - {str(case) for case in every})
        if unknown:
            raise UsageError(
                f"{path} names {len(unknown)} cases that the data set does not have "
                f"({', '.join(unknown[:_SHOWN])}); is it of another data set?"
            )
        kept = [case for case in kept if (case in listed) == wanted]
    if not kept:
        raise UsageError("no training case is left: check the lists of cases to keep and to exclude")
    return kept
