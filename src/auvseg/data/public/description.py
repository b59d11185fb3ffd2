"""nnU-Net's `dataset.json` of a converted data set, and the authors' own split as `splits_final.json`.

Cases stand in nnU-Net's explicit `dataset` key with relative paths: images stay where they are, on every platform, and
a file that lies beside them is no case.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from auvseg._version import __version__
from auvseg.data.public.classes import TargetClass
from auvseg.data.public.source import SourceDataset

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
