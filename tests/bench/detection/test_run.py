import json
import shutil

import numpy as np
import pytest

from auvseg.bench.corruptions import CORRUPTIONS
from auvseg.bench.detection.evidence import read_evidence
from auvseg.bench.detection.folder import read_plan
from auvseg.bench.detection.plan import Fault, Plan
from auvseg.bench.detection.planting import plant
from auvseg.bench.detection.run import detect
from auvseg.data.volume import load_volume
from auvseg.errors import RunError
from auvseg.scoring.config import ScoreConfig

CONFIG = ScoreConfig(modality="mri", extractor="none")
PLAN = Plan(cases=6, corruptions=("noise", "shift", "missing_slices"), severities=(0.5, 1.0))


def contents(folder):
    files = (path for path in folder.rglob("*.json") if "timings" not in path.parts and path.name != "run.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


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


def test_planting_leaves_the_ignore_label_where_it_is(balls):
    volume = load_volume(balls.cases[0])
    volume.label[:, :3, :3] = 9
    faulty, truth = plant(volume, Fault(0, "dilation", 1.0), 9, np.random.default_rng(0))
    np.testing.assert_array_equal(faulty.label == 9, volume.label == 9)
    assert truth.class_ids == (1, 2)


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
