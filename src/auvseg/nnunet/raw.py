"""Write nnU-Net's `dataset.json` with references to files in place: relative paths, forward slashes, no copies."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auvseg.errors import UsageError

DATASET_JSON = "dataset.json"


def described(
    channel_names: Sequence[str], labels: Mapping[str, int | list[int]], file_ending: str, training: int | None = None
) -> dict[str, Any]:
    """Build the content of a `dataset.json`, without its cases.

    Args:
        channel_names: of the image's channels, in order.
        labels: label value by class name, `background` among them; several values for a region.
        file_ending: of every image and label.
        training: number of training cases, where it is known already.
    """
    return {
        "channel_names": {str(number): name for number, name in enumerate(channel_names)},
        "labels": dict(labels),
        **({} if training is None else {"numTraining": training}),
        "file_ending": file_ending,
    }


def with_cases(content: Mapping[str, Any], entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content of a `dataset.json` whose explicit `dataset` key names every training case.

    Args:
        content: of `described`, or of a `dataset.json` that was read.
        entries: by case id, of `entry`.
    """
    return {**content, "numTraining": len(entries), "dataset": {name: dict(one) for name, one in entries.items()}}


def entry(images: Sequence[Path], label: Path, folder: Path) -> dict[str, Any]:
    """A case as the `dataset.json` in `folder` names it.

    Raises:
        UsageError: as `path_for_nnunet`.
    """
    return {"images": [path_for_nnunet(image, folder) for image in images], "label": path_for_nnunet(label, folder)}


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
