import json
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

from auvseg.bench.correlation.correlate import correlate
from auvseg.bench.correlation.output import MARKER, check_folder, write
from auvseg.bench.correlation.plots import printable, scatter_png, title
from auvseg.cohort.compared import KEY_COLUMNS
from auvseg.errors import RunError
from synthetic_scores import draw_scores, metrics_of

PNG = b"\x89PNG\r\n\x1a\n"
HOSTILE = ("_$\\frac{1", "[red]\x1b[31m\n漢" * 20)


@pytest.fixture(scope="module")
def result():
    table = draw_scores(12, classes=HOSTILE).drop(columns=["anisotropy", "slices"])
    return correlate(table, metrics_of(table, np.linspace(0.2, 0.9, len(table)), "$dice_"), resamples=100)


def test_everything_is_written_and_named_and_a_second_call_gives_the_same_bytes(result, tmp_path):
    folder = tmp_path / "new" / "correlation"
    files = write(folder, result, settings={"seed": 0})
    assert sorted(files) == sorted(path.name for path in folder.iterdir())
    assert {"correlation.csv", "pairs.csv", "S.png", "volume_ml.png"} <= set(files)
    before = {name: (folder / name).read_bytes() for name in files}
    write(folder, result, settings={"seed": 0})
    assert before == {name: (folder / name).read_bytes() for name in files}
    read = pd.read_csv(folder / "correlation.csv")
    assert np.allclose(read["r"], result.table["r"], equal_nan=True)
    assert json.loads((folder / MARKER).read_text())["settings"] == {"seed": 0}


def test_a_figure_is_the_same_whatever_style_this_process_is_in(result):
    plain = scatter_png(result, "S")
    with matplotlib.rc_context({"font.size": 30.0, "lines.markersize": 20.0}):
        assert scatter_png(result, "S") == plain


def test_figures_that_are_no_longer_drawn_are_removed_and_others_stay(result, tmp_path):
    write(tmp_path, result, settings={})
    (tmp_path / "mine.png").write_bytes(b"mine")
    write(tmp_path, result, settings={}, plots=False)
    assert not (tmp_path / "S.png").exists()
    assert (tmp_path / "mine.png").read_bytes() == b"mine"


def test_a_folder_of_somebody_else_is_refused_and_left_alone(result, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for function in (check_folder, lambda folder: write(folder, result, settings={})):
        with pytest.raises(RunError, match="was not written by auvseg bench correlate"):
            function(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(RunError, match="is a file"):
        check_folder(tmp_path / "notes.txt")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"correlation_version": 99, "files": []}'])
def test_a_damaged_marker_is_an_error_and_nothing_is_written(tmp_path, content):
    (tmp_path / MARKER).write_text(content)
    with pytest.raises(RunError):
        check_folder(tmp_path)


def test_a_folder_that_cannot_be_written_is_one_sentence(result, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("auvseg.files.atomic.write_text", full)
    with pytest.raises(RunError, match="cannot be written"):
        write(tmp_path / "out", result, settings={}, plots=False)


def test_a_figure_is_a_png_whatever_classes_are_called(result):
    for measure in result.pairs.measures:
        assert scatter_png(result, measure).startswith(PNG)


def test_the_title_holds_the_rank_correlations_with_their_intervals(result):
    row = result.select("spearman", partial=True).loc["S"]
    assert f"{row['r']:.2f} [{row['low']:.2f}, {row['high']:.2f}], n = 24" in title(result, "S").splitlines()[1]
    assert title(result, "volume_ml").endswith(": -")


def test_names_are_shown_on_one_line_of_bearable_length():
    assert printable("a\nb\x1b") == "a?b?"
    assert len(printable("x" * 1000)) == 40


@pytest.mark.parametrize("classes", [1, 30])
def test_any_number_of_classes_can_be_drawn(classes):
    table = draw_scores(6, classes=tuple(f"class {n}" for n in range(classes)))[[*KEY_COLUMNS, "S"]]
    result = correlate(table, metrics_of(table, np.linspace(0, 1, len(table))), resamples=100)
    assert scatter_png(result, "S").startswith(PNG)


def test_pyplot_and_matplotlib_stay_out_unless_a_figure_is_drawn():
    code = (
        "import sys\n"
        "import auvseg.bench.correlation.output, auvseg.bench.correlation.plots, auvseg.cli.bench.correlate\n"
        "sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
