"""What a shell completes, asked as a shell asks."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from auvseg.cli import app
from toy_cohorts import draw_case, draw_dataset


def completed(words):
    """What bash would offer for the last of these words."""
    asked = {"_AUVSEG_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    return CliRunner().invoke(app, [], env=asked, prog_name="auvseg").stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("auvseg ra", ["rank"]),
        ("auvseg bench det", ["detect"]),
        ("auvseg score DATA --unf", ["--unfold"]),
        ("auvseg score DATA --unfold H", ["H_DW"]),
        ("auvseg score DATA --extractor vo", ["voxtell"]),
        ("auvseg bench train DATA --combined-extractor non", ["none"]),
        ("auvseg rank RUN --by agr", ["agreement"]),
        ("auvseg filter RUN --by au", ["auv"]),
        ("auvseg score DATA --measures agr", ["agreement"]),
        ("auvseg score DATA --measures S,agreement,sn", ["S,agreement,snr"]),
        ("auvseg score DATA --measures snr,snr", []),
        ("auvseg models vis", ["vista3d"]),
        ("auvseg measures snr offset_z", ["offset_z_mm"]),
        ("auvseg weights pull vist", ["vista3d"]),
        ("auvseg evaluate PREDICTIONS nowhere --classes li", []),
        ("auvseg score DATA --config nowhere.yaml --unf", ["--unfold"]),
    ],
)
def test_a_word_is_completed(words, offered):
    assert completed(words) == offered


def test_classes_come_from_the_data_set_in_the_command(tmp_path):
    folder = draw_dataset(tmp_path, [draw_case(0)])
    assert completed(f"auvseg evaluate PREDICTIONS {folder} --classes ") == ["liver", "spleen"]
    assert completed(f"auvseg evaluate PREDICTIONS {folder} --classes liver,") == ["liver,spleen"]
    (folder / "dataset.json").write_text('{"labels": {"0": "background", "1": "hip", "2": 3}}')
    assert completed(f"auvseg evaluate PREDICTIONS {folder} --classes ") == ["hip"]
    (folder / "dataset.json").write_text('{"labels": ')
    assert completed(f"auvseg evaluate PREDICTIONS {folder} --classes ") == []


@pytest.mark.parametrize("words", ["auvseg score DATA --extractor vi", "auvseg rank RUN --by agr"])
def test_completing_imports_nothing_heavy(words):
    code = (
        "import sys\nsys.argv = ['auvseg']\n"
        "from auvseg.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'numpy', 'pandas', 'scipy', 'nibabel')))"
    )
    asked = {"_AUVSEG_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env={**os.environ, **asked}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()


def test_the_help_tells_where_completion_comes_from():
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).output
