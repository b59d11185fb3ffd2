"""A file of options in YAML: `--config FILE`.

One option a line, by its long name, as typed on the command line: `max-slices: 8`. What is given on the command line
goes before what the file says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from auvseg.errors import UsageError, did_you_mean
from auvseg.files.text import read_yaml

_ITSELF = "config"


@dataclass(frozen=True)
class Options:
    """What a file of options says.

    Attributes:
        path: the file.
        content: as written there.
        values: by the parameter's name, as if typed on the command line.
    """

    path: Path
    content: dict[str, Any]
    values: dict[str, Any]


def read_options(path: Path, parameters: Sequence[Any], listed_by: str) -> Options:
    """The options in a file.

    Args:
        path: YAML: long names, with hyphens or underscores, and values; of arguments the name.
        parameters: of the command, Click's.
        listed_by: the command that shows them.

    Raises:
        UsageError: the file cannot be read, is no YAML, or names what the command does not know; or a value has no form
            on the command line. Whether a value is of the option's type Click finds, as on the command line.
    """
    known = _by_key(parameters)
    content, values = _read(path), {}
    for key, value in content.items():
        found = known.get(key.replace("_", "-").removeprefix("--"))
        if found is None:
            raise UsageError(f"{path}: there is no option {key!r}; {did_you_mean(key, known, listed_by)}")
        parameter, inverted = found
        if parameter.name in values:
            raise UsageError(f"{path}: {key} is given twice; keep one of them")
        if value is not None:
            values[parameter.name] = _as_typed(f"{path}: {key}", parameter, value, inverted=inverted)
    return Options(path, content, values)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except OSError as problem:
        raise UsageError(f"{path} cannot be read: {problem.strerror or problem}") from None
    except ValueError as problem:
        raise UsageError(f"{path} is no YAML: {problem}") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise UsageError(f"{path} is no file of options; write one a line, such as max-slices: 8")
    return content


def _by_key(parameters: Sequence[Any]) -> dict[str, tuple[Any, bool]]:
    """Every parameter by what a file may call it, and whether that name turns the option off."""
    known = {}
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            known[parameter.name.replace("_", "-")] = (parameter, False)
            continue
        for inverted, names in ((False, parameter.opts), (True, parameter.secondary_opts)):
            known |= {name[2:]: (parameter, inverted) for name in names if name.startswith("--")}
    known.pop(_ITSELF, None)
    return known


def _as_typed(where: str, parameter: Any, value: Any, *, inverted: bool) -> Any:
    """A value as Click takes it from the command line: text, a list of texts, or for a flag true or false."""
    if getattr(parameter, "is_flag", False):
        if not isinstance(value, bool):
            raise UsageError(f"{where} must be true or false, not {value!r}")
        return value is not inverted
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(part, str | int | float | date) for part in parts):
        raise UsageError(f"{where} must be one value or a list of values")
    texts = [_text(part) for part in parts]
    if getattr(parameter, "multiple", False) or parameter.nargs != 1:
        return texts
    # What takes several names takes them separated by commas.
    return ",".join(texts)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
