"""A drawn run for the tests of the whole report: scored once, read by all. Tests import the fixtures from here."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from auvseg.data.case import Dataset
from drawn_runs import draw_dataset, draw_run

IDS = [*(f"patient_{number}" for number in range(1, 10)), "patient_90"]
"""In order; one is a part of another."""


@dataclass(frozen=True)
class DrawnRun:
    """A data set and its run folder."""

    dataset: Dataset
    folder: Path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """Ten cases; shared, so nothing may be written into it."""
    home = tmp_path_factory.mktemp("drawn")
    dataset = draw_dataset(home / "data", IDS, name="Kohort7")
    return DrawnRun(dataset, draw_run(dataset, home / "run"))


@pytest.fixture
def own_run(drawn, tmp_path):
    """A copy of the run that a test may change."""
    return DrawnRun(drawn.dataset, Path(shutil.copytree(drawn.folder, tmp_path / "run")))
