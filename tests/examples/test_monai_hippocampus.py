"""The example runs on real data, both ways."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "monai_hippocampus.py"
pytestmark = [pytest.mark.slow, pytest.mark.data]


@pytest.mark.parametrize("extra", [[], ["--baseline"]], ids=["duo", "baseline"])
def test_it_trains_and_evaluates(real_data, tmp_path, monkeypatch, capsys, extra):
    task = real_data / "Task04_Hippocampus"
    description = json.loads((task / "dataset.json").read_text())
    description["training"] = description["training"][:10]
    (tmp_path / "dataset.json").write_text(json.dumps(description))
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).symlink_to(task / folder)
    monkeypatch.setattr(sys, "argv", ["monai_hippocampus.py", str(tmp_path), "--steps", "2", *extra])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = capsys.readouterr().out
    assert re.search(r"Dice on 2 held-out cases, a class: 0\.\d+ 0\.\d+", printed)
