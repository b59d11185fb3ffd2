"""How a description names files that stay where they are: for every `dataset.json` and datalist that auvseg writes."""

import json
import os
from pathlib import Path
from typing import Any

from auvseg.errors import UsageError


def path_from(path: Path, folder: Path) -> str:
    """`path` as a file in `folder` should name it: relative, with forward slashes.

    Where a symbolic link on the way makes `..` ambiguous (nnU-Net and MONAI shorten it in the text, the system follows
    the link), or there is no way, the absolute path.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links, whose targets may be named otherwise
    start = Path(os.path.abspath(folder))  # noqa: PTH100
    try:
        as_text = os.path.relpath(absolute, start)
        as_followed = os.path.relpath(absolute.parent.resolve() / absolute.name, start.resolve())
    except ValueError:
        return absolute.as_posix()
    return Path(as_text).as_posix() if as_text == as_followed else absolute.as_posix()


def path_for_nnunet(path: Path, folder: Path) -> str:
    """`path` as the `dataset.json` in `folder` names it.

    Raises:
        UsageError: the name holds a dollar sign, and nnU-Net replaces `$NAME` in it by an environment variable.
    """
    named = path_from(path, folder)
    if "$" in named:
        raise UsageError(f"{named}: nnU-Net takes the $ for an environment variable; rename the file or folder")
    return named


def as_json(content: Any) -> bytes:
    """JSON as it is written to disk; the same content gives the same bytes, and any file's name can be in it."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")
