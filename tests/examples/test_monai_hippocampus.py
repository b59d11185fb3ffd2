"""The example runs on real data, both ways."""

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "monai_hippocampus.py"
pytestmark = [pytest.mark.slow, pytest.mark.data]


@pytest.mark.parametrize("extra", [[], ["--baseline"]], ids=["duo", "baseline"])
def test_it_trains_and_evaluates(real_data, monkeypatch, capsys, extra):
    monkeypatch.setattr(
        sys, "argv", ["monai_hippocampus.py", str(real_data / "Task04_Hippocampus"), "--steps", "2", *extra]
    )
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = capsys.readouterr().out
    assert re.search(r"Dice on 32 held-out cases, a class: 0\.\d+ 0\.\d+", printed)
