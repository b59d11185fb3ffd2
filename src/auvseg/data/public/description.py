"""nnU-Net's `dataset.json` of a converted data set, and the authors' own split as `splits_final.json`.

Cases stand in nnU-Net's explicit `dataset` key with relative paths: images stay where they are, on every platform, and
a file that lies beside them is no case.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auvseg._version import __version__
from auvseg.data.public.classes import TargetClass
from auvseg.data.public.source import SourceDataset
from auvseg.errors import CaseError

DESCRIPTION_NAME = "dataset.json"
SPLITS_NAME = "splits_final.json"

Entries = Mapping[str, Mapping[str, Any]]
"""By case id: `images` and `label`, as nnU-Net's `dataset` key has them."""


def describe(
    dataset: SourceDataset, targets: Sequence[TargetClass], entries: Entries, ending: str, regions: bool, reorient: bool
) -> dict[str, Any]:
    """The content of `dataset.json`.

    Args:
        dataset: the source.
        targets: classes of the converted data set.
        entries: the training and validation cases.
        ending: of every label file.
        regions: whether the source's regions stand in place of its classes.
        reorient: whether nnU-Net is to turn every case to one orientation.
    """
    labels: dict[str, int | list[int]] = {"background": 0}
    if regions:
        labels.update(
            {name: list(values) if len(values) > 1 else values[0] for name, values in dataset.regions.items()}
        )
    else:
        labels.update({target.name: target.value for target in targets})
    content: dict[str, Any] = {
        "channel_names": {str(number): name for number, name in enumerate(dataset.channel_names)},
        "labels": labels,
        "numTraining": len(entries),
        "file_ending": ending,
        "name": dataset.name,
        "reference": dataset.reference,
        "licence": dataset.licence,
        "converted_by": f"auvseg {__version__}",
    }
    if regions:
        content["regions_class_order"] = list(dataset.regions_class_order)
    if reorient:
        content["overwrite_image_reader_writer"] = "NibabelIOWithReorient"
    content["dataset"] = {case_id: dict(entry) for case_id, entry in sorted(entries.items())}
    return content


def as_json(content: Any) -> bytes:
    """JSON as it is written to disk; the same content gives the same bytes."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


def reference_to(path: Path, folder: Path) -> str:
    """A source file as `dataset.json` in `folder` names it: relative, with forward slashes.

    Where a symbolic link on the way makes `..` ambiguous (nnU-Net shortens it in the text, the system follows the
    link), or there is no way, the absolute path.

    Raises:
        CaseError: the name holds a dollar sign, which nnU-Net takes for an environment variable.
    """
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links, whose targets may be named otherwise
    start = Path(os.path.abspath(folder))  # noqa: PTH100
    try:
        as_text = os.path.relpath(absolute, start)
        as_followed = os.path.relpath(absolute.parent.resolve() / absolute.name, start.resolve())
        named = Path(as_text).as_posix() if as_text == as_followed else absolute.as_posix()
    except ValueError:
        named = absolute.as_posix()
    if "$" in named:
        raise CaseError(
            f"{path.name}: its path holds a $, which nnU-Net takes for an environment variable; rename it or use --copy"
        )
    return named
