"""Parse untrusted JSON and YAML: whatever is wrong with the text is a ValueError."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

TOO_DEEP = "it is nested too deep"


def read_json(path: Path) -> Any:
    """Read a JSON file in UTF-8.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, is no UTF-8, or is nested deeper than Python can follow.
    """
    return parse_json(path.read_text(encoding="utf-8"))


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is no JSON, is no UTF-8, or is nested deeper than Python can follow.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def writable(text: str) -> str:
    """Escape lone surrogates, which UTF-8 cannot hold; they come from JSON or from file names in another encoding."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def what_is_wrong(error: ValueError) -> str:
    """One line on why a text is no JSON and where: a trailing comma in plain words, other faults in Python's."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text; save it as such"
    if not isinstance(error, json.JSONDecodeError):
        return (str(error).splitlines() or [type(error).__name__])[0]
    before, behind = error.doc[: error.pos].rstrip(), error.doc[error.pos :].lstrip()
    # Versions of Python differ in whether they point at the comma or behind it.
    comma = (before.endswith(",") and behind[:1] in ("]", "}")) or re.match(r",\s*[\]}]", behind)
    what = "a comma before a closing bracket" if comma else error.msg
    return f"line {error.lineno} column {error.colno}: {what}"


def decode(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 and UTF-32 as spreadsheets and Windows write them; the byte order mark is dropped.

    Raises:
        UnicodeDecodeError: it is none of them.
    """
    return content.decode(json.detect_encoding(content)).removeprefix("\ufeff")


def read_yaml(path: Path) -> Any:
    """Read a YAML file in UTF-8 as plain data; an alias is the very object that it stands for.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no YAML, is no UTF-8, is nested too deep, or has a key twice; in one line.
    """
    import yaml

    text = path.read_text(encoding="utf-8-sig")
    try:
        return yaml.load(text, Loader=_loader())
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        # What PyYAML makes of damaged numbers and dates is whatever Python makes of them.
        raise ValueError((str(error).splitlines() or [type(error).__name__])[0]) from None


@cache
def _loader() -> Any:
    """PyYAML's safe loader, which takes the last of duplicate keys, made to refuse them."""
    import yaml

    # The one in C does not become slower with every bracket that is open.
    safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(safe):  # type: ignore[misc]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
            twice = [name for name, times in Counter(names).items() if times > 1]
            if twice:
                raise ValueError(f"{twice[0]!r} stands there twice")
            return super().construct_mapping(node, deep)

    return Loader
