"""A Ray cluster of this machine: the same bytes as one process, whatever happens to the actors."""

import os
import sys
from pathlib import Path

import pytest

from auvseg.errors import UsageError
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.ray import joined
from auvseg.scoring.scheduler import MAX_ATTEMPTS
from auvseg.scoring.score import score
from small_dataset import small_dataset
from small_extractor import BREAKS

CONFIG = ScoreConfig(modality="mri", extractor="small_extractor:Small")


def contents(run):
    return {path.name: path.read_bytes() for path in [*(run / "records").iterdir(), run / "scores.csv"]}


@pytest.fixture(scope="module")
def breaks(tmp_path_factory):
    """One cluster for all tests of this file, whose actors look here for what should happen to them."""
    ray = pytest.importorskip("ray")
    folder = tmp_path_factory.mktemp("breaks")
    before = dict(os.environ)
    where = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), before.get("PYTHONPATH", "")])}
    os.environ |= {BREAKS: str(folder), "RAY_USAGE_STATS_ENABLED": "0"} | where
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    yield folder
    ray.shutdown()
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.slow
def test_two_actors_give_the_bytes_of_one_process_though_one_is_killed_and_one_case_is_poison(tmp_path, breaks):
    dataset, notes = small_dataset(tmp_path, 4, depths=(7, 8)), []
    score(dataset, tmp_path / "here", CONFIG)
    (breaks / "7").write_text("kill once")
    (breaks / "8").write_text("kill")
    run = tmp_path / "ray"
    summary = score(dataset, run, CONFIG, engine="ray", workers=2, on_note=notes.append)
    ((case_id, reason),) = summary.failed
    assert (case_id, summary.cases, summary.complete) == ("case_of_8_planes", 7, True)
    assert "3 workers were lost" in reason
    assert len(notes) >= MAX_ATTEMPTS
    (breaks / "8").unlink()
    assert score(dataset, run, CONFIG).reused == 6
    assert contents(run) == contents(tmp_path / "here")


def test_without_ray_the_option_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"auvseg\[ray\]"), joined(None, None):
        pass
