"""Read options from a YAML file: `--config FILE`.

One option per line, by its long name as on the command line: `max-slices: 8`. Options on the command line override the
file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from auvseg.errors import UsageError, did_you_mean
from auvseg.files.text import read_yaml

_OWN_KEY = "config"


@dataclass(frozen=True)
class Options:
    """Content of an options file.

    Attributes:
        path: the file.
        content: the YAML as written.
        values: values by parameter name, as if typed on the command line.
    """

    path: Path
    content: dict[str, Any]
    values: dict[str, Any]


def read_options(path: Path, parameters: Sequence[Any], listed_by: str) -> Options:
    """Read an options file.

    Args:
        path: YAML file with long option names, hyphenated or underscored, or argument names.
        parameters: the command's Click parameters.
        listed_by: the command that lists the options, for messages.

    Raises:
        UsageError: the file cannot be read, is not YAML, names an unknown option, or holds a value that cannot be
            written on a command line. Click checks types later, as for typed options.
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
        raise UsageError(f"{path} is not YAML: {problem}") from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise UsageError(f"{path} is not an options file; write one option per line, such as max-slices: 8")
    return content


def _by_key(parameters: Sequence[Any]) -> dict[str, tuple[Any, bool]]:
    """Parameters by their names in a file, and whether the name switches the option off (--no-...)."""
    known = {}
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            known[parameter.name.replace("_", "-")] = (parameter, False)
            continue
        for inverted, names in ((False, parameter.opts), (True, parameter.secondary_opts)):
            known |= {name[2:]: (parameter, inverted) for name in names if name.startswith("--")}
    known.pop(_OWN_KEY, None)
    return known


def _as_typed(where: str, parameter: Any, value: Any, *, inverted: bool) -> Any:
    """A value in the form that Click expects: text, a list of texts, or a bool for a flag."""
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
    # Options with several names take them comma-separated.
    return ",".join(texts)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
