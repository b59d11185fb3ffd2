"""Data sets and runs, however they are named and wherever the command is given."""

import shlex
import shutil

import pytest

from toy_cohorts import auvseg, draw_case, draw_dataset

COUNT = 6


@pytest.fixture
def raw(tmp_path, monkeypatch, reads_in_this_process):
    """nnUNet_raw, with a data set, below a folder with a space in its name; the commands are given beside it."""
    home = tmp_path / "my données"
    draw_dataset(home / "raw", [draw_case(seed) for seed in range(COUNT)])
    monkeypatch.setenv("nnUNet_raw", str(home / "raw"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    return home / "raw"


def works(*arguments):
    result = auvseg(*arguments)
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result


def refused(*arguments):
    result = auvseg(*arguments)
    assert result.exit_code != 0
    return str(result.exception)


@pytest.mark.parametrize("named", ["Dataset042_Toy", "raw/Dataset042_Toy/", "~/raw/Dataset042_Toy/dataset.json"])
def test_a_data_set_however_named_is_found_again_from_anywhere(raw, monkeypatch, named):
    works("score", named, "-o", "run", "--quick")
    monkeypatch.chdir("/")
    works("filter", raw.parent / "run")


def test_a_run_is_worked_on_from_anywhere(raw, tmp_path, monkeypatch):
    works("score", "42", "-o", "runs/toy", "--quick")
    run = raw.parent / "runs" / "toy"
    for folder, place in ((tmp_path, run), (raw.parent, "runs/toy/"), (run, "."), (run, "~/runs/toy")):
        monkeypatch.chdir(folder)
        works("rank", place)
        works("filter", place, "--export", "datalist")
        works("filter", place, "--undo")
    assert f"{COUNT} with images" in " ".join(works("report", "~/runs/toy").output.split())
    works("figures", run, "--top", "1")
    assert "6 reused" in " ".join(works("score", raw / "Dataset042_Toy", "-o", run, "--quick").output.split())


def test_every_command_that_takes_a_data_set_takes_its_number(raw):
    works("check", "42")
    shutil.copytree(raw / "Dataset042_Toy" / "labelsTr", "predicted")
    works("evaluate", "predicted", "42", "--no-surfaces", "--workers", "0")
    works("score", "42", "-o", "run", "--quick")
    works("filter", "run", "--dataset", "42", "--dry-run")
    bench = ("--extractor", "none", "--corruptions", "shift,erosion", "--severities", "1")
    works("bench", "detect", "42", "-o", "bench", *bench)
    works("bench", "detect", raw / "Dataset042_Toy", "-o", "bench", *bench)


def test_without_nnunet_raw_a_number_is_refused_in_one_sentence(raw, monkeypatch):
    monkeypatch.delenv("nnUNet_raw")
    for command in (
        ["check", "42"],
        ["score", "42", "-o", "run", "--quick"],
        ["bench", "detect", "42", "-o", "bench"],
        ["bench", "train", "42", "-o", "bench"],
        ["evaluate", ".", "42"],
    ):
        message = refused(*command)
        assert "nnUNet_raw" in message
        assert "\n" not in message
    assert not [*raw.parent.glob("run*"), *raw.parent.glob("bench*")]


def test_of_a_data_set_that_was_moved_the_new_place_is_asked_for_and_taken(raw):
    works("score", "42", "-o", "run", "--quick")
    moved = (raw / "Dataset042_Toy").rename(raw.parent / "elsewhere")
    assert "--dataset" in refused("filter", "run")
    assert "--dataset" in " ".join(works("report", "run").output.split())
    works("filter", "run", "--dataset", moved)
    assert f"{COUNT} with images" in " ".join(works("report", "run", "--dataset", "elsewhere/").output.split())
    works("figures", "run", "--dataset", moved, "--top", "1")
    assert "6 reused" in " ".join(works("score", moved, "-o", "run", "--quick").output.split())
    works("filter", "run")


def test_another_data_set_is_not_taken_for_the_one_that_was_moved(raw):
    works("score", "42", "-o", "run", "--quick")
    shutil.rmtree(raw / "Dataset042_Toy")
    other = draw_dataset(raw, [draw_case(9)], name="Dataset043_Other")
    for kind, ending in (("imagesTr", "_0000.nii.gz"), ("labelsTr", ".nii.gz")):
        (other / kind / f"case_000{ending}").rename(other / kind / f"other{ending}")
    for command in ("filter", "report", "figures"):
        assert "none of the cases" in refused(command, "run", "--dataset", "43")
    assert "holds the scores of" in refused("score", "43", "-o", "run", "--quick")
    assert "nowhere" in refused("report", "run", "--dataset", "nowhere/at/all")


def test_a_run_that_was_moved_works_on(raw):
    works("score", "42", "-o", "run", "--quick")
    (raw.parent / "run").rename(raw.parent / "Läufe")
    works("filter", "Läufe")
    assert "6 reused" in " ".join(works("score", "42", "-o", "Läufe", "--quick").output.split())


def test_a_run_in_the_data_set_s_own_folder_is_no_part_of_the_data_set(raw):
    run = raw / "Dataset042_Toy" / "run"
    works("score", "42", "-o", run, "--quick")
    works("filter", run)
    assert "6 reused" in " ".join(works("score", "42", "-o", run, "--quick").output.split())


def test_of_a_run_that_was_interrupted_the_command_that_goes_on_is_said(raw, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr("auvseg.scoring.score.write_tables", killed)
        auvseg("score", "42", "-o", "my run", "--quick", "--channel", "0")
    assert "is not finished" in works("filter", "my run").output
    (said,) = [line for line in works("rank", "my run").output.splitlines() if "is not finished" in line]
    works(*shlex.split(said[said.index("auvseg score") :])[1:])
    assert "is not finished" not in works("rank", "my run").output
