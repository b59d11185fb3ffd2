"""Differences and tables from summaries as nnU-Net writes them."""

import json

import numpy as np
import pytest

from auvseg.bench.training.comparison import as_markdown, compare, sentences, table_rows
from auvseg.bench.training.plan import ARMS
from auvseg.bench.training.removal import Removal
from auvseg.bench.training.trainings import Cell, summary_file

CASES = [f"case_{number}" for number in range(12)]
NAMES = {"1": "outer", "2": "inner"}


def write_cell(bench, arm, seed, dice, left_out=()):
    """`dice`: (cases, classes)."""
    cell = Cell(ARMS[arm], seed, tuple(left_out))
    path = cell.folder(bench) / "Dataset001_X" / "trainer__plans__c" / "fold_0" / "validation" / "summary.json"
    path.parent.mkdir(parents=True)
    rows = [
        {
            "reference_file": f"/somewhere/{case}.nii.gz",
            "prediction_file": "x",
            "metrics": {str(n + 1): {"Dice": float(v), "IoU": float(v) / 2} for n, v in enumerate(values)},
        }
        for case, values in zip(CASES, dice, strict=True)
    ]
    path.write_text(json.dumps({"metric_per_case": rows}))
    return cell


def bench_of(tmp_path, gain, seeds=3):
    """Baseline, and an arm that is better by `gain` in every case, with a little noise."""
    rng = np.random.default_rng(0)
    cells = []
    for seed in range(seeds):
        base = rng.uniform(0.5, 0.7, (12, 2)) + 0.01 * seed
        cells.append(write_cell(tmp_path, "baseline", seed, base))
        cells.append(write_cell(tmp_path, "random", seed, base + rng.normal(0, 0.001, (12, 2)), ["a", "b"]))
        cells.append(write_cell(tmp_path, "auv", seed, base + gain + rng.normal(0, 0.001, (12, 2)), ["c", "d"]))
    return cells


def difference(comparison, arm, reference="baseline"):
    table = comparison.differences.set_index(["arm", "reference"])
    return table.loc[(arm, reference)]


@pytest.mark.parametrize(("gain", "verdict"), [(0.05, "better"), (-0.05, "worse"), (0.0, "no difference shown")])
def test_a_gain_in_every_case_is_found_with_its_size(tmp_path, gain, verdict):
    found = difference(compare(bench_of(tmp_path, gain), tmp_path, NAMES, ".nii.gz"), "auv")
    assert found["difference"] == pytest.approx(gain, abs=0.001)
    assert found["low"] <= found["difference"] <= found["high"]
    assert found["verdict"] == verdict


def test_means_are_those_of_seeds_and_classes(tmp_path):
    cells = bench_of(tmp_path, 0.05)
    comparison = compare(cells, tmp_path, NAMES, ".nii.gz")
    rows = comparison.by_class.set_index(["arm", "class"])
    cell_means = comparison.cells[comparison.cells["arm"] == "auv"].groupby(["seed", "class"])["dice"].mean()
    assert rows.loc[("auv", "outer"), "dice"] == pytest.approx(cell_means.xs("outer", level="class").mean())
    by_seed = cell_means.groupby("seed").mean()
    assert rows.loc[("auv", "mean"), "dice"] == pytest.approx(by_seed.mean())
    assert rows.loc[("auv", "mean"), "dice_sd"] == pytest.approx(np.std(by_seed, ddof=1))
    assert rows.loc[("auv", "mean"), "iou"] == pytest.approx(by_seed.mean() / 2)


def test_only_seeds_that_both_have_are_compared(tmp_path):
    cells = bench_of(tmp_path, 0.05)
    summary_file(cells[-1], tmp_path).unlink()
    found = difference(compare(cells, tmp_path, NAMES, ".nii.gz"), "auv")
    assert found["seeds"] == 2


def test_a_class_that_neither_has_is_no_number_and_no_zero(tmp_path):
    dice = np.full((12, 2), 0.5)
    dice[0, 1] = np.nan
    cell = write_cell(tmp_path, "baseline", 0, dice)
    comparison = compare([cell], tmp_path, NAMES, ".nii.gz")
    rows = comparison.by_class.set_index("class")
    assert rows.loc["inner", "dice"] == pytest.approx(0.5)
    assert rows.loc["inner", ["n", "of"]].tolist() == [11, 12]
    assert rows.loc["mean", ["n", "of"]].tolist() == [2, 2]
    headings, (row,) = table_rows(comparison, [cell], {}, 10)
    cells = dict(zip(headings, row, strict=True))
    assert (cells["outer"], cells["inner"]) == ("50.0", "50.0 (11 of 12)")


def test_one_seed_is_said_to_be_one(tmp_path):
    comparison = compare(bench_of(tmp_path, 0.05, seeds=1), tmp_path, NAMES, ".nii.gz")
    assert "one seed" in difference(comparison, "auv")["reason"]
    assert any("one seed does not generalise" in sentence for sentence in sentences(comparison))


def test_the_table_has_the_papers_form(tmp_path):
    cells = bench_of(tmp_path, 0.05)
    comparison = compare(cells, tmp_path, NAMES, ".nii.gz")
    removals = {"auv": Removal(("c", "d"), 1, 4)}
    headings, rows = table_rows(comparison, cells, removals, 10)
    assert headings[:3] == ["training", "kept", "faulty found"]
    by_arm = {row[0]: dict(zip(headings, row, strict=True)) for row in rows}
    assert by_arm["auv"]["kept"] == by_arm["random"]["kept"] == "80%"
    assert by_arm["auv"]["faulty found"] == "1 of 4"
    assert by_arm["auv"]["minus baseline"].startswith("+5.0 [")
    markdown = as_markdown(headings, rows).splitlines()
    assert len({line.count("|") for line in markdown}) == 1


def test_a_class_with_a_bar_in_its_name_does_not_break_the_table():
    assert as_markdown(["a|b"], [["c"]]).splitlines()[0] == r"| a\|b |"


def test_nothing_trained_yet_is_an_empty_comparison(tmp_path):
    comparison = compare([Cell(ARMS["baseline"], 0, ())], tmp_path, NAMES, ".nii.gz")
    assert comparison.by_class.empty
    assert comparison.differences.empty
    assert sentences(comparison) == []
