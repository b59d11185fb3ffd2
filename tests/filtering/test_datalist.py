import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from auvseg.cohort.selection import filter_cases
from auvseg.data.case import Case, Dataset
from auvseg.errors import UsageError
from auvseg.filtering.datalist import export_datalist
from auvseg.filtering.undo import undo


@pytest.fixture
def selection(make_scores):
    return filter_cases(make_scores({"a": {1: 0.1}, "b": {1: 0.5}, "c": {1: 0.6}}), keep=0.6)


@pytest.fixture
def datalist(tmp_path):
    """A datalist with everything that must survive: folds, extra keys, absolute paths, several images, bare paths."""
    root = tmp_path / "data"
    for name in ("a", "b", "c", "v", "t", "extra"):
        (root / "images").mkdir(parents=True, exist_ok=True)
        (root / "images" / f"{name}.nii.gz").write_bytes(b"")
    return {
        "name": "Süß",
        "modality": {"0": "CT"},
        "numTraining": 3,
        "training": [
            {"image": "images/a.nii.gz", "label": "labels/a.nii.gz", "fold": 0},
            {"image": ["images/b.nii.gz", "images/extra.nii.gz"], "label": "labels/b.nii.gz", "fold": 1, "age": 61},
            {"image": str(root / "images" / "c.nii.gz"), "label": "./labels/c.nii.gz", "prior": "images/extra.nii.gz"},
        ],
        "validation": [{"image": "images/v.nii.gz", "label": "labels/v.nii.gz", "site": "images"}],
        "test": ["images/t.nii.gz"],
    }


@pytest.fixture
def dataset(tmp_path, datalist):
    root = tmp_path / "data"
    source = root / "list.json"
    source.write_text(json.dumps(datalist), encoding="utf-8")
    images = {name: (root / "images" / f"{name}.nii.gz",) for name in "abcvt"}
    images["b"] = (*images["b"], root / "images" / "extra.nii.gz")
    subsets = {"v": "validation", "t": "test"}
    cases = tuple(
        Case(
            name,
            images[name],
            None if name == "t" else root / "labels" / f"{name}.nii.gz",
            subsets.get(name, "training"),
        )
        for name in "abcvt"
    )
    return Dataset("Süß", root, "MONAI datalist", source, cases)


def written(export):
    return json.loads(export.files[0].path.read_text(encoding="utf-8"))


def test_only_training_loses_entries_and_every_key_stays(tmp_path, dataset, datalist, selection):
    content = written(export_datalist(selection, dataset, tmp_path / "filter", target=tmp_path / "data" / "new.json"))
    assert content == {**datalist, "training": datalist["training"][1:], "numTraining": 2}


def test_paths_are_those_of_the_new_folder(tmp_path, dataset, datalist, selection):
    export = export_datalist(selection, dataset, tmp_path / "run" / "filter")
    content = written(export)
    start = export.files[0].path.parent
    assert start == tmp_path / "run" / "filter"
    b, c = content["training"]
    assert b == {
        "image": ["../../data/images/b.nii.gz", "../../data/images/extra.nii.gz"],
        "label": "../../data/labels/b.nii.gz",
        "fold": 1,
        "age": 61,
    }
    assert c["image"] == datalist["training"][2]["image"]
    assert c["prior"] == "../../data/images/extra.nii.gz"
    assert content["validation"][0]["site"] == "images"
    assert (start / content["test"][0]).resolve() == dataset.cases[-1].images[0]


def test_the_users_datalist_is_not_touched(tmp_path, dataset, selection, snapshot):
    before = snapshot(tmp_path)
    export_datalist(selection, dataset, tmp_path / "filter")
    undo(tmp_path / "filter")
    assert snapshot(tmp_path) == before
    with pytest.raises(UsageError, match="was not written by this run"):
        export_datalist(selection, dataset, tmp_path / "filter", target=dataset.source)
    assert snapshot(tmp_path) == before


def test_two_labels_of_one_image_are_two_cases(tmp_path, dataset, datalist, selection):
    datalist["training"][1]["image"] = "images/a.nii.gz"
    dataset.source.write_text(json.dumps(datalist))
    a, b, *others = dataset.cases
    dataset = replace(dataset, cases=(a, replace(b, images=a.images), *others))
    labels = [entry["label"] for entry in written(export_datalist(selection, dataset, tmp_path / "f"))["training"]]
    assert labels == ["../data/labels/b.nii.gz", "../data/labels/c.nii.gz"]


def test_an_entry_that_is_no_case_is_kept_and_said(tmp_path, dataset, datalist, selection):
    datalist["training"].append({"image": "images/unknown.nii.gz", "label": "labels/unknown.nii.gz"})
    dataset.source.write_text(json.dumps(datalist))
    export = export_datalist(selection, dataset, tmp_path / "filter")
    assert len(written(export)["training"]) == 3
    assert any("1 training entries" in sentence for sentence in export.warnings)


def test_a_data_set_without_a_datalist_gets_one(tmp_path, nnunet_dataset, scores):
    a = replace(nnunet_dataset.cases[0], attributes={"fold": "2", "site": "north", "image": "hidden"})
    dataset = replace(nnunet_dataset, cases=(a, *nnunet_dataset.cases[1:]))
    export = export_datalist(filter_cases(scores, keep=0.9), dataset, tmp_path / "filter")
    content = written(export)
    assert [len(content[key]) for key in ("training", "validation", "testing")] == [9, 0, 1]
    assert content["training"][0] == {
        "image": "../raw/Dataset007_Liver/imagesTr/liver_000_0000.nii.gz",
        "label": "../raw/Dataset007_Liver/labelsTr/liver_000.nii.gz",
        "case_id": "liver_000",
        "fold": 2,
        "site": "north",
    }
    assert content["testing"][0].keys() == {"image", "case_id"}


def test_monai_finds_every_file(tmp_path, nnunet_dataset, scores):
    target = export_datalist(filter_cases(scores, keep=0.9), nnunet_dataset, tmp_path / "filter").files[0].path
    entries = json.loads(target.read_text())["training"]
    assert len(entries) == 9
    # load_decathlon_datalist joins paths to the datalist's folder and shortens them as text.
    joined = [os.path.normpath(target.parent / entry[key]) for entry in entries for key in ("image", "label")]
    assert all(Path(path).is_file() for path in joined)


def test_a_link_on_the_way_makes_paths_absolute(tmp_path, dataset, selection):
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "deep")
    linked = replace(dataset, root=tmp_path / "link" / "data")
    (tmp_path / "elsewhere" / "deep" / "data").symlink_to(tmp_path / "data")
    content = written(export_datalist(selection, linked, tmp_path / "filter"))
    assert (tmp_path / "filter" / content["training"][0]["image"][0]).is_file()
