import json
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.detection.evidence import read_evidence
from auvseg.bench.detection.folder import read_plan
from auvseg.bench.detection.plan import Plan
from auvseg.bench.detection.run import detect
from auvseg.data.workers.pool import IsolatedPool
from auvseg.errors import RunError, UsageError
from auvseg.scoring import engines
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.loading import load_case
from auvseg.scoring.record import record_path
from small_dataset import small_dataset
from small_extractor import BREAKS

CONFIG = ScoreConfig(modality="mri", extractor="none")
PLAN = Plan(cases=6, corruptions=("noise", "shift", "missing_slices"), severities=(0.5, 1.0))


def contents(folder):
    files = (path for path in folder.rglob("*.json") if "timings" not in path.parts and path.name != "run.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def but_where(files):
    """All but what says on which devices the clean cases were scored."""
    return {name: content for name, content in files.items() if name != "clean/provenance.json"}


@pytest.fixture(scope="module")
def done(balls, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "bench"
    summary = detect(balls, folder, CONFIG, PLAN)
    assert (summary.planted, summary.left) == (3 * 6, 0)
    return folder


def test_every_faulty_copy_has_its_record_and_its_truth(done, balls):
    half = PLAN.faulty_half([case.case_id for case in PLAN.choose(balls)], 0)
    for fault in PLAN.faults():
        records = [json.loads(path.read_text()) for path in (done / fault.folder / "records").iterdir()]
        assert {record["case_id"] for record in records} == half
        truths = [json.loads(path.read_text()) for path in (done / fault.folder / "truth").iterdir()]
        assert all(truth["corruption"] == fault.corruption and truth["changed_voxels"] > 0 for truth in truths)
        expected = [] if CORRUPTIONS[fault.corruption].kind == "image" else [1, 2]
        assert all(truth["changed_classes"] == expected for truth in truths)


def test_shards_in_any_order_give_the_same_records(done, balls, tmp_path):
    for part in (1, 2, 0):
        detect(balls, tmp_path / "b", CONFIG, PLAN, num_parts=3, part_id=part)
    assert contents(tmp_path / "b") == contents(done)


def test_what_is_missing_is_made_again_and_nothing_else(done, balls, tmp_path):
    shutil.copytree(done, tmp_path / "b")
    lost = next((tmp_path / "b" / PLAN.faults()[0].folder / "records").iterdir())
    lost.unlink()
    summary = detect(balls, tmp_path / "b", CONFIG, PLAN)
    assert (summary.planted, summary.left) == (1, 0)
    assert contents(tmp_path / "b") == contents(done)


def test_time_that_runs_out_leaves_the_rest_for_the_next_call(done, balls, tmp_path):
    first = detect(balls, tmp_path / "b", CONFIG, PLAN, minutes=0)
    assert (first.planted, first.left) == (1, 17)
    second = detect(balls, tmp_path / "b", CONFIG, PLAN)
    assert (second.planted, second.left) == (17, 0)
    assert contents(tmp_path / "b") == contents(done)


def test_a_plan_may_grow(done, balls, tmp_path):
    shutil.copytree(done, tmp_path / "b")
    more = Plan(cases=8, corruptions=(*PLAN.corruptions, "erosion"), severities=(0.5, 1.0))
    summary = detect(balls, tmp_path / "b", CONFIG, more)
    assert summary.planted == 4 * 4 * 2 - 18
    assert read_plan(tmp_path / "b") == (more, tuple(case.case_id for case in more.choose(balls)))


def test_another_seed_or_configuration_is_refused(done, balls):
    with pytest.raises(RunError, match="seed"):
        detect(balls, done, CONFIG, Plan(cases=6, seed=1))
    with pytest.raises(RunError, match="--max-slices"):
        detect(balls, done, ScoreConfig(modality="mri", extractor="none", max_slices=3), PLAN)


def test_a_folder_with_something_else_is_refused(balls, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="no bench"):
        detect(balls, tmp_path, CONFIG, PLAN)


def test_evidence_holds_each_copy_against_a_clean_cohort(done, balls):
    evidence = read_evidence(done)
    assert evidence.clean.sum() == 6 * 2
    assert evidence.faulty(0, "noise", 1.0).sum() == 3 * 2
    assert evidence.sound(0).sum() == 3 * 2
    assert not set(evidence.rows.loc[evidence.sound(0), "case"]) & evidence.halves[0]
    assert not evidence.rows.loc[evidence.clean, "changed"].any()
    # Noise takes place in the image: what only the label tells stays.
    faulty = evidence.faulty(0, "noise", 1.0)
    clean = evidence.rows[evidence.clean].reset_index().merge(evidence.rows[faulty], on=["case", "class_id"])["index"]
    np.testing.assert_array_equal(evidence.values.loc[clean, "volume_ml"], evidence.values.loc[faulty, "volume_ml"])
    assert (evidence.suspicion("snr")[faulty] > evidence.suspicion("snr")[clean.to_numpy()]).all()


def test_a_case_is_read_once_for_itself_and_once_for_all_of_its_faults(balls, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(engines, "IsolatedPool", lambda num_workers, timeout_s: IsolatedPool(0))
    monkeypatch.setattr(engines, "load_case", lambda task: read.append(task.case.case_id) or load_case(task))
    detect(balls, tmp_path / "b", CONFIG, PLAN)
    chosen = [case.case_id for case in PLAN.choose(balls)]
    assert Counter(read) == Counter([*chosen, *PLAN.faulty_half(chosen, 0)])


@pytest.mark.usefixtures("reads_in_this_process")
def test_a_label_that_only_the_faults_need_is_known_again(balls, tmp_path):
    shutil.copytree(balls.root, tmp_path / "data")
    moved = [
        replace(case, images=(tmp_path / "data" / case.images[0].name,), label=tmp_path / "data" / case.label.name)
        for case in balls.cases
    ]
    dataset = replace(balls, root=tmp_path / "data", cases=tuple(moved))
    label_free = replace(CONFIG, prompt="none")
    assert detect(dataset, tmp_path / "b", label_free, PLAN).planted == 18
    assert detect(dataset, tmp_path / "b", label_free, PLAN).planted == 0
    chosen = PLAN.choose(dataset)
    faulty = PLAN.faulty_half([case.case_id for case in chosen], 0)
    (first, *_) = [case for case in chosen if case.case_id in faulty]
    shutil.copyfile(next(case.label for case in dataset.cases if case not in chosen), first.label)
    assert detect(dataset, tmp_path / "b", label_free, PLAN).planted == 6


@pytest.mark.usefixtures("reads_in_this_process")
def test_what_does_not_fit_into_memory_is_refused_with_its_numbers_and_made_when_there_is_room(balls, done, tmp_path):
    summary = detect(balls, tmp_path / "b", CONFIG, PLAN, max_memory_bytes=10**6)
    assert (summary.planted, summary.impossible) == (18, 18)
    record = json.loads(next((tmp_path / "b" / PLAN.faults()[0].folder / "records").iterdir()).read_text())
    assert "1.0 MB are allowed" in record["reason"]
    assert detect(balls, tmp_path / "b", CONFIG, PLAN).planted == 18
    assert contents(tmp_path / "b") == contents(done)


def test_options_of_the_other_engine_are_refused(balls, tmp_path):
    with pytest.raises(UsageError, match="--engine ray"):
        detect(balls, tmp_path / "b", CONFIG, PLAN, workers=2)


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one_process_though_one_is_killed_and_one_case_is_poison(tmp_path, monkeypatch):
    breaks = tmp_path / "breaks"
    breaks.mkdir()
    monkeypatch.setenv(BREAKS, str(breaks))
    dataset = small_dataset(tmp_path, 8, depths=(7, 8))
    config = ScoreConfig(modality="mri", extractor="small_extractor:Small")
    # Both deadly cases get faults.
    plan = next(plan for plan in (Plan(None, ("noise", "shift"), seed=n) for n in range(99)) if faulty(plan, dataset))
    detect(dataset, tmp_path / "here", config, plan)
    (breaks / "7").write_text("kill once")
    (breaks / "8").write_text("kill")
    notes = []
    summary = detect(dataset, tmp_path / "b", config, plan, devices=("cpu", "cpu"), on_note=notes.append)
    assert (summary.planted, summary.impossible, summary.left) == (5 * 4, 4, 0)
    assert any("was lost" in note for note in notes)
    record = json.loads(record_path(tmp_path / "b" / plan.faults()[0].folder, "case_of_8_planes").read_text())
    assert "3 workers were lost" in record["reason"]
    (breaks / "8").unlink()
    assert detect(dataset, tmp_path / "b", config, plan, devices=("cpu", "cpu")).planted == 4
    assert but_where(contents(tmp_path / "b")) == but_where(contents(tmp_path / "here"))


def faulty(plan, dataset):
    half = plan.faulty_half([case.case_id for case in plan.choose(dataset)], 0)
    return {"case_of_7_planes", "case_of_8_planes"} <= half


@pytest.mark.slow
def test_a_ray_cluster_gives_the_bytes_of_one_process(done, balls, tmp_path):
    pytest.importorskip("ray")
    summary = detect(balls, tmp_path / "b", CONFIG, PLAN, engine="ray", workers=2)
    assert (summary.planted, summary.left) == (18, 0)
    assert but_where(contents(tmp_path / "b")) == but_where(contents(done))
