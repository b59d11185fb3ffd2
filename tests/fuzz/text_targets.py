"""Every description, table and file of auvseg's own with a function that reads it as the product does."""

import base64
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from auvseg.bench.combination import read_combination
from auvseg.bench.correlation.metrics import Metrics
from auvseg.bench.correlation.output import check_folder
from auvseg.bench.correlation.reading import read_metrics
from auvseg.bench.detection.folder import read_plan
from auvseg.bench.detection.plan import Plan
from auvseg.cli.report import read_findings
from auvseg.data.case import Case, Dataset
from auvseg.data.dataset import read_dataset
from auvseg.data.public.classes import read_class_map as read_target_classes
from auvseg.data.public.target import open_target
from auvseg.data.public.target import read_record as read_conversion
from auvseg.demo.found import read_truth
from auvseg.extractors.classes import read_class_map
from auvseg.extractors.module.description import content_of
from auvseg.filtering.manifest import read_manifest
from auvseg.filtering.undo import undo
from auvseg.nnunet.model import read_model_json
from auvseg.nnunet.splits import parse_folds, split_findings
from auvseg.nnunet.trainers import read_case_list
from auvseg.report.folder import ReportFolder
from auvseg.review import read_review
from auvseg.review.pseudonyms import read_key
from auvseg.scoring.record import (
    RECORD_VERSION,
    CaseInputs,
    ClassScore,
    Record,
    file_name,
    is_as_written,
    read_record,
    record_path,
)
from auvseg.scoring.run import read_run
from auvseg.scoring.table import scores_table
from auvseg.scoring.view import view_path
from auvseg.weights.cache import recorded
from fuzz.image_targets import Target

SETUP = {
    "auvseg": "0.1.0",
    "config": {"measures": ["S"], "channel": 0, "input": "raw", "modality": "ct", "prompt": "label"},
    "extractor": {"name": "lite_medsam", "weights_sha256": "a" * 64},
}


def _json(content: object) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(content).encode()]


def _text(*contents: str) -> Callable[[], list[bytes]]:
    return lambda: [content.encode() for content in contents]


def _folds(path: Path) -> None:
    folds = parse_folds(path.read_bytes(), path.name)
    for found in split_findings(folds, Dataset("d", path.parent, "", None, (Case("a", (), path),)), path.name):
        assert not [letter for letter in found.message if ord(letter) < 32 or letter in "\x7f\u2028\u2029"]
        found.message.encode()


def _dataset(path: Path) -> None:
    dataset = read_dataset(path)
    ids = [case.case_id for case in dataset.cases]
    assert ids == sorted(ids)
    for case in dataset.cases:
        assert all(isinstance(image, Path) for image in case.images)
        for place in (record_path(path.parent, case.case_id), view_path(path.parent, case.case_id)):
            assert place.parent.parent == path.parent
            assert len(place.name) <= 255
        assert not [letter for letter in case.case_id if ord(letter) < 32], case.case_id


def _record(path: Path) -> None:
    record = read_record(path)
    if record is not None:
        scores_table([record])
        assert read_bytes_again(record) == record


def read_bytes_again(record: Record) -> Record | None:
    """The record after it was written."""
    values = json.loads(record.to_bytes())
    values.pop("record_version")
    values["inputs"] = CaseInputs(**values["inputs"])
    values["classes"] = tuple(ClassScore(**one) for one in values["classes"])
    return Record(**values | {name: tuple(values[name]) for name in ("warnings", "shape", "spacing_mm")})


def _timings(path: Path) -> None:
    record = record_path(path.parent.parent, "a")
    record.parent.mkdir(exist_ok=True)
    record.write_bytes(b"{}")
    assert isinstance(is_as_written(path.parent.parent, "a"), bool)


def _run(path: Path) -> None:
    run = read_run(path.parent)
    assert isinstance(run.dataset_path, Path)
    assert isinstance(run.setup["config"]["measures"], list)
    assert isinstance(run.setup["extractor"], dict)


def _plan(path: Path) -> None:
    plan, cases = read_plan(path.parent)
    assert all(isinstance(case, str) for case in cases)
    json.dumps(plan.as_dict())


def _combination(path: Path) -> None:
    found = read_combination(path.parent)
    assert all(isinstance(name, str) for name in found.measures)
    for weights in (found.weights, *found.fold_weights):
        assert np.isfinite([weights.intercept, *weights.low.values(), *weights.high.values()]).all()


def _metrics(path: Path) -> None:
    metrics: Metrics = read_metrics(path)
    assert all(isinstance(row.case, str) for row in metrics.rows)


def _record_of(case_id: str) -> dict[str, object]:
    embedding = base64.b64encode(np.ones(3, "<f4").tobytes()).decode()
    one = ClassScore(1, "liver", "ok", "", 3, 3, {"S": 0.5}, embedding)
    inputs = CaseInputs("a" * 64, None)
    record = Record(
        case_id,
        "training",
        {"site": "a"},
        inputs,
        SETUP,
        "b" * 64,
        "ok",
        "",
        ("w",),
        (3, 4, 5),
        (1.0, 1.0, 1.0),
        (one,),
    )
    return {"record_version": RECORD_VERSION, **asdict(record)}


NNUNET = {
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "liver": [1, 2], "tumour": 2, "ignore": 3},
    "regions_class_order": [1, 2],
    "numTraining": 1,
    "file_ending": ".nii.gz",
}
LISTED = {**NNUNET, "dataset": {"a": {"images": ["imagesTr/a_0000.nii.gz"], "label": "labelsTr/a.nii.gz"}}}
DECATHLON = {
    "name": "Liver",
    "modality": {"0": "CT"},
    "labels": {"0": "background", "1": "liver"},
    "numTraining": 1,
    "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}],
    "test": ["./imagesTs/b.nii.gz"],
}
DATALIST = {
    "dataroot": ".",
    "modality": "CT",
    "labels": {"0": "background", "1": "liver"},
    "training": [{"image": ["a.nii.gz", "b.nii.gz"], "label": "l.nii.gz", "fold": 0, "case_id": "a"}, "c.nii.gz"],
    "validation": [{"image": "d.nii.gz"}],
}
WEIGHTS = {"intercept": 0.1, "low": {"S": 0.0}, "high": {"S": 1.0}}
COMBINED = {"measures": ["S"], "folds": [["a"]], "fold_weights": [WEIGHTS], "weights": WEIGHTS}
MANIFEST = {
    "manifest_version": 1,
    "auvseg": "0.1.0",
    "files": {"/nowhere/exclude.yaml": {"sha256": ["a" * 64], "made_by": "x", "original_sha256": None}},
    "made_folders": ["/nowhere/filter"],
}
SUMMARY = {
    "metric_per_case": [
        {"prediction_file": "a/case.nii.gz", "reference_file": "b/case.nii.gz", "metrics": {"1": {"Dice": 0.5}}}
    ]
}
CONVERSION = {"version": 1, "auvseg": "0.1.0", "settings": {"a": 1}, "files": {"dataset.json": ["a" * 64]}}
CONVERTED = {
    "sources": {"a.nii": [1, 2]},
    "outputs": {"labelsTr/a.nii.gz": ["x"]},
    "rows": [{"case": "a", "subset": "training", "event": "converted", "detail": "", "files": ""}],
    "images": ["imagesTr/a_0000.nii.gz", None],
    "label": "labelsTr/a.nii.gz",
    "axcodes": "RAS",
    "version": 1,
}
VERDICTS = {"auvseg_review": 1, "rater": "A", "verdicts": [{"case": "a", "verdict": "keep", "note": "n"}]}
TIMINGS = {"case_id": "a", "network_s": 0.5, "peak_bytes": None, "record_sha256": "a" * 64}
RUN = {"run_version": 1, "dataset": "/data/x", "subset": "training", "setup": SETUP}
FINDINGS = {"findings": [{"case": "a", "kind": "unreadable", "words": "b"}]}
CORRELATIONS = {"correlation_version": 1, "files": ["correlations.csv"]}

OBJECTS: dict[str, tuple[Target, object]] = {
    name: (Target(file, read, _json(content)), content)
    for name, file, read, content in (
        ("nnunet", "dataset.json", _dataset, NNUNET),
        ("nnunet-listed", "dataset.json", _dataset, LISTED),
        ("decathlon", "dataset.json", _dataset, DECATHLON),
        ("datalist", "list.json", _dataset, DATALIST),
        ("splits", "splits_final.json", _folds, [{"train": ["a"], "val": ["b"]}]),
        ("record", file_name("a"), _record, _record_of("a")),
        (
            "timings",
            f"timings/{file_name('a')}",
            _timings,
            {"case_id": "a", "network_s": 0.5, "record_sha256": "a" * 64},
        ),
        ("run", "run.json", _run, RUN),
        ("bench", "bench.json", _plan, {"plan": Plan().as_dict(), "cases": ["a", "b"]}),
        ("combined", "combined.json", _combination, COMBINED),
        ("correlations", "correlation.json", lambda p: check_folder(p.parent), CORRELATIONS),
        ("manifest", "manifest.json", lambda p: read_manifest(p.parent), MANIFEST),
        ("undo", "manifest.json", lambda p: undo(p.parent), MANIFEST),
        ("summary", "summary.json", _metrics, SUMMARY),
        ("conversion", "conversion.json", lambda p: open_target(p.parent, Path("/src"), {"a": 1}), CONVERSION),
        ("converted", "conversion/a.json", lambda p: read_conversion(p.parent.parent, "a"), CONVERTED),
        ("verdicts", "verdicts.json", read_review, VERDICTS),
        ("class-map", "map.json", read_class_map, {"a": "b", "c": ["d"]}),
        ("target-classes", "map.yaml", read_target_classes, {"a": "b", "c": ["d"]}),
        ("findings", "check.json", read_findings, FINDINGS),
        ("report", "report.json", lambda p: ReportFolder(p.parent), {"auvseg": "0.1.0", "report_version": 1}),
        ("module", "module.json", content_of, {"network": "n.pt", "classes": {"a": 1}, "window": [8, 8, 8]}),
        ("nnunet-model", "plans.json", lambda p: read_model_json(p.parent, p.name), {"a": 1}),
    )
}

TEXTS = {
    "table": Target(
        "cases.csv",
        _dataset,
        _text("image,label,case_id,subset,modality,site\na.nii,b.nii,a,training,ct,x\nc.nii,,=b,val,,\n"),
        text=True,
    ),
    "tsv": Target("cases.tsv", _dataset, _text('image_0\timage_1\tmask path\na.nii\t"b\tc.nii"\td.nii\n'), text=True),
    "verdicts-csv": Target("v.csv", read_review, _text("case,verdict,note,rater\na,keep,'=1,B\nb,fix,,B\n"), text=True),
    "pseudonyms": Target(
        "pseudonyms.csv", lambda p: read_key(p.parent), _text("case,pseudonym\na,case-0001\n"), text=True
    ),
    "metrics": Target(
        "metrics.csv",
        _metrics,
        _text("case,class_id,class,dice,status,reason\na,1,liver,0.5,ok,\nb,,,,failed,x\n"),
        text=True,
    ),
    "class-map-csv": Target("m.csv", read_class_map, _text("class,model\nliver,hepatic\n"), text=True),
    "case-list": Target("c.txt", read_case_list, _text("a\nb\n"), text=True),
    "exclude": Target("c.yaml", read_case_list, _text("exclude:\n- case: a\n  AUV: 0.5\n- b\n"), text=True),
    "truth": Target("faults.csv", read_truth, _text("case,fault,kind,class\na,blur,image,liver\n"), text=True),
    "weights-record": Target(
        "w.pt.sha256", lambda p: recorded(p.with_suffix("")), _text("a" * 64 + "  w.pt\n"), text=True
    ),
}
