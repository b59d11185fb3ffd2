"""Public data sets at tiny size, and their conversion in this process."""

from functools import partial
from types import SimpleNamespace

import pytest

from auvseg import convert
from public_datasets import WRITERS


@pytest.fixture
def public(tmp_path):
    """Write a data set: its folder, its scenes, where it is converted to, and `convert` without worker processes."""

    def make(kind, **options):
        source = tmp_path / "source"
        source.mkdir()
        scenes = WRITERS[kind](source, **options)
        folder = tmp_path / "Dataset901_Public"
        run = partial(convert, "lits" if kind == "task03" else kind, source, folder, num_workers=0)
        return SimpleNamespace(kind=kind, source=source, scenes=scenes, folder=folder, convert=run)

    return make
