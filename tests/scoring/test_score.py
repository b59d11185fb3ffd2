"""The engine, with a small extractor in place of the foundation model."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from auvseg.data.case import Case, Dataset
from auvseg.errors import RunError, UsageError
from auvseg.extractors import register_extractor
from auvseg.extractors.base import WHOLE_IMAGE, ClassMap
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.record import read_record, record_path
from auvseg.scoring.score import score
from auvseg.scoring.scorer import Scorer
from auvseg.scoring.table import load_scores
from auvseg.scoring.view import read_view
from small_dataset import small_dataset, write_case


class CountingExtractor:
    """Blurs nothing, knows nothing: logits are the label and the image; counts the cases it saw."""

    name = "counting"
    weights_id = "0" * 64
    modalities = frozenset({"ct", "mri"})
    seen = 0
    break_after = None

    def __init__(self, **options):
        self.options = options
        self.prompt = options["prompt"]

    def settings(self):
        return {"max_slices": self.options["max_slices"]}

    def class_maps(self, case, classes):
        type(self).seen += 1
        if type(self).break_after is not None and type(self).seen > type(self).break_after:
            raise KeyboardInterrupt
        if case.image.shape[0] == 5:
            raise RuntimeError("out of everything\nsecond line")
        for class_def in classes:
            inside = np.ones_like(case.image) if class_def is WHOLE_IMAGE else np.isin(case.label, class_def.values)
            planes = tuple(int(d) for d in np.flatnonzero(inside.any(axis=(1, 2))))
            logits = torch.from_numpy((8.0 * inside - 4 + case.image)[list(planes)].astype(np.float32))
            yield ClassMap(class_def, logits, planes, len(planes), None)


@pytest.fixture(autouse=True)
def counting():
    CountingExtractor.seen = 0
    CountingExtractor.break_after = None
    register_extractor("counting", CountingExtractor)
    return CountingExtractor


CONFIG = ScoreConfig(modality="mri", extractor="counting")


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path)


def contents(run):
    return {path.name: path.read_bytes() for path in (run / "records").iterdir()}


def test_every_case_and_class_gets_a_row_and_an_absent_class_no_number(dataset, tmp_path):
    summary = score(dataset, tmp_path / "run", CONFIG)
    table = load_scores(tmp_path / "run")
    assert (summary.cases, summary.reused, summary.failed, summary.complete) == (5, 0, (), True)
    assert len(table) == 10
    absent = table[table["status"] == "absent"]
    assert list(absent["case"]) == ["case_4_without_two"]
    assert absent[["S", "agreement", "volume_ml"]].isna().all(axis=None)
    assert table[table["status"] == "ok"][["S", "agreement", "volume_ml"]].notna().all(axis=None)
    assert set(table["site"]) == {"A"}
    for name in ("scores.csv", "scores.parquet", "provenance.json", "run.json"):
        assert (tmp_path / "run" / name).stat().st_size > 0


def test_views_are_kept_beside_the_records_and_change_nothing_in_them(dataset, tmp_path):
    score(dataset, tmp_path / "with", CONFIG)
    score(dataset, tmp_path / "without", CONFIG, views=False)
    assert contents(tmp_path / "with") == contents(tmp_path / "without")
    assert not (tmp_path / "without" / "views").exists()
    for case in dataset.cases:
        view = read_view(tmp_path / "with", case.case_id)
        record = read_record(record_path(tmp_path / "with", case.case_id))
        for one in record.classes:
            if one.status == "ok":
                assert view.classes[one.class_id].scale.sum() == pytest.approx(one.measures["S"], abs=1e-6)
        assert view.thumbnail is not None


def test_a_second_call_computes_nothing_again(dataset, tmp_path, counting):
    score(dataset, tmp_path / "run", CONFIG)
    before, counting.seen = contents(tmp_path / "run"), 0
    summary = score(dataset, tmp_path / "run", CONFIG)
    assert (counting.seen, summary.reused) == (0, 5)
    assert contents(tmp_path / "run") == before


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bytes(dataset, tmp_path, counting):
    score(dataset, tmp_path / "whole", CONFIG)
    counting.seen, counting.break_after = 0, 2
    with pytest.raises(KeyboardInterrupt):
        score(dataset, tmp_path / "broken", CONFIG)
    counting.seen, counting.break_after = 0, None
    assert score(dataset, tmp_path / "broken", CONFIG).reused == 2
    assert counting.seen == 3
    assert contents(tmp_path / "broken") == contents(tmp_path / "whole")
    assert (tmp_path / "broken/scores.csv").read_bytes() == (tmp_path / "whole/scores.csv").read_bytes()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_shards_in_any_order_give_the_same_bytes_and_the_last_one_the_table(dataset, tmp_path, order):
    score(dataset, tmp_path / "whole", CONFIG)
    summaries = [score(dataset, tmp_path / "parts", CONFIG, num_parts=3, part_id=part) for part in order]
    assert [summary.complete for summary in summaries] == [False, False, True]
    assert sum(summary.cases for summary in summaries) == 5
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")
    assert (tmp_path / "parts/scores.csv").read_bytes() == (tmp_path / "whole/scores.csv").read_bytes()


def test_only_the_case_whose_file_changed_is_scored_again(dataset, tmp_path, counting):
    score(dataset, tmp_path / "run", CONFIG)
    write_case(tmp_path, "case_1", 99)
    counting.seen = 0
    assert score(dataset, tmp_path / "run", CONFIG).reused == 4
    assert counting.seen == 1


def test_a_damaged_record_is_made_again(dataset, tmp_path):
    score(dataset, tmp_path / "run", CONFIG)
    before = contents(tmp_path / "run")
    record_path(tmp_path / "run", "case_1").write_bytes(b'{"record_version": 1, "case_id"')
    assert score(dataset, tmp_path / "run", CONFIG).reused == 4
    assert contents(tmp_path / "run") == before


def test_a_case_that_fails_is_a_row_with_its_reason_and_is_tried_again(dataset, tmp_path):
    image = tmp_path / "case_2_image.nii.gz"
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    summary = score(dataset, tmp_path / "run", CONFIG)
    assert [case_id for case_id, _ in summary.failed] == ["case_2"]
    assert summary.complete
    row = load_scores(tmp_path / "run").query("case == 'case_2'").iloc[0]
    assert row["status"] == "failed"
    assert "case_2_image.nii.gz" in row["reason"]
    assert str(tmp_path) not in row["reason"]
    image.write_bytes(whole)
    assert score(dataset, tmp_path / "run", CONFIG).failed == ()


def test_an_error_inside_the_network_fails_one_case_in_one_line(dataset, tmp_path):
    write_case(tmp_path, "case_3", 3, depth=5)
    ((case_id, reason),) = score(dataset, tmp_path / "run", CONFIG).failed
    assert (case_id, reason) == ("case_3", "RuntimeError: out of everything")


def test_a_missing_file_is_named(dataset, tmp_path):
    (tmp_path / "case_0_label.nii.gz").unlink()
    ((case_id, reason),) = score(dataset, tmp_path / "run", CONFIG).failed
    assert case_id == "case_0"
    assert "case_0_label.nii.gz" in reason


def test_without_a_prompt_the_whole_image_is_scored_and_no_label_is_read(dataset, tmp_path):
    (tmp_path / "case_0_label.nii.gz").unlink()
    config = ScoreConfig(modality="mri", extractor="counting", prompt="none")
    assert score(dataset, tmp_path / "run", config).failed == ()
    table = load_scores(tmp_path / "run")
    assert set(table["class"]) == {"whole image"}
    assert table["S"].notna().all()
    assert table[["agreement", "volume_ml", "slices"]].isna().all(axis=None)
    assert read_record(record_path(tmp_path / "run", "case_0")).inputs.label_sha256 is None


def test_undeclared_classes_are_those_that_the_labels_hold(dataset, tmp_path):
    undeclared = Dataset("tiny", dataset.root, "test", None, dataset.cases)
    score(undeclared, tmp_path / "run", CONFIG)
    table = load_scores(tmp_path / "run")
    assert set(table["class"]) == {"label 1", "label 2"}
    assert list(table[table["status"] == "absent"]["case"]) == ["case_4_without_two"]


def test_a_label_that_is_all_background_is_absent_not_failed(dataset, tmp_path):
    write_case(tmp_path, "case_0", 0, labels=())
    assert score(dataset, tmp_path / "run", CONFIG).failed == ()
    rows = load_scores(tmp_path / "run").query("case == 'case_0'")
    assert set(rows["status"]) == {"absent"}


def test_mask_input_looks_at_other_intensities_than_raw(dataset, tmp_path):
    masked = ScoreConfig(modality="mri", extractor="counting", input="mask")
    score(dataset, tmp_path / "raw", CONFIG)
    score(dataset, tmp_path / "mask", masked)
    assert (load_scores(tmp_path / "raw")["S"] != load_scores(tmp_path / "mask")["S"]).any()


def test_validation_cases_are_scored_only_when_asked(dataset, tmp_path):
    extra = Case("held_out", dataset.cases[0].images, dataset.cases[0].label, "validation")
    both = Dataset("tiny", dataset.root, "test", None, (*dataset.cases, extra), classes=dataset.classes)
    assert score(both, tmp_path / "training", CONFIG).cases == 5
    assert score(both, tmp_path / "all", CONFIG, subset="all").cases == 6
    assert "validation" in set(load_scores(tmp_path / "all")["subset"])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (ScoreConfig(modality="mri", extractor="counting", measures=("S", "beauty")), "beauty"),
        (ScoreConfig(modality="mri", extractor="counting", channel=3), "--channel 3"),
        (ScoreConfig(modality="ct", extractor="counting", window_hu=(40.0, 0.0)), "width"),
        (ScoreConfig(modality="mri", extractor="no-such-model"), "no-such-model"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(dataset, tmp_path, config, words):
    with pytest.raises(UsageError, match=words):
        score(dataset, tmp_path / "run", config)
    assert not (tmp_path / "run").exists()


def test_a_shard_that_does_not_exist_is_refused(dataset, tmp_path):
    with pytest.raises(UsageError, match="--part-id"):
        score(dataset, tmp_path / "run", CONFIG, num_parts=2, part_id=2)


def test_another_configuration_may_not_write_into_the_same_run(dataset, tmp_path):
    score(dataset, tmp_path / "run", CONFIG)
    with pytest.raises(RunError, match="prompt"):
        score(dataset, tmp_path / "run", ScoreConfig(modality="mri", extractor="counting", prompt="none"))


def test_cases_with_the_same_id_are_refused_by_name(dataset, tmp_path):
    twice = Dataset("tiny", dataset.root, "test", None, (*dataset.cases, dataset.cases[0]), classes=dataset.classes)
    with pytest.raises(UsageError, match="case_0"):
        score(twice, tmp_path / "run", CONFIG)


def test_without_a_foundation_model_image_and_label_are_measured_and_maps_are_missing(dataset, tmp_path):
    score(dataset, tmp_path / "run", ScoreConfig(modality="mri", extractor="none"))
    score(dataset, tmp_path / "model", CONFIG)
    alone, table = load_scores(tmp_path / "run"), load_scores(tmp_path / "model")
    assert alone[["S", "agreement", "fisher", "energy"]].isna().all(axis=None)
    same = ["noise", "sharpness", "edge", "parts", "extent_mm", "volume_ml", "slices", "snr", "variance"]
    assert alone.loc[alone["status"] == "ok", same].notna().all(axis=None)
    pd.testing.assert_frame_equal(alone[same], table[same])


def test_without_model_and_prompt_the_image_alone_is_measured(dataset, tmp_path):
    score(dataset, tmp_path / "run", ScoreConfig(modality="mri", extractor="none", prompt="none"))
    table = load_scores(tmp_path / "run")
    assert set(table["class"]) == {"whole image"}
    assert table["noise"].notna().all()
    assert table[["contrast", "edge", "share", "volume_ml"]].isna().all(axis=None)


def test_a_case_that_would_not_fit_is_a_row_with_the_numbers_and_scored_where_there_is_room(dataset, tmp_path):
    one = replace(dataset, cases=dataset.cases[:1])
    summary = score(one, tmp_path / "run", CONFIG, max_memory_bytes=10**6)
    ((case_id, reason),) = summary.failed
    assert case_id == "case_0"
    assert "of memory, 1.0 MB are allowed; raise --max-memory" in reason
    assert not score(one, tmp_path / "run", CONFIG).failed
    costs = json.loads((tmp_path / "run" / "timings" / record_path(tmp_path, "case_0").name).read_text())
    for name in ("peak_bytes", "reader_peak_bytes"):
        assert costs[name] is None or costs[name] > 10**7


def test_a_case_is_not_read_beside_one_that_leaves_no_room(dataset, tmp_path, monkeypatch):
    begun = []
    prepare = Scorer.prepare
    monkeypatch.setattr(Scorer, "prepare", lambda self, task: begun.append(task.case.case_id) or prepare(self, task))
    monkeypatch.setattr("auvseg.scoring.scorer.fits_beside", lambda *_: False)
    ended = []
    score(dataset, tmp_path / "run", CONFIG, on_case=lambda case: ended.append((case.case_id, len(begun))))
    assert ended == [(case.case_id, number) for number, case in enumerate(dataset.cases, start=1)]
