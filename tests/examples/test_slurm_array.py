"""The array job as SLURM would run it, task by task."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from small_dataset import write_nnunet_folder

SCRIPT = Path(__file__).parents[2] / "examples" / "slurm_array.sh"


@pytest.mark.slow
def test_every_task_scores_its_part_and_the_last_one_writes_the_table(tmp_path):
    data, run = write_nnunet_folder(tmp_path, 5), tmp_path / "run"
    # Where this Python's own `auvseg` is.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for task in ("1", "0"):
        assert not (run / "scores.csv").exists()
        slurm = {"SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_ID": task, "SLURM_CPUS_PER_TASK": "1", "PATH": path}
        command = ["bash", str(SCRIPT), str(data), str(run), "--extractor", "none"]
        done = subprocess.run(command, env=os.environ | slurm, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert set(pd.read_csv(run / "scores.csv")["case"]) == {f"case_{number}" for number in range(5)}


def test_without_a_data_set_it_says_what_is_missing():
    done = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "the data set" in done.stderr
