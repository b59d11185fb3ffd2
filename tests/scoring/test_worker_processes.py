"""One worker process a device: the same bytes as one process, whatever happens to the workers."""

import pytest

from auvseg.errors import UsageError
from auvseg.extractors import register_extractor
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.scheduler import MAX_ATTEMPTS
from auvseg.scoring.score import score
from small_dataset import small_dataset
from small_extractor import BREAKS, Small

CONFIG = ScoreConfig(modality="mri", extractor="small_extractor:Small")


def contents(run):
    return {path.name: path.read_bytes() for path in [*(run / "records").iterdir(), run / "scores.csv"]}


@pytest.fixture
def breaks(tmp_path, monkeypatch):
    folder = tmp_path / "breaks"
    folder.mkdir()
    monkeypatch.setenv(BREAKS, str(folder))
    return folder


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one_process_though_one_is_killed_and_one_case_is_poison(tmp_path, breaks):
    dataset, notes = small_dataset(tmp_path, 4, depths=(7, 8)), []
    score(dataset, tmp_path / "here", CONFIG)
    (breaks / "7").write_text("kill once")
    (breaks / "8").write_text("kill")
    run = tmp_path / "devices"
    summary = score(dataset, run, CONFIG, devices=("cpu", "cpu"), on_note=notes.append)
    ((case_id, reason),) = summary.failed
    assert (case_id, summary.cases, summary.complete) == ("case_of_8_planes", 7, True)
    assert "3 workers were lost" in reason
    assert len(notes) >= MAX_ATTEMPTS
    assert not (breaks / "7").exists()
    (breaks / "8").unlink()
    assert score(dataset, run, CONFIG).reused == 6
    assert contents(run) == contents(tmp_path / "here")


def test_an_extractor_that_cannot_be_sent_to_workers_is_refused_in_words(tmp_path):
    register_extractor("here-only", lambda **options: Small(**options))
    with pytest.raises(UsageError, match=r"package\.file:name"):
        score(small_dataset(tmp_path), tmp_path / "run", ScoreConfig("mri", "here-only"), devices=("cpu", "cpu"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"workers": 2}, "--engine ray"), ({"engine": "ray", "devices": ("cpu", "cpu")}, "one device")],
)
def test_options_of_the_other_engine_are_refused(tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        score(small_dataset(tmp_path), tmp_path / "run", CONFIG, **options)
    assert not (tmp_path / "run").exists()
