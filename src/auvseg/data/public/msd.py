"""Medical Segmentation Decathlon: any task, by its `dataset.json`."""

from pathlib import Path

from auvseg.data.case import Case
from auvseg.data.layouts import decathlon
from auvseg.data.layouts.dataset_json import as_text, load_json
from auvseg.data.public.source import SourceCase, SourceDataset
from auvseg.errors import DatasetError


def find(source: Path) -> SourceDataset:
    """List the cases that a task's `dataset.json` names.

    Raises:
        DatasetError: there is no decathlon description, or it contradicts itself.
    """
    if not decathlon.recognises(source):
        raise DatasetError(f"{source.name}: has no decathlon dataset.json; name a folder such as Task04_Hippocampus")
    dataset = decathlon.read(source)
    content = load_json(source / "dataset.json")
    names = [one.name for one in dataset.classes or ()]
    if len(set(names)) < len(names):
        raise DatasetError("dataset.json: 'labels' names two classes alike; nnU-Net wants a name for each")
    return SourceDataset(
        name=dataset.name,
        root=source,
        cases=tuple(_case(case, source) for case in dataset.cases),
        classes=dataset.classes or (),
        channel_names=dataset.channel_names,
        licence=as_text(content.get("licence", content.get("license", "not stated"))),
        reference=as_text(content.get("reference", "Antonelli et al., The Medical Segmentation Decathlon, 2022")),
        notes=dataset.notes,
    )


def _case(case: Case, root: Path) -> SourceCase:
    label = case.label if case.subset != "test" else None
    files = [*case.images, *([label] if label else [])]
    outside = [path for path in files if ".." in path.parts or not path.is_relative_to(root)]
    if outside:
        failure = f"dataset.json names {outside[0].name} outside the data set's folder; move it inside"
        return SourceCase(case.case_id, None, subset=case.subset, failure=failure)
    if len(case.images) > 1:
        failure = (
            "has one file a channel already, as nnU-Net v1 stored them; nnUNetv2_convert_old_nnUNet_dataset reads it"
        )
        return SourceCase(case.case_id, case.images[0], label, subset=case.subset, failure=failure)
    left_out = "a test image without a label" if case.subset == "test" else ""
    return SourceCase(case.case_id, case.images[0], label, subset=case.subset, left_out=left_out)
