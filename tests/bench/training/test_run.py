"""A bench from nothing: faults, filters, trainings by nnU-Net, and going on with what is there."""

import json
from dataclasses import replace

import pytest

from auvseg.bench.detection.plan import Plan
from auvseg.bench.training.noisy_dataset import training_part, write_noisy_dataset
from auvseg.bench.training.plan import NoisePlan, arms_named
from auvseg.bench.training.preparation import Workspace
from auvseg.bench.training.removal import FilterOptions, find_removals
from auvseg.bench.training.run import bench_training
from auvseg.bench.training.trainings import Cell, Protocol, train_cells
from auvseg.data.dataset import read_dataset
from auvseg.errors import RunError
from auvseg.measures.catalogue import CASE_MEASURES, MEASURES
from auvseg.scoring.config import ScoreConfig
from training_datasets import write_balls

NO_MODEL = tuple(name for name in CASE_MEASURES if not MEASURES[name].needs_map)
CONFIG = ScoreConfig(modality="mri", extractor="none", measures=NO_MODEL)
DETECTION = Plan(cases=10, corruptions=("noise", "shift"), severities=(1.0,))
FILTERS = FilterOptions(CONFIG, "none", DETECTION, keep=0.75)
PROTOCOL = Protocol("nnunet", epochs=1, iterations=2, learning_rate=None, device="cpu")


def test_the_combined_filter_leaves_out_a_quarter_and_the_oracle_the_faulty(tmp_path):
    dataset = read_dataset(write_balls(tmp_path / "Dataset003_Balls", 20))
    noisy = write_noisy_dataset(dataset, NoisePlan(noise_level=0.25), tmp_path / "raw" / "Dataset001_Balls")
    part = training_part(read_dataset(noisy.folder), noisy)
    removals = find_removals(part, noisy, tmp_path / "bench", {"none", "combined", "oracle", "snr"}, FILTERS)
    assert set(removals) == {"combined", "oracle", "snr"}
    assert removals["oracle"].cases == tuple(sorted(noisy.faulty))
    assert len(removals["combined"].cases) == 4
    assert removals["combined"].faulty_found == len({*noisy.faulty} & {*removals["combined"].cases})
    assert json.loads((tmp_path / "bench" / "removed.json").read_text())["oracle"]["faulty_found"] == 4


def test_a_cell_of_other_settings_is_not_gone_on_with(tmp_path):
    cell = Cell(arms_named(())[0], 0, ("case_1",))
    path = cell.folder(tmp_path) / "cell.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"epochs": 7}))
    with pytest.raises(RunError, match="other settings"):
        train_cells([cell], Workspace(tmp_path, "3d_fullres", "small"), "Dataset001_X", PROTOCOL)


def test_a_training_that_fails_is_a_row_with_its_reason(tmp_path):
    cell = Cell(arms_named(())[0], 0, ())
    ends = train_cells([cell], Workspace(tmp_path, "3d_fullres", "small"), "Dataset001_X", PROTOCOL)
    assert ends[0].status == "failed"
    assert str(cell.folder(tmp_path) / "log.txt") in ends[0].reason
    assert "nnUNet_preprocessed" in ends[0].reason


@pytest.mark.slow
def test_from_nothing_to_a_table_and_on(tmp_path):
    dataset = read_dataset(write_balls(tmp_path / "Dataset003_Balls", 12))
    bench = tmp_path / "bench"
    steps = []

    def run(seeds, **options):
        given = {
            "jobs": 2,
            "noise": NoisePlan(noise_level=0.25),
            "on_step": lambda *step: steps.append(step),
            **options,
        }
        return bench_training(
            dataset, bench, arms=arms_named(("random",)), seeds=seeds, filters=FILTERS,
            workspace=Workspace(bench, "3d_fullres", "small"), protocol=PROTOCOL, **given,
        )  # fmt: skip

    nothing = run((0,), minutes=0.0)
    assert [end.status for end in nothing.ends] == ["left", "left"]
    assert nothing.comparison.cells.empty
    first = run((0,))
    assert [end.status for end in first.ends] == ["done", "done"]
    assert [row[0] for row in first.rows] == ["baseline", "random"]
    assert len(first.comparison.cells) == 2 * 2 * 2
    assert (bench / "table.md").read_text().count("\n") == 4
    checkpoints = {path: path.stat().st_mtime_ns for path in bench.rglob("checkpoint_final.pth")}
    assert len(checkpoints) == 2
    for name, cell in (("baseline", 0), ("random", 2)):
        training = next((bench / "cells" / name).rglob("auvseg_training.json"))
        assert len(json.loads(training.read_text())["training"]) == 10 - cell
    again = run((0,))
    assert again.rows == first.rows
    assert {path: path.stat().st_mtime_ns for path in bench.rglob("checkpoint_final.pth")} == checkpoints
    assert {step[0] for step in steps} >= {"planting faults", "preprocessing (nnU-Net)", "training"}
    with pytest.raises(RunError, match=r"--noise-level 0\.25"):
        run((0,), noise=replace(NoisePlan(), noise_level=0.5))
    (bench / "bench.json").write_text("[]")
    with pytest.raises(RunError, match="not a bench of trainings"):
        run((0,))
