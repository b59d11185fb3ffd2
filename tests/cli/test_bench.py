"""Bench, rank and filter as one types them, on a data set without a foundation model."""

import csv
import json
import re
import shlex
import shutil

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from auvseg.errors import UsageError

runner = CliRunner()


def write_dataset(folder, cases=14):
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    axes = np.meshgrid(np.arange(20), np.arange(20), np.arange(8), indexing="ij")
    for number in range(cases):
        radius = rng.uniform(4, 5)
        label = sum((axis - middle) ** 2 for axis, middle in zip(axes, (9, 9, 4), strict=True)) < radius**2
        image = 80 * label + rng.normal(0, 4, label.shape)
        if number == 3:
            label = np.roll(label, 4, axis=0)
        image[:2] = -1000
        affine = np.eye(4)
        nib.save(nib.Nifti1Image(image.astype(np.int16), affine), folder / "imagesTr" / f"case_{number:02}_0000.nii.gz")
        nib.save(nib.Nifti1Image(label.astype(np.uint8), affine), folder / "labelsTr" / f"case_{number:02}.nii.gz")
    description = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1}, "numTraining": cases}
    (folder / "dataset.json").write_text(json.dumps(description | {"file_ending": ".nii.gz"}))
    return folder


def killed(folder):
    """A folder in which a process was killed while it wrote its first file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".auvseg-tmp-killed").write_text("half a fi")
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A data set whose case_03 has a shifted label, its run and its bench."""
    folder = tmp_path_factory.mktemp("bench")
    dataset = write_dataset(folder / "Dataset008_Balls")
    scored = runner.invoke(app, ["score", str(dataset), "-o", str(folder / "run"), "--extractor", "none"])
    assert scored.exit_code == 0, scored.output
    killed(folder / "bench")
    command = ["bench", "detect", str(dataset), "-o", str(folder / "bench"), "--extractor", "none", "--cases", "12"]
    benched = runner.invoke(app, [*command, "--corruptions", "noise,shift,erosion", "--severities", "0.5,1"])
    assert benched.exit_code == 0, benched.output
    return folder, benched.output


def test_the_bench_says_what_to_filter_by_and_writes_its_tables(done):
    folder, output = done
    assert "filter by" in output or "no usable signal" in output
    with (folder / "bench" / "detection.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["corruption"] for row in rows} == {"noise", "shift", "erosion"}
    assert {"combined", "snr", "volume_ml"} <= {row["measure"] for row in rows}
    assert all(0 <= float(row["auroc"]) <= 1 for row in rows if row["auroc"])


@pytest.mark.parametrize("by", [[], ["--by", "combined"], ["--by", "outlier"]])
def test_with_a_bench_the_faulty_case_of_the_run_comes_first(done, by):
    folder, _ = done
    ranked = runner.invoke(app, ["rank", str(folder / "run"), "--bench", str(folder / "bench"), "--csv", *by])
    assert ranked.exit_code == 0, ranked.output
    first = next(csv.DictReader(ranked.stdout.splitlines()))
    assert first["case"] == "case_03"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workers", "2"], "--engine ray"),
        (["--engine", "ray", "--devices", "cpu,cpu"], "one device"),
        (["--devices", "gpu"], "unknown"),
        (["--max-memory", "lots"], "amount of memory"),
    ],
)
def test_a_bench_is_placed_by_the_options_of_a_run(done, tmp_path, options, words):
    folder, _ = done
    command = ["bench", "detect", str(folder / "Dataset008_Balls"), "-o", str(tmp_path / "bench")]
    refused = runner.invoke(app, [*command, "--extractor", "none", *options])
    assert isinstance(refused.exception, UsageError)
    assert words in str(refused.exception)


def recommending(bench, copy, measures):
    """A copy of a bench whose verdicts are others."""
    shutil.copytree(bench, copy)
    rows = "".join(f'"{name}",{area},{verdict}\n' for name, area, verdict in measures)
    (copy / "measures.csv").write_text(f"measure,auroc,verdict\n{rows}")
    return copy


def test_rank_and_filter_take_what_the_bench_recommends(done, tmp_path):
    folder, _ = done
    measures = [("combined, unseen", 0.99, "finds it"), ("snr", 0.9, "no usable signal"), ("edge", 0.8, "finds it")]
    bench = recommending(folder / "bench", tmp_path / "bench", measures)
    ranked = runner.invoke(app, ["rank", str(folder / "run"), "--bench", str(bench)])
    assert ranked.stdout.split()[:2] == ["case", "edge"]
    command = ["filter", str(folder / "run"), "--dry-run", "--keep", "0.8"]
    filtered = runner.invoke(app, [*command, "--bench", str(bench)])
    said, *shown = filtered.output.splitlines()
    assert said.endswith("recommends edge")
    assert shown == runner.invoke(app, [*command, "--by", "edge"]).output.splitlines()


def test_a_bench_without_signal_is_not_filtered_by(done, tmp_path):
    folder, _ = done
    bench = recommending(folder / "bench", tmp_path / "bench", [("edge", 0.5, "no usable signal")])
    ranked = runner.invoke(app, ["rank", str(folder / "run"), "--bench", str(bench)])
    assert ranked.exit_code == 0
    assert "no usable signal" in ranked.output
    filtered = runner.invoke(app, ["filter", str(folder / "run"), "--bench", str(bench)])
    assert filtered.exit_code != 0
    assert "--by" in str(filtered.exception)
    by_name = runner.invoke(app, ["filter", str(folder / "run"), "--bench", str(bench), "--by", "edge", "--dry-run"])
    assert by_name.exit_code == 0


@pytest.mark.parametrize("content", [None, "measure\n1,2", ""])
def test_a_bench_whose_verdicts_are_missing_or_damaged_is_refused(done, tmp_path, content):
    folder, _ = done
    bench = recommending(folder / "bench", tmp_path / "bench", [])
    (bench / "measures.csv").unlink()
    if content is not None:
        (bench / "measures.csv").write_text(content)
    result = runner.invoke(app, ["rank", str(folder / "run"), "--bench", str(bench)])
    assert result.exit_code != 0
    assert "bench detect" in str(result.exception)


def test_auto_says_what_its_cut_costs_and_removes_what_it_says(done):
    folder, _ = done
    command = ["filter", str(folder / "run"), "--by", "label_outlier", "--bench", str(folder / "bench")]
    filtered = runner.invoke(app, [*command, "--keep", "auto", "--faulty-share", "0.3", "--cost", "0.5"])
    assert filtered.exit_code == 0, filtered.output
    (kept,) = re.findall(r"keep (0\.\d+) \[", filtered.output)
    removed = (folder / "run" / "filter" / "exclude.txt").read_text().split()
    assert len(removed) == round((1 - float(kept)) * 14)
    assert "case_03" in removed


@pytest.mark.parametrize("option", [["--by", "combined"], ["--keep", "auto"]])
def test_what_needs_a_bench_asks_for_it(done, option):
    folder, _ = done
    result = runner.invoke(app, ["filter", str(folder / "run"), *option])
    assert result.exit_code != 0
    assert "--bench" in str(result.exception)


def test_a_bench_is_gone_by_where_what_it_recommends_does_not_depend_on_what_differs(done, tmp_path):
    folder, _ = done
    dataset, run = folder / "Dataset008_Balls", tmp_path / "run"
    options = ["--extractor", "none", "--max-slices", "2", "--window", "50", "300"]
    assert runner.invoke(app, ["score", str(dataset), "-o", str(run), *options]).exit_code == 0

    def with_bench(recommended, *words):
        bench = recommending(folder / "bench", tmp_path / recommended, [(recommended, 0.9, "finds it")])
        return runner.invoke(app, [words[0], str(run), "--bench", str(bench), *words[1:]])

    assert with_bench("parts", "rank").exit_code == 0
    assert with_bench("volume_ml", "filter", "--dry-run", "--keep", "auto").exit_code == 0
    refused = str(with_bench("noise", "rank").exception)
    assert "--window 50 300 against 40 400" in refused
    assert "--max-slices" not in refused
    refused = str(with_bench("snr", "filter", "--dry-run").exception)
    assert "--max-slices 2 against no --max-slices" in refused
    assert "max_slices" not in refused


def test_a_bench_like_a_run_takes_its_options_and_is_gone_by(done, tmp_path):
    folder, _ = done
    dataset, run = folder / "Dataset008_Balls", tmp_path / "my run"
    options = ["--extractor", "none", "--max-slices", "2", "--window", "50", "300"]
    assert runner.invoke(app, ["score", str(dataset), "-o", str(run), *options]).exit_code == 0
    bench = recommending(folder / "bench", tmp_path / "bench", [("snr", 0.9, "finds it")])
    refused = str(runner.invoke(app, ["rank", str(run), "--bench", str(bench)]).exception)
    command = shlex.split(refused[refused.index("auvseg bench detect") :])[1:]
    quickly = ["--cases", "6", "--corruptions", "shift,noise", "--severities", "1"]
    both = runner.invoke(app, [*command, *quickly, "--max-slices", "8"])
    assert "omit --max-slices" in str(both.exception)
    made = runner.invoke(app, [*command, *quickly])
    assert made.exit_code == 0, (made.output, made.exception)
    like = command[command.index("-o") + 1]
    assert runner.invoke(app, ["rank", str(run), "--bench", like, "--by", "combined"]).exit_code == 0


def test_another_configuration_in_a_folder_is_refused_with_the_command_that_goes_on(done, tmp_path):
    folder, _ = done
    dataset, run = folder / "Dataset008_Balls", tmp_path / "my run"
    first = ["score", str(dataset), "-o", str(run), "--extractor", "none", "--max-slices", "2", "--channel", "0"]
    assert runner.invoke(app, first).exit_code == 0
    refused = str(runner.invoke(app, ["score", str(dataset), "-o", str(run)]).exception)
    assert "--extractor none (now lite-medsam)" in refused
    assert "--max-slices 2 (now no --max-slices)" in refused
    assert "--measures" not in refused
    command = shlex.split(refused[refused.index("auvseg score") : refused.index("; or start")])[1:]
    again = runner.invoke(app, command)
    assert again.exit_code == 0, (again.output, again.exception)
    assert "14 reused" in " ".join(again.output.split())
    bench = ["bench", "detect", str(dataset), "-o", str(folder / "bench"), "--extractor", "none", "--cases", "12"]
    refused = str(runner.invoke(app, [*bench, "--max-slices", "3"]).exception)
    assert "no --max-slices (now 3)" in refused
    assert "--like" in refused
    assert "--seed 0 (now 1)" in str(runner.invoke(app, [*bench, "--seed", "1"]).exception)


@pytest.mark.parametrize(
    ("option", "value"), [("--corruptions", "rust"), ("--severities", "2"), ("--severities", "much")]
)
def test_what_cannot_be_planted_is_said(done, tmp_path, option, value):
    folder, _ = done
    result = runner.invoke(
        app, ["bench", "detect", str(folder / "Dataset008_Balls"), "-o", str(tmp_path / "b"), option, value]
    )
    assert result.exit_code != 0


def test_two_runs_are_compared(done):
    folder, _ = done
    other = runner.invoke(
        app, ["score", str(folder / "Dataset008_Balls"), "-o", str(folder / "other"), "--extractor", "none"]
    )
    assert other.exit_code == 0, other.output
    found = runner.invoke(app, ["rank", str(folder / "run"), str(folder / "other"), "--by", "edge", "--top", "3"])
    assert found.exit_code == 0, found.output
    words = " ".join(found.output.split())
    assert "agreement between the rankings of cases" in words
    assert "3 of 14, farthest apart by edge first" in words
    as_csv = runner.invoke(app, ["rank", str(folder / "run"), str(folder / "other"), "--by", "edge", "--csv"])
    assert len(list(csv.DictReader(as_csv.stdout.splitlines()))) == 14


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--arms", "magic"], "unknown arm 'magic'"),
        (["--seeds", "one"], "not a list of numbers"),
        (["--corruptions", "rust"], "unknown corruption 'rust'"),
        (["--severities", "2"], "severities must be above 0"),
        (["--held-out", "0.1", "--cases", "5"], "5 cases are too few"),
        (["--extractor", "magic"], "magic"),
    ],
)
def test_a_training_bench_that_cannot_be_is_refused_before_anything_is_written(done, tmp_path, options, words):
    folder, _ = done
    command = ["bench", "train", str(folder / "Dataset008_Balls"), "-o", str(tmp_path / "b"), "--device", "cpu"]
    refused = runner.invoke(app, [*command, *options])
    assert refused.exit_code != 0
    assert words in " ".join(refused.output.split()) or words in str(refused.exception)
    assert not (tmp_path / "b").exists()


def test_no_command_leaves_an_unfinished_file_nor_one_of_a_process_that_was_killed(done, tmp_path):
    folder, _ = done
    run = tmp_path / "run"
    commands = (
        (run, ["score", folder / "Dataset008_Balls", "-o", run, "--extractor", "none"]),
        (run / "filter", ["filter", run]),
        (run / "report", ["report", run, "--images", "0"]),
        (run / "figures", ["figures", run, "--top", "0"]),
        (run / "filter", ["filter", run, "--undo"]),
    )
    for place, command in commands:
        killed(place)
        result = runner.invoke(app, list(map(str, command)))
        assert result.exit_code == 0, result.output
        assert not [*tmp_path.rglob(".auvseg-tmp-*")], command
    assert not [*folder.rglob(".auvseg-tmp-*")], "of the bench, or of the first run"
