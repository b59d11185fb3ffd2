"""The genuine model, the real command line: killed, sharded and repeated runs end with the same bytes."""

import random
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from auvseg.demo.phantom import write_phantom_dataset

pytestmark = pytest.mark.slow

CASES = 2


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_phantom_dataset(tmp_path_factory.mktemp("phantom"), cases=CASES)


def command(dataset, run, *options):
    arguments = ["score", str(dataset), "-o", str(run), "--max-slices", "1", "--device", "cpu", *options]
    return [sys.executable, "-m", "auvseg", *arguments]


def records(run):
    return {path.name: path.read_bytes() for path in (run / "records").glob("*.json")}


@pytest.fixture(scope="module")
def undisturbed(dataset, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    subprocess.run(command(dataset, run), check=True, capture_output=True)
    assert len(records(run)) == CASES
    return run


def test_a_run_killed_at_a_random_moment_and_ended_by_two_shards_has_the_same_bytes(dataset, undisturbed, tmp_path):
    """With the genuine model, once; many kills of a small one are in `tests/scoring/test_faults.py`."""
    run = tmp_path / "killed"
    process = subprocess.Popen(command(dataset, run), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    while process.poll() is None and not records(run) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(random.Random(0).uniform(0, 0.5))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed: the test shows nothing"
    assert 0 < len(records(run)) < CASES
    for part in ("1", "0"):
        options = ("--num-parts", "2", "--part-id", part)
        subprocess.run(command(dataset, run, *options), check=True, capture_output=True)
    assert records(run) == records(undisturbed)
    assert (run / "scores.csv").read_bytes() == (undisturbed / "scores.csv").read_bytes()


def test_genuine_scores_are_finite_and_a_sound_phantom_agrees_with_its_labels(undisturbed):
    table = pd.read_csv(undisturbed / "scores.csv")
    large = table[table["class"].isin(["liver", "left_kidney", "right_kidney"])]
    assert large["S"].between(0, 1).all()
    assert large["agreement"].median() > 0.8
