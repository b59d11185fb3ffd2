"""What goes wrong while a run is scored, and what is left of it: see `killed_runs.py` for how runs are killed."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from auvseg import cli
from auvseg.data.workers.pool import IsolatedPool
from auvseg.errors import RunError, WriteError
from auvseg.scoring import loading
from auvseg.scoring.config import ScoreConfig
from auvseg.scoring.record import record_path
from auvseg.scoring.score import score
from auvseg.scoring.table import load_scores
from small_dataset import small_dataset, write_case, write_nnunet_folder

TESTS = Path(__file__).parents[1]
CONFIG = ScoreConfig(modality="mri", extractor="small_extractor:Small")


@pytest.fixture(autouse=True)
def read_here(monkeypatch):
    """Has files read in this process, where a test can reach the reader; starting one takes longer than a test."""
    monkeypatch.setattr("auvseg.scoring.engines.IsolatedPool", lambda num_workers, timeout_s: IsolatedPool(0))


def contents(run):
    return {path.name: path.read_bytes() for path in [*(run / "records").iterdir(), run / "scores.csv"]}


@pytest.mark.slow
def test_killed_at_any_step_or_at_random_or_beside_another_a_run_ends_with_the_undisturbed_bytes():
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    command = [sys.executable, str(TESTS / "killed_runs.py"), "--kills", "10"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["steps"]["steps"] > 50
    assert result["random"]["kills"] == 10
    assert result["random"]["halfway"] > 0, "no kill came while records were written: the test shows nothing"
    assert result["beside"] == {"codes": [0, 0, 0], "same": True}


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for a few records."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small file system; the limit on file sizes is tested in its place")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_full_disk_the_run_ends_in_one_line_and_goes_on_when_there_is_room(small_disk, tmp_path):
    dataset, run = small_dataset(tmp_path, 12), small_disk / "run"
    score(dataset, tmp_path / "roomy", CONFIG)
    with pytest.raises(WriteError, match="No space left") as problem:
        score(dataset, run, CONFIG)
    assert "\n" not in str(problem.value)
    finished = len(list((run / "records").glob("*.json")))
    assert 0 < finished < len(dataset.cases)
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert score(dataset, run, CONFIG).reused == finished
    assert contents(run) == contents(tmp_path / "roomy")


def test_a_file_that_may_not_become_so_large_ends_the_run_in_one_line(tmp_path):
    dataset, run = small_dataset(tmp_path, 2), tmp_path / "run"
    score(dataset, run, CONFIG)
    record_path(run, "case_0").unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(WriteError, match="cannot write"):
            score(dataset, run, CONFIG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not record_path(run, "case_0").exists()
    assert score(dataset, run, CONFIG).reused == 2


@pytest.fixture
def read_only(tmp_path):
    """Makes a folder read-only, for root too."""
    mounted = []

    def make(folder):
        commands = (["mount", "--bind", folder, folder], ["mount", "-o", "remount,ro,bind", folder])
        for command in commands:
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                pytest.skip("only root can mount a folder read-only")
            mounted.append(folder)

    yield make
    if mounted:
        subprocess.run(["umount", mounted[0]], check=True)


def test_a_read_only_run_folder_is_refused_in_one_line_and_can_still_be_ranked(
    tmp_path, read_only, monkeypatch, capsys
):
    data, run = write_nnunet_folder(tmp_path, 3), tmp_path / "run"
    arguments = ["score", str(data), "-o", str(run), "--extractor", "none", "--modality", "mri", "--no-views"]
    assert exit_status(monkeypatch, *arguments) == 0
    record_path(run, "case_0").unlink()
    read_only(run)
    capsys.readouterr()
    assert exit_status(monkeypatch, *arguments) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert "Read-only file system" in line
    assert "choose a folder that you may write to" in line
    assert exit_status(monkeypatch, "rank", str(run), "--by", "outlier") == 0


def exit_status(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["auvseg", *arguments])
    with pytest.raises(SystemExit) as ending:
        cli.main()
    return ending.value.code or 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_that_changes_between_its_hash_and_its_voxels_is_no_score_of_either(tmp_path, monkeypatch, when):
    dataset, load = small_dataset(tmp_path), loading.load_volume

    def changed(case, **options):
        if case.case_id == "case_1" and when == "before":
            write_case(tmp_path, "case_1", 99)
        volume = load(case, **options)
        if case.case_id == "case_1" and when == "after":
            write_case(tmp_path, "case_1", 99)
        return volume

    monkeypatch.setattr(loading, "load_volume", changed)
    ((case_id, reason),) = score(dataset, tmp_path / "run", CONFIG).failed
    assert (case_id, "changed while" in reason) == ("case_1", True)
    monkeypatch.setattr(loading, "load_volume", load)
    assert score(dataset, tmp_path / "run", CONFIG).reused == 4
    score(dataset, tmp_path / "after", CONFIG)
    assert contents(tmp_path / "run") == contents(tmp_path / "after")


def test_a_file_that_vanishes_mid_run_fails_its_case_by_name(tmp_path, monkeypatch):
    dataset, load = small_dataset(tmp_path), loading.load_volume

    def gone(case, **options):
        if case.case_id == "case_1":
            case.images[0].unlink()
        return load(case, **options)

    monkeypatch.setattr(loading, "load_volume", gone)
    ((case_id, reason),) = score(dataset, tmp_path / "run", CONFIG).failed
    assert (case_id, "case_1_image.nii.gz" in reason) == ("case_1", True)


def test_a_clock_that_jumps_changes_nothing(tmp_path, monkeypatch):
    dataset = small_dataset(tmp_path)
    score(dataset, tmp_path / "steady", CONFIG)
    clock = np.random.default_rng(0)
    for case in dataset.cases:
        seconds = float(clock.uniform(0, 4e9))
        os.utime(case.images[0], (seconds, seconds))
    monkeypatch.setattr(time, "time", lambda: float(clock.uniform(0, 4e9)))
    monkeypatch.setattr(time, "time_ns", lambda: int(clock.uniform(0, 4e18)))
    assert score(dataset, tmp_path / "run", CONFIG).elapsed_s < 600
    assert contents(tmp_path / "run") == contents(tmp_path / "steady")
    for path in (tmp_path / "run" / "records").iterdir():
        os.utime(path, (4e9, 4e9))
    write_case(tmp_path, "case_1", 99)
    os.utime(tmp_path / "case_1_image.nii.gz", (0, 0))
    assert score(dataset, tmp_path / "run", CONFIG).reused == 4


def test_a_damaged_record_is_found_and_made_anew(tmp_path):
    dataset, run = small_dataset(tmp_path), tmp_path / "run"
    score(dataset, run, CONFIG)
    before, path = contents(run), record_path(run, "case_1")
    content = path.read_bytes()
    at = content.index(b'"S": 0.') + len(b'"S": 0.')
    other_digit = b"1" if content[at : at + 1] != b"1" else b"2"
    damages = {
        "cut": content[: len(content) // 2],
        "zeros": bytes(len(content)),
        "a digit": content[:at] + other_digit + content[at + 1 :],
        "another case's": record_path(run, "case_0").read_bytes(),
    }
    for damage, damaged in damages.items():
        path.write_bytes(damaged)
        assert score(dataset, run, CONFIG).reused == 4, damage
        assert contents(run) == before, damage


def test_a_record_of_another_version_is_refused_with_advice_and_made_anew_by_the_same_command(tmp_path):
    dataset, run = small_dataset(tmp_path), tmp_path / "run"
    score(dataset, run, CONFIG)
    before, path = contents(run), record_path(run, "case_1")
    path.write_text(path.read_text().replace('"record_version": 3', '"record_version": 1'))
    with pytest.raises(RunError, match=r"version 1, .* score into a new folder"):
        load_scores(run)
    assert score(dataset, run, CONFIG).reused == 4
    assert contents(run) == before


def test_what_a_run_that_was_killed_at_once_left_does_not_make_its_folder_somebody_elses(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / ".auvseg-tmp-x").write_bytes(b"{")
    score(small_dataset(tmp_path), run, CONFIG)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    with pytest.raises(RunError, match="is no auvseg run"):
        score(small_dataset(tmp_path), other, CONFIG)
